"""The HAProxy configuration, as it is, in front of two servers at the addresses it names."""

import contextlib
import os
import re
import signal
import subprocess

import pytest

from conftest import REPO
from image import innermost
from rootfs import Rootfs
from server import clean_environment, wait_until

FILE = REPO / "docs/deploy/haproxy.cfg"
ADDRESSES = dict(re.findall(r"server (\S+) ([\d.]+):6379", FILE.read_text()))


@pytest.fixture
def network(tmp_path):
    with Rootfs(tmp_path / "network", isolated_network=True) as rootfs:
        yield rootfs


@contextlib.contextmanager
def running(network, argv: list, env: dict = {}):
    """A process on the network; killed on leaving if it is still there."""
    process = subprocess.Popen(network.command(argv), env=clean_environment() | env)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(innermost(process.pid), signal.SIGKILL)
        process.wait()


def cli(network, *command: str) -> str:
    """What redis-cli prints when it goes through HAProxy."""
    return network.run(["redis-cli", "-a", "open", "--no-auth-warning", *command]).stdout


def test_haproxy_accepts_it():
    done = subprocess.run(["haproxy", "-c", "-f", FILE], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0 and "WARNING" not in done.stdout, done.stdout


def test_it_sends_clients_to_the_backup_while_the_first_drains(network, binary):
    server = {"REDIS_PASSWORD": "open", "REDISTILL_SERVER_HEALTH_CHECK_PORT": "8080"}
    with contextlib.ExitStack() as cleanup:
        processes = {
            name: cleanup.enter_context(running(network, [str(binary)],
                                                server | {"REDIS_BIND": address}))
            for name, address in ADDRESSES.items()}
        for name, address in ADDRESSES.items():
            wait_until(lambda: cli(network, "-h", address, "set", "name", name) == "OK\n",
                       f"{name} serves")
        cleanup.enter_context(running(network, ["haproxy", "-db", "-f", str(FILE)]))

        first, second = ADDRESSES
        wait_until(lambda: cli(network, "get", "name") == f"{first}\n", "the first is used")
        os.kill(innermost(processes[first].pid), signal.SIGTERM)
        answers = set()

        def moved() -> bool:
            answers.add(cli(network, "get", "name"))
            return f"{second}\n" in answers

        wait_until(moved, "the second takes over")
        # No client was refused, cut off or left without an answer in between.
        assert answers <= {f"{first}\n", f"{second}\n"}
        assert processes[first].wait(30) == 0
