"""Django's cache and its sessions in the cache, through the framework's own Redis backend."""

import django
import pytest
from django.conf import settings
from django.core.cache import caches

from harness import wait_for
from programs.processes import url

settings.configure(
    SECRET_KEY="tests",
    ALLOWED_HOSTS=["testserver"],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    ROOT_URLCONF="programs.django_urls",
)
django.setup()


@pytest.fixture
def cache(start_server):
    """The default cache, on a server of its own."""
    from django.test.utils import override_settings

    backend = "django.core.cache.backends.redis.RedisCache"
    location = {"BACKEND": backend, "LOCATION": url(start_server(), 1), "KEY_PREFIX": "site"}
    with override_settings(CACHES={"default": location}):
        yield caches["default"]
        caches["default"].close()


def test_the_cache(cache):
    cache.set("greeting", {"text": "hello", "to": ["you"]}, timeout=60)
    assert cache.get("greeting") == {"text": "hello", "to": ["you"]}
    assert cache.add("greeting", "other") is False and cache.add("new", 1) is True
    assert cache.get("absent", "default") == "default"
    assert cache.incr("new", 41) == 42 and cache.decr("new") == 41
    with pytest.raises(ValueError, match="not found"):
        cache.incr("absent")
    cache.set_many({f"n:{n}": n for n in range(100)}, timeout=60)
    assert cache.get_many([f"n:{n}" for n in range(0, 200, 50)]) == {"n:0": 0, "n:50": 50}
    assert cache.touch("n:1", 1) and not cache.touch("absent")
    wait_for(lambda: not cache.has_key("n:1"), "it expires")
    assert cache.get_or_set("made", lambda: "once") == "once" == cache.get("made")
    cache.delete_many(["n:2", "n:3"])
    assert cache.delete("n:4") is True and cache.delete("n:4") is False
    assert cache.set("version", 1, version=1) is None and cache.incr_version("version") == 2
    assert cache.get("version", version=2) == 1 and cache.get("version") is None
    cache.clear()
    assert cache.get("greeting") is None


def test_sessions(cache):
    from django.test import Client

    browser, other = Client(), Client()
    assert [browser.get("/").content for _ in range(3)] == [b"1", b"2", b"3"]
    assert other.get("/").content == b"1"
    name = browser.cookies["sessionid"].value
    assert browser.get("/leave").content == b"left"
    assert cache.get(f"django.contrib.sessions.cache{name}") is None
    assert browser.get("/").content == b"1"
    assert other.get("/").content == b"2"
