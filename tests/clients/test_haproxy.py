"""Two instances behind HAProxy: one is taken out while it drains, and no client notices."""

import signal
import socket
import subprocess
import threading

import pytest
import redis

from harness import clean_environment, free_port, no_retries, wait_for

GRACE_SECONDS = 3


class Balancer:
    """HAProxy before a list of servers, with a control socket to ask it what it thinks."""

    def __init__(self, folder, servers):
        self.port = free_port()
        self.control = folder / "haproxy.sock"
        self.config = folder / "haproxy.cfg"
        rows = "\n".join(
            f"    server {name} {server.address}:{server.port} check port {server.health_port}"
            " inter 50ms fall 1 rise 1"
            for name, server in servers.items()
        )
        self.config.write_text(f"""
global
    stats socket {self.control} level admin
defaults
    mode tcp
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout check 10s
    retries 3
    option redispatch 1
frontend cache
    bind 127.0.0.1:{self.port}
    default_backend instances
backend instances
    balance roundrobin
    option httpchk GET /health
    http-check expect status 200
{rows}
""")
        self.process = subprocess.Popen(
            ["haproxy", "-db", "-q", "-f", self.config],
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def states(self):
        """{server: state}, for instance {"a": "UP", "b": "DOWN"}."""
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(self.control))
                control.sendall(b"show stat\n")
                table = b""
                while part := control.recv(65536):
                    table += part
        except OSError:
            return {}
        rows = [line.split(",") for line in table.decode().splitlines() if line.startswith("inst")]
        return {row[1]: row[17].split(" ")[0] for row in rows if row[1] != "BACKEND"}

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=10)


class Traffic:
    """Clients that connect through the balancer, ask a few things, and hang up; without end."""

    def __init__(self, port, threads=4):
        self.port = port
        self.errors = []
        self.answers = {}
        self.rounds = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _work(self):
        while not self._stop.is_set():
            try:
                with redis.Redis(
                    port=self.port, protocol=2, socket_timeout=30, retry=no_retries()
                ) as client:
                    client.incr("visits")
                    client.set("k", "v" * 100)
                    # A server that has just been started does not know its name yet.
                    who = (client.get("who") or b"newcomer").decode()
            except Exception as error:
                with self._lock:
                    self.errors.append(error)
                continue
            with self._lock:
                self.answers[who] = self.answers.get(who, 0) + 1
                self.rounds += 1

    def goes_on(self, rounds=200):
        """Waits until that many more rounds are done; returns who answered them."""
        with self._lock:
            before, start = dict(self.answers), self.rounds
        wait_for(lambda: self.errors or self.rounds - start >= rounds, "traffic flows")
        assert self.errors == []
        with self._lock:
            counts = {who: count - before.get(who, 0) for who, count in self.answers.items()}
        return {who for who, count in counts.items() if count}

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def balanced(start_server, tmp_path):
    servers = {}
    for name in ("a", "b"):
        servers[name] = start_server({"server": {"shutdown_grace_period_secs": GRACE_SECONDS}})
        servers[name].client().set("who", name)
    balancer = Balancer(tmp_path, servers)
    try:
        wait_for(lambda: balancer.states() == {"a": "UP", "b": "UP"}, "both instances are up")
        traffic = Traffic(balancer.port)
        try:
            yield servers, balancer, traffic
        finally:
            traffic.stop()
    finally:
        balancer.stop()


def test_an_instance_drains_without_a_client_error(balanced):
    servers, balancer, traffic = balanced
    assert traffic.goes_on() == {"a", "b"}, "both instances take their share"

    servers["a"].signal(signal.SIGTERM)
    wait_for(lambda: balancer.states()["a"] == "DOWN", "HAProxy takes the draining one out")
    assert servers["a"].wait_exit(GRACE_SECONDS + 10) == 0
    assert traffic.goes_on() == {"b"}
    assert traffic.errors == []
    assert balancer.states() == {"a": "DOWN", "b": "UP"}

    servers["a"].start()
    servers["a"].client().set("who", "a")
    wait_for(lambda: balancer.states()["a"] == "UP", "HAProxy takes it back")
    wait_for(lambda: "a" in traffic.goes_on(20), "the restarted instance serves again")
