"""Scripts as redis-py keeps them: objects that load themselves when the server does not know them."""

import pytest
import redis

from harness import PATIENTLY

BODY = "redis.call('INCRBY', KEYS[1], ARGV[1]) return {KEYS[1], tonumber(redis.call('GET', KEYS[1]))}"


@pytest.mark.parametrize("protocol", [2, 3])
def test_registered_scripts_survive_a_flush(start_server, protocol):
    server = start_server()
    client = redis.Redis(port=server.port, protocol=protocol, **PATIENTLY)
    add = client.register_script(BODY)
    assert not client.script_exists(add.sha)[0]
    for total in range(1, 8):
        assert add(keys=["n"], args=[1]) == [b"n", total]
        assert client.script_exists(add.sha) == [True]
        if total % 3 == 0:
            client.script_flush()
    with pytest.raises(redis.exceptions.NoScriptError):
        client.script_flush()
        client.evalsha(add.sha, 1, "n", 1)


@pytest.mark.parametrize("transaction", [True, False])
def test_registered_scripts_in_pipelines(start_server, transaction):
    server = start_server()
    client = redis.Redis(port=server.port, **PATIENTLY)
    add = client.register_script(BODY)
    double = client.register_script("return tonumber(ARGV[1]) * 2")
    for total in range(1, 6):
        with client.pipeline(transaction=transaction) as pipe:
            pipe.set("before", total)
            add(keys=["n"], args=["1"], client=pipe)
            double(args=[total], client=pipe)
            pipe.get("n")
            replies = pipe.execute()
        assert replies == [True, [b"n", total], 2 * total, str(total).encode()]
        if total % 2 == 0:
            client.script_flush()


def test_scripts_in_a_transaction_by_digest(start_server):
    server = start_server()
    client = redis.Redis(port=server.port, **PATIENTLY)
    digest = client.script_load(BODY)
    with client.pipeline() as pipe:
        pipe.watch("n")
        pipe.multi()
        pipe.evalsha(digest, 1, "n", 5)
        pipe.evalsha("0" * 40, 0)
        pipe.incr("n")
        replies = pipe.execute(raise_on_error=False)
    assert replies[0] == [b"n", 5] and replies[2] == 6
    assert isinstance(replies[1], redis.exceptions.NoScriptError)
