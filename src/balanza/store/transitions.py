"""What every change of a job's state shares: the guard, the end of its attempt, the event that tells of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVarTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Update,
    bindparam,
    literal_column,
    null,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from balanza.lifecycle import Action, JobStatus, sources_of, target_of
from balanza.model import Event, Job, Outcome
from balanza.store import events
from balanza.store.tables import JOB, attempts, jobs

Ts = TypeVarTuple("Ts")

THIS_JOB = jobs.c.id == bindparam("this_id")
THIS_TOKEN = jobs.c.lease_token == bindparam("this_token")

NO_LEASE = {
    "lease_token": null(),
    "lease_expires_at": null(),
    "speed": null(),
    "eta_seconds": null(),
    "paused": False,
}
"""Whether it shared a slot stays, for whoever counts the slots."""
BACK_IN_GENERAL_QUEUE = NO_LEASE | {
    "assigned_worker": null(),
    "started_at": null(),
    "progress": 0.0,
    "paused_seconds": 0.0,
}

_END_ATTEMPT = update(attempts).where(
    attempts.c.job_id == bindparam("this_job"), attempts.c.number == bindparam("this_number")
)


@dataclass(frozen=True, slots=True)
class Moved:
    """A job after its change of state, and the number of its last attempt (0: none was ever made)."""

    job: Job
    attempt: int


def has_status(*statuses: JobStatus) -> ColumnElement[bool]:
    """The job is in one of these states; written as constants, since a partial index is not found by bound values."""
    words: list[ColumnElement[str]] = [literal_column(f"'{status}'") for status in sorted(statuses)]
    return jobs.c.status == words[0] if len(words) == 1 else jobs.c.status.in_(words)


def by_index(query: Select[*Ts], index: str) -> Select[*Ts]:
    """The query, bound to an index on SQLite: without statistics it would rather take the one on all states."""
    return query.with_hint(jobs, f"INDEXED BY {index}", "sqlite")


def oldest_pending(query: Select[*Ts]) -> Select[*Ts]:
    """Only the pending job that arrived first."""
    # Not `=`: PostgreSQL would leave the state out of the order then, and could walk through all jobs by their number,
    # of which the first may have ended long ago.
    pending: ColumnElement[str] = literal_column(f"'{JobStatus.PENDING}'")
    of_state = query.where(jobs.c.status.between(pending, pending))
    return by_index(of_state.order_by(jobs.c.status, jobs.c.seq).limit(1), "ix_jobs_status_seq")


def transition(action: Action, *guards: ColumnElement[bool], **values: Any) -> ReturningUpdate[Any]:
    """The conditional UPDATE that carries out `action` where the transition table and `guards` allow it."""
    return change_of_state(action, *guards, **values).returning(*JOB, jobs.c.leases)


def change_of_state(action: Action, *guards: ColumnElement[bool], **values: Any) -> Update:
    """As `transition`, for many jobs that the transaction has locked and seen to be in the right state."""
    allowed = has_status(*sources_of(action))
    return update(jobs).where(allowed, *guards).values(status=target_of(action), **values)


def carry_out(tx: Connection, change: ReturningUpdate[Any], values: dict[str, Any]) -> Moved | None:
    """None when no job satisfies the guards of `change`."""
    row = tx.execute(change, values).first()
    return None if row is None else Moved(Job(*row[:-1]), row[-1])


def ending(
    moved: Moved,
    outcome: Outcome,
    *,
    now: datetime,
    error: str | None = None,
    log_tail: str = "",
    transfer_seconds: float | None = None,
) -> dict[str, Any]:
    """Of the attempt that ran until this change, for `end_attempts`."""
    return {
        "this_job": moved.job.id,
        "this_number": moved.attempt,
        "outcome": outcome,
        "error": error,
        "log_tail": log_tail or None,
        "ended_at": now,
        "paused_seconds": moved.job.paused_seconds,
        "transfer_seconds": transfer_seconds,
    }


def end_attempts(tx: Connection, endings: Sequence[dict[str, Any]]) -> None:
    tx.execute(_END_ATTEMPT, endings)


def tell(tx: Connection, *told: tuple[Job, Event]) -> None:
    """Appends events about jobs, as far as lists show them."""
    if listed := [event for job, event in told if job.kind.is_listed]:
        events.append_all(tx, listed)


def event_of(event_type: str, job: Job, worker_id: str | None, *, now: datetime, **data: str | int | None) -> Event:
    """The event of a change of state; `worker_id` is who made it, or whom the job was or is assigned to."""
    told = {"status": job.status.value, "worker": worker_id, **data}
    return Event(0, now, event_type, job.id, worker_id, job.result_id, told, job.owner_id)
