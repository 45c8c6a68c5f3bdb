"""Fixtures shared by the client tests: servers, certificates, clients of every kind."""

import pytest
import redis

from certificates import Authority
from harness import PATIENTLY, Server, no_retries


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def server_certificate(authority):
    return authority.issue("server")


@pytest.fixture(scope="session")
def client_certificate(authority):
    return authority.issue("client")


@pytest.fixture
def start_server(tmp_path):
    """Starts servers that live as long as the test; takes what `Server` takes."""
    started = []

    def start(config=None, **options):
        server = Server(tmp_path / f"server{len(started)}", config, **options)
        started.append(server)
        return server.start()

    yield start
    stop_all(started)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """One server with defaults for all tests of a file that do not change its settings."""
    folder = tmp_path_factory.mktemp("shared")
    socket_path = folder / "redistill.sock"
    server = Server(folder, {"server": {"unix_socket": str(socket_path)}})
    server.socket_path = socket_path
    server.start()
    yield server
    stop_all([server])


@pytest.fixture
def server(shared_server):
    """The shared server, emptied."""
    with shared_server.client(protocol=2) as client:
        client.flushall()
    return shared_server


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def client(server, request):
    """A client of the shared server that gets text and does not try again, for each protocol."""
    options = {"decode_responses": True, "protocol": request.param, "retry": no_retries()}
    options |= PATIENTLY
    with redis.Redis(host=server.address, port=server.port, **options) as client:
        yield client


def stop_all(servers):
    """Stops every server, then reports the first that did not stop as it should."""
    problems = []
    for server in servers:
        try:
            server.stop()
        except AssertionError as problem:
            problems.append(problem)
    if problems:
        raise problems[0]
