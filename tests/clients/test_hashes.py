"""What applications do with hashes and sets: sessions whose fields expire, tags, online users."""

from harness import wait_for, with_time_enough


def test_sessions_with_field_expiry(client):
    """A session is a hash; its tokens expire on their own, the session with its last field."""
    session = "session:42"
    assert client.hset(session, mapping={"user": "ada", "visits": 1, "lang": "en"}) == 3
    assert client.hexpire(session, 3600, "user", "visits", "lang") == [1, 1, 1]

    def seen_while_it_lasts(ms):
        assert client.hsetex(session, mapping={"csrf": "token", "otp": "123456"}, px=ms) == 1
        return client.hgetall(session).get("csrf") == "token"

    with_time_enough(seen_while_it_lasts, 60)
    # Counting a visit leaves the field's time alone; writing the field anew does not.
    assert client.hincrby(session, "visits", 1) == 2
    assert 3590 <= client.httl(session, "visits")[0] <= 3600
    assert client.hset(session, "lang", "fr") == 0
    assert client.httl(session, "lang", "nosuch") == [-1, -2]
    # A longer login never becomes shorter.
    assert client.hexpire(session, 60, "user", gt=True) == [0]
    assert client.hexpire(session, 7200, "user", gt=True) == [1]
    wait_for(lambda: client.hlen(session) == 3, "the tokens expire")
    assert client.hmget(session, "csrf", "otp", "user") == [None, None, "ada"]
    assert client.hgetdel(session, "lang") == ["fr"]
    # Reading renews.
    assert client.hgetex(session, "user", ex=10) == ["ada"]
    assert client.httl(session, "user")[0] <= 10
    assert client.hpersist(session, "user") == [1]
    assert client.hgetex(session, "user", "visits", px=40) == ["ada", "2"]
    wait_for(lambda: not client.exists(session), "the session goes with its last field")


def test_many_sessions_vanish_without_being_read(client):
    with client.pipeline(transaction=False) as pipe:
        for n in range(2000):
            pipe.hset(f"session:{n}", mapping={"user": f"user:{n}", "cart": "x" * 100})
            pipe.hpexpire(f"session:{n}", 50 + n % 100, "user", "cart")
        pipe.execute()
    wait_for(lambda: client.dbsize() == 0, "nobody reads them")


def test_a_large_hash_expires_field_by_field(client):
    fields = {f"item:{n}": n for n in range(20_000)}
    client.hset("cache", mapping=fields)
    names = list(fields)
    for start in range(0, 10_000, 1000):
        client.hpexpire("cache", 30, *names[start : start + 1000])
    wait_for(lambda: client.hlen("cache") == 10_000, "half of the fields expire")
    seen = dict(client.hscan_iter("cache", count=500))
    assert seen == {name: str(n) for name, n in fields.items() if n >= 10_000}
    assert len(client.hrandfield("cache", 50)) == 50
    assert client.hget("cache", names[0]) is None


def test_tags_and_online_users(client):
    for n in range(300):
        client.sadd("tag:even" if n % 2 == 0 else "tag:odd", f"article:{n}")
        if n % 3 == 0:
            client.sadd("tag:third", f"article:{n}")
    both = {f"article:{n}" for n in range(0, 300, 6)}
    assert client.sinter("tag:even", "tag:third") == both
    assert client.sintercard(2, ["tag:even", "tag:third"], limit=10) == 10
    assert client.sinterstore("both", "tag:even", "tag:third") == 50
    assert len(client.sunion("tag:even", "tag:odd")) == 300
    assert client.sdiff("tag:third", "tag:even") == {f"article:{n}" for n in range(3, 300, 6)}
    client.sadd("online", *range(1000))
    assert client.smismember("online", [5, 2000]) == [1, 0]
    assert client.srem("online", 5) == 1
    assert client.smove("online", "offline", 7)
    winners = client.spop("online", 3)
    assert len(winners) == 3 and client.scard("online") == 995
    assert len(set(client.sscan_iter("online"))) == 995
