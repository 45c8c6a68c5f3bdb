"""`Type=notify`: what the service manager is told, read from a manager's end of the socket."""

import signal
import socket
import time

import pytest

from server import DEADLINE_SECS

WATCHDOG_USEC = 400_000
# As systemd does it: the watchdog is for the process it started, not for its children.
AS_MAIN_PROCESS = ["sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh"]


class ServiceManager:
    """Receives notifications; remembers them in order."""

    def __init__(self, path):
        self.address = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.lines = []

    def wait_for(self, line: str) -> int:
        """Receives until `line` arrives; its place among the lines so far."""
        end = time.monotonic() + DEADLINE_SECS
        seen = len(self.lines)
        while True:
            for place in range(seen, len(self.lines)):
                if self.lines[place] == line:
                    return place
            seen = len(self.lines)
            self.receive(end, line)

    def receive(self, end: float, wanted: str):
        self.socket.settimeout(max(end - time.monotonic(), 0.001))
        try:
            datagram = self.socket.recv(4096)
        except TimeoutError:
            raise AssertionError(f"no {wanted}; got {self.lines}") from None
        self.lines += datagram.decode().splitlines()


@pytest.fixture
def manager(tmp_path):
    manager = ServiceManager(tmp_path / "notify")
    yield manager
    manager.socket.close()


def under(manager, **env) -> dict:
    return {"NOTIFY_SOCKET": manager.address, **env}


def test_ready_comes_when_it_serves(start, manager):
    server = start(env=under(manager), wait=False)
    manager.wait_for("READY=1")
    # No polling from here on: READY=1 promises that both ports answer.
    assert server.client().ping()
    assert server.health()["status"] == "ok"


def test_no_ready_when_it_cannot_start(start, manager):
    server = start(config="[server]\nport = 70000\n", env=under(manager, REDIS_PORT=""), wait=False)
    assert server.process.wait(DEADLINE_SECS) == 1
    manager.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.socket.recv(4096)


def test_the_watchdog_is_fed_for_as_long_as_it_runs(start, manager):
    start(env=under(manager, WATCHDOG_USEC=str(WATCHDOG_USEC)), launcher=AS_MAIN_PROCESS)
    manager.wait_for("READY=1")
    for _ in range(4):
        manager.wait_for("WATCHDOG=1")


def test_without_a_watchdog_it_is_not_fed(start, manager):
    server = start(env=under(manager))
    manager.wait_for("READY=1")
    server.signal(signal.SIGTERM)
    manager.wait_for("STOPPING=1")
    assert "WATCHDOG=1" not in manager.lines


def test_signals_are_handled_from_ready_on(start, manager):
    """systemd may send one at once; unhandled, either would kill."""
    for _ in range(10):
        server = start(env=under(manager), wait=False)
        manager.wait_for("READY=1")
        server.signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
        server.signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        assert server.process.wait(DEADLINE_SECS) == 0
        manager.lines.clear()


def test_a_reload_is_announced_and_finished(start, manager):
    server = start(config='[logging]\nlevel = "info"\n', env=under(manager))
    manager.wait_for("READY=1")
    server.config_file.write_text('[logging]\nlevel = "warn"\n')
    server.signal(signal.SIGHUP)
    begin = manager.wait_for("RELOADING=1")
    done = manager.wait_for("READY=1")
    assert begin < done
    since = [line for line in manager.lines[begin:] if line.startswith("MONOTONIC_USEC=")]
    assert 0 < int(since[0].partition("=")[2]) <= time.monotonic_ns() // 1000
    assert server.client().config_get("loglevel")["loglevel"] == "warning"


def test_a_reload_of_a_bad_file_is_finished_too(start, manager):
    server = start(config='[logging]\nlevel = "info"\n', env=under(manager))
    manager.wait_for("READY=1")
    server.config_file.write_text('[logging]\nlevel = "loud"\n')
    server.signal(signal.SIGHUP)
    # Otherwise systemd would wait for READY=1 and think the service stuck.
    manager.wait_for("RELOADING=1")
    manager.wait_for("READY=1")
    assert server.client().ping()
    assert "loud" in server.log()


def test_stopping_is_announced(start, manager):
    server = start(env=under(manager))
    server.signal(signal.SIGTERM)
    manager.wait_for("STOPPING=1")
    assert server.process.wait(DEADLINE_SECS) == 0
