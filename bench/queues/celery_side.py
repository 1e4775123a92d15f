"""No-op jobs by Celery: https://docs.celeryq.dev/en/stable/userguide/configuration.html."""

import os

from celery import Celery  # type: ignore[import-not-found]

from bench.queues.done import noop

app = Celery("bench", broker=os.environ["BENCH_REDIS"])
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)
task = app.task(name="noop")(noop)


def submit() -> None:
    task.apply_async()
