"""What the server predicts of jobs, and how it learns from attempts that completed."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Ran:
    """A job and its attempt that completed, and by its worker's word how long its own conversion ran."""

    job: Job
    attempt: Attempt
    run_seconds: float | None = None


def learn(tx: Connection, completed: Iterable[Ran]) -> None:
    """From attempts that completed. One that nobody predicted shared its process with others: by its worker's word is
    learned only that it was not as tiny as it seemed, since together each takes less than alone."""
    samples: defaultdict[Key, list[tuple[float, float]]] = defaultdict(list)
    for ran in completed:
        for key, guess, seconds in _samples(ran):
            samples[key].append((guess, seconds))
    for (worker_id, kind), several in sorted(samples.items()):
        before = speeds.load_of(tx, worker_id, kind)
        after = dict(_loaded(before).learned)
        for guess, seconds in several:
            after |= Speeds(after).after(worker_id, kind, guess, seconds)
        if kind == TRANSFER:  # it says nothing of how fast the worker is otherwise
            after = {key: one for key, one in after.items() if key[1] == TRANSFER}
        rows = {key: (one.log_factor, one.samples) for key, one in after.items()}
        speeds.save(tx, {key: row for key, row in rows.items() if row != before.get(key)})


def _samples(ran: Ran) -> Iterator[tuple[Key, float, float]]:
    """The worker and the kind of work, the guess and what it took, in seconds."""
    job, attempt = ran.job, ran.attempt
    if attempt.transfer_seconds is not None:
        guess = transfer_guess(job.input_size_bytes + (job.output_size_bytes or 0))
        yield (attempt.worker_id, TRANSFER), guess, attempt.transfer_seconds
    seconds = attempt.run_seconds
    if attempt.predicted_seconds is None:
        seconds = ran.run_seconds if ran.run_seconds and ran.run_seconds > job.predicted_seconds else None
    if seconds and job.work:  # 0: the clock went back, or nonsense was told
        yield (attempt.worker_id, job.work), job.guess_seconds, seconds


def transfer_guess(size_bytes: int) -> float:
    """In seconds."""
    return size_bytes / _TRANSFERRED_BYTES


def _loaded(rows: Mapping[Key, speeds.Learned]) -> Speeds:
    return Speeds({key: Learned(*row) for key, row in rows.items()})
