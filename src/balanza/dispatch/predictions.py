"""What the server predicts of jobs, and how it learns from attempts that completed."""

import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from balanza.balancer.prediction import Key, Learned, Speeds
from balanza.model import Attempt, Job
from balanza.store import speeds

TRANSFER = "transfer"
"""The kind of work of bringing bytes to a worker and back."""
_TRANSFERRED_BYTES = 100e6
"""Per second, at a first guess."""
_FRESHEST, _FRESH = timedelta(seconds=0.1), timedelta(seconds=10)
"""What has been learned, here or by another server on the same database, is known here after so long."""
_READING = 0.02
"""Of a large fleet it takes a while to read: at most this part of the time is spent with it."""


class Predictions:
    """What was learned, as it was read a moment ago. Safe to call from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._speeds = Speeds()
        self._read_at: datetime | None = None
        self._lasts = _FRESHEST

    def speeds(self, tx: Connection, now: datetime) -> Speeds:
        with self._lock:
            if self._read_at is not None and abs(now - self._read_at) < self._lasts:
                return self._speeds
        begun_at = time.perf_counter()
        known = _loaded(speeds.load(tx))
        took = timedelta(seconds=time.perf_counter() - begun_at)
        with self._lock:
            self._speeds, self._read_at = known, now
            self._lasts = min(_FRESH, max(_FRESHEST, took / _READING))
        return known


def learn(tx: Connection, job: Job, attempt: Attempt, run_seconds: float | None = None) -> None:
    """From an attempt that completed. One that nobody predicted shared its process with others: by `run_seconds`, its
    worker's word, is learned only that it was not as tiny as it seemed, since together each takes less than alone."""
    _learn_transfer(tx, job, attempt)
    seconds = attempt.run_seconds
    if attempt.predicted_seconds is None:
        seconds = run_seconds if run_seconds and run_seconds > job.predicted_seconds else None
    if not seconds or not job.work:  # 0: the clock went back, or nonsense was told
        return
    before = _loaded(speeds.load_of(tx, attempt.worker_id, job.work))
    after = before.after(attempt.worker_id, job.work, job.guess_seconds, seconds)
    speeds.save(tx, {key: (one.log_factor, one.samples) for key, one in after.items()})


def _learn_transfer(tx: Connection, job: Job, attempt: Attempt) -> None:
    """It says nothing of how fast the worker is otherwise."""
    if attempt.transfer_seconds is None:
        return
    guess = transfer_guess(job.input_size_bytes + (job.output_size_bytes or 0))
    before = _loaded(speeds.load_of(tx, attempt.worker_id, TRANSFER))
    after = before.after(attempt.worker_id, TRANSFER, guess, attempt.transfer_seconds)
    speeds.save(tx, {key: (one.log_factor, one.samples) for key, one in after.items() if key[1] == TRANSFER})


def transfer_guess(size_bytes: int) -> float:
    """In seconds."""
    return size_bytes / _TRANSFERRED_BYTES


def _loaded(rows: Mapping[Key, speeds.Learned]) -> Speeds:
    return Speeds({key: Learned(*row) for key, row in rows.items()})
