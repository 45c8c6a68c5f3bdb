"""Builds what the Dockerfile describes, without a container engine.

Each stage starts from a copy of this machine's file system (rootfs.py) in place of its base
image; COPY and RUN do in it what they would do there, from the context that .dockerignore leaves.
"""

import contextlib
import fnmatch
import json
import os
import shlex
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import dockerfile_parse

from rootfs import Rootfs
from server import clean_environment, wait_until

# Long ago: a COPY keeps the times of its sources, which need not be newer than what is built.
SOURCE_TIME = 946_684_800
# The container's address on its network, as clients outside of it would use.
OTHER_ADDRESS = "10.0.0.11"


@dataclass
class Stage:
    """One FROM and the instructions below it, as (name, value) pairs in order."""

    base: str
    name: str | None
    instructions: list = field(default_factory=list)

    def last(self, name: str) -> str | None:
        """The value of the instruction that counts, where a later one replaces an earlier."""
        values = [value for instruction, value in self.instructions if instruction == name]
        return values[-1] if values else None

    def environment(self) -> dict:
        pairs = [value.partition("=") for name, value in self.instructions if name == "ENV"]
        return {name: value for name, _, value in pairs}


def stages(repo: Path) -> list[Stage]:
    """The Dockerfile's stages, comments and line continuations resolved."""
    parser = dockerfile_parse.DockerfileParser(path=str(repo / "Dockerfile"))
    found = []
    for step in parser.structure:
        name, value = step["instruction"], step["value"]
        if name == "FROM":
            base, _, alias = value.partition(" AS ")
            found.append(Stage(base, alias or None))
        elif name != "COMMENT":
            found[-1].instructions.append((name, value))
    return found


class Context:
    """The files the builder would be sent."""

    def __init__(self, repo: Path):
        self.repo = repo
        lines = (repo / ".dockerignore").read_text().splitlines()
        self.rules = [line.strip() for line in lines if line.strip() and line[0] != "#"]

    def sends(self, path: str) -> bool:
        """Whether a file, named from the top, is part of the context: the last rule decides."""
        parts = path.split("/")
        parents = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        sent = True
        for rule in self.rules:
            pattern = rule.removeprefix("!").strip("/")
            if any(fnmatch.fnmatch(parent, pattern) for parent in parents):
                sent = rule.startswith("!")
        return sent

    def files(self, source: str) -> list[str]:
        """The files that a COPY of this source copies."""
        top = self.repo / source
        paths = [top] if top.is_file() else [p for p in top.rglob("*") if p.is_file()]
        names = [str(path.relative_to(self.repo)) for path in paths]
        return [name for name in names if self.sends(name)]


@contextlib.contextmanager
def build(repo: Path, folder: Path):
    """Runs every stage and yields the last one's `Image`."""
    context = Context(repo)
    parsed = stages(repo)
    with contextlib.ExitStack() as cleanup:
        made = {}
        for number, stage in enumerate(parsed):
            final = number == len(parsed) - 1
            rootfs = cleanup.enter_context(
                Rootfs(folder / str(number), isolated_network=final,
                       shared={} if final else build_folders(repo)))
            run_stage(stage, rootfs, context, made)
            made[stage.name or str(number)] = rootfs
        yield Image(parsed[-1], rootfs)


def build_folders(repo: Path) -> dict:
    """The toolchain as it is here, and cargo's output kept from one run to the next."""
    home = Path.home()
    cargo = Path(os.environ.get("CARGO_HOME", home / ".cargo"))
    rustup = Path(os.environ.get("RUSTUP_HOME", home / ".rustup"))
    return {cargo: cargo, rustup: rustup, repo / "target" / "packaging": "/src/target"}


def build_environment() -> dict:
    """The Dockerfile's commands as they are, only without the minutes of optimisation."""
    kept = {name: value for name, value in clean_environment().items()
            if not name.startswith("CARGO_") or name == "CARGO_HOME"}
    return kept | {
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        "CARGO_PROFILE_RELEASE_DEBUG": "0",
    }


