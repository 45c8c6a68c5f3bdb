"""The documents tell the truth: links, names of settings and variables, error texts."""

import re
import subprocess

import pytest
import redis

import markdown
from conftest import REPO

DOCUMENTS = [REPO / "docs/deployment.md", REPO / "docs/tuning.md"]
FILES = [*DOCUMENTS, REPO / "Dockerfile", REPO / "systemd/redistill.service",
         *sorted(path for path in (REPO / "docs/deploy").rglob("*") if path.is_file())]
SECTIONS = "server|security|memory|performance|logging|limits|monitoring"

# Each variable the documents name: a value, and what CONFIG GET must answer then.
VARIABLES = {
    "REDIS_PASSWORD": ("open", "security.password", "open"),
    "REDIS_PASSWORD_FILE": ("{file}", "security.password", "from the file"),
    "REDIS_PORT": ("{port}", "server.port", "{port}"),
    "REDIS_BIND": ("127.0.0.1", "server.bind", "127.0.0.1"),
    "REDIS_MAX_MEMORY": ("64mb", "maxmemory", "67108864"),
    "REDISTILL_MEMORY_MAX_MEMORY": ("64mb", "maxmemory", "67108864"),
    "REDISTILL_CONFIG": ("{config}", "memory.eviction_policy", "allkeys-lfu"),
}
# What Kubernetes would set, and the server must not be given.
NOT_OURS = {"REDISTILL_PORT"}


def named_variables() -> set[str]:
    text = "\n".join(path.read_text() for path in FILES)
    return set(re.findall(r"\b(?:REDIS|REDISTILL)_[A-Z_]*[A-Z]\b", text)) - NOT_OURS


def test_every_named_variable_is_tried_below():
    assert named_variables() == set(VARIABLES)


@pytest.mark.parametrize("name", VARIABLES)
def test_the_variable_is_in_force(name, start, tmp_path):
    value, option, wanted = VARIABLES[name]
    (tmp_path / "password").write_text("from the file\n")
    (tmp_path / "named.toml").write_text('[memory]\neviction_policy = "allkeys-lfu"\n')
    from server import free_port
    port = str(free_port())
    value = value.format(file=tmp_path / "password", config=tmp_path / "named.toml", port=port)
    wanted = wanted.format(port=port)
    server = start(config=None, env={"REDIS_PORT": port, name: value}, wait=False)
    server.port = int(port)
    server.wait_ready()
    client = server.client(password=wanted if "password" in option else None)
    assert client.config_get(option).popitem()[1] == wanted


def test_every_named_setting_exists(start):
    text = "\n".join(path.read_text() for path in FILES)
    named = set(re.findall(rf"(?<![./\w])(?:{SECTIONS})\.[a-z_]*[a-z]\b", text))
    assert "memory.max_memory" in named
    client = start().client()
    missing = [name for name in named if not client.config_get(name)]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document):
    text = document.read_text()
    headings = {markdown.anchor(line.lstrip("# ")) for line in text.splitlines()
                if line.startswith("#")}
    links = re.findall(r"\]\(([^)]+)\)", text)
    for link in links:
        path, _, fragment = link.partition("#")
        if path:
            assert (document.parent / path).exists(), link
        else:
            assert fragment in headings, link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_commands_can_be_typed(document):
    for block in markdown.blocks(document):
        assert block.language in ("console", "sh", "toml"), block.heading
        if block.language != "toml":
            done = subprocess.run(["bash", "-n"], input=block.text, text=True,
                                  stderr=subprocess.PIPE)
            assert done.returncode == 0, f"{block.heading}: {done.stderr}"
            # A slash, so that `redistill.toml` of the working directory is not taken for a path.
            for path in re.findall(r"(?<![/\w])(?:docs|systemd)/[\w./-]+", block.text):
                made = "openssl" in block.text and path.endswith("redis_password.txt")
                assert made or (REPO / path).exists(), f"{block.heading}: {path}"


def emergency_texts() -> list[str]:
    text = (REPO / "docs/deployment.md").read_text()
    return re.findall(r"^\| Client: `([^`]+)`", text, re.MULTILINE)


def test_the_error_texts_are_the_servers(start):
    """Provokes each error of the emergency table but DENIED, which test_dockerfile.py provokes."""
    locked = start(config='[security]\npassword = "open"\n')
    full = start(config='[memory]\nmax_memory = "4mb"\n')
    crowded = start(config="[server]\nmax_connections = 1\n")
    provoked = [
        error_of(locked.client(protocol=2, password=None), "PING"),
        error_of(redis.Redis("127.0.0.1", full.port, password=None), *overfill(full)),
    ]
    with pytest.raises(redis.exceptions.AuthenticationError) as wrong:
        locked.client(password="wrong").ping()
    provoked.append(str(wrong.value))
    first = crowded.client(single_connection_client=True)  # Holds the only place.
    first.ping()
    with pytest.raises(redis.exceptions.RedisError) as refused:
        crowded.client().ping()
    provoked.append(str(refused.value))

    for text in emergency_texts():
        wanted = re.sub(r"^(ERR|NOAUTH|WRONGPASS|OOM|DENIED) ", "", text)
        if not text.startswith("DENIED"):
            assert any(wanted in error for error in provoked), f"{text}: {provoked}"
    assert len(emergency_texts()) == len(provoked) + 1


def error_of(client: redis.Redis, *command) -> str:
    with pytest.raises(redis.exceptions.RedisError) as error:
        client.execute_command(*command)
    return str(error.value)


def overfill(server) -> tuple:
    """A write that does not fit, into a server that is filled until it says so."""
    client = server.client()
    with client.pipeline(transaction=False) as pipe:
        for number in range(2000):
            pipe.set(number, "x" * 4096)
        pipe.execute(raise_on_error=False)
    return "SET", "one more", "x" * 4096
