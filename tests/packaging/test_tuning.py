"""The profiles of docs/tuning.md: each is accepted, in force, and serves."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import markdown
from conftest import REPO
from server import clean_environment

PROFILES = {block.heading: block.text
            for block in markdown.blocks(REPO / "docs/tuning.md") if block.language == "toml"}
UNITS = {"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}


def test_there_are_three_profiles():
    assert list(PROFILES) == ["High throughput", "Low latency", "Memory-constrained"]


@pytest.mark.parametrize("name", PROFILES)
def test_the_profile_is_valid(name, binary, tmp_path):
    file = tmp_path / "redistill.toml"
    file.write_text(PROFILES[name])
    done = check(binary, file)
    assert done.returncode == 0, done.stdout
    file.write_text(PROFILES[name] + "no_such_key = 1\n")
    assert check(binary, file).returncode == 1


def check(binary, file) -> subprocess.CompletedProcess:
    return subprocess.run([binary, "check", "--config", file], env=clean_environment(), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("name", PROFILES)
def test_the_profile_is_in_force_and_serves(name, start):
    client = start(config=PROFILES[name]).client()
    for section, table in tomllib.loads(PROFILES[name]).items():
        for key, wanted in table.items():
            answer = client.config_get(f"{section}.{key}")
            assert same(answer[f"{section}.{key}"], wanted), f"{section}.{key}: {answer}"
    with client.pipeline(transaction=False) as pipe:
        for number in range(1000):
            pipe.set(f"key:{number}", f"value {number}")
        assert all(pipe.execute())
    assert client.mget("key:0", "key:999") == ["value 0", "value 999"]


def test_the_small_server_fits_its_container(start):
    """A third more than `max_memory`, says the document, is enough outside."""
    server = start(config=PROFILES["Memory-constrained"])
    client = server.client()
    # The second size alone is more than the limit.
    for length, batches in ((100, 50), (1000, 80), (300, 80)):
        for batch in range(batches):
            with client.pipeline(transaction=False) as pipe:
                for number in range(1000):
                    pipe.set(f"{length}:{batch}:{number}", "x" * length)
                pipe.execute()
    assert client.info("stats")["evicted_keys"] > 0
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    peak_kib = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
    assert peak_kib * 1024 < client.info("memory")["maxmemory"] * 4 / 3


def test_the_figures_to_look_at_are_there(start):
    """The fields and commands of the document's first block."""
    client = start().client()
    block = markdown.blocks(REPO / "docs/tuning.md")[0].text
    info = dict(re.findall(r"redis-cli info (\w+) +# (.*)", block))
    assert list(info) == ["stats", "memory"]
    fields = {section: client.info(section) for section in info}
    assert {"instantaneous_ops_per_sec", "evicted_keys", "keyspace_hits",
            "keyspace_misses"} <= fields["stats"].keys()
    assert {"used_memory", "maxmemory", "used_memory_rss"} <= fields["memory"].keys()
    for section, prose in info.items():
        for name in re.findall(r"\w+_\w+", prose.replace("and _misses", "keyspace_misses")):
            assert name in fields[section], name
    client.config_set("slowlog-log-slower-than", 0)
    client.ping()
    assert client.slowlog_get(10)[0]["command"] == b"PING"
    assert "server.workers" in client.config_get("server.*")


@pytest.mark.parametrize("name", PROFILES)
def test_what_the_profile_sets_is_explained(name):
    text = (REPO / "docs/tuning.md").read_text().split(f"## {name}\n")[1].split("\n## ")[0]
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for section, table in tomllib.loads(PROFILES[name]).items():
        for key in table:
            assert f"`[{section}]`" in prose or f"`{key}" in prose, f"{key} is not explained"


def same(answer: str, wanted) -> bool:
    """Whether an answer of CONFIG GET is the value of the file."""
    if isinstance(wanted, bool):
        return answer == ("yes" if wanted else "no")
    if isinstance(wanted, str) and wanted.endswith("%") and answer.isdigit():
        part = installed_bytes() * int(wanted[:-1]) // 100
        return 0 < int(answer) <= part
    return words_in_bytes(answer) == words_in_bytes(str(wanted))


def words_in_bytes(text: str) -> list:
    """Words, with sizes such as `64mb` as plain numbers."""
    def number(word: str) -> str:
        size = re.fullmatch(r"(\d+)(kb|mb|gb)", word)
        return str(int(size[1]) * UNITS[size[2]]) if size else word

    return [number(word) for word in text.split()]


def installed_bytes() -> int:
    with open("/proc/meminfo") as file:
        return int(re.search(r"MemTotal:\s+(\d+) kB", file.read())[1]) * 1024
