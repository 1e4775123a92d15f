"""Leases: taken, renewed and ended. All that a worker does to a job is guarded by the token of its lease."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, case, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from balanza.lifecycle import Action, JobStatus
from balanza.model import Event, Job, Lease, Media, Outcome, result_key
from balanza.protocol import LeaseReport
from balanza.store import events, library, workers
from balanza.store.queues import CAN_RUN, NOT_FAILED_BY, Ability, of_general_queue, of_own_queue
from balanza.store.tables import JOB, MEDIA, jobs, media
from balanza.store.transitions import (
    BACK_IN_GENERAL_QUEUE,
    NO_LEASE,
    THIS_TOKEN,
    by_index,
    carry_out,
    end_attempt,
    event_of,
    has_status,
    start_attempt,
    tell,
    transition,
)


def _take_first(queue: Select[int]) -> ReturningUpdate[Any]:
    """The UPDATE that leases the first job of a queue that nobody else is just taking."""
    first = queue.limit(1).with_for_update(skip_locked=True).cte("picked")
    return transition(
        Action.LEASE, jobs.c.seq.in_(select(first.c.seq)), leases=jobs.c.leases + 1, attempts=jobs.c.attempts + 1
    )


_LEASED = has_status(JobStatus.PROCESSING)
_TAKE_OWN = _take_first(of_own_queue(select(jobs.c.seq).where(CAN_RUN)))
_TAKE_GENERAL = _take_first(of_general_queue(select(jobs.c.seq).where(CAN_RUN, NOT_FAILED_BY)))
_HELD = (
    select(*JOB, *MEDIA, jobs.c.leases, jobs.c.lease_token, jobs.c.lease_expires_at)
    .join(media, media.c.id == jobs.c.source_id)
    .where(THIS_TOKEN, _LEASED)
)
_TOKENS = by_index(
    select(jobs.c.lease_token).where(jobs.c.worker_id == bindparam("of"), _LEASED).order_by(jobs.c.seq),
    "ix_jobs_leased",
)
_REACHED: ColumnElement[float] = bindparam("reached", type_=jobs.c.progress.type)
_RENEW = (
    update(jobs)
    .where(THIS_TOKEN, jobs.c.worker_id == bindparam("by"), _LEASED)
    .values(progress=case((jobs.c.progress < _REACHED, _REACHED), else_=jobs.c.progress))
)
_ENDED = jobs.c.lease_expires_at <= bindparam("now")
_EXPIRED = by_index(
    select(jobs.c.lease_token).where(_LEASED, _ENDED).order_by(jobs.c.lease_expires_at), "ix_jobs_leased"
)

_ATTEMPTS_REMAIN = jobs.c.attempts < jobs.c.max_attempts
_NONE_REMAIN = jobs.c.attempts >= jobs.c.max_attempts
_COMPLETE = transition(Action.COMPLETE, THIS_TOKEN, progress=100.0, **NO_LEASE)
_RELEASE = transition(Action.RELEASE, THIS_TOKEN, attempts=jobs.c.attempts - 1, **BACK_IN_GENERAL_QUEUE)
_FAIL_ATTEMPT = transition(Action.FAIL_ATTEMPT, THIS_TOKEN, _ATTEMPTS_REMAIN, **BACK_IN_GENERAL_QUEUE)
_FAIL = transition(Action.FAIL, THIS_TOKEN, _NONE_REMAIN, **NO_LEASE)
# A lease that was renewed since it was seen to have ended has not ended.
_EXPIRE = transition(Action.EXPIRE, THIS_TOKEN, _ENDED, _ATTEMPTS_REMAIN, **BACK_IN_GENERAL_QUEUE)
_EXPIRE_LAST = transition(Action.FAIL, THIS_TOKEN, _ENDED, _NONE_REMAIN, **NO_LEASE)


def lease(
    tx: Connection, *, worker_id: str, ability: Ability, token: str, now: datetime, expires_at: datetime
) -> Lease | None:
    """The first job that the worker can run, of its own queue or else of the general one, now leased under `token`.

    Of the general queue it gets none that it has failed at before: upkeep looks for another worker first.
    """
    values = {
        **ability.values,
        "of": worker_id,
        "by": worker_id,
        "worker_id": worker_id,
        "lease_token": token,
        "lease_expires_at": expires_at,
        "started_at": now,
    }
    moved = carry_out(tx, _TAKE_OWN, values) or carry_out(tx, _TAKE_GENERAL, values)
    if moved is None:
        return None
    start_attempt(tx, moved, token, now=now)
    taken = _lease(tx.execute(_HELD, {"this_token": token}).one())
    workers.count(tx, worker_id, assigned=-1 if taken.was_assigned else 0, running=1)
    tell(tx, taken.job, event_of("job.leased", taken.job, worker_id, now=now, attempt=taken.attempt))
    return taken


def held(tx: Connection, token: str) -> Lease | None:
    """The lease of that token; None when it is not, or no longer, the current one of its job."""
    row = tx.execute(_HELD, {"this_token": token}).first()
    return None if row is None else _lease(row)


def tokens_of(tx: Connection, worker_id: str) -> list[str]:
    """The tokens of the leases that the worker holds, in the order of the jobs' arrival."""
    return list(tx.execute(_TOKENS, {"of": worker_id}).scalars())


