"""No-op jobs by RQ: https://python-rq.org/docs/."""

import os

from redis import Redis  # type: ignore[import-not-found]
from rq import Queue  # type: ignore[import-not-found]

from bench.queues.done import noop

queue = Queue(connection=Redis.from_url(os.environ["BENCH_REDIS"]))


def submit() -> None:
    queue.enqueue(noop, result_ttl=0)
