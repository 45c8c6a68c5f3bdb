"""RQ: queues, dependencies, retries, the scheduler, and a worker in a process of its own."""

import datetime

import pytest
from rq import Queue, Retry
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry

from harness import wait_for
from programs.processes import Worker, url

PATIENCE = 60


@pytest.fixture
def connection(start_server, tmp_path):
    """A server's client, with a worker on the server's queues `high` and `low`."""
    server = start_server()
    options = ["worker", "--url", url(server), "--with-scheduler", "high", "low"]
    with Worker(tmp_path, "rq.cli", *options) as worker:
        wait_for(lambda: "Listening on" in worker.log(), "the worker listens", PATIENCE)
        yield server.client()


def finished(job):
    wait_for(lambda: job.get_status(refresh=True) == "finished", f"{job} is done", PATIENCE)
    return job.return_value(refresh=True)


def test_jobs_are_done_in_order_of_their_dependencies(connection):
    high, low = Queue("high", connection=connection), Queue("low", connection=connection)
    jobs = [low.enqueue("rq_jobs.double", n) for n in range(10)]
    last = high.enqueue("rq_jobs.double", 50, depends_on=jobs)
    assert finished(last) == 100
    assert [finished(job) for job in jobs] == [2 * n for n in range(10)]
    fetched = [Job.fetch(job.id, connection) for job in (last, *jobs)]
    assert fetched[0].started_at >= max(job.ended_at for job in fetched[1:])
    registry = FinishedJobRegistry("low", connection=connection)
    assert sorted(registry.get_job_ids()) == sorted(job.id for job in jobs)


def test_failures_retries_and_the_scheduler(connection):
    queue = Queue("low", connection=connection)
    failing = queue.enqueue("rq_jobs.fail", "no good", retry=Retry(max=1))
    wait_for(lambda: failing.get_status(refresh=True) == "failed", "it fails for good", PATIENCE)
    assert "no good" in failing.latest_result().exc_string
    assert failing.id in FailedJobRegistry(queue=queue).get_job_ids()
    soon = queue.enqueue_in(datetime.timedelta(milliseconds=100), "rq_jobs.double", 4)
    assert finished(soon) == 8
    short = queue.enqueue("rq_jobs.double", 3, result_ttl=1)
    wait_for(lambda: not Job.exists(short.id, connection), "its result expires", PATIENCE)


def test_a_queue_is_emptied_by_its_script(connection):
    waiting = Queue("nobody's", connection=connection)
    for n in range(250):
        waiting.enqueue("rq_jobs.double", n)
    assert len(waiting) == 250
    assert waiting.empty() == 250
    assert len(waiting) == 0 and not connection.keys("rq:job:*")
