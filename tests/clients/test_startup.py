"""How the server starts, where its settings come from, and how it refuses bad ones."""

import signal
import socket
from pathlib import Path

import pytest
import redis

from harness import free_port, run_server, toml, wait_for

ROOT = Path(__file__).parents[2]


def refused(*args, **options):
    """Runs a start that must fail; returns what the server said about it."""
    done = run_server(*args, **options)
    assert done.returncode == 1, f"exit code {done.returncode}:\n{done.stdout}{done.stderr}"
    assert "panicked" not in done.stderr
    return done.stderr


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "redistill.toml"

    def write(text):
        path.write_text(text)
        return path

    return write


# What is wrong, and everything the message must name: the line, the key, the nearest valid one.
BAD_FILES = {
    "unknown key": ("[server]\nprot = 1\n", ["2", "prot", "port"]),
    "unknown key, far from its name": ("[memory]\n\nmax_memry = 1\n", ["3", "max_memory"]),
    "unknown section": ("[sever]\nport = 1\n", ["1", "sever", "server"]),
    "wrong type": ('[server]\nport = "many"\n', ["2", "port"]),
    "out of range": ("[server]\nbind = '127.0.0.1'\nport = 70000\n", ["3", "port", "70000"]),
    "negative": ("[server]\ndatabases = -1\n", ["2", "databases"]),
    "no such policy": ("[memory]\neviction_policy = 'lru'\n", ["2", "eviction_policy", "-lru"]),
    "not a size": ("[memory]\nmax_memory = '2 apples'\n", ["2", "max_memory"]),
    "not TOML": ("[server]\nport = \n", ["2"]),
    "given twice": ("[server]\nport = 1\nport = 2\n", ["3", "port"]),
}


@pytest.mark.parametrize("how", ["start", "check", "REDISTILL_CONFIG"])
@pytest.mark.parametrize("fault", BAD_FILES)
def test_a_bad_file_is_refused_with_its_place(config_file, fault, how):
    text, named = BAD_FILES[fault]
    path = config_file(text)
    if how == "REDISTILL_CONFIG":
        message = refused(env={"REDISTILL_CONFIG": str(path)})
    else:
        message = refused(*(["check"] if how == "check" else []), "--config", path)
    assert str(path) in message
    rest = message.replace(str(path), "")
    assert not [part for part in named if part not in rest], message
    assert len(message.strip().splitlines()) <= 6, "one clear message"


def test_an_address_that_cannot_be_listened_on(config_file):
    path = config_file("[server]\nbind = 'nowhere.invalid'\nport = 1\n")
    assert "nowhere.invalid" in refused("--config", path)


@pytest.mark.parametrize("command", [(), ("check",)], ids=["start", "check"])
def test_a_named_file_that_is_missing(tmp_path, command):
    missing = tmp_path / "missing.toml"
    assert str(missing) in refused(*command, "--config", missing)
    assert str(missing) in refused(*command, env={"REDISTILL_CONFIG": str(missing)})


def test_a_bad_environment_variable_is_named():
    message = refused("check", env={"REDISTILL_SERVER_PORT": "many"})
    assert "REDISTILL_SERVER_PORT" in message and "many" in message
    message = refused("check", env={"REDISTILL_SERVER_PROT": "6379"})
    assert "REDISTILL_SERVER_PROT" in message and "REDISTILL_SERVER_PORT" in message


def test_unknown_arguments():
    assert "--no-such-flag" in refused("--no-such-flag")
    assert "nosuchcommand" in refused("nosuchcommand")


def tls_file(certificate, key):
    return toml(
        {
            "server": {"port": free_port(), "health_check_port": free_port()},
            "security": {
                "tls_enabled": True,
                "tls_cert_path": str(certificate),
                "tls_key_path": str(key),
            },
        }
    )


@pytest.mark.parametrize("command", [(), ("check",)], ids=["start", "check"])
def test_certificates_that_cannot_work(
    config_file, authority, server_certificate, tmp_path, command
):
    def told(certificate, key):
        return refused(*command, "--config", config_file(tls_file(certificate, key)))

    cert, key = server_certificate.cert, server_certificate.key
    other = authority.issue("another").key
    message = told(cert, other)
    assert str(other) in message or str(cert) in message
    assert "match" in message

    missing = tmp_path / "missing.key"
    assert str(missing) in told(cert, missing)

    empty = tmp_path / "empty.crt"
    empty.write_text("")
    assert str(empty) in told(empty, key)


@pytest.mark.parametrize("key", ["port", "health_check_port"])
def test_a_configured_port_that_is_taken(config_file, key):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = {"port": free_port(), "health_check_port": free_port(), key: taken}
        assert str(taken) in refused("--config", config_file(toml({"server": ports})))


