"""redis-py does an application's everyday work, with both parsers and both protocols."""

import asyncio
import threading

import pytest
import redis
import redis.asyncio
from redis._parsers import _HiredisParser, _RESP2Parser, _RESP3Parser

from harness import no_retries, wait_for

KINDS = {
    "resp2-python": (2, _RESP2Parser),
    "resp2-hiredis": (2, _HiredisParser),
    "resp3-python": (3, _RESP3Parser),
    "resp3-hiredis": (3, _HiredisParser),
}


def pool(server, kind, **options):
    protocol, parser = KINDS[kind]
    settings = {
        "host": server.address,
        "port": server.port,
        "protocol": protocol,
        "parser_class": parser,
        "decode_responses": True,
        "socket_timeout": 30,
        "retry": no_retries(),
    }
    return redis.ConnectionPool(**settings | options)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def client(server, kind):
    with redis.Redis.from_pool(pool(server, kind)) as client:
        yield client


def test_the_connection_speaks_the_protocol_it_asked_for(client, kind):
    mine = client.client_info()
    assert mine["resp"] == str(KINDS[kind][0])
    connection = client.connection_pool.get_connection()
    try:
        assert isinstance(connection._parser, KINDS[kind][1])
    finally:
        client.connection_pool.release(connection)


def test_strings(client):
    assert client.get("absent") is None
    assert client.set("greeting", "hello") is True
    assert client.get("greeting") == "hello"
    assert client.set("greeting", "again", nx=True) is None
    assert client.set("greeting", "bye", get=True) == "hello"
    assert client.append("greeting", "!") == 4
    assert client.getrange("greeting", 0, 1) == "by"
    assert client.setrange("greeting", 3, "?") == 4
    assert client.strlen("greeting") == 4
    assert client.getdel("greeting") == "bye?"
    assert client.exists("greeting") == 0
    assert client.incr("n") == 1
    assert client.incrby("n", 41) == 42
    assert client.decr("n", 2) == 40
    assert client.incrbyfloat("n", 0.5) == pytest.approx(40.5)
    assert client.mset({"a": "1", "b": "2"}) is True
    assert client.mget("a", "nothing", "b") == ["1", None, "2"]
    assert client.msetnx({"b": "3", "c": "3"}) in (0, False)
    assert client.exists("c") == 0
    assert client.lcs("a", "b") == ""
    with pytest.raises(redis.ResponseError, match="value is not an integer or out of range"):
        client.incr("n")


def test_binary_values_and_keys_come_back_as_they_went(server, kind):
    raw = redis.Redis.from_pool(pool(server, kind, decode_responses=False))
    with raw:
        key, value = bytes(range(256)), b"\r\n$-1\r\n\0\xff" * 1000
        raw.set(key, value)
        assert raw.get(key) == value
        assert raw.keys() == [key]


def test_a_value_of_several_megabytes(client):
    value = "0123456789abcdef" * (4 << 16)
    client.set("big", value)
    assert client.strlen("big") == 4 << 20
    assert client.get("big") == value


def test_expiry(client):
    client.set("k", "v", ex=100)
    assert 90 < client.ttl("k") <= 100
    assert client.persist("k") in (True, 1)
    assert client.ttl("k") == -1
    assert client.expire("k", 50, nx=True) in (True, 1)
    assert client.expire("k", 40, gt=True) in (False, 0)
    assert client.pexpiretime("k") > 1_600_000_000_000
    client.getex("k", persist=True)
    assert client.ttl("k") == -1
    client.psetex("soon", 20, "v")
    wait_for(lambda: client.get("soon") is None, "a key of 20 ms expires")
    assert client.ttl("soon") == -2


def test_keys(client):
    client.mset({"a": "1", "b": "2"})
    assert client.type("a") == "string"
    assert client.rename("a", "c") is True
    assert client.renamenx("b", "c") in (False, 0)
    assert client.copy("c", "d") in (True, 1)
    assert client.touch("c", "d", "e") == 2
    assert client.object("encoding", "d") == "int"
    assert client.randomkey() in ("b", "c", "d")
    assert client.unlink("b", "c") == 2
    assert client.delete("d", "nothing") == 1
    assert client.dbsize() == 0


