"""A throw-away copy of this machine's file system, to run packaging commands in.

An overlay over `/` in a mount namespace of its own, its writes in a tmpfs: what is installed,
created or deleted in there is gone with the process that holds the namespace. It stands in for
the base images and for the fresh server of docs/deployment.md, all of them Debian.
"""

import os
import shutil
import subprocess
from pathlib import Path

HOLD = r"""
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount --rbind /sys "$1/root/sys"
if [ "$2" = isolated ]; then
    ip link set lo up
    ip address add 10.0.0.11/32 dev lo
    ip address add 10.0.0.12/32 dev lo
fi
root=$1/root; shift 2
while [ $# -gt 0 ]; do
    mkdir -p "$1" "$root$2"
    mount --rbind "$1" "$root$2"
    shift 2
done
echo held
exec cat
"""


class Rootfs:
    """One such copy. Use it as a context manager: leaving it ends everything that runs inside."""

    def __init__(self, folder: Path, isolated_network: bool, shared: dict = {}):
        """`isolated_network` gives it a network of its own, where every port is free: loopback,
        and 10.0.0.11 and 10.0.0.12.

        `shared` are folders outside (keys) that are to be seen, and written, inside (values).
        """
        assert os.geteuid() == 0, "mounting an overlay takes root"
        assert shutil.which("ip"), "no `ip` program: install iproute2"
        folder.mkdir(parents=True)
        self.network = isolated_network
        namespaces = ["--mount", "--pid", "--fork", "--kill-child"]
        namespaces += ["--net"] if isolated_network else []
        binds = [str(path) for pair in shared.items() for path in pair]
        self.holder = subprocess.Popen(
            ["unshare", *namespaces, "sh", "-c", HOLD, "sh", str(folder),
             "isolated" if isolated_network else "shared", *binds],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "held\n":
            raise AssertionError(f"no overlay: {self.holder.stderr.read()}")
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text()
        self.inner_pid = int(children.split()[0])
        self.root = folder / "root"
        self.path = Path(f"/proc/{self.inner_pid}/root{self.root}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Or the end of this process, which closes the pipe as well, whatever ended it.
        self.holder.stdin.close()
        self.holder.wait()

    def command(self, argv: list, cwd: str = "/", user: str | None = None) -> list:
        """The command line that runs `argv` inside, as `user` ("uid:gid") or as root."""
        enter = ["nsenter", "--target", str(self.inner_pid), "--mount", "--pid"]
        enter += ["--net"] if self.network else []
        drop = []
        if user is not None:
            uid, gid = user.split(":")
            drop = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups",
                    "--bounding-set=-all", "--no-new-privs"]
        # The folder may exist only inside, so chroot cannot be told to start in it.
        change = ["sh", "-c", 'cd "$0" && exec "$@"', cwd]
        return [*enter, "chroot", str(self.root), *change, *drop, *argv]

    def run(self, argv: list, env: dict | None = None, cwd: str = "/", user: str | None = None,
            **options) -> subprocess.CompletedProcess:
        """Runs a command inside and waits for it; its output is text."""
        return subprocess.run(self.command(argv, cwd, user), env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, **options)

    def host_path(self, inside: str) -> Path:
        """Where a path of the copy can be read and written from outside."""
        return self.path / inside.lstrip("/")
