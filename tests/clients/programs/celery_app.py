"""The Celery application whose worker `test_celery.py` runs."""

import os

from celery import Celery

app = Celery("tests", broker=os.environ["SERVER_URL"], backend=os.environ["SERVER_URL"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    result_expires=int(os.environ.get("RESULT_EXPIRES", "3600")),
    task_track_started=True,
)


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def third_time_lucky(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task
def fail(text):
    raise ValueError(text)