@pytest.mark.parametrize("transaction", [True, False])
def test_pipelines(client, transaction):
    with client.pipeline(transaction=transaction) as pipe:
        for number in range(1000):
            pipe.set(f"k{number}", number)
            pipe.get(f"k{number}")
        replies = pipe.execute()
    assert replies == [part for number in range(1000) for part in (True, str(number))]


@pytest.mark.parametrize("transaction", [True, False])
def test_an_error_inside_a_pipeline_spares_the_others(client, transaction):
    with client.pipeline(transaction=transaction) as pipe:
        pipe.set("text", "abc")
        pipe.incr("text")
        pipe.get("text")
        stored, failure, value = pipe.execute(raise_on_error=False)
    assert stored is True
    assert isinstance(failure, redis.ResponseError)
    assert value == "abc"


def test_a_transaction_with_a_wrong_command_is_not_run(client):
    with client.pipeline(transaction=True) as pipe:
        pipe.set("k", "v")
        pipe.execute_command("NOSUCHCOMMAND")
        with pytest.raises(redis.ResponseError, match="unknown command"):
            pipe.execute()
    assert client.get("k") is None


def test_watch_notices_another_client(client):
    client.set("k", "1")
    with client.pipeline() as pipe:
        pipe.watch("k")
        assert pipe.get("k") == "1"
        client.set("k", "2")
        pipe.multi()
        pipe.set("k", "3")
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert client.get("k") == "2"


def test_optimistic_locking_loses_no_update(client):
    """Four threads count with WATCH, MULTI and EXEC; every one of their steps must count."""
    steps, threads = 50, 4

    def step(pipe):
        value = int(pipe.get("counter") or 0)
        pipe.multi()
        pipe.set("counter", value + 1)

    def count():
        for _ in range(steps):
            client.transaction(step, "counter")

    run_in_threads(threads, count)
    assert client.get("counter") == str(steps * threads)


def run_in_threads(count, work):
    """Runs `work` in that many threads and raises what any of them raised."""
    failures = []

    def guarded():
        try:
            work()
        except BaseException as failure:  # noqa: BLE001 - handed to the test below
            failures.append(failure)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_a_bounded_connection_pool_shared_by_threads(server, kind):
    shared = pool(server, kind, max_connections=4)
    shared = redis.BlockingConnectionPool(
        max_connections=4, timeout=30, **shared.connection_kwargs
    )
    with redis.Redis.from_pool(shared) as client:

        def work():
            me = threading.get_ident()
            for number in range(200):
                client.set(f"{me}:{number}", number)
                assert client.get(f"{me}:{number}") == str(number)
                client.incr("total")

        run_in_threads(16, work)
        assert client.get("total") == str(16 * 200)
        ours = [c for c in client.client_list() if c["name"] == ""]
        assert len(ours) <= 4 + 1, "one more for the fixture that emptied the server"


def test_scan_iter_meets_every_key_once(client):
    expected = {f"key:{number}" for number in range(5000)}
    with client.pipeline(transaction=False) as pipe:
        for key in expected:
            pipe.set(key, "x")
        pipe.set("other", "x")
        pipe.execute()
    seen = list(client.scan_iter(match="key:*", count=100))
    assert set(seen) == expected
    assert len(seen) == len(expected), "nothing changes meanwhile, so nothing comes twice"
    assert set(client.scan_iter(_type="string")) == expected | {"other"}
    assert list(client.scan_iter(_type="hash")) == []


def test_databases_are_apart(server, kind):
    with (
        redis.Redis.from_pool(pool(server, kind, db=0)) as zero,
        redis.Redis.from_pool(pool(server, kind, db=15)) as fifteen,
    ):
        zero.set("k", "in 0")
        fifteen.set("k", "in 15")
        assert zero.get("k") == "in 0"
        assert fifteen.get("k") == "in 15"
        zero.flushdb()
        assert fifteen.dbsize() == 1
        assert fifteen.move("k", 0) in (True, 1)
        assert zero.get("k") == "in 15"
        zero.swapdb(0, 15)
        assert fifteen.get("k") == "in 15"
        assert set(zero.info("keyspace")) == {"db15"}
    with redis.Redis.from_pool(pool(server, kind, db=16)) as outside:
        with pytest.raises(redis.ResponseError, match="DB index is out of range"):
            outside.ping()


