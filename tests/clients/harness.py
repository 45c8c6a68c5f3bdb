"""Starts real servers on ports of their own and waits for what they promise.

Everything here polls a condition; nothing sleeps for a fixed time and hopes.
"""

import json
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import redis

SERVER = os.environ["SERVER_UNDER_TEST"]

# How long a condition may take before its test fails: generous, since machines are shared. redis-py
# itself waits 5 s for a reply.
PATIENCE_SECONDS = 30
PATIENTLY = {"socket_timeout": PATIENCE_SECONDS}


def wait_for(condition, what, seconds=PATIENCE_SECONDS):
    """Polls until `condition()` is true, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        outcome = condition()
        if outcome:
            return outcome
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def with_time_enough(attempt, first_ms):
    """Makes an attempt that only counts if it is done before so many ms are over, and says so by a
    true outcome; on a machine that stood still for longer, again with twice as many."""
    for nth in range(10):
        if attempt(first_ms << nth):
            return
    raise AssertionError(f"{first_ms} ms were not enough, nor a thousand times as many")


_given = set()


def free_port():
    """A port nobody listens on, below the range the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(12000, 32000)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        _given.add(port)
        return port


def toml(config):
    """Writes {section: {key: value}} as TOML."""
    lines = []
    for section, keys in config.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {toml_value(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def toml_value(value):
    """Writes a value, a table as one in line."""
    if not isinstance(value, dict):
        return json.dumps(value)
    entries = [f"{json.dumps(key)} = {json.dumps(entry)}" for key, entry in value.items()]
    return "{ " + ", ".join(entries) + " }"


def clean_environment(extra=None):
    """The environment without settings that belong to a server someone else started."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REDIS_", "REDISTILL_", "NOTIFY_", "WATCHDOG_"))
    }
    return kept | (extra or {})


def run_server(*args, env=None, folder=None, seconds=PATIENCE_SECONDS):
    """Runs the server program until it ends by itself: `check`, `health`, a failed start."""
    return subprocess.run(
        [SERVER, *map(str, args)],
        cwd=folder,
        env=clean_environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


class Health:
    """One answer of the health endpoint."""

    def __init__(self, status, body):
        self.status = status
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """A server with its own folder, configuration file, ports and log."""

    def __init__(self, folder, config=None, env=None, launcher=(), address="127.0.0.1"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.address = address
        self.port = free_port()
        self.health_port = free_port()
        self.config_file = self.folder / "redistill.toml"
        self.log_file = self.folder / "server.log"
        self.config = {section: dict(keys) for section, keys in (config or {}).items()}
        own = self.config.setdefault("server", {})
        own.setdefault("port", self.port)
        own.setdefault("health_check_port", self.health_port)
        own.setdefault("shutdown_grace_period_secs", 5)
        self.password = self.config.get("security", {}).get("password")
        self.env = env
        self.launcher = list(launcher)
        self.process = None
        self._clients = []

    def write_config(self):
        self.config_file.write_text(toml(self.config))

    def spawn(self):
        """Starts the process without waiting for it to be ready."""
        self.write_config()
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.launcher, SERVER, "--config", self.config_file],
                cwd=self.folder,
                env=clean_environment(self.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def start(self):
        self.spawn()
        wait_for(self._ready, f"server ready; its log:\n{self.log()}")
        return self

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log()}")
        answer = self.health(refused_is_none=True)
        return answer is not None and answer.status == 200

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def health(self, path="/health", refused_is_none=False):
        """Asks the health endpoint; None when nobody listens there and that is allowed."""
        url = f"http://{self.address}:{self.health_port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=10) as reply:
                return Health(reply.status, reply.read())
        except urllib.error.HTTPError as refusal:
            return Health(refusal.code, refusal.read())
        except OSError:
            if refused_is_none:
                return None
            raise

    def client(self, **options):
        """A redis-py client; closed with the server."""
        options.setdefault("host", self.address)
        options.setdefault("port", self.port)
        options.setdefault("password", self.password)
        options.setdefault("socket_timeout", PATIENCE_SECONDS)
        # Retries would hide a connection the server should not have dropped.
        options.setdefault("retry", no_retries())
        client = redis.Redis(**options)
        self._clients.append(client)
        return client

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, seconds=PATIENCE_SECONDS):
        """Waits for the process to end and returns its exit code."""
        return self.process.wait(timeout=seconds)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        for client in self._clients:
            client.close()
        self._clients.clear()
        if not self.running():
            return
        self.signal(signal.SIGTERM)
        try:
            self.wait_exit(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server ignored SIGTERM:\n{self.log()}") from None


def no_retries():
    return redis.retry.Retry(redis.backoff.NoBackoff(), 0)


def tool(*command, env=None, input=None, seconds=100):
    """Runs an outside program to its end; a non-zero status is a failure with its output."""
    done = subprocess.run(
        [str(part) for part in command],
        env=clean_environment(env),
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{said}"
    return done.stdout
