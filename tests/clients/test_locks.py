"""redis-py's `Lock`, whose release and extension are Lua scripts."""

import threading

import pytest
import redis
from redis.exceptions import LockError, LockNotOwnedError

from harness import wait_for

WORKERS = 6
ROUNDS = 25


def test_only_one_holds_it(server):
    def work():
        with server.client() as client:
            for _ in range(ROUNDS):
                with client.lock("lock", timeout=30, sleep=0.001):
                    # Neither atomic nor safe, unless the lock works.
                    client.set("sum", int(client.get("sum") or 0) + 1)

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int(server.client().get("sum")) == WORKERS * ROUNDS


@pytest.mark.parametrize("protocol", [2, 3])
def test_it_is_extended_taken_again_and_lost(server, protocol):
    client = server.client(protocol=protocol)
    lock, other = client.lock("lock", timeout=10), client.lock("lock", timeout=10)
    assert lock.acquire() and lock.owned() and not other.acquire(blocking=False)
    assert lock.extend(20) and 20_000 < client.pttl("lock") <= 30_000
    assert lock.reacquire() and client.pttl("lock") <= 10_000
    with pytest.raises(LockError):
        other.release()
    lock.release()
    assert not client.exists("lock")
    brief = client.lock("lock", timeout=0.05)
    assert brief.acquire()
    wait_for(lambda: other.acquire(blocking=False), "the lock expires")
    with pytest.raises(LockNotOwnedError):
        brief.extend(1)
    with pytest.raises(LockNotOwnedError):
        brief.release()
    assert other.owned()


def test_scripts_are_loaded_again_when_the_server_forgot_them(server):
    client = server.client()
    with client.lock("lock", timeout=10):
        pass
    assert client.script_flush()
    with pytest.raises(redis.exceptions.NoScriptError):
        client.evalsha("0" * 40, 0)
    with client.lock("lock", timeout=10):
        pass
    assert not client.exists("lock")
