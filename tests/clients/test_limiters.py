"""Rate limiters: every strategy of `limits`, and two written in Lua, over TLS as a user."""

import threading
import time

import limits
import pytest
import redis
from limits.storage import storage_from_string
from limits.strategies import STRATEGIES

from harness import PATIENTLY, free_port, no_retries, wait_for
from programs.processes import url

TOKEN_BUCKET = """
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local capacity, per_second, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tokens = tonumber(bucket[1]) or capacity
local at = tonumber(bucket[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) * per_second)
local admitted = tokens >= 1
if admitted then tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(capacity / per_second * 1000))
return {admitted and 1 or 0, tostring(tokens)}
"""

SLIDING_WINDOW = """
local now, window, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
if redis.call('ZCARD', KEYS[1]) >= most then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('PEXPIRE', KEYS[1], window * 1000)
return 1
"""


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_strategies_of_limits(start_server, name):
    storage = storage_from_string(url(start_server()))
    assert storage.check()
    limiter = STRATEGIES[name](storage)
    rare, often = limits.parse("5/year"), limits.parse("2/second")
    assert [limiter.hit(rare, "user", "ada") for _ in range(7)] == [True] * 5 + [False] * 2
    assert limiter.test(rare, "user", "ada") is False and limiter.test(rare, "user", "bob")
    assert limiter.get_window_stats(rare, "user", "ada").remaining == 0
    assert limiter.hit(rare, "user", "bob", cost=4) and not limiter.hit(rare, "user", "bob", cost=2)
    limiter.clear(rare, "user", "ada")
    assert limiter.hit(rare, "user", "ada")
    assert limiter.hit(often) and limiter.hit(often, cost=1)
    wait_for(lambda: limiter.hit(often), "the next window")
    assert storage.reset() >= 2
    assert limiter.get_window_stats(rare, "user", "bob").remaining == 5


def test_many_at_once_are_admitted_exactly_as_often_as_allowed(start_server):
    storage = storage_from_string(url(start_server()))
    admitted = []
    for name in STRATEGIES:
        limiter = STRATEGIES[name](storage)
        few = limits.parse("50/year")
        work = lambda: admitted.extend(limiter.hit(few, name) for _ in range(25))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert admitted.count(True) == 50 * len(STRATEGIES)


@pytest.fixture
def encrypted(start_server, server_certificate, authority):
    """A client by `rediss://user:password@host/db`, whose user may run scripts on its keys."""
    security = {
        "tls_enabled": True,
        "tls_port": free_port(),
        "tls_cert_path": str(server_certificate.cert),
        "tls_key_path": str(server_certificate.key),
    }
    server = start_server({"security": security})
    rules = ["on", ">s3cret", "~limit:*", "+@scripting", "+@fast", "+@sortedset", "+@hash"]
    assert server.client().execute_command("ACL", "SETUSER", "limiter", *rules)
    address = f"rediss://limiter:s3cret@localhost:{security['tls_port']}/3"
    options = {"ssl_ca_certs": str(authority.cert), "retry": no_retries()} | PATIENTLY
    with redis.Redis.from_url(address, **options) as client:
        yield client


def test_a_token_bucket(encrypted):
    take = encrypted.register_script(TOKEN_BUCKET)
    at = lambda now: take(keys=["limit:bucket"], args=[3, 0.5, now])
    assert [at(100)[0] for _ in range(5)] == [1, 1, 1, 0, 0]
    assert at(102) == [1, b"0"] and at(103) == [0, b"0.5"]
    assert 0 < encrypted.pttl("limit:bucket") <= 6000
    with pytest.raises(redis.exceptions.NoPermissionError):
        take(keys=["other:bucket"], args=[3, 0.5, 0])


def test_a_sliding_window(encrypted):
    enter = encrypted.register_script(SLIDING_WINDOW)
    start = int(time.time())
    times = [start + step for step in (0, 1, 2, 3, 9, 10, 11, 11)]
    entered = [enter(["limit:window"], [at, 10, 3, n]) for n, at in enumerate(times)]
    assert entered == [1, 1, 1, 0, 0, 1, 1, 0]
    assert encrypted.execute_command("ZCARD", "limit:window") == 3
