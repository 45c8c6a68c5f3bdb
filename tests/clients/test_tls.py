"""TLS, mutual TLS and passwords, as clients of an encrypted cache use them."""

import socket
import ssl

import pytest
import redis

from certificates import KEY_KINDS, Authority
from conftest import stop_all
from harness import PATIENTLY, Server, free_port, wait_for

PASSWORD = "correct horse"


def tls_config(certificate, **more):
    """Settings for a plain and a TLS port side by side, and the TLS port."""
    port = free_port()
    return {
        "security": {
            "tls_enabled": True,
            "tls_port": port,
            "tls_cert_path": str(certificate.cert),
            "tls_key_path": str(certificate.key),
            **{key: str(value) for key, value in more.items()},
        }
    }


def tls_port(server):
    return server.config["security"]["tls_port"]


def tls_client(server, authority, **options):
    return server.client(
        port=tls_port(server), ssl=True, ssl_ca_certs=str(authority.cert), **options
    )


def raw_tls(server, authority, context=None, session=None):
    """A bare TLS connection, for what client libraries hide."""
    context = context or ssl.create_default_context(cafile=authority.cert)
    plain = socket.create_connection((server.address, tls_port(server)), timeout=30)
    return context.wrap_socket(plain, server_hostname="localhost", session=session)


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory, server_certificate):
    server = Server(tmp_path_factory.mktemp("tls"), tls_config(server_certificate)).start()
    yield server
    stop_all([server])


@pytest.mark.parametrize("protocol", [2, 3])
def test_work_over_tls_and_plain_side_by_side(tls_server, authority, protocol):
    encrypted = tls_client(tls_server, authority, protocol=protocol)
    plain = tls_server.client(protocol=protocol)
    encrypted.set("k", "over TLS")
    assert plain.get("k") == b"over TLS"
    with encrypted.pipeline(transaction=True) as pipe:
        for number in range(500):
            pipe.set(f"k{number}", "x" * 1000)
        assert all(pipe.execute())
    value = b"0123456789abcdef" * (1 << 18)
    encrypted.set("big", value)
    assert encrypted.get("big") == value


def test_without_a_tls_port_the_port_itself_speaks_tls(
    start_server, authority, server_certificate
):
    config = tls_config(server_certificate)
    del config["security"]["tls_port"]
    server = start_server(config)
    assert server.client(ssl=True, ssl_ca_certs=str(authority.cert)).ping()
    with pytest.raises(redis.RedisError):
        server.client().ping()


def test_large_replies_to_slow_readers_do_not_stall(tls_server, authority):
    """TLS keeps a piece that the socket refuses: it must follow when there is room again.

    The last piece is kept when the reply ends just beyond what the sockets hold. How much that
    is, the kernel decides (megabytes), so replies of many lengths are left unread for a while,
    each longer than the one before by less than TLS keeps.
    """
    client = tls_server.client(protocol=2)
    context = ssl.create_default_context(cafile=authority.cert)
    client.set("big", b"x" * 2_000_000)
    client.set("more", b"y" * 24_000)
    for first in range(0, 160, 20):
        readers = []
        for count in range(first, first + 20):
            plain = socket.socket()
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            plain.settimeout(30)
            plain.connect((tls_server.address, tls_port(tls_server)))
            reader = context.wrap_socket(plain, server_hostname="localhost")
            reader.sendall(b"GET big\r\n" + b"GET more\r\n" * count)
            owed = len(b"$2000000\r\n\r\n") + 2_000_000
            owed += (len(b"$24000\r\n\r\n") + 24_000) * count
            readers.append((reader, owed))
        until_nothing_is_sent(client)
        for reader, owed in readers:
            with reader:
                while owed > 0:
                    part = reader.recv(65536)
                    assert part, f"closed with {owed} bytes owed"
                    owed -= len(part)


def until_nothing_is_sent(client):
    """Waits until the server has filled the sockets of all who do not read."""
    totals = []

    def still():
        totals.append(client.info("stats")["total_net_output_bytes"])
        return len(totals) > 20 and totals[-1] - totals[-20] < 100_000

    wait_for(still, "the sockets are full")


def test_a_url(tls_server, authority):
    url = f"rediss://localhost:{tls_port(tls_server)}/3?ssl_ca_certs={authority.cert}"
    with redis.Redis.from_url(url, **PATIENTLY) as client:
        assert client.ping()
        assert client.client_info()["db"] == 3


