"""Fixtures of the packaging tests: the server program, servers that run, the built image."""

import os
from pathlib import Path

import pytest

import certificates
import image
from server import Server

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def repo() -> Path:
    return REPO


@pytest.fixture(scope="session")
def binary() -> Path:
    """The program under test: what tests/run names, or the debug build."""
    path = REPO / os.environ.get("SERVER_UNDER_TEST", "target/debug/redistill")
    assert path.is_file(), f"{path} is not there: run tests/run packaging, or cargo build"
    return path


@pytest.fixture
def start(binary, tmp_path):
    """Starts servers on ephemeral ports and ends them with the test."""
    servers = []

    def start_one(**options) -> Server:
        server = Server(binary, tmp_path / f"server{len(servers)}", **options)
        servers.append(server)
        return server

    yield start_one
    for server in servers:
        server.end()


@pytest.fixture(scope="session")
def built_image(tmp_path_factory):
    """What the Dockerfile makes, built by running its instructions here."""
    with image.build(REPO, tmp_path_factory.mktemp("image")) as built:
        yield built


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory):
    """A server certificate for 127.0.0.1, its key, and the authority that signed it."""
    return certificates.make(tmp_path_factory.mktemp("tls"))
