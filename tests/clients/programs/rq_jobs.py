"""The jobs that the RQ worker of `test_rq.py` does."""


def double(n):
    return 2 * n


def fail(text):
    raise ValueError(text)
