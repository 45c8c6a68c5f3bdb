"""Clients from another address than loopback: protected mode, and limits per address."""

import socket

import pytest
import redis

from harness import wait_for
from namespaces import CLIENT_ADDRESSES, SERVER_ADDRESS, Network


@pytest.fixture(scope="module")
def network():
    network = Network()
    try:
        network.build()
        yield network
    finally:
        network.remove()


@pytest.fixture
def start(start_server, network):
    """Starts a server on its side of the network, listening on every address there."""

    def start(config=None):
        config = config or {}
        config["server"] = {"bind": ["127.0.0.1", SERVER_ADDRESS]} | config.get("server", {})
        server = network.from_server(
            lambda: start_server(config, launcher=network.server_launcher)
        )
        server.remote = SERVER_ADDRESS
        return server

    return start


def connect(server, source=CLIENT_ADDRESSES[0]):
    return socket.create_connection(
        (server.remote, server.port), timeout=30, source_address=(source, 0)
    )


def said_before_closing(connection):
    said = b""
    try:
        while part := connection.recv(4096):
            said += part
    except ConnectionError:
        pass
    return said


def test_protected_mode_denies_strangers(start, network):
    server = start()

    def refused():
        with connect(server) as stranger:
            return said_before_closing(stranger)

    answer = network.from_clients(refused)
    assert answer.startswith(b"-DENIED Redis is running in protected mode because protected mode"
                             b" is enabled and no password is set for the default user.")
    assert answer.count(b"\r\n") == 1 and answer.endswith(b"\r\n")
    assert network.from_server(lambda: server.client().ping()), "loopback may come in"
    network.from_server(
        lambda: wait_for(
            lambda: server.health().json["rejected_connections"] == 1, "the refusal is counted"
        )
    )


def test_a_password_ends_protected_mode(start, network):
    server = start({"security": {"password": "secret"}})
    assert network.from_clients(lambda: server.client(host=server.remote).ping())
    with pytest.raises(redis.AuthenticationError):
        network.from_clients(lambda: server.client(host=server.remote, password="no").ping())


def test_protected_mode_can_be_switched_off(start, network):
    server = start({"security": {"protected_mode": False}})
    assert network.from_clients(lambda: server.client(host=server.remote).ping())


def test_connections_per_address_are_limited(start, network):
    """Ten a second from one address do not use up what another address may open."""
    server = start({
        "security": {"protected_mode": False},
        "server": {"connection_rate_limit_per_ip": 10},
    })

    def flood(source, count):
        """How many of `count` connections, one right after the other, are served."""
        served = 0
        for _ in range(count):
            with connect(server, source) as connection:
                try:
                    connection.sendall(b"PING\r\n")
                    served += connection.recv(100) == b"+PONG\r\n"
                except ConnectionError:
                    pass
        return served

    first = network.from_clients(lambda: flood(CLIENT_ADDRESSES[0], 100))
    assert 10 <= first < 100
    assert network.from_clients(lambda: flood(CLIENT_ADDRESSES[1], 5)) == 5
    rejected = network.from_server(lambda: server.health().json["rejected_connections"])
    assert rejected == 100 - first
