"""redis-py's own client-side cache: what it holds is what the server has, as soon as it is told."""

import threading

import pytest
import redis
from redis.cache import CacheConfig

from harness import PATIENTLY, no_retries, wait_for


def open_client(server, **options):
    settings = {"decode_responses": True, "retry": no_retries()} | PATIENTLY
    return redis.Redis(host=server.address, port=server.port, **settings | options)


@pytest.fixture
def writer(server):
    with open_client(server, protocol=2) as client:
        yield client


@pytest.fixture
def cached(server):
    with open_client(server, protocol=3, cache_config=CacheConfig(max_size=1000)) as client:
        yield client


def reads(writer):
    """How many keys the server has looked up."""
    stats = writer.info("stats")
    return stats["keyspace_hits"] + stats["keyspace_misses"]


def test_what_is_cached_is_not_asked_for_again(writer, cached):
    writer.set("k", "1")
    assert cached.get("k") == "1"
    before = reads(writer)
    for _ in range(100):
        assert cached.get("k") == "1"
    assert reads(writer) == before
    assert cached.get_cache().size == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda client: client.set("k", "2"),
        lambda client: client.delete("k"),
        lambda client: client.pexpire("k", 1),
        lambda client: client.rename("k", "elsewhere"),
        lambda client: client.flushdb(),
        lambda client: client.flushall(),
        lambda client: client.pipeline().set("k", "3").incr("k").execute(),
    ],
    ids=["set", "del", "expire", "rename", "flushdb", "flushall", "multi"],
)
def test_a_change_by_somebody_else_is_seen(writer, cached, change):
    writer.set("k", "1")
    assert cached.get("k") == "1"
    change(writer)
    wait_for(lambda: cached.get("k") == writer.get("k") != "1", "the change")


def test_a_change_of_ones_own_is_seen(writer, cached):
    cached.set("k", "1")
    assert cached.get("k") == "1"
    cached.set("k", "2")
    wait_for(lambda: cached.get("k") == "2", "the change")


def test_other_types_are_cached_too(writer, cached):
    writer.hset("h", mapping={"f": "1", "g": "2"})
    writer.rpush("l", "a", "b")
    writer.zadd("z", {"m": 1})
    for _ in range(2):
        assert cached.hgetall("h") == {"f": "1", "g": "2"}
        assert cached.lrange("l", 0, -1) == ["a", "b"]
        assert cached.zrange("z", 0, -1) == ["m"]
    before = reads(writer)
    assert cached.hgetall("h") == {"f": "1", "g": "2"}
    assert reads(writer) == before
    writer.hset("h", "f", "3")
    writer.rpush("l", "c")
    wait_for(lambda: cached.hgetall("h")["f"] == "3", "the hash")
    wait_for(lambda: cached.lrange("l", 0, -1) == ["a", "b", "c"], "the list")


def test_many_readers_and_writers_agree_in_the_end(server, writer):
    keys = [f"k{n}" for n in range(10)]
    writer.mset({key: "0" for key in keys})
    config = CacheConfig(max_size=100)
    clients = [open_client(server, protocol=3, cache_config=config) for _ in range(4)]
    over = threading.Event()
    problems = []

    def read(client):
        latest = dict.fromkeys(keys, 0)
        while not over.is_set():
            for key in keys:
                value = int(client.get(key))
                if value < latest[key]:
                    problems.append(f"{key} went from {latest[key]} back to {value}")
                latest[key] = value

    threads = [threading.Thread(target=read, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for n in range(2000):
        writer.incr(keys[n % len(keys)])
    over.set()
    for thread in threads:
        thread.join()
    assert not problems, problems[:5]
    for client in clients:
        wait_for(lambda: all(client.get(key) == "200" for key in keys), "the last values")
        client.close()
