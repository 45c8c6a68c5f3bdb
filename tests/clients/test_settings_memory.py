"""`[memory]`: the limit in its spellings, the nine policies, and how many keys are compared."""

import contextlib
import os
from pathlib import Path

import pytest
import redis

from harness import wait_for

# Large enough that what else is resident does not matter beside a group of them.
VALUE = b"v" * 65_536


def config(client, name):
    return client.config_get(name)[name]


def machine_bytes():
    """The memory this process may use: the machine's, or less if a cgroup says so."""
    meminfo = Path("/proc/meminfo").read_text()
    least = int(meminfo.split("MemTotal:")[1].split()[0]) * 1024
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, name = Path("/sys/fs/cgroup"), "memory.max"
        elif "memory" in controllers.split(","):
            root, name = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
        else:
            continue
        group = root / os.path.normpath(path).lstrip("/")
        for folder in [group, *group.parents]:
            with contextlib.suppress(OSError, ValueError):
                least = min(least, int((folder / name).read_text()))
    return least


@pytest.mark.parametrize("source", ["file", "REDIS_MAX_MEMORY", "REDISTILL_MEMORY_MAX_MEMORY"])
@pytest.mark.parametrize(
    ("written", "bytes_of"),
    [
        (123_456_789, lambda: 123_456_789),
        ("100mb", lambda: 100 << 20),
        ("2g", lambda: 2_000_000_000),
        ("50%", lambda: machine_bytes() // 2),
        ("25%", lambda: machine_bytes() // 4),
    ],
    ids=["bytes", "100mb", "2g", "50%", "25%"],
)
def test_max_memory(start_server, written, bytes_of, source):
    if source == "file":
        server = start_server({"memory": {"max_memory": written}})
    else:
        server = start_server(env={source: str(written)})
    limit = int(config(server.client(), "maxmemory"))
    # Rounding of a percentage; the kernel may also change MemTotal by a page or two.
    assert abs(limit - bytes_of()) <= (64 << 10 if "%" in str(written) else 0)
    assert server.health().json["max_memory"] == limit


def test_max_memory_is_held(start_server):
    """40 MB do not fit into 20 MB, but into 200."""

    def refused(max_memory):
        client = start_server({"memory": {"max_memory": max_memory}}).client()
        for key in range(40):
            try:
                client.set(f"k{key}", b"x" * (1 << 20))
            except redis.OutOfMemoryError:
                return True
        return False

    assert refused("20mb")
    assert not refused("200mb")


# One shard and one database: every key competes with every other.
ONE_ARENA = {"num_shards": 1, "databases": 1}
GROUP = 300
# So many keys go, or a few more: fewer than are in one group.
EVICTED = 200

# Which groups of keys a policy takes from, and which it spares, when it has the choice. A hot key
# was written and read after all cold ones were; of those with a time to live, the hot end first.
COLD, HOT, VOLATILE_COLD, VOLATILE_HOT = "cold", "hot", "volatile-cold", "volatile-hot"
GROUPS = [COLD, HOT, VOLATILE_COLD, VOLATILE_HOT]
TAKES_FROM = {
    "noeviction": set(),
    "allkeys-lru": {COLD, VOLATILE_COLD},
    "allkeys-lfu": {COLD, VOLATILE_COLD},
    "allkeys-random": set(GROUPS),
    "allkeys-s3fifo": {COLD, VOLATILE_COLD},
    "volatile-lru": {VOLATILE_COLD},
    "volatile-lfu": {VOLATILE_COLD},
    "volatile-random": {VOLATILE_COLD, VOLATILE_HOT},
    "volatile-ttl": {VOLATILE_HOT},
}
# How many it may take from elsewhere: samples are samples.
STRAYS = EVICTED // 10


def fill(client):
    """Writes the groups in turn, mixed as a cache would be, and then uses the hot ones."""
    pipe = client.pipeline(transaction=False)
    for index in range(GROUP):
        pipe.set(f"{COLD}:{index}", VALUE)
        pipe.set(f"{HOT}:{index}", VALUE)
        pipe.set(f"{VOLATILE_COLD}:{index}", VALUE, ex=200_000)
        pipe.set(f"{VOLATILE_HOT}:{index}", VALUE, ex=100_000)
    pipe.execute()
    for _ in range(20):
        for group in (HOT, VOLATILE_HOT):
            pipe.touch(*(f"{group}:{index}" for index in range(GROUP)))
        pipe.execute()


def lost(client, group):
    """How many keys of a group are gone."""
    return GROUP - client.exists(*(f"{group}:{index}" for index in range(GROUP)))


def resident_bytes(process):
    """What the kernel says at this moment: `used_memory_rss` is some milliseconds old."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def squeeze(server, client):
    """Sets a limit that costs about `EVICTED` keys, and writes until they are gone.

    The limit bounds resident memory, so it is set below what is resident by so many keys.
    Returns False when writes are refused instead.
    """
    client.config_set("maxmemory", resident_bytes(server.process) - EVICTED * len(VALUE))

    def enough():
        try:
            client.set("new", b"")
        except redis.OutOfMemoryError:
            return "refused"
        return client.info("stats")["evicted_keys"] >= EVICTED // 2 and "evicted"

    return wait_for(enough, "the limit takes effect") == "evicted"


@pytest.mark.parametrize("policy", TAKES_FROM)
def test_eviction_policy(start_server, policy):
    server = start_server(
        {"server": ONE_ARENA, "memory": {"eviction_sample_size": 64, "lfu_log_factor": 0}},
        env={"REDISTILL_MEMORY_EVICTION_POLICY": policy},
    )
    client = server.client(single_connection_client=True)
    assert config(client, "maxmemory-policy") == policy
    fill(client)
    assert squeeze(server, client) == (policy != "noeviction")
    losses = {group: lost(client, group) for group in GROUPS}
    for group, gone in losses.items():
        if group in TAKES_FROM[policy]:
            assert gone > STRAYS, losses
        elif policy == "noeviction" or is_volatile(policy) and not is_volatile(group):
            assert gone == 0, losses
        else:
            assert gone <= STRAYS, losses


def is_volatile(name):
    return name.startswith("volatile-")


@pytest.mark.parametrize("policy", TAKES_FROM)
def test_object_tells_what_the_policy_knows(start_server, policy):
    """A frequency under LFU, an idle time under the others."""
    server = start_server({"memory": {"eviction_policy": policy}})
    client = server.client()
    client.set("k", "v")
    if policy.endswith("-lfu"):
        assert client.object("freq", "k") >= 1
        with pytest.raises(redis.ResponseError, match="LFU"):
            client.object("idletime", "k")
    else:
        assert client.object("idletime", "k") >= 0
        with pytest.raises(redis.ResponseError, match="LFU"):
            client.object("freq", "k")


@pytest.mark.parametrize("live", [False, True], ids=["file", "CONFIG SET"])
def test_eviction_sample_size(start_server, live):
    """Of 64 keys looked at, the least recently used goes; with one, hardly another, since those
    that were seen before are remembered."""

    def recent_keys_lost(samples):
        memory = {"eviction_policy": "allkeys-lru"} | ({} if live else {
            "eviction_sample_size": samples
        })
        server = start_server({"server": ONE_ARENA, "memory": memory})
        client = server.client(single_connection_client=True)
        if live:
            client.config_set("maxmemory-samples", samples)
        fill(client)
        assert squeeze(server, client)
        return lost(client, HOT) + lost(client, VOLATILE_HOT)

    few, many = recent_keys_lost(1), recent_keys_lost(64)
    # Half of the keys were used lately: so would be half of those that go, if chance chose them.
    assert few <= EVICTED // 4
    assert many <= STRAYS