def test_check_accepts_and_starts_nothing(config_file, server):
    """`check` of the very file a server runs on: it must neither bind nor disturb."""
    done = run_server("check", "--config", server.config_file)
    assert done.returncode == 0, done.stderr
    assert server.client().ping()


def test_the_shipped_file_is_valid():
    done = run_server("check", "--config", ROOT / "redistill.toml")
    assert done.returncode == 0, done.stderr


def test_help_and_version():
    shown = run_server("--help")
    assert shown.returncode == 0
    for word in ("--config", "check", "health"):
        assert word in shown.stdout
    version = run_server("--version")
    assert version.returncode == 0
    assert version.stdout.startswith("redistill ")


def test_the_start_up_block(start_server):
    server = start_server({"memory": {"max_memory": "100mb", "eviction_policy": "allkeys-lru"}})
    log = server.log()
    for part in (
        str(server.port),
        f":{server.health_port}/health",
        "allkeys-lru",
        str(server.config_file),
        "worker",
        "password",
    ):
        assert part in log, f"{part} is not in:\n{log}"


def test_the_environment_wins_over_the_file(start_server):
    port = free_port()
    server = start_server(
        {"server": {"databases": 4}, "memory": {"max_memory": "50mb"}},
        env={
            "REDIS_PORT": str(port),
            "REDIS_PASSWORD": "from the environment",
            "REDIS_MAX_MEMORY": "100mb",
            "REDISTILL_SERVER_DATABASES": "5",
        },
    )
    client = server.client(port=port, password="from the environment", decode_responses=True)
    assert client.config_get("maxmemory") == {"maxmemory": str(100 << 20)}
    assert client.config_get("databases") == {"databases": "5"}
    with pytest.raises(redis.AuthenticationError):
        server.client(port=port, password=None).ping()


def test_a_password_from_a_mounted_secret(start_server, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    server = start_server(env={"REDIS_PASSWORD_FILE": str(secret)})
    assert server.client(password="from a file").ping()
    with pytest.raises(redis.AuthenticationError):
        server.client(password="from a file\n").ping()
    assert "from a file" not in server.log()


def test_a_password_file_that_is_missing(tmp_path):
    missing = tmp_path / "missing"
    assert str(missing) in refused("check", env={"REDIS_PASSWORD_FILE": str(missing)})


def test_the_file_in_the_working_directory_is_found(tmp_path):
    (tmp_path / "redistill.toml").write_text("[server]\nprot = 1\n")
    assert "redistill.toml" in refused("check", folder=tmp_path)
    named = tmp_path / "named.toml"
    named.write_text("")
    assert run_server("check", "--config", named, folder=tmp_path).returncode == 0


def test_health_probe(start_server):
    server = start_server({"server": {"shutdown_grace_period_secs": 60}})
    origin = f"http://127.0.0.1:{server.health_port}"
    url = f"{origin}/health"
    assert run_server("health", "--url", url).returncode == 0
    assert run_server("health", "--url", f"{origin}/no").returncode == 1
    assert run_server("health", "--url", f"http://127.0.0.1:{free_port()}/health").returncode == 1
    held = server.client(single_connection_client=True)
    held.ping()
    server.signal(signal.SIGTERM)
    wait_for(
        lambda: held.ping() and run_server("health", "--url", url).returncode == 1,
        "the probe sees the drain",
    )
    assert held.ping()
    held.close()
    server.wait_exit()


def test_health_asks_where_the_configuration_listens(start_server, tmp_path):
    server = start_server({"server": {"health_check_bind": "127.0.0.1"}})
    port = server.health_port
    path = tmp_path / "health.toml"
    path.write_text(f"[server]\nhealth_check_bind = '0.0.0.0'\nhealth_check_port = {port}\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def health(*args, folder=elsewhere, **env):
        return run_server("health", *args, folder=folder, env=env)

    assert health("--config", path).returncode == 0
    assert health(REDISTILL_CONFIG=str(path)).returncode == 0
    assert health(REDISTILL_SERVER_HEALTH_CHECK_PORT=str(port)).returncode == 0
    assert health("--server.health_check_port", port).returncode == 0
    (elsewhere / "redistill.toml").write_text(path.read_text())
    assert health().returncode == 0
    # What is asked is the configuration's: another port, none at all, one that is not valid.
    free = free_port()
    done = health(REDISTILL_SERVER_HEALTH_CHECK_PORT=str(free))
    assert done.returncode == 1 and f"127.0.0.1:{free}" in done.stderr
    done = health(REDISTILL_SERVER_HEALTH_CHECK_PORT="0")
    assert done.returncode == 1 and "health_check_port" in done.stderr
    path.write_text("[server]\nhealth_check_prot = 1\n")
    done = health("--config", path)
    assert done.returncode == 1 and "health_check_port" in done.stderr
    # An address given by hand needs no configuration.
    assert health("--config", path, "--url", f"http://127.0.0.1:{port}/health").returncode == 0
