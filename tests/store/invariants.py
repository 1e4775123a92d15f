"""What must be true of the database after every transaction: design, I1 to I4, and the counters."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import isclose
from typing import Any

from sqlalchemy import Connection, Row, select

from balanza.lifecycle import LIVE, JobStatus
from balanza.model import Outcome
from balanza.store import jobs as store
from balanza.store.database import Database
from balanza.store.order_tables import fair_shares
from balanza.store.tables import attempts, events, jobs, media, workers

AnyRow = Row[*tuple[Any, ...]]


def check(database: Database) -> None:
    """Raises AssertionError for whatever is wrong."""
    database.read(_check)


def _check(tx: Connection) -> None:
    everything = tx.execute(select(jobs)).all()
    _check_attempts(tx, everything)
    _check_results(tx, everything)
    _check_events(tx, everything)
    _check_queues(tx, everything)
    _check_counters(tx, everything)
    _check_owners(tx, everything)
    _check_shares(tx, everything)


def _check_attempts(tx: Connection, everything: Sequence[AnyRow]) -> None:
    """I2: at most one live lease, and it belongs to the last attempt, which alone is open."""
    histories = defaultdict(list)
    for attempt in tx.execute(select(attempts).order_by(attempts.c.number)):
        histories[attempt.job_id].append(attempt)
    for job in everything:
        history = histories[job.id]
        assert [attempt.number for attempt in history] == list(range(1, job.leases + 1))
        assert job.attempts == sum(attempt.outcome is not Outcome.RELEASED for attempt in history)
        still_open = [(attempt.number, attempt.token) for attempt in history if attempt.ended_at is None]
        assert still_open == ([(job.leases, job.lease_token)] if job.status is JobStatus.PROCESSING else [])
        assert job.worker_id == (history[-1].worker_id if history else None)


def _check_results(tx: Connection, everything: Sequence[AnyRow]) -> None:
    """I3: completed, exactly when there is one result."""
    results = {(row.job_id, row.id) for row in tx.execute(select(media).where(media.c.job_id.is_not(None)))}
    assert results == {(job.id, job.result_id) for job in everything if job.status is JobStatus.COMPLETED}


def _check_owners(tx: Connection, everything: Sequence[AnyRow]) -> None:
    """A job, its source, its result, and what is told of them belong to one person."""
    owners = {row.id: row.owner_id for row in tx.execute(select(media.c.id, media.c.owner_id))}
    for job in everything:
        assert {owners[job.source_id], owners.get(job.result_id, job.owner_id)} == {job.owner_id}
    of_jobs = {job.id: job.owner_id for job in everything}
    for event in tx.execute(select(events)):
        if event.job_id in of_jobs:
            assert event.owner_id == of_jobs[event.job_id]


def _check_events(tx: Connection, everything: Sequence[AnyRow]) -> None:
    """The last event of a job tells the state that it is in."""
    told = tx.execute(select(events).where(events.c.type.like("job.%")).order_by(events.c.id)).all()
    last = {event.job_id: event.data.get("status") for event in told}
    for job in everything:
        assert last.get(job.id) == (job.status if job.kind.is_listed else None)


def _check_queues(tx: Connection, everything: Sequence[AnyRow]) -> None:
    """I1: in exactly one state. I4: a queue is the pending jobs assigned to its worker, or to nobody."""
    queues: defaultdict[str | None, list[str]] = defaultdict(list, {None: []})
    for job in sorted(everything, key=lambda job: (-job.priority, job.order_key, job.seq)):
        if job.status is JobStatus.PENDING:
            queues[job.assigned_worker].append(job.id)
    assert store.queue_depths(tx) == {worker_id: len(queue) for worker_id, queue in queues.items()}
    for worker_id, queue in queues.items():
        assert [job.id for job in store.pending_of(tx, worker_id, len(everything) + 1)] == queue
    assert store.counts_by_status(tx) == dict.fromkeys(JobStatus, 0) | Counter(
        job.status for job in everything if job.kind.is_listed
    )
    assert all((job.completed_at is not None) == (job.status not in LIVE) for job in everything)


def _check_shares(tx: Connection, everything: Sequence[AnyRow]) -> None:
    pending = Counter(job.share for job in everything if job.status is JobStatus.PENDING)
    counted = {row.share: row.pending for row in tx.execute(select(fair_shares)) if row.pending}
    assert counted == dict(pending)


def _check_counters(tx: Connection, everything: Sequence[AnyRow]) -> None:
    assigned = Counter(job.assigned_worker for job in everything if job.status is JobStatus.PENDING)
    running = Counter(job.worker_id for job in everything if job.status is JobStatus.PROCESSING)
    sharing = Counter(job.worker_id for job in everything if job.status is JobStatus.PROCESSING and job.shares_slot)
    seconds: defaultdict[str | None, float] = defaultdict(float)
    for job in everything:
        if job.status is JobStatus.PENDING:
            seconds[job.assigned_worker] += job.predicted_seconds
    listed = {job.id for job in everything if job.kind.is_listed}
    made = tx.execute(select(attempts.c.job_id, attempts.c.worker_id, attempts.c.outcome))
    ended = Counter((worker_id, outcome) for job_id, worker_id, outcome in made if job_id in listed)
    for worker in tx.execute(select(workers)):
        assert worker.assigned_jobs == assigned[worker.id], worker.id
        assert worker.running_jobs == running[worker.id], worker.id
        assert worker.sharing_jobs == sharing[worker.id], worker.id
        assert isclose(worker.assigned_seconds, seconds[worker.id], abs_tol=1e-6), worker.id
        assert worker.conversions_success == ended[worker.id, Outcome.COMPLETED]
        assert worker.conversions_failed == ended[worker.id, Outcome.FAILED] + ended[worker.id, Outcome.EXPIRED]