def test_a_unix_socket(server, kind):
    protocol, parser = KINDS[kind]
    with redis.Redis.from_pool(
        redis.ConnectionPool(
            connection_class=redis.UnixDomainSocketConnection,
            path=str(server.socket_path),
            protocol=protocol,
            parser_class=parser,
            decode_responses=True,
        )
    ) as client:
        client.set("over", "a socket")
        assert client.get("over") == "a socket"
        assert client.client_info()["addr"] == f"{server.socket_path}:0"


def test_connections_are_named_listed_and_killed(server, client, kind):
    protocol, _ = KINDS[kind]
    with server.client(
        protocol=protocol, client_name="target", single_connection_client=True
    ) as target:
        target.ping()
        assert target.client_getname() in ("target", b"target")
        found = [c for c in client.client_list() if c["name"] == "target"]
        assert len(found) == 1
        row = found[0]
        assert row["lib-name"].startswith("redis-py")
        assert row["addr"].startswith("127.0.0.1:")
        assert row["cmd"].lower() in ("client|getname", "client")
        assert int(row["id"]) == target.client_id()
        assert client.client_kill_filter(_id=row["id"]) == 1
        with pytest.raises(redis.ConnectionError):
            target.ping()
    wait_for(
        lambda: not [c for c in client.client_list() if c["name"] == "target"],
        "the killed client is gone",
    )


def test_client_pause_holds_writes_until_unpause(client, server):
    assert client.client_pause(60_000, all=False) in (True, "OK")
    done = threading.Event()

    def write():
        with server.client() as writer:
            writer.set("held", "1")
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        wait_for(
            lambda: [c for c in client.client_list() if "b" in c["flags"]],
            "the writer waits",
        )
        assert client.get("held") is None, "reads go on"
        assert not done.is_set()
    finally:
        client.client_unpause()
        thread.join()
    assert client.get("held") == "1"


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_asyncio_client(server, protocol):
    async def work():
        client = redis.asyncio.Redis(
            host=server.address,
            port=server.port,
            protocol=protocol,
            decode_responses=True,
            max_connections=400,
            socket_timeout=30,
        )
        async with client:
            await asyncio.gather(*(client.set(f"k{n}", n) for n in range(200)))
            values = await asyncio.gather(*(client.get(f"k{n}") for n in range(200)))
            assert values == [str(n) for n in range(200)]
            async with client.pipeline(transaction=True) as pipe:
                pipe.incr("n").incr("n")
                assert await pipe.execute() == [1, 2]
            assert len([key async for key in client.scan_iter("k*")]) == 200

    asyncio.run(work())


def messages(listener, count):
    """The next messages, confirmations included."""
    found = []
    wait_for(
        lambda: found.extend(filter(None, [listener.get_message(timeout=1)]))
        or len(found) >= count,
        f"{count} messages",
    )
    return [(each["type"], each["pattern"], each["channel"], each["data"]) for each in found]


def test_messages_by_channel_and_by_pattern(client):
    with client.pubsub() as listener:
        listener.subscribe("news")
        listener.psubscribe("n*")
        assert messages(listener, 2) == [
            ("subscribe", None, "news", 1),
            ("psubscribe", None, "n*", 2),
        ]
        assert client.publish("news", "hello") == 2
        assert messages(listener, 2) == [
            ("message", None, "news", "hello"),
            ("pmessage", "n*", "news", "hello"),
        ]
        assert client.pubsub_channels() == ["news"]
        assert client.pubsub_numsub("news") == [("news", 1)]
        assert client.pubsub_numpat() == 1
        listener.unsubscribe()
        listener.punsubscribe()
        assert [kind for kind, *_ in messages(listener, 2)] == ["unsubscribe", "punsubscribe"]
        assert client.publish("news", "nobody") == 0


def test_a_listening_thread_gets_everything_in_order(client):
    got = []
    with client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(**{"numbers": lambda message: got.append(int(message["data"]))})
        thread = listener.run_in_thread(sleep_time=0.01)
        wait_for(lambda: client.publish("numbers", 0) == 1, "somebody listens")
        with client.pipeline(transaction=False) as pipe:
            for number in range(1, 2000):
                pipe.publish("numbers", number)
            pipe.execute()
        wait_for(lambda: got and got[-1] == 1999, "the last number")
        thread.stop()
        thread.join()
    assert got == list(range(2000))
