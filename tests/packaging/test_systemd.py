"""The unit file: valid, hardened, and no stricter than the server can live with."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import redis

import markdown
import seccomp
from image import innermost
from rootfs import Rootfs
from server import DEADLINE_SECS, clean_environment, wait_until

EXPOSURE_MAX = 1.5  # of 10, as `systemd-analyze security` adds it up
FAMILIES = {"AF_UNIX": socket.AF_UNIX, "AF_INET": socket.AF_INET, "AF_INET6": socket.AF_INET6}


class Unit:
    """A unit file: for each key of a section, its values in order."""

    def __init__(self, text: str):
        self.values = {}
        section = None
        for line in text.splitlines():
            if heading := re.fullmatch(r"\[(\w+)\]", line):
                section = heading[1]
            elif "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                self.values.setdefault((section, key), []).append(value)

    def all(self, key: str) -> list[str]:
        return self.values["Service", key]

    def one(self, key: str) -> str:
        (value,) = self.all(key)
        return value

    def seconds(self, key: str) -> int:
        return int(re.fullmatch(r"(\d+)s", self.one(key))[1])


@pytest.fixture(scope="module")
def unit(repo) -> Unit:
    return Unit((repo / "systemd/redistill.service").read_text())


@pytest.fixture(scope="module")
def machine(repo, binary, tmp_path_factory):
    """A machine on which the commands of docs/deployment.md, "systemd", have been run.

    All of them but those that need systemd as process 1, and the build.
    """
    with Rootfs(tmp_path_factory.mktemp("machine") / "copy", isolated_network=True) as rootfs:
        checkout = rootfs.host_path("/checkout")
        shutil.copytree(repo / "systemd", checkout / "systemd")
        shutil.copy(repo / "redistill.toml", checkout)
        (checkout / "target/release").mkdir(parents=True)
        shutil.copy(binary, checkout / "target/release/redistill")
        for line in install_commands(repo):
            if not line.startswith(("cargo ", "systemctl ")):
                done = rootfs.run(["sh", "-c", line], cwd="/checkout", env=clean_environment())
                assert done.returncode == 0, f"{line}\n{done.stdout}"
        yield rootfs


def install_commands(repo: Path) -> list[str]:
    blocks = markdown.blocks(repo / "docs/deployment.md")
    (block,) = [b for b in blocks if b.heading == "systemd" and b.language == "sh"]
    return block.text.splitlines()


def analyze(machine: Rootfs, *arguments: str) -> str:
    done = machine.run(["systemd-analyze", *arguments], env=clean_environment())
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_installed_unit_passes_verify(machine):
    installed = "/etc/systemd/system/redistill.service"
    # Silence is what it says of a unit without fault; some faults leave the exit status at 0.
    assert analyze(machine, "verify", "--man=no", installed) == ""


def test_verify_would_notice(machine):
    broken = machine.host_path("/etc/systemd/system/broken.service")
    broken.write_text("[Service]\nExecStart=/nowhere/redistill\n")
    path = f"/etc/systemd/system/{broken.name}"
    done = machine.run(["systemd-analyze", "verify", "--man=no", path])
    broken.unlink()
    assert "not executable" in done.stdout


def test_the_exposure_is_low(machine):
    report = analyze(machine, "security", "--offline=true", "--no-pager",
                     "/etc/systemd/system/redistill.service")
    level = float(re.search(r"Overall exposure level.*: ([\d.]+)", report)[1])
    assert level <= EXPOSURE_MAX, report


def test_only_root_and_the_service_see_the_configuration(machine):
    stat = ["stat", "--format", "%A %U %G", "/etc/redistill", "/etc/redistill/tls",
            "/etc/redistill/redistill.toml"]
    assert machine.run(stat).stdout.splitlines() == [
        "drwxr-x--- root redistill", "drwxr-x--- root redistill", "-rw-r----- root redistill"]


def test_a_boot_restores_the_modes(machine):
    key = machine.host_path("/etc/redistill/tls/server.key")
    key.write_text("key")
    key.chmod(0o644)
    done = machine.run(["systemd-tmpfiles", "--create", "/etc/tmpfiles.d/redistill.conf"])
    assert done.returncode == 0, done.stdout
    assert machine.run(["stat", "--format", "%A %G", "/etc/redistill/tls/server.key"]).stdout == (
        "-rw-r----- redistill\n")
    key.unlink()


@pytest.fixture
def service(machine, unit, tmp_path):
    """ExecStart, as the unit's user, on the installed machine."""
    user = machine.run(["id", "-u", unit.one("User")]).stdout.strip()
    group = machine.run(["getent", "group", unit.one("Group")]).stdout.split(":")[2]
    command = machine.command(shlex.split(unit.one("ExecStart")), user=f"{user}:{group}")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=clean_environment(), stdout=log, stderr=log)
    try:
        wait_until(lambda: machine.run(["redistill", "health"]).returncode == 0
                   or process.poll() is not None, "the service is healthy")
        assert process.poll() is None, (tmp_path / "log").read_text()
        yield process, f"{user}:{group}", tmp_path / "log"
    finally:
        if process.poll() is None:
            os.kill(innermost(process.pid), signal.SIGKILL)
        process.wait()


