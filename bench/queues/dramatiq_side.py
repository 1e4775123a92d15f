"""No-op jobs by dramatiq: https://dramatiq.io/reference.html."""

import os

import dramatiq  # type: ignore[import-not-found]
from dramatiq.brokers.redis import RedisBroker  # type: ignore[import-not-found]

from bench.queues.done import noop

dramatiq.set_broker(RedisBroker(url=os.environ["BENCH_REDIS"]))
task = dramatiq.actor(noop)


def submit() -> None:
    task.send()
