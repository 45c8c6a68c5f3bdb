"""`[performance]` and `[logging]`: what the operating system and the log's readers see."""

import contextlib
import ctypes
import json
import os
import socket

import pytest

from harness import free_port, run_server, wait_for

# The same number on every architecture; <asm-generic/unistd.h>.
SYS_PIDFD_GETFD = 438
TCP_USER_TIMEOUT = 18


@contextlib.contextmanager
def server_side(server, client):
    """The server's own socket of a client: the options it has set can be asked of it."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(server.process.pid)
    try:
        theirs = int(client.client_info()["fd"])
        ours = libc.syscall(SYS_PIDFD_GETFD, process, theirs, 0)
        assert ours >= 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(process)
    with socket.socket(fileno=ours) as found:
        assert found.getsockname()[1] == server.port, "a client's connection"
        yield found


def option(server, level, name):
    """An option of the socket of a new connection."""
    with server.client(single_connection_client=True) as client:
        with server_side(server, client) as found:
            return found.getsockopt(level, name)


@pytest.mark.parametrize("wanted", [True, False])
def test_tcp_nodelay(start_server, wanted):
    server = start_server({"performance": {"tcp_nodelay": wanted}})
    assert bool(option(server, socket.IPPROTO_TCP, socket.TCP_NODELAY)) == wanted


def test_tcp_keepalive(start_server):
    server = start_server({"performance": {"tcp_keepalive": 77}})
    assert option(server, socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert option(server, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 77
    server.client().config_set("tcp-keepalive", 33)
    assert option(server, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 33
    off = start_server({"performance": {"tcp_keepalive": 0}})
    assert option(off, socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


@pytest.mark.parametrize("wanted", [0, 4321])
def test_tcp_user_timeout_ms(start_server, wanted):
    server = start_server({"performance": {"tcp_user_timeout_ms": wanted}})
    assert option(server, socket.IPPROTO_TCP, TCP_USER_TIMEOUT) == wanted


def provoke(server, count=1):
    """Sends what is logged at debug level: malformed requests."""
    for _ in range(count):
        with socket.create_connection((server.address, server.port), timeout=30) as connection:
            connection.sendall(b"*1\r\n!4\r\n")
            said = b""
            while part := connection.recv(4096):
                said += part
            assert said.startswith(b"-ERR Protocol error")


@pytest.mark.parametrize("level", ["debug", "info"])
def test_logging_level(start_server, level):
    server = start_server({"logging": {"level": level}})
    provoke(server)
    # The line is written before the reply is sent.
    assert ("malformed request" in server.log()) == (level == "debug")


def test_the_level_of_the_log_changes_live(start_server):
    server = start_server()
    client = server.client(decode_responses=True)
    for level, heard in [("debug", 1), ("notice", 1), ("debug", 2), ("warning", 2)]:
        client.config_set("loglevel", level)
        assert client.config_get("loglevel") == {"loglevel": level}
        provoke(server)
        assert server.log().count("malformed request") == heard


def objects(text):
    """The lines that are JSON objects."""
    found = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return [entry for entry in found if isinstance(entry, dict)]


def test_logging_format(start_server):
    plain = start_server({"logging": {"level": "debug", "format": "text"}})
    provoke(plain)
    assert "malformed request" in plain.log() and not objects(plain.log())

    server = start_server({"logging": {"level": "debug", "format": "json"}})
    provoke(server, 3)
    entries = objects(server.log())
    malformed = [e for e in entries if e["fields"]["message"] == "malformed request"]
    assert len(malformed) == 3
    for entry in malformed:
        assert entry["level"] == "DEBUG"
        assert entry["timestamp"]
    assert len({entry["fields"]["client"] for entry in malformed}) == 3


def test_logging_file(start_server, tmp_path):
    """The log goes there and not to standard error; a restart appends to it."""
    path = tmp_path / "redistill.log"
    logging = {"level": "debug", "format": "json", "file": str(path)}
    for run in (1, 2):
        server = start_server({"logging": logging})
        provoke(server)
        lines = path.read_text().splitlines()
        messages = [json.loads(line)["fields"]["message"] for line in lines]
        assert messages.count("malformed request") == run
        assert "malformed request" not in server.log()
        server.stop()
    wait_for(lambda: "shutting down" in path.read_text(), "the end is logged there too")


def test_a_log_file_that_cannot_be_written_ends_the_start(tmp_path):
    missing = tmp_path / "missing" / "redistill.log"
    done = run_server("--logging.file", missing, "--port", free_port())
    assert done.returncode == 1
    assert str(missing) in done.stderr