def run_reload(machine, unit, process, user) -> int:
    """systemd's part of `systemctl reload`: each ExecReload until one fails."""
    status = Path(f"/proc/{innermost(process.pid)}/status").read_text()
    main_pid = re.search(r"^NSpid:.*\s(\d+)$", status, re.MULTILINE)[1]
    for line in unit.all("ExecReload"):
        argv = shlex.split(line.replace("$MAINPID", main_pid))
        code = machine.run(argv, user=user, env=clean_environment()).returncode
        if code != 0:
            return code
    return 0


def test_the_service_starts_reloads_and_stops(machine, unit, service):
    process, user, log = service
    config = machine.host_path("/etc/redistill/redistill.toml")
    good = config.read_text()
    try:
        config.write_text("[memory]\nmax_memory = '64mb'\n")
        assert run_reload(machine, unit, process, user) == 0
        wait_until(lambda: cli(machine, "config", "get", "maxmemory") == "maxmemory\n67108864\n",
                   "the new limit is in force")

        # /etc is not the service's to write.
        assert cli(machine, "config", "set", "maxmemory-samples", "7") == "OK\n"
        assert cli(machine, "config", "rewrite").startswith("ERR ")
        config.write_text("[memory]\nmax_memory = 'much'\n")
        assert run_reload(machine, unit, process, user) == 1
        assert cli(machine, "config", "get", "maxmemory") == "maxmemory\n67108864\n"
    finally:
        config.write_text(good)
    os.kill(innermost(process.pid), signal.Signals[unit.one("KillSignal")])
    assert process.wait(unit.seconds("TimeoutStopSec")) == 0, log.read_text()


def cli(machine, *command: str) -> str:
    return machine.run(["redis-cli", *command]).stdout


def test_the_stop_timeout_outlasts_the_drain(unit, start):
    grace = int(start().client().config_get("server.shutdown_grace_period_secs").popitem()[1])
    assert unit.seconds("TimeoutStopSec") > grace


def test_the_file_limit_covers_the_clients(unit, start):
    clients = int(start().client().config_get("maxclients")["maxclients"])
    assert int(unit.one("LimitNOFILE")) >= clients + 1024


def test_it_works_under_the_units_system_call_filter(start, unit, tls_files, tmp_path):
    families = [FAMILIES[name] for name in unit.one("RestrictAddressFamilies").split()]
    code = seccomp.program(unit.all("SystemCallFilter"), families)
    assert unit.one("SystemCallErrorNumber") == "EPERM"
    assert unit.one("MemoryDenyWriteExecute") == "yes"
    certificate, key, authority = tls_files
    config = f"""
        [server]
        unix_socket = "{tmp_path}/redis.sock"
        [security]
        password = "open"
        tls_enabled = true
        tls_cert_path = "{certificate}"
        tls_key_path = "{key}"
        [memory]
        max_memory = "64mb"
        eviction_policy = "allkeys-lru"
        [logging]
        file = "{tmp_path}/redistill.log"
    """
    server = start(config=config, password="open", preexec=lambda: seccomp.install(code))
    assert "Seccomp:\t2" in Path(f"/proc/{server.process.pid}/status").read_text()

    over_tls = server.client(ssl=True, ssl_ca_certs=str(authority))
    use_everything(over_tls)
    over_unix = redis.Redis(unix_socket_path=f"{tmp_path}/redis.sock", password="open")
    assert over_unix.get("key") == b"value"

    server.signal(signal.SIGHUP)
    assert over_tls.ping()
    server.signal(signal.SIGTERM)
    assert server.process.wait(DEADLINE_SECS) == 0
    assert (tmp_path / "redistill.log").read_text()


def use_everything(client):
    """Work that reaches into threads, memory and clocks."""
    for batch in range(20):
        with client.pipeline(transaction=False) as pipe:
            for number in range(500):
                pipe.set(f"{batch}:{number}", "x" * 10_000, px=60_000)
            pipe.execute()
    assert int(client.info("stats")["evicted_keys"]) > 0
    client.flushall(asynchronous=True)
    client.config_set("maxmemory", "32mb")
    client.execute_command("MEMORY", "PURGE")
    client.config_set("maxmemory", "0")
    client.set("large", "x" * (40 << 20))
    assert client.append("large", "y" * (40 << 20)) == 80 << 20
    assert client.getrange("large", (40 << 20) - 1, 40 << 20) == "xy"
    assert client.info("clients")["connected_clients"] >= 1
    client.set("key", "value")
    assert client.get("key") == "value"
