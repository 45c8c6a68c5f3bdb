"""What applications do with sorted sets: a leaderboard, a rate limiter, a search by distance."""

import threading

import pytest
import redis

from harness import PATIENTLY


def test_a_leaderboard(client):
    players = {f"player:{n}": n * 7 % 1000 for n in range(1000)}
    assert client.zadd("board", players) == 1000
    best = sorted(players, key=lambda name: (players[name], name), reverse=True)
    assert client.zrevrange("board", 0, 9) == best[:10]
    assert client.zrange("board", 0, 9, desc=True) == best[:10]
    assert [tuple(pair) for pair in client.zrevrange("board", 0, 2, withscores=True)] == [
        (name, players[name]) for name in best[:3]
    ]
    somebody = best[500]
    assert client.zrevrank("board", somebody) == 500
    assert client.zincrby("board", 5000, somebody) == players[somebody] + 5000
    assert client.zrevrank("board", somebody) == 0
    # Who stands next to somebody.
    rank = client.zrank("board", best[20])
    around = client.zrange("board", rank - 2, rank + 2)
    assert len(around) == 5 and around[2] == best[20]
    # Only better results count.
    assert client.zadd("board", {somebody: 1}, gt=True, ch=True) == 0
    assert client.zadd("board", {somebody: 9000}, gt=True, ch=True) == 1
    assert client.zcount("board", 900, "(1000") == len(
        [name for name in players if name != somebody and 900 <= players[name] < 1000]
    )
    # Weeks are summed up to a month.
    client.zadd("week:2", {somebody: 1, "newcomer": 10})
    assert client.zunionstore("month", ["board", "week:2"], aggregate="SUM") == 1001
    assert client.zscore("month", somebody) == 9001
    assert client.zscore("month", "newcomer") == 10
    assert client.zremrangebyrank("month", 0, -11) == 991
    assert client.zcard("month") == 10


def test_a_sliding_window_limiter(client):
    """At most five requests in ten seconds, decided by a transaction; time is the test's own."""

    def admit(name, now_ms):
        with client.pipeline(transaction=True) as pipe:
            pipe.zremrangebyscore(name, "-inf", now_ms - 10_000)
            pipe.zadd(name, {f"{now_ms}": now_ms})
            pipe.zcard(name)
            pipe.pexpire(name, 20_000)
            _, _, count, _ = pipe.execute()
        if count > 5:
            client.zrem(name, f"{now_ms}")
        return count <= 5

    start = 1_700_000_000_000
    admitted = [admit("limit:a", start + 1000 * n) for n in range(20)]
    # Five, then one for each that has left the window.
    assert admitted == [True] * 5 + [False] * 5 + [True] * 5 + [False] * 5
    assert admit("limit:b", start)
    assert client.zcard("limit:a") == 5
    assert 0 < client.pttl("limit:a") <= 20_000


def test_a_search_by_distance(client):
    shops = {
        "Alexanderplatz": (13.4132, 52.5219),
        "Zoo": (13.3327, 52.5072),
        "Potsdam": (13.0645, 52.3906),
        "Hamburg": (9.9937, 53.5511),
    }
    for name, (longitude, latitude) in shops.items():
        assert client.geoadd("shops", (longitude, latitude, name)) == 1
    near = client.geosearch(
        "shops", longitude=13.4, latitude=52.52, radius=10, unit="km", sort="ASC", withdist=True
    )
    assert [name for name, _ in near] == ["Alexanderplatz", "Zoo"]
    assert float(near[0][1]) == pytest.approx(0.92, abs=0.05)
    nearest = client.geosearch(
        "shops", member="Potsdam", radius=1000, unit="km", count=2, sort="ASC"
    )
    assert nearest == ["Potsdam", "Zoo"]
    boxed = client.geosearch(
        "shops", longitude=13.2, latitude=52.45, width=60, height=60, unit="km", sort="DESC"
    )
    assert set(boxed) == {"Alexanderplatz", "Zoo", "Potsdam"}
    assert float(client.geodist("shops", "Zoo", "Hamburg", unit="km")) == pytest.approx(252, abs=3)
    [(longitude, latitude)] = client.geopos("shops", "Zoo")
    assert (longitude, latitude) == pytest.approx(shops["Zoo"], abs=1e-5)
    assert client.geohash("shops", "Zoo")[0].startswith("u33")
    assert client.geosearchstore(
        "by-distance", "shops", member="Zoo", radius=50, unit="km", storedist=True
    ) == 3
    assert client.zrange("by-distance", 0, 0) == ["Zoo"]


def test_a_delayed_queue(client, server):
    """A worker waits for the next job; the job arrives while it does."""
    taken = []

    def work():
        options = {"decode_responses": True} | PATIENTLY
        with redis.Redis(host=server.address, port=server.port, **options) as mine:
            for _ in range(3):
                taken.append(mine.bzpopmin("jobs", timeout=30))

    worker = threading.Thread(target=work)
    worker.start()
    client.zadd("jobs", {"second": 2, "first": 1})
    client.zadd("jobs", {"third": 3})
    worker.join(30)
    assert not worker.is_alive()
    assert sorted(job[1] for job in taken) == ["first", "second", "third"]
    assert client.exists("jobs") == 0
