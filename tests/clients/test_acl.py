"""Users: redis-py with addresses that name one, over plain and encrypted connections, users in
redistill.toml and in a file of their own, certificates that stand for a user."""

import pytest
import redis

from certificates import Authority, Certificate, openssl
from harness import PATIENTLY, free_port, run_server, wait_for

CONFIG = {"acl": {"users": {"app": "on >geheim ~app:* &app:* +@all -@dangerous", "ops": "on >o +@all ~* &*"}}}


def url(server, user, password, scheme="redis", db=0, port=None):
    return f"{scheme}://{user}:{password}@127.0.0.1:{port or server.port}/{db}"


def whoami(client):
    """The name of a client's user; redis-py has it as text or as bytes, by protocol."""
    name = client.acl_whoami()
    return name.decode() if isinstance(name, bytes) else name


@pytest.fixture
def tls_config(authority, server_certificate):
    def make(**more):
        return {
            "security": {
                "tls_enabled": True,
                "tls_port": free_port(),
                "tls_cert_path": str(server_certificate.cert),
                "tls_key_path": str(server_certificate.key),
                **more,
            }
        }

    return make


@pytest.mark.parametrize("protocol", [2, 3])
def test_an_address_that_names_a_user(start_server, protocol):
    server = start_server(CONFIG)
    app = redis.Redis.from_url(url(server, "app", "geheim", db=3), protocol=protocol, **PATIENTLY)
    assert whoami(app) == "app"
    assert app.set("app:1", "x") and app.get("app:1") == b"x"
    for refused in (lambda: app.get("other"), app.flushall, lambda: app.publish("c", "x")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            refused()
    with pytest.raises(redis.exceptions.NoPermissionError):
        app.pipeline().set("app:2", "x").set("other", "x").execute()
    assert app.get("app:2") is None
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.Redis.from_url(url(server, "app", "falsch"), protocol=protocol, **PATIENTLY).ping()


def test_an_encrypted_address_that_names_a_user_and_a_database(start_server, authority, tls_config):
    server = start_server(CONFIG | tls_config())
    port = server.config["security"]["tls_port"]
    address = url(server, "app", "geheim", scheme="rediss", db=5, port=port)
    app = redis.Redis.from_url(address, ssl_ca_certs=str(authority.cert), **PATIENTLY)
    assert whoami(app) == "app" and app.client_info()["db"] == 5
    assert app.set("app:1", "x")


def test_redis_pys_own_acl_calls(start_server):
    server = start_server({})
    admin = server.client()
    assert admin.acl_setuser(
        "u", enabled=True, passwords=["+a", "+b"], commands=["+get", "+@list"],
        keys=["k:*"], channels=["c:*"], selectors=[("+set", "~s")],
    )
    told = admin.acl_getuser("u")
    assert "on" in told["flags"] and len(told["passwords"]) == 2
    assert sorted(admin.acl_users()) == ["default", "u"]
    assert any(line.startswith("user u on ") for line in admin.acl_list())
    assert "get" in admin.acl_cat("read") and "string" in admin.acl_cat()
    assert len(admin.acl_genpass(128)) == 32
    assert admin.acl_dryrun("u", "get", "k:1") == b"OK"
    assert b"'other' key" in admin.acl_dryrun("u", "get", "other")
    with pytest.raises(redis.exceptions.NoPermissionError):
        redis.Redis.from_url(url(server, "u", "a"), **PATIENTLY).get("other")
    entry = admin.acl_log()[0]
    assert entry["reason"] == "key" and entry["object"] == "other" and entry["username"] == "u"
    assert admin.acl_log_reset() and admin.acl_log() == []
    assert admin.acl_deluser("u") == 1


def certificate_of(authority, name, uri=None):
    """A client's certificate with a common name and perhaps a URI."""
    issued = Certificate(authority.folder, f"client-{name}")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", issued.key)
    request = issued.cert.with_suffix(".csr")
    openssl("req", "-new", "-key", issued.key, "-out", request, "-subj", f"/CN={name}")
    extensions = issued.cert.with_suffix(".ext")
    names = "DNS:localhost" + (f",URI:{uri}" if uri else "")
    extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=clientAuth\n")
    openssl(
        "x509", "-req", "-in", request, "-CA", authority.cert, "-CAkey", authority.key,
        "-CAcreateserial", "-days", 2, "-extfile", extensions, "-out", issued.cert,
    )
    return issued


@pytest.mark.parametrize("kind", ["CN", "URI"])
def test_a_certificate_stands_for_a_user(start_server, authority, tls_config, kind):
    users = {"alice": "on +@all ~alice:*", "urn:u:bob": "on +@all ~bob:*", "carol": "off +@all ~*"}
    tls = tls_config(
        tls_client_auth="optional", tls_ca_path=str(authority.cert), tls_client_user=kind,
        password="sesame",
    )
    server = start_server({"acl": {"users": users}} | tls)

    def connect(certificate=None, **more):
        if certificate:
            more |= {"ssl_certfile": str(certificate.cert), "ssl_keyfile": str(certificate.key)}
        return redis.Redis(
            port=server.config["security"]["tls_port"], ssl=True,
            ssl_ca_certs=str(authority.cert), **PATIENTLY, **more,
        )

    alice = certificate_of(authority, "alice", uri="urn:u:bob")
    expected = {"CN": "alice", "URI": "urn:u:bob"}[kind]
    client = connect(alice)
    assert whoami(client) == expected
    own, other = ("alice:1", "bob:1") if kind == "CN" else ("bob:1", "alice:1")
    assert client.set(own, "x")
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.get(other)
    # Who is off, unknown, or has no certificate has to give a password.
    for certificate in (certificate_of(authority, "carol"), certificate_of(authority, "zoe"), None):
        with pytest.raises(redis.exceptions.AuthenticationError):
            connect(certificate).ping()
    assert whoami(connect(alice, password="sesame")) == "default"
    # And it can be changed while the server runs.
    admin = server.client(password="sesame")
    admin.config_set("tls-auth-clients-user", "off")
    with pytest.raises(redis.exceptions.AuthenticationError):
        connect(alice).ping()


def test_a_mistake_in_the_configuration_is_named_with_its_line(tmp_path):
    file = tmp_path / "redistill.toml"
    file.write_text('[acl]\nlog_max_len = 5\n[acl.users]\nok = "on +get"\nbad = "on +nosuch"\n')
    for arguments in (["check"], []):
        outcome = run_server(*arguments, "--config", file)
        assert outcome.returncode == 1
        expected = f"{file}:5: acl.users: user bad: '+nosuch': Unknown command or category name in ACL"
        assert expected in outcome.stderr, outcome.stderr
    file.write_text('[acl]\nusers = { a = "on >geheim", "b c" = "on" }\n')
    outcome = run_server("check", "--config", file)
    assert f"{file}:2: acl.users: expected a table" in outcome.stderr
    assert "geheim" not in outcome.stderr
    file.write_text('[acl]\nfile = "users.acl"\nusers = { a = "on" }\n')
    assert "not in both" in run_server("check", "--config", file).stderr


def test_a_mistake_in_the_file_of_users_stops_the_start(tmp_path):
    users = tmp_path / "users.acl"
    users.write_text("user a on +get\nuser b on +nosuch\n")
    outcome = run_server("check", "--acl.file", users)
    assert outcome.returncode == 1
    assert f"{users}:2: Error in applying operation '+nosuch'" in outcome.stderr


def test_users_are_reloaded_and_stored_with_the_configuration(start_server):
    server = start_server(CONFIG)
    app = redis.Redis.from_url(url(server, "app", "geheim"), **PATIENTLY)
    ops = redis.Redis.from_url(url(server, "ops", "o"), **PATIENTLY)
    assert app.ping() and ops.ping()
    text = server.config_file.read_text()
    # SIGHUP: one user changes, one goes, one comes.
    server.config["acl"]["users"] = {
        "app": "on >geheim ~new:* +@all", "new": "on nopass +ping", "ops": "on >o +@all ~* &*",
    }
    server.write_config()
    server.process.send_signal(1)
    wait_for(lambda: b"new" in ops.execute_command("ACL", "USERS"), "the reload")
    assert app.set("new:1", "x")
    with pytest.raises(redis.exceptions.NoPermissionError):
        app.set("app:1", "x")
    # A mistake leaves everything as it was.
    server.config_file.write_text(text.replace("+@all", "+@nosuch"))
    server.process.send_signal(1)
    wait_for(lambda: "configuration not reloaded" in server.log(), "the refusal")
    assert app.get("new:1") == b"x"
    # CONFIG REWRITE stores what ACL SETUSER made, without any password in the clear.
    server.write_config()
    ops.execute_command("ACL", "SETUSER", "late", "on", ">spaet", "+get", "(~x", "+set)")
    ops.execute_command("ACL", "DELUSER", "new")
    ops.config_rewrite()
    stored = server.config_file.read_text()
    assert "spaet" not in stored and "late" in stored and "\nnew" not in stored, stored
    before = ops.execute_command("ACL", "LIST")
    server.process.send_signal(1)
    wait_for(lambda: server.log().count("configuration reloaded") >= 2, "the second reload")
    assert ops.execute_command("ACL", "LIST") == before
