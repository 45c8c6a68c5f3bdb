"""A small network of its own: a server's namespace and a clients' namespace, joined by a cable.

Packets cross between real interfaces, so the server sees clients that are not on loopback.
"""

import contextlib
import ctypes
import os
import subprocess
import threading

CLONE_NEWNET = 0x40000000

# RFC 2544 sets these addresses aside for tests of networks.
SERVER_ADDRESS = "198.18.0.1"
CLIENT_ADDRESSES = ["198.18.0.2", "198.18.0.3"]


def ip(*args):
    done = subprocess.run(["ip", *args], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(args)}: {done.stderr}"


class Network:
    """Two namespaces named after this process, so that runs side by side do not collide."""

    def __init__(self):
        self.server = f"rdst-{os.getpid()}-s"
        self.clients = f"rdst-{os.getpid()}-c"

    def build(self):
        for name in (self.server, self.clients):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.server, "link", "add", "up0", "type", "veth",
           "peer", "name", "up0", "netns", self.clients)
        ip("-n", self.server, "address", "add", f"{SERVER_ADDRESS}/24", "dev", "up0")
        for address in CLIENT_ADDRESSES:
            ip("-n", self.clients, "address", "add", f"{address}/24", "dev", "up0")
        for name in (self.server, self.clients):
            ip("-n", name, "link", "set", "up0", "up")

    def remove(self):
        for name in (self.server, self.clients):
            with contextlib.suppress(AssertionError):
                ip("netns", "delete", name)

    @property
    def server_launcher(self):
        """What to put before the server's command so that it runs on its side."""
        return ["ip", "netns", "exec", self.server]

    def from_clients(self, work):
        """Runs `work()` on the clients' side and returns what it returns."""
        return inside(self.clients, work)

    def from_server(self, work):
        """Runs `work()` on the server's side, where loopback reaches the server."""
        return inside(self.server, work)


def inside(namespace, work):
    """Runs `work()` in a thread that has entered the namespace; sockets made there stay in it."""
    outcome = {}

    def enter_and_work():
        try:
            with open(f"/run/netns/{namespace}") as handle:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            outcome["value"] = work()
        except BaseException as failure:  # noqa: BLE001 - raised again in the caller's thread
            outcome["failure"] = failure

    thread = threading.Thread(target=enter_and_work)
    thread.start()
    thread.join()
    if "failure" in outcome:
        raise outcome["failure"]
    return outcome["value"]