def test_a_client_that_trusts_another_authority_refuses_the_server(tls_server, tmp_path):
    stranger = Authority(tmp_path / "other", "other-ca")
    client = tls_client(tls_server, stranger)
    with pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED|certificate"):
        client.ping()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls(tls_server, authority, version):
    context = ssl.create_default_context(cafile=authority.cert)
    context.minimum_version = context.maximum_version = version
    with raw_tls(tls_server, authority, context) as connection:
        assert connection.version() == version.name.replace("_", ".")
        assert ask(connection, b"PING\r\n") == b"+PONG\r\n"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_older_versions_are_refused(tls_server, authority):
    context = ssl.create_default_context(cafile=authority.cert)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="ALERT"):
        raw_tls(tls_server, authority, context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_resume(tls_server, authority, version):
    context = ssl.create_default_context(cafile=authority.cert)
    context.minimum_version = context.maximum_version = version
    with raw_tls(tls_server, authority, context) as first:
        assert not first.session_reused
        ask(first, b"PING\r\n")  # in 1.3 the ticket comes with the first data
        session = first.session
    with raw_tls(tls_server, authority, context, session) as second:
        assert second.session_reused
        assert ask(second, b"PING\r\n") == b"+PONG\r\n"


def test_a_plain_client_on_the_tls_port_is_turned_away(tls_server, authority):
    with socket.create_connection((tls_server.address, tls_port(tls_server)), timeout=30) as plain:
        plain.sendall(b"PING\r\n" * 100)
        answer = b""
        try:
            while part := plain.recv(4096):
                answer += part
        except ConnectionError:
            pass
    assert b"PONG" not in answer
    assert tls_client(tls_server, authority).ping(), "the others are served as before"


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_keys_of_every_kind(start_server, authority, kind):
    certificate = authority.issue(f"server-{kind}", kind)
    server = start_server(tls_config(certificate))
    assert tls_client(server, authority).ping()


def test_a_chain_with_an_intermediate(start_server, authority, tmp_path):
    between = Authority(tmp_path / "between", "between", parent=authority)
    certificate = between.issue("leaf")
    with certificate.cert.open("a") as chain:
        chain.write(between.cert.read_text())
    server = start_server(tls_config(certificate))
    assert tls_client(server, authority).ping()


def test_mutual_tls(start_server, authority, server_certificate, client_certificate, tmp_path):
    server = start_server(
        tls_config(server_certificate, tls_ca_path=authority.cert, tls_client_auth="yes")
    )

    def presenting(certificate):
        return tls_client(
            server, authority, ssl_certfile=str(certificate.cert), ssl_keyfile=str(certificate.key)
        )

    assert presenting(client_certificate).ping()
    with pytest.raises(redis.ConnectionError):
        tls_client(server, authority).ping()
    stranger = Authority(tmp_path / "other", "other-ca").issue("stranger")
    with pytest.raises(redis.ConnectionError):
        presenting(stranger).ping()
    assert presenting(client_certificate).ping()


def test_optional_client_certificates(
    start_server, authority, server_certificate, client_certificate, tmp_path
):
    server = start_server(
        tls_config(server_certificate, tls_ca_path=authority.cert, tls_client_auth="optional")
    )
    assert tls_client(server, authority).ping()
    own = {"ssl_certfile": str(client_certificate.cert), "ssl_keyfile": str(client_certificate.key)}
    assert tls_client(server, authority, **own).ping()
    stranger = Authority(tmp_path / "other", "other-ca").issue("stranger")
    theirs = {"ssl_certfile": str(stranger.cert), "ssl_keyfile": str(stranger.key)}
    with pytest.raises(redis.ConnectionError):
        tls_client(server, authority, **theirs).ping()


@pytest.fixture
def guarded(start_server, server_certificate):
    config = tls_config(server_certificate)
    config["security"]["password"] = PASSWORD
    return start_server(config)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "tls"])
def test_passwords(guarded, authority, protocol, over_tls):
    def client(**options):
        options["protocol"] = protocol
        return tls_client(guarded, authority, **options) if over_tls else guarded.client(**options)

    assert client(password=PASSWORD).ping()
    assert client(username="default", password=PASSWORD).ping()
    needed = "Authentication required|must be called with the client already authenticated"
    with pytest.raises(redis.AuthenticationError, match=needed):
        client(password=None).get("k")
    for username, password in [(None, "wrong"), ("somebody", PASSWORD)]:
        with pytest.raises(
            redis.AuthenticationError, match="invalid username-password pair or user is disabled"
        ):
            client(username=username, password=password).ping()


def test_failed_logins_are_counted(guarded):
    watcher = guarded.client()
    before = watcher.info("stats")["acl_access_denied_auth"]
    for _ in range(3):
        with pytest.raises(redis.AuthenticationError):
            guarded.client(password="wrong").ping()
    assert watcher.info("stats")["acl_access_denied_auth"] == before + 3


def test_hello_without_a_password_says_what_is_needed(guarded):
    with socket.create_connection((guarded.address, guarded.port), timeout=30) as plain:
        assert ask(plain, b"HELLO 3\r\n").startswith(
            b"-NOAUTH HELLO must be called with the client already authenticated"
        )
        assert ask(plain, b"GET k\r\n") == b"-NOAUTH Authentication required.\r\n"
        assert ask(plain, b"AUTH wrong\r\n") == (
            b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
        )
        assert ask(plain, b"AUTH default wrong\r\n").startswith(b"-WRONGPASS ")
        assert ask(plain, b'AUTH "correct horse"\r\n') == b"+OK\r\n"
        assert ask(plain, b"GET k\r\n") == b"$-1\r\n"


def ask(connection, request):
    """Sends one request and returns its one-line reply."""
    connection.sendall(request)
    reply = b""
    while not reply.endswith(b"\r\n"):
        part = connection.recv(4096)
        if not part:
            raise ConnectionError(f"closed after {reply!r}")
        reply += part
    return reply


def test_idle_handshakes_are_cut_off(tls_server):
    """A peer that connects and says nothing does not hold a place for ever."""
    with socket.create_connection((tls_server.address, tls_port(tls_server)), timeout=30) as silent:
        assert silent.recv(1) == b""
    wait_for(lambda: tls_server.health().json["status"] == "ok", "the server is well")
