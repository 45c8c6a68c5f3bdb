"""What applications do with lists: a reliable queue whose workers die, a feed of latest items."""

import threading

import redis

from harness import PATIENTLY, no_retries

JOBS = 200


def connection(server):
    return redis.Redis(
        host=server.address, port=server.port, decode_responses=True, retry=no_retries(),
        **PATIENTLY,
    )


class Worker(threading.Thread):
    """Moves jobs to a list of its own, does them, and removes them; `dies_at` a job it has taken
    and not done: its connection goes, its list stays."""

    def __init__(self, server, name, dies_at=None):
        super().__init__()
        self.server = server
        self.own_list = f"doing:{name}"
        self.dies_at = dies_at
        self.done = []

    def run(self):
        with connection(self.server) as client:
            while True:
                job = client.blmove("jobs", self.own_list, 30, "RIGHT", "LEFT")
                if job == "stop":
                    client.lrem(self.own_list, 1, job)
                    return
                if len(self.done) == self.dies_at:
                    return
                self.done.append(job)
                with client.pipeline(transaction=True) as pipe:
                    pipe.lrem(self.own_list, 1, job)
                    pipe.rpush("done", job)
                    assert pipe.execute()[0] == 1


def test_a_reliable_queue_loses_no_job_when_a_worker_dies(client, server):
    workers = [Worker(server, "a"), Worker(server, "b", dies_at=10), Worker(server, "c")]
    for worker in workers:
        worker.start()
    mortal = workers[1]
    # The other workers may be too fast for it: it dies as soon as it has had its share.
    sent = 0
    while mortal.is_alive():
        client.lpush("jobs", f"job:{sent}")
        sent += 1
    while sent < JOBS:
        client.lpush("jobs", f"job:{sent}")
        sent += 1
    # Somebody looks after the lists of workers that are gone.
    [lost] = client.lrange(mortal.own_list, 0, -1)
    assert lost not in mortal.done
    assert client.lmove(mortal.own_list, "jobs", "RIGHT", "RIGHT") == lost
    assert client.exists(mortal.own_list) == 0
    client.lpush("jobs", "stop", "stop")
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()
    done = client.lrange("done", 0, -1)
    assert sorted(done) == sorted(f"job:{n}" for n in range(sent))
    assert client.exists("jobs", *[worker.own_list for worker in workers]) == 0


def test_workers_take_turns(client, server):
    """Each job goes to one of those that wait; a wait that ends without one is no job."""
    taken = []

    def take():
        with connection(server) as mine:
            taken.append(mine.blpop(["urgent", "normal"], timeout=30))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    client.rpush("normal", "1", "2")
    client.rpush("urgent", "3", "4")
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert sorted(job for _, job in taken) == ["1", "2", "3", "4"]
    assert client.blpop("normal", timeout=0.01) is None
    assert client.blmpop(0.01, 2, "urgent", "normal", direction="LEFT") is None
    client.rpush("normal", *"abc")
    found = client.blmpop(1, 2, "urgent", "normal", direction="LEFT", count=2)
    assert list(found) == ["normal", ["a", "b"]]


def test_a_feed_keeps_the_latest(client):
    for n in range(1000):
        with client.pipeline(transaction=True) as pipe:
            pipe.lpush("feed", f"item:{n}")
            pipe.ltrim("feed", 0, 99)
            pipe.execute()
    assert client.llen("feed") == 100
    assert client.lrange("feed", 0, 2) == ["item:999", "item:998", "item:997"]
    assert client.lindex("feed", -1) == "item:900"
    assert client.lpos("feed", "item:950") == 49
    assert client.linsert("feed", "BEFORE", "item:998", "pinned") == 101
    assert client.lrange("feed", 0, 2) == ["item:999", "pinned", "item:998"]
    client.mset({f"rank:{n}": 1000 - n for n in range(5)})
    client.rpush("few", *range(5))
    found = client.sort("few", by="rank:*", get=["#", "rank:*"], groups=True, start=0, num=2)
    assert found == [("4", "996"), ("3", "997")]
