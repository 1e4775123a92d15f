"""When pending jobs are expected to start and to end, and running ones to end."""

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from balanza.balancer.forecast import Expected, forecast
from balanza.balancer.order import Head, in_order
from balanza.dispatch.capacity import remaining_seconds, slots_of
from balanza.dispatch.predictions import Predictions
from balanza.lifecycle import JobStatus
from balanza.model import Job
from balanza.store import fairness, next_jobs, workers

LOOKED_AT = 2000
"""Of more pending jobs the last ones are not foretold: so much can happen before them."""
_FRESH = timedelta(seconds=1)
_FRESH_ENOUGH_FOR_NEW_ONES = timedelta(seconds=0.2)


class Forecasts:
    """Made anew when it is asked for and a second old. Safe to call from many threads."""

    def __init__(self, predictions: Predictions) -> None:
        self._predictions = predictions
        self._lock = threading.Lock()
        self._made_at: datetime | None = None
        self._expected: Mapping[str, Expected] = {}

    def of(self, tx: Connection, found: Iterable[Job], now: datetime) -> dict[str, Expected]:
        """Of those among `found` that are pending or run, by id; of what nobody can tell nothing."""
        speeds = self._predictions.speeds(tx, now)
        told = {}
        for job in found:
            if job.status is JobStatus.PROCESSING:
                told[job.id] = Expected(0.0, remaining_seconds(job, speeds, now))
            elif job.status is JobStatus.PENDING and (expected := self._pending(tx, job.id, now).get(job.id)):
                told[job.id] = expected
        return told

    def _pending(self, tx: Connection, job_id: str, now: datetime) -> Mapping[str, Expected]:
        with self._lock:
            fresh = _FRESH if job_id in self._expected else _FRESH_ENOUGH_FOR_NEW_ONES
            if self._made_at is not None and abs(now - self._made_at) < fresh:
                return self._expected
        expected = self._made(tx, now)
        with self._lock:
            self._made_at, self._expected = now, expected
        return expected

    def _made(self, tx: Connection, now: datetime) -> dict[str, Expected]:
        served = fairness.served_seconds(tx)
        waiting = next_jobs.waiting(tx, LOOKED_AT)
        heads = [
            Head(one.job_id, one.seq, one.share, one.priority, served.get(one.share, 0.0), one.order_key)
            for one in waiting
        ]
        seconds = {one.job_id: one.predicted_seconds for one in waiting}
        slots = slots_of(tx, workers.list_workers(tx), self._predictions.speeds(tx, now), now)
        return forecast(slots, [(job_id, seconds[job_id]) for job_id in in_order(heads, seconds)])
