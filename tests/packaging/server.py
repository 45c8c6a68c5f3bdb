"""A Redistill server of the tests' own, on ephemeral ports."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

DEADLINE_SECS = 30


def free_port() -> int:
    """A TCP port of loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment() -> dict:
    """Our environment without the variables the server would read."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REDIS_", "REDISTILL_")) and name != "NOTIFY_SOCKET"
    }


def wait_until(condition, what: str, deadline_secs: float = DEADLINE_SECS):
    """Polls until `condition()` is true and returns what it answered."""
    end = time.monotonic() + deadline_secs
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {deadline_secs} s: {what}")


def http_status(url: str) -> tuple[int, bytes] | None:
    """Status and body of a GET; None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()
    except OSError:
        return None


class Server:
    """One process, its ports, its configuration file and what it has logged."""

    def __init__(self, binary: Path, folder: Path, config: str | None = "", env: dict = {},
                 password: str | None = None, launcher: list = [], preexec=None, wait=True):
        """Starts the server and, with `wait`, returns once it is ready.

        `config` is the text of its file (None: no file at all), `env` is laid over a clean
        environment, `launcher` is put before the command, `preexec` runs in the child before it.
        """
        folder.mkdir(parents=True)
        self.folder = folder
        self.port, self.health_port = free_port(), free_port()
        self.password = password
        self.config_file = folder / "server.toml"
        command = [*launcher, str(binary)]
        if config is not None:
            self.config_file.write_text(config)
            command += ["--config", str(self.config_file)]
        self.log_file = folder / "log"
        environment = clean_environment() | {
            "REDIS_PORT": str(self.port),
            "REDISTILL_SERVER_HEALTH_CHECK_PORT": str(self.health_port),
        } | env
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL,
                                            preexec_fn=preexec)
        if wait:
            self.wait_ready()

    def health_url(self, path: str = "/health") -> str:
        return f"http://127.0.0.1:{self.health_port}{path}"

    def health(self) -> dict:
        return json.loads(http_status(self.health_url())[1])

    def wait_ready(self):
        def ready():
            assert self.process.poll() is None, f"the server ended:\n{self.log()}"
            status = http_status(self.health_url())
            return status is not None and status[0] == 200

        try:
            wait_until(ready, "the server is ready")
        except AssertionError as late:
            self.end()
            raise AssertionError(f"{late}\n{self.log()}") from None

    def client(self, **options) -> redis.Redis:
        # A failure is to be seen, not tried again.
        options = {"password": self.password, "decode_responses": True,
                   "retry": Retry(NoBackoff(), 0), "socket_timeout": 30} | options
        return redis.Redis("127.0.0.1", self.port, **options)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def signal(self, number: signal.Signals):
        self.process.send_signal(number)

    def end(self):
        """Ends the process, whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
