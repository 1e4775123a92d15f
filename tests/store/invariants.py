"""What must be true of the database after every transaction: design, I1 to I4, and the counters."""

from collections import Counter
from typing import Any

from sqlalchemy import Connection, Row, select

from balanza.lifecycle import ENDED, JobStatus
from balanza.model import Outcome
from balanza.store import jobs as store
from balanza.store.database import Database
from balanza.store.tables import attempts, events, jobs, media, workers


def check(database: Database) -> None:
    """Raises AssertionError for whatever is wrong."""
    database.read(_check)


def _check(tx: Connection) -> None:
    everything = tx.execute(select(jobs)).all()
    for job in everything:
        _check_attempts(tx, job)
        _check_result(tx, job)
        _check_last_event(tx, job)
    _check_queues(tx, everything)
    _check_counters(tx, everything)


def _check_attempts(tx: Connection, job: Row[*tuple[Any, ...]]) -> None:
    """I2: at most one live lease, and it belongs to the last attempt, which alone is open."""
    history = tx.execute(select(attempts).where(attempts.c.job_id == job.id).order_by(attempts.c.number)).all()
    assert [attempt.number for attempt in history] == list(range(1, job.leases + 1))
    assert job.attempts == sum(attempt.outcome is not Outcome.RELEASED for attempt in history)
    still_open = [attempt.number for attempt in history if attempt.ended_at is None]
    assert still_open == ([job.leases] if job.status is JobStatus.PROCESSING else [])
    if history:
        assert job.worker_id == history[-1].worker_id


def _check_result(tx: Connection, job: Row[*tuple[Any, ...]]) -> None:
    """I3: completed, exactly when there is one result."""
    results = tx.execute(select(media.c.id).where(media.c.job_id == job.id)).scalars().all()
    assert results == ([job.result_id] if job.status is JobStatus.COMPLETED else [])


def _check_last_event(tx: Connection, job: Row[*tuple[Any, ...]]) -> None:
    told = select(events.c.data).where(events.c.job_id == job.id, events.c.type.like("job.%"))
    last = tx.execute(told.order_by(events.c.id.desc()).limit(1)).scalar_one()
    assert last["status"] == job.status


def _check_queues(tx: Connection, everything: Any) -> None:
    """I1: in exactly one state. I4: a queue is the pending jobs assigned to its worker, or to nobody."""
    pending = [job for job in everything if job.status is JobStatus.PENDING]
    depths = Counter(job.assigned_worker for job in pending)
    assert store.queue_depths(tx) == {None: 0} | depths
    for worker_id in depths.keys() | {None}:
        queue = [job.id for job in sorted(pending, key=lambda job: job.seq) if job.assigned_worker == worker_id]
        assert [job.id for job in store.pending_of(tx, worker_id, len(everything) + 1)] == queue
    assert store.counts_by_status(tx) == dict.fromkeys(JobStatus, 0) | Counter(job.status for job in everything)
    assert all((job.completed_at is not None) == (job.status in ENDED) for job in everything)


def _check_counters(tx: Connection, everything: Any) -> None:
    assigned = Counter(job.assigned_worker for job in everything if job.status is JobStatus.PENDING)
    running = Counter(job.worker_id for job in everything if job.status is JobStatus.PROCESSING)
    ended = Counter(tuple(row) for row in tx.execute(select(attempts.c.worker_id, attempts.c.outcome)))
    for worker in tx.execute(select(workers)):
        assert worker.assigned_jobs == assigned[worker.id], worker.id
        assert worker.running_jobs == running[worker.id], worker.id
        assert worker.conversions_success == ended[worker.id, Outcome.COMPLETED]
        assert worker.conversions_failed == ended[worker.id, Outcome.FAILED] + ended[worker.id, Outcome.EXPIRED]