def run_stage(stage: Stage, rootfs: Rootfs, context: Context, made: dict):
    folder = "/"
    for name, value in stage.instructions:
        if name == "WORKDIR":
            folder = value
            rootfs.host_path(folder).mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            copy(value, folder, rootfs, context, made)
        elif name == "RUN":
            done = rootfs.run(["sh", "-c", value], env=build_environment(), cwd=folder)
            assert done.returncode == 0, f"RUN {value}\n{done.stdout}"
        else:
            known = {"ENV", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
            assert name in known, f"image.py cannot do {name} {value}"


def copy(value: str, folder: str, rootfs: Rootfs, context: Context, made: dict):
    """COPY [--from=stage] source... target"""
    *sources, target = shlex.split(value)
    target = os.path.join(folder, target)
    if sources[0].startswith("--from="):
        origin = made[sources.pop(0).removeprefix("--from=")]
        for source in sources:
            put(origin.host_path(source), rootfs.host_path(target))
        return
    for source in sources:
        files = context.files(source)
        assert files, f"COPY {source}: no such file in the build context"
        for name in files:
            path = context.repo / name
            if path == context.repo / source and not target.endswith(("/", "/.")):
                place = target
            else:
                below = path.relative_to(context.repo / source)
                place = os.path.join(target, below if str(below) != "." else path.name)
            put(path, rootfs.host_path(place))
            os.utime(rootfs.host_path(place), (SOURCE_TIME, SOURCE_TIME))


def put(source: Path, target: Path):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


class Image:
    """The last stage: its file system and what it says about running it."""

    def __init__(self, stage: Stage, rootfs: Rootfs):
        self.stage, self.rootfs = stage, rootfs
        self.user = stage.last("USER")
        self.entrypoint = json.loads(stage.last("ENTRYPOINT"))
        self.entrypoint += json.loads(stage.last("CMD") or "[]")
        self.health_command = json.loads(stage.last("HEALTHCHECK").partition("CMD ")[2])
        self.ports = [int(port) for port in stage.last("EXPOSE").split()]
        self.stop_signal = signal.Signals[stage.last("STOPSIGNAL")]
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                            **stage.environment()}

    def run(self, argv: list, env: dict = {}) -> subprocess.CompletedProcess:
        """A command in the image, as its user: what `docker exec` does."""
        return self.rootfs.run(argv, env=self.environment | env, user=self.user, timeout=60)

    @contextlib.contextmanager
    def with_files(self, files: dict):
        """Puts texts at paths of the image, as mounts would; undone on leaving."""
        paths = {self.rootfs.host_path(path): text for path, text in files.items()}
        before = {path: path.read_bytes() if path.exists() else None for path in paths}
        for path, text in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        try:
            yield
        finally:
            for path, content in before.items():
                path.unlink() if content is None else path.write_bytes(content)

    @contextlib.contextmanager
    def container(self, log: Path, env: dict = {}):
        """Runs the entry point as process 1 on a read-only root; yields once it is healthy."""
        read_only = 'mount -o remount,bind,ro / && exec "$@"'
        command = self.rootfs.command(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", read_only, "sh",
             "setpriv", *setpriv_options(self.user), *self.entrypoint])
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=self.environment | env, stdout=output,
                                       stderr=output, stdin=subprocess.DEVNULL)
        running = Container(self, process, log, self.environment | env)
        try:
            wait_until(running.healthy, "the health check passes")
            yield running
        finally:
            if process.poll() is None:
                os.kill(running.server_pid(), signal.SIGKILL)
            process.wait()


def setpriv_options(user: str) -> list:
    uid, gid = user.split(":")
    return ["--reuid", uid, "--regid", gid, "--clear-groups", "--bounding-set=-all",
            "--no-new-privs"]


@dataclass
class Container:
    """A server that runs from the image."""

    image: Image
    process: subprocess.Popen
    log: Path
    env: dict

    def healthy(self) -> bool:
        assert self.process.poll() is None, f"the server ended:\n{self.log.read_text()}"
        return self.image.run(self.image.health_command).returncode == 0

    def exec(self, argv: list) -> subprocess.CompletedProcess:
        """A command inside the running container: what `kubectl exec` does."""
        enter = ["nsenter", "--target", str(self.server_pid()), "--mount", "--pid", "--net",
                 "--root", "--wdns=/", "setpriv", *setpriv_options(self.image.user)]
        return subprocess.run([*enter, *argv], env=self.env, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def cli(self, *arguments: str) -> str:
        """What redis-cli prints, run on the container's network."""
        return self.image.rootfs.run(["redis-cli", *arguments], timeout=60).stdout

    def server_pid(self) -> int:
        return innermost(self.process.pid)

    def stop(self, timeout_secs: float) -> int:
        """What `docker stop` does first; the exit code."""
        os.kill(self.server_pid(), self.image.stop_signal)
        return self.process.wait(timeout_secs)


def innermost(pid: int) -> int:
    """The process at the end of a chain of those that enter namespaces and wait."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid
