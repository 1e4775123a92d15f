"""Leases: taken, renewed and ended. All that a worker does to a job is guarded by the token of its lease."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, case, or_, select, update

from balanza.lifecycle import Action, JobStatus
from balanza.model import Event, Job, Lease, Media, Outcome, result_key
from balanza.protocol import LeaseReport
from balanza.store import events, fairness, library, workers
from balanza.store.tables import JOB, MEDIA, jobs, media
from balanza.store.transitions import (
    BACK_IN_GENERAL_QUEUE,
    NO_LEASE,
    THIS_JOB,
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

_LEASED = has_status(JobStatus.PROCESSING)
_LEASE = transition(
    Action.LEASE,
    THIS_JOB,
    or_(jobs.c.assigned_worker.is_(None), jobs.c.assigned_worker == bindparam("by")),
    leases=jobs.c.leases + 1,
    attempts=jobs.c.attempts + 1,
)
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
    tx: Connection,
    job_id: str,
    *,
    worker_id: str,
    token: str,
    now: datetime,
    expires_at: datetime,
    shares_slot: bool = False,
    predicted_seconds: float | None = None,
) -> Lease | None:
    """The job, leased under `token`; None unless it is pending in the worker's own queue or in the general one.

    `predicted_seconds` is how long it is to run there; without them nothing is learned of it.
    """
    values = {
        "this_id": job_id,
        "by": worker_id,
        "worker_id": worker_id,
        "lease_token": token,
        "lease_expires_at": expires_at,
        "started_at": now,
        "shares_slot": shares_slot,
    }
    moved = carry_out(tx, _LEASE, values)
    if moved is None:
        return None
    start_attempt(tx, moved, token, predicted_seconds=predicted_seconds, now=now)
    taken = _lease(tx.execute(_HELD, {"this_token": token}).one())
    _count_lease(tx, taken, worker_id)
    fairness.serve(tx, taken.job)
    tell(tx, taken.job, event_of("job.leased", taken.job, worker_id, now=now, attempt=taken.attempt))
    return taken


def _count_lease(tx: Connection, taken: Lease, worker_id: str) -> None:
    assigned, seconds = (-1, -taken.job.predicted_seconds) if taken.was_assigned else (0, 0.0)
    workers.count(tx, worker_id, assigned=assigned, seconds=seconds, running=1, sharing=int(taken.job.shares_slot))


def held(tx: Connection, token: str) -> Lease | None:
    """The lease of that token; None when it is not, or no longer, the current one of its job."""
    row = tx.execute(_HELD, {"this_token": token}).first()
    return None if row is None else _lease(row)


def tokens_of(tx: Connection, worker_id: str) -> list[str]:
    """The tokens of the leases that the worker holds, in the order of the jobs' arrival."""
    return list(tx.execute(_TOKENS, {"of": worker_id}).scalars())


def renew(tx: Connection, *, worker_id: str, reports: Sequence[LeaseReport], expires_at: datetime) -> set[str]:
    """The tokens among `reports` that the worker really holds: they last until `expires_at`; others are lost to it.

    Progress, speed, pauses and time left are written too; within an attempt, progress never goes backwards.
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
            "paused": report.paused,
            "paused_seconds": report.paused_seconds,
        }
        if tx.execute(_RENEW, values).rowcount:
            renewed.add(report.token)
    return renewed


def expired(tx: Connection, now: datetime) -> list[str]:
    """The tokens whose lease has ended and that nobody has taken back yet, longest ended first."""
    return list(tx.execute(_EXPIRED, {"now": now}).scalars())


def complete(
    tx: Connection,
    token: str,
    *,
    result: Media,
    log_tail: str,
    now: datetime,
    paused_seconds: float = 0.0,
    transfer_seconds: float | None = None,
) -> Job | None:
    """The job, completed, with `result` as its one result; None, and nothing kept, when the token is not live."""
    values = {
        "this_token": token,
        "paused_seconds": paused_seconds,
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
    end_attempt(tx, moved, Outcome.COMPLETED, now=now, log_tail=log_tail, transfer_seconds=transfer_seconds)
    if not moved.job.kind.is_listed:
        count_end(tx, moved.job)
        told = {"kind": moved.job.kind.value, **moved.job.options}
        derived = Event(0, now, "media.derived", None, None, moved.job.source_id, told, moved.job.owner_id)
        events.append_all(tx, [derived])
        return moved.job
    workers.count_success(tx, moved.job.worker_id, shared_slot=moved.job.shares_slot, now=now)
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
    count_end(tx, moved.job, failed=1 if moved.job.kind.is_listed else 0)
    if moved.job.status is JobStatus.PENDING:
        fairness.join(tx, moved.job)
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
    count_end(tx, moved.job)
    fairness.join(tx, moved.job)
    tell(tx, moved.job, event_of("job.released", moved.job, moved.job.worker_id, now=now, attempt=moved.attempt))
    return moved.job


def count_end(tx: Connection, job: Job, *, failed: int = 0) -> None:
    """The worker of the job runs it no more."""
    workers.count(tx, job.worker_id, running=-1, sharing=-int(job.shares_slot), failed=failed)


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
