"""SIGHUP changes settings under running clients; SIGTERM drains; a second signal ends at once."""

import contextlib
import signal
import socket
import ssl

import pytest
import redis

from certificates import Authority
from harness import PATIENCE_SECONDS, free_port, wait_for


def reload(server, said, changes=None):
    """Rewrites the file, sends SIGHUP, and waits until the log says how it went."""
    for section, keys in (changes or {}).items():
        server.config.setdefault(section, {}).update(keys)
    before = len(server.log())
    server.write_config()
    server.signal(signal.SIGHUP)
    wait_for(lambda: said in server.log()[before:].lower(), f"the log says {said!r}")
    return server.log()[before:]


def held_connection(server, **options):
    """A client whose only connection must survive: it never reconnects."""
    client = server.client(single_connection_client=True, decode_responses=True, **options)
    client.ping()
    return client


def test_sighup_changes_the_password(start_server):
    server = start_server({"security": {"password": "old"}})
    held = held_connection(server)
    number = held.client_id()
    log = reload(server, "reload", {"security": {"password": "new"}})
    assert "new" not in log.replace("renew", "").split(), "passwords stay out of the log"

    assert held.set("k", "v"), "a client that is logged in stays so"
    assert held.client_id() == number
    assert server.client(password="new").ping()
    with pytest.raises(redis.AuthenticationError):
        server.client(password="old").ping()


def test_sighup_changes_limits_and_policy(start_server):
    server = start_server({"memory": {"max_memory": "100mb", "eviction_policy": "noeviction"}})
    held = held_connection(server)
    number = held.client_id()
    reload(
        server,
        "reload",
        {
            "memory": {"max_memory": "60mb", "eviction_policy": "allkeys-lfu"},
            "server": {"max_connections": 123},
        },
    )
    wanted = {
        "maxmemory": str(60 << 20),
        "maxmemory-policy": "allkeys-lfu",
        "maxclients": "123",
    }
    assert held.config_get("maxmemory", "maxmemory-policy", "maxclients") == wanted
    assert held.client_id() == number
    assert server.health().json["max_memory"] == 60 << 20


@pytest.mark.parametrize(
    "text",
    ["[server]\nprot = 1\n", "[memory]\nmax_memory = 'lots'\n", "[server\n", None],
    ids=["unknown key", "bad value", "not TOML", "missing"],
)
def test_a_bad_file_leaves_the_old_settings(start_server, text):
    server = start_server({"memory": {"max_memory": "100mb"}})
    held = held_connection(server)
    before = len(server.log())
    if text is None:
        server.config_file.unlink()
    else:
        server.config_file.write_text(text)
    server.signal(signal.SIGHUP)
    wait_for(lambda: str(server.config_file) in server.log()[before:], "the log names the file")
    assert held.config_get("maxmemory") == {"maxmemory": str(100 << 20)}
    reload(server, "reload", {"memory": {"max_memory": "70mb"}})
    assert held.config_get("maxmemory") == {"maxmemory": str(70 << 20)}


def test_a_setting_that_needs_a_restart_is_reported(start_server):
    server = start_server({"server": {"databases": 16}})
    log = reload(server, "restart", {"server": {"databases": 8}})
    assert "databases" in log
    assert server.client(decode_responses=True).config_get("databases") == {"databases": "16"}


@pytest.fixture
def tls_server(start_server, server_certificate, tmp_path):
    """A TLS server on copies of its certificate, so that a test may replace them."""
    cert, key = tmp_path / "live.crt", tmp_path / "live.key"
    cert.write_bytes(server_certificate.cert.read_bytes())
    key.write_bytes(server_certificate.key.read_bytes())
    security = {
        "tls_enabled": True,
        "tls_port": free_port(),
        "tls_cert_path": str(cert),
        "tls_key_path": str(key),
    }
    server = start_server({"security": security})
    server.tls_port, server.cert, server.key = security["tls_port"], cert, key
    return server


def shown_certificate(server):
    return ssl.get_server_certificate((server.address, server.tls_port))


def test_sighup_changes_certificates(tls_server, authority, server_certificate, tmp_path):
    server = tls_server
    held = held_connection(server, port=server.tls_port, ssl=True, ssl_ca_certs=str(authority.cert))
    number = held.client_id()
    old = shown_certificate(server)

    newcomer = Authority(tmp_path / "next", "next-ca")
    renewed = newcomer.issue("renewed")
    server.cert.write_bytes(renewed.cert.read_bytes())
    server.key.write_bytes(renewed.key.read_bytes())
    reload(server, "reload")

    assert held.client_id() == number
    assert shown_certificate(server) != old
    trusting = {"port": server.tls_port, "ssl": True, "ssl_ca_certs": str(newcomer.cert)}
    assert server.client(**trusting).ping()


