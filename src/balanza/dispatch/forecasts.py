"""When pending jobs are expected to start and to end, and running ones to end."""

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from balanza.balancer.forecast import Ahead, Expected, forecast
from balanza.balancer.order import Head, in_order
from balanza.dispatch.capacity import remaining_seconds, slots_of
from balanza.dispatch.predictions import Predictions
from balanza.lifecycle import JobStatus
from balanza.model import Job
from balanza.store import fairness, next_jobs, workers

LOOKED_AT = 2000
"""Of more pending jobs the last ones of each share are not foretold: so much can happen before them."""
_FRESH = timedelta(seconds=1)
_FRESH_ENOUGH_FOR_NEW_ONES = timedelta(seconds=0.2)
_OFFERS_LAST = timedelta(seconds=15)
"""A worker that pauses conversions offers one every 5 s, but not while one is paused."""


class Forecasts:
    """Made anew when it is asked for and a second old. Safe to call from many threads."""

    def __init__(self, predictions: Predictions) -> None:
        self._predictions = predictions
        self._lock = threading.Lock()
        self._made_at: datetime | None = None
        self._expected: Mapping[str, Expected] = {}
        self._offered_at: dict[str, datetime] = {}

    def note_offer(self, worker_id: str, now: datetime) -> None:
        """The worker would pause a conversion for a short job: not all do, nor always, and they do not say so else."""
        with self._lock:
            self._offered_at[worker_id] = now

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
        ahead = {one.job_id: Ahead(one.job_id, one.predicted_seconds, one.share) for one in waiting}
        speeds, offering = self._predictions.speeds(tx, now), self._offering(now)
        slots = slots_of(tx, workers.list_workers(tx), speeds, now, may_pause=offering)
        return forecast(slots, [ahead[job_id] for job_id in in_order(heads, seconds)])

    def _offering(self, now: datetime) -> set[str]:
        with self._lock:
            self._offered_at = {one: at for one, at in self._offered_at.items() if abs(now - at) < _OFFERS_LAST}
            return set(self._offered_at)
