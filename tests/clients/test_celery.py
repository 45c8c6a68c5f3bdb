"""Celery with the server as broker and as result backend; the worker is a process of its own."""

import importlib
import os

import pytest
from celery import chain, chord, group

from harness import wait_for
from programs.processes import Worker, url

PATIENCE = 60


@pytest.fixture
def start_worker(start_server, tmp_path, monkeypatch):
    """Starts a server and a worker on it; returns the application's module and a client."""
    workers = []

    def start(**settings):
        server = start_server()
        env = {"SERVER_URL": url(server)} | settings
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.syspath_prepend(os.path.dirname(importlib.import_module("programs").__file__))
        module = importlib.reload(importlib.import_module("celery_app"))
        options = ["-A", "celery_app", "worker", "--concurrency=2", "--loglevel=info"]
        worker = Worker(tmp_path, "celery", *options, env=env)
        workers.append(worker.__enter__())
        wait_for(lambda: "ready." in worker.log(), "the worker is ready", PATIENCE)
        return module, server.client(decode_responses=True)

    yield start
    for worker in workers:
        worker.__exit__(None)


def test_tasks_chains_groups_and_chords(start_worker):
    module, client = start_worker()
    add, total = module.add, module.total
    assert add.delay(2, 3).get(timeout=PATIENCE) == 5
    assert chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=PATIENCE) == 10
    squares = group(add.s(n, n) for n in range(20))()
    assert squares.get(timeout=PATIENCE) == [2 * n for n in range(20)]
    for _ in range(5):
        assert chord(add.s(n, n) for n in range(20))(total.s()).get(timeout=PATIENCE) == 380
    nested = chord([chord([add.s(1, 1), add.s(2, 2)], total.s()), add.s(3, 3)], total.s())
    assert nested().get(timeout=PATIENCE) == 12
    assert module.third_time_lucky.delay().get(timeout=PATIENCE) == 2
    with pytest.raises(ValueError, match="no good"):
        module.fail.delay("no good").get(timeout=PATIENCE)
    wait_for(lambda: client.hlen("unacked") == 0, "every task is acknowledged")


def test_remote_control_by_pubsub(start_worker):
    module, _ = start_worker()
    answers = wait_for(module.app.control.ping, "the worker answers")
    assert [list(answer.values()) for answer in answers] == [[{"ok": "pong"}]]
    inspect = module.app.control.inspect(timeout=10, limit=1)
    assert "celery_app.add" in next(iter(inspect.registered().values()))
    later = module.add.apply_async((1, 1), countdown=3600)
    scheduled = lambda: [task for tasks in inspect.scheduled().values() for task in tasks]
    wait_for(scheduled, "the worker holds the task")
    later.revoke()
    wait_for(lambda: later.id in next(iter(inspect.revoked().values())), "it is revoked")


def test_results_expire(start_worker):
    module, client = start_worker(RESULT_EXPIRES="2")
    result = module.add.delay(2, 3)
    assert result.get(timeout=PATIENCE) == 5
    key = f"celery-task-meta-{result.id}"
    assert client.ttl(key) in (-2, 0, 1, 2)
    wait_for(lambda: not client.exists(key), "the result expires")
    assert result.state == "PENDING" or result.result == 5
