"""What applications do with streams: a job queue whose worker dies, and a feed that is followed."""

import threading

import pytest
import redis

from harness import wait_for

JOBS = 200


def entries(reply, name):
    """The messages of one stream, whatever the protocol's shape of the reply."""
    if not reply:
        return []
    found = dict(reply)[name]
    return found[0] if isinstance(reply, dict) else found


def blocked(client):
    return client.info("clients")["blocked_clients"]


class Worker(threading.Thread):
    """Takes jobs and does them; may die over one without a word."""

    def __init__(self, client, name, done, dies_after=None):
        super().__init__()
        self.client, self.name, self.done = client, name, done
        self.dies_after = dies_after
        self.stopped = threading.Event()

    def run(self):
        taken = 0
        while not self.stopped.is_set():
            reply = self.client.xreadgroup("workers", self.name, {"jobs": ">"}, count=5, block=50)
            for job, fields in entries(reply, "jobs"):
                taken += 1
                if self.dies_after is not None and taken > self.dies_after:
                    return
                self.finish(job, fields)

    def finish(self, job, fields):
        self.done.append(int(fields["n"]))
        assert self.client.xack("jobs", "workers", job) == 1


def test_a_crashed_worker_s_jobs_are_taken_over(client):
    assert client.xgroup_create("jobs", "workers", id="0", mkstream=True) is True
    with pytest.raises(redis.ResponseError, match="BUSYGROUP"):
        client.xgroup_create("jobs", "workers", id="0")
    done = []
    crasher = Worker(client, "crasher", done, dies_after=7)
    steady = [Worker(client, f"steady:{n}", done) for n in range(3)]
    crasher.start()
    wait_for(lambda: blocked(client) >= 1, "a worker waits")
    for n in range(JOBS // 2):
        client.xadd("jobs", {"n": n})
    crasher.join(30)
    assert not crasher.is_alive() and len(done) == 7
    for worker in steady:
        worker.start()
    for n in range(JOBS // 2, JOBS):
        client.xadd("jobs", {"n": n})

    # Whatever is left pending is what the crashed worker had taken.
    def only_the_crashed():
        pending = client.xpending("jobs", "workers")
        names = [consumer["name"] for consumer in pending["consumers"]]
        return len(done) + pending["pending"] == JOBS and names == ["crasher"]

    wait_for(only_the_crashed, "the other workers have done the rest")
    left = client.xpending_range("jobs", "workers", "-", "+", 100, consumername="crasher")
    assert 1 <= len(left) <= 5
    assert {entry["times_delivered"] for entry in left} == {1}
    # The job that was deleted meanwhile is not worth doing.
    assert client.xdel("jobs", left[0]["message_id"]) == 1

    start, claimed, gone = "0-0", [], []
    while True:
        start, some, deleted = client.xautoclaim(
            "jobs", "workers", "rescuer", min_idle_time=0, start_id=start, count=2
        )
        claimed.extend(some)
        gone.extend(deleted)
        if start == "0-0":
            break
    assert gone == [left[0]["message_id"]]
    assert [job for job, _ in claimed] == [entry["message_id"] for entry in left[1:]]
    rescued = client.xpending_range("jobs", "workers", "-", "+", 100, consumername="rescuer")
    assert all(entry["times_delivered"] == 2 for entry in rescued)
    for job, fields in claimed:
        done.append(int(fields["n"]))
        client.xack("jobs", "workers", job)
    for worker in steady:
        worker.stopped.set()
        worker.join(30)
    assert len(done) == len(set(done)) == JOBS - 1
    assert client.xpending("jobs", "workers")["pending"] == 0
    assert client.xgroup_delconsumer("jobs", "workers", "crasher") == 0

    groups = client.xinfo_groups("jobs")
    assert [group["name"] for group in groups] == ["workers"]
    assert groups[0]["pending"] == 0
    assert groups[0]["last-delivered-id"] == client.xinfo_stream("jobs")["last-generated-id"]
    names = {consumer["name"] for consumer in client.xinfo_consumers("jobs", "workers")}
    # Whoever claims nothing does not come to exist.
    rescuers = {"rescuer"} if claimed else set()
    assert names == {"steady:0", "steady:1", "steady:2"} | rescuers


def test_a_feed_is_followed_and_kept_short(client):
    seen = []

    def follow():
        last = "$"
        while seen[-1:] != ["49"]:
            for entry, fields in entries(client.xread({"feed": last}, block=30_000), "feed"):
                last = entry
                seen.append(fields["n"])

    follower = threading.Thread(target=follow)
    follower.start()
    wait_for(lambda: blocked(client) == 1, "the follower waits")
    for n in range(50):
        client.xadd("feed", {"n": n}, maxlen=20, approximate=False)
    follower.join(30)
    assert not follower.is_alive()
    # Nothing comes twice, or out of order; a follower that is slow misses what was trimmed.
    assert seen == sorted(set(seen), key=int)
    assert client.xlen("feed") == 20
    assert [fields["n"] for _, fields in client.xrange("feed", count=1)] == ["30"]
    assert [fields["n"] for _, fields in client.xrevrange("feed", count=2)] == ["49", "48"]
    full = client.xinfo_stream("feed", full=True)
    assert full["length"] == 20 and full["groups"] == []