def test_a_bad_certificate_leaves_the_old_one(tls_server, authority):
    server = tls_server
    old = shown_certificate(server)
    server.key.write_bytes(authority.issue("other").key.read_bytes())
    before = len(server.log())
    server.signal(signal.SIGHUP)
    named = (str(server.key), str(server.cert))
    wait_for(
        lambda: any(file in server.log()[before:] for file in named), "the log names the file"
    )
    assert shown_certificate(server) == old
    trusting = {"port": server.tls_port, "ssl": True, "ssl_ca_certs": str(authority.cert)}
    assert server.client(**trusting).ping()


@contextlib.contextmanager
def slow_reader(server):
    """A client that has asked for more than socket buffers hold, and reads only when told to.

    Yields a function that reads everything owed; until then the server cannot be done.
    """
    value, count = b"x" * 100_000, 200
    with server.client(protocol=2) as client:
        client.set("big", value)
        request = b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n" * count
        before = client.info("stats")["total_net_input_bytes"]
        slow = socket.create_connection((server.address, server.port), timeout=60)
        slow.sendall(request)
        wait_for(
            lambda: client.info("stats")["total_net_input_bytes"] - before >= len(request),
            "the requests have been received",
        )

    def read_all():
        owed = len(b"$100000\r\n" + value + b"\r\n") * count
        while owed > 0:
            part = slow.recv(1 << 20)
            assert part, f"closed with {owed} bytes owed"
            owed -= len(part)

    with slow:
        yield read_all


def until_draining(server):
    answer = wait_for(
        lambda: (health := server.health(refused_is_none=True)) and health.status == 503 and health,
        "the health endpoint tells first",
    )
    assert answer.json["status"] == "shutting_down"


def closed_by_server(client):
    """Whether the server has hung up on a client that sends nothing."""
    raw = client.connection._sock
    raw.settimeout(PATIENCE_SECONDS)
    return raw.recv(1) == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_drains(start_server, number):
    server = start_server({"server": {"shutdown_grace_period_secs": 2}})
    held = held_connection(server)
    with slow_reader(server):
        server.signal(number)
        wait_for(
            lambda: held.set("k", "v") and server.health().status == 503,
            "the health endpoint tells first",
        )
        assert held.get("k") == "v", "who is connected is served meanwhile"
        assert closed_by_server(held), "who is idle is let go"
        assert server.wait_exit() == 0, "who does not read is given the grace period, no more"


def test_an_idle_server_ends_without_waiting_for_the_grace_period(start_server):
    server = start_server({"server": {"shutdown_grace_period_secs": 100}})
    with server.client() as client:
        client.ping()
    server.signal(signal.SIGTERM)
    assert server.wait_exit(50) == 0


def test_a_drain_takes_no_new_connections(start_server):
    server = start_server({"server": {"shutdown_grace_period_secs": 100}})
    held = held_connection(server)

    def turned_away():
        try:
            with socket.create_connection((server.address, server.port), timeout=5) as late:
                late.sendall(b"PING\r\n")
                return b"PONG" not in late.recv(100)
        except OSError:
            return True

    assert not turned_away()
    server.signal(signal.SIGTERM)
    wait_for(lambda: held.ping() and turned_away(), "new connections are refused")
    assert held.ping()
    held.close()
    assert server.wait_exit() == 0


def test_requests_received_before_the_signal_are_answered(start_server):
    server = start_server({"server": {"shutdown_grace_period_secs": 60}})
    idle = held_connection(server)
    with slow_reader(server) as read_all:
        server.signal(signal.SIGTERM)
        assert closed_by_server(idle), "who is owed nothing goes first"
        read_all()
    assert server.wait_exit() == 0


def test_a_second_signal_ends_at_once(start_server):
    server = start_server({"server": {"shutdown_grace_period_secs": 600}})
    idle = held_connection(server)
    with slow_reader(server):
        server.signal(signal.SIGTERM)
        until_draining(server)
        assert closed_by_server(idle)
        assert server.running(), "it waits for who is owed replies"
        server.signal(signal.SIGTERM)
        server.wait_exit()


def test_the_shutdown_command(start_server):
    server = start_server({"server": {"shutdown_grace_period_secs": 600}})
    client = server.client()
    client.set("k", "v")
    client.shutdown(nosave=True)
    assert server.wait_exit() == 0