def renew(tx: Connection, *, worker_id: str, reports: Sequence[LeaseReport], expires_at: datetime) -> set[str]:
    """The tokens among `reports` that the worker really holds: they last until `expires_at`; others are lost to it.

    Progress, speed and time left are written too; within an attempt, progress never goes backwards.
    """
    renewed = set()
    for report in reports:
        values = {
            "by": worker_id,
            "this_token": report.token,
            "lease_expires_at": expires_at,
            "reached": report.progress,
            "speed": report.speed,
            "eta_seconds": report.eta_seconds,
        }
        if tx.execute(_RENEW, values).rowcount:
            renewed.add(report.token)
    return renewed


def expired(tx: Connection, now: datetime) -> list[str]:
    """The tokens whose lease has ended and that nobody has taken back yet, longest ended first."""
    return list(tx.execute(_EXPIRED, {"now": now}).scalars())


def complete(tx: Connection, token: str, *, result: Media, log_tail: str, now: datetime) -> Job | None:
    """The job, completed, with `result` as its one result; None, and nothing kept, when the token is not live."""
    values = {
        "this_token": token,
        "result_id": result.id,
        "output_file": result.name,
        "output_size_bytes": result.size_bytes,
        "completed_at": now,
        "log_tail": log_tail or None,
    }
    moved = carry_out(tx, _COMPLETE, values)
    if moved is None:
        return None
    library.insert(tx, replace(result, job_id=moved.job.id))
    end_attempt(tx, moved, Outcome.COMPLETED, now=now, log_tail=log_tail)
    if not moved.job.kind.is_listed:
        workers.count(tx, moved.job.worker_id, running=-1)
        told = {"kind": moved.job.kind.value, **moved.job.options}
        derived = Event(0, now, "media.derived", None, None, moved.job.source_id, told, moved.job.owner_id)
        events.append_all(tx, [derived])
        return moved.job
    workers.count_success(tx, moved.job.worker_id, now=now)
    created = Event(0, now, "media.created", moved.job.id, None, result.id, owner_id=moved.job.owner_id)
    completed = event_of("job.completed", moved.job, moved.job.worker_id, now=now, attempt=moved.attempt)
    events.append_all(tx, [created, completed])
    return moved.job


def fail_attempt(
    tx: Connection, token: str, *, outcome: Outcome, error: str, log_tail: str, now: datetime
) -> Job | None:
    """The job: in the general queue while attempts remain, otherwise failed with `error`; None for a stale token.

    With the outcome `expired` a lease counts as live, and is left alone, when it lasts beyond `now`.
    """
    again, last = (_EXPIRE, _EXPIRE_LAST) if outcome is Outcome.EXPIRED else (_FAIL_ATTEMPT, _FAIL)
    values = {"this_token": token, "now": now, "log_tail": log_tail or None}
    moved = carry_out(tx, again, values)
    moved = moved or carry_out(tx, last, values | {"completed_at": now, "error": error})
    if moved is None:
        return None
    end_attempt(tx, moved, outcome, now=now, error=error, log_tail=log_tail)
    workers.count(tx, moved.job.worker_id, running=-1, failed=1 if moved.job.kind.is_listed else 0)
    event_type = "job.failed" if moved.job.status is JobStatus.FAILED else "job.attempt_failed"
    why = {"attempt": moved.attempt, "outcome": outcome.value, "error": error}
    tell(tx, moved.job, event_of(event_type, moved.job, moved.job.worker_id, now=now, **why))
    return moved.job


def release(tx: Connection, token: str, *, now: datetime) -> Job | None:
    """The job, back in the general queue as if the attempt had never counted; None when the token is not live."""
    moved = carry_out(tx, _RELEASE, {"this_token": token})
    if moved is None:
        return None
    end_attempt(tx, moved, Outcome.RELEASED, now=now)
    workers.count(tx, moved.job.worker_id, running=-1)
    tell(tx, moved.job, event_of("job.released", moved.job, moved.job.worker_id, now=now, attempt=moved.attempt))
    return moved.job


def _lease(row: Row[*tuple[Any, ...]]) -> Lease:
    """From a row of `_HELD`."""
    job = Job(*row[: len(JOB)])
    source = Media(*row[len(JOB) : len(JOB) + len(MEDIA)])
    attempt, token, expires_at = row[len(JOB) + len(MEDIA) :]
    return Lease(
        token=token,
        job=job,
        source=source,
        attempt=attempt,
        output_key=result_key(job.id, attempt),
        expires_at=expires_at,
        was_assigned=job.assigned_worker == job.worker_id,
    )
