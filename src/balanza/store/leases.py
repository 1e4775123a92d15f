"""Leases: taken, renewed and ended. All that a worker does to a job is guarded by the token of its lease."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, case, insert, or_, select, update

from balanza.lifecycle import Action, JobStatus
from balanza.model import Job, Lease, Media, Outcome, result_key
from balanza.protocol import LeaseReport
from balanza.store import fairness, workers
from balanza.store.library import slices
from balanza.store.tables import JOB, MEDIA, attempts, jobs, media
from balanza.store.transitions import (
    BACK_IN_GENERAL_QUEUE,
    NO_LEASE,
    THIS_JOB,
    THIS_TOKEN,
    by_index,
    carry_out,
    change_of_state,
    end_attempts,
    ending,
    event_of,
    has_status,
    tell,
    transition,
)

_LEASED = has_status(JobStatus.PROCESSING)
_LEASABLE = (
    select(*JOB, *MEDIA, jobs.c.leases)
    .join(media, media.c.id == jobs.c.source_id)
    .where(
        jobs.c.id.in_(bindparam("ids", expanding=True)),
        has_status(JobStatus.PENDING),
        or_(jobs.c.assigned_worker.is_(None), jobs.c.assigned_worker == bindparam("by")),
    )
    .order_by(jobs.c.seq)
    .with_for_update(of=jobs)
)
_LEASE = change_of_state(Action.LEASE, THIS_JOB, leases=jobs.c.leases + 1, attempts=jobs.c.attempts + 1)
_START_ATTEMPT = insert(attempts)
_HELD = (
    select(*JOB, *MEDIA, jobs.c.leases, jobs.c.lease_token, jobs.c.lease_expires_at)
    .join(media, media.c.id == jobs.c.source_id)
    .where(jobs.c.lease_token.in_(bindparam("tokens", expanding=True)), _LEASED)
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
_PAUSE = update(jobs).where(THIS_TOKEN, jobs.c.worker_id == bindparam("by"), _LEASED).values(paused=True)
_ENDED = jobs.c.lease_expires_at <= bindparam("now")
_EXPIRED = by_index(
    select(jobs.c.lease_token).where(_LEASED, _ENDED).order_by(jobs.c.lease_expires_at), "ix_jobs_leased"
)

_ATTEMPTS_REMAIN = jobs.c.attempts < jobs.c.max_attempts
_NONE_REMAIN = jobs.c.attempts >= jobs.c.max_attempts
_RELEASE = transition(Action.RELEASE, THIS_TOKEN, attempts=jobs.c.attempts - 1, **BACK_IN_GENERAL_QUEUE)
_FAIL_ATTEMPT = transition(Action.FAIL_ATTEMPT, THIS_TOKEN, _ATTEMPTS_REMAIN, **BACK_IN_GENERAL_QUEUE)
_FAIL = transition(Action.FAIL, THIS_TOKEN, _NONE_REMAIN, **NO_LEASE)
# A lease that was renewed since it was seen to have ended has not ended.
_EXPIRE = transition(Action.EXPIRE, THIS_TOKEN, _ENDED, _ATTEMPTS_REMAIN, **BACK_IN_GENERAL_QUEUE)
_EXPIRE_LAST = transition(Action.FAIL, THIS_TOKEN, _ENDED, _NONE_REMAIN, **NO_LEASE)


@dataclass(frozen=True, slots=True)
class NewLease:
    """A lease that is to be taken."""

    job_id: str
    token: str
    shares_slot: bool = False
    predicted_seconds: float | None = None
    """How long the job is to run there; without them nothing is learned of it."""


def lease(
    tx: Connection, wanted: Sequence[NewLease], *, worker_id: str, now: datetime, expires_at: datetime
) -> list[Lease]:
    """The leases, in the order of `wanted`; none of a job that is not pending in the worker's own queue or in the
    general one."""
    asked = {one.job_id: one for one in wanted}
    rows = {
        row.id: row for some in slices(list(asked)) for row in tx.execute(_LEASABLE, {"ids": some, "by": worker_id})
    }
    taken = [_taken(rows[one.job_id], one, worker_id, now, expires_at) for one in wanted if one.job_id in rows]
    if not taken:
        return []
    tx.execute(_LEASE, [_started(one) for one in taken])
    tx.execute(_START_ATTEMPT, [_attempt(one, asked[one.job.id]) for one in taken])
    _count_leases(tx, taken, worker_id)
    fairness.serve(tx, [one.job for one in taken])
    tell(tx, *((one.job, event_of("job.leased", one.job, worker_id, now=now, attempt=one.attempt)) for one in taken))
    return taken


def _taken(row: Row[*tuple[Any, ...]], wanted: NewLease, worker_id: str, now: datetime, expires_at: datetime) -> Lease:
    """What becomes of the row of a pending job: reading it back takes longer than writing it."""
    pending = Job(*row[: len(JOB)])
    job = replace(
        pending,
        status=JobStatus.PROCESSING,
        worker_id=worker_id,
        attempts=pending.attempts + 1,
        started_at=now,
        shares_slot=wanted.shares_slot,
    )
    source = Media(*row[len(JOB) : len(JOB) + len(MEDIA)])
    return _lease(job, source, row.leases + 1, wanted.token, expires_at)


def _started(taken: Lease) -> dict[str, Any]:
    return {
        "this_id": taken.job.id,
        "worker_id": taken.job.worker_id,
        "lease_token": taken.token,
        "lease_expires_at": taken.expires_at,
        "started_at": taken.job.started_at,
        "shares_slot": taken.job.shares_slot,
    }


def _attempt(taken: Lease, wanted: NewLease) -> dict[str, Any]:
    return {
        "job_id": taken.job.id,
        "number": taken.attempt,
        "worker_id": taken.job.worker_id,
        "token": taken.token,
        "started_at": taken.job.started_at,
        "predicted_seconds": wanted.predicted_seconds,
    }


def _count_leases(tx: Connection, taken: Sequence[Lease], worker_id: str) -> None:
    own = [one.job.predicted_seconds for one in taken if one.was_assigned]
    sharing = sum(one.job.shares_slot for one in taken)
    workers.count(tx, worker_id, assigned=-len(own), seconds=-sum(own), running=len(taken), sharing=sharing)


def held(tx: Connection, token: str) -> Lease | None:
    """The lease of that token; None when it is not, or no longer, the current one of its job."""
    return held_of(tx, [token]).get(token)


def held_of(tx: Connection, tokens: Sequence[str]) -> dict[str, Lease]:
    """By token, as far as they are the current ones of their jobs."""
    rows = [row for some in slices(tokens) for row in tx.execute(_HELD, {"tokens": some})]
    return {row.lease_token: _held(row) for row in rows}


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


def pause(tx: Connection, token: str, *, worker_id: str) -> None:
    """The worker is to pause that job now, if it still holds it; its next heartbeat tells whether it has."""
    tx.execute(_PAUSE, {"this_token": token, "by": worker_id})


def expired(tx: Connection, now: datetime) -> list[str]:
    """The tokens whose lease has ended and that nobody has taken back yet, longest ended first."""
    return list(tx.execute(_EXPIRED, {"now": now}).scalars())


def fail_attempt(
    tx: Connection,
    token: str,
    *,
    outcome: Outcome,
    error: str,
    log_tail: str,
    was_lost: bool = False,
    paused_seconds: float = 0,
    now: datetime,
) -> Job | None:
    """The job: in the general queue while attempts remain, otherwise failed with `error`; None for a stale token.

    With the outcome `expired` a lease counts as live, and is left alone, when it lasts beyond `now`. What `was_lost`
    with its worker was not served.
    """
    again, last = (_EXPIRE, _EXPIRE_LAST) if outcome is Outcome.EXPIRED else (_FAIL_ATTEMPT, _FAIL)
    values = {"this_token": token, "now": now, "log_tail": log_tail or None}
    moved = carry_out(tx, again, values)
    moved = moved or carry_out(tx, last, values | {"completed_at": now, "error": error})
    if moved is None:
        return None
    told = ending(moved, outcome, now=now, error=error, log_tail=log_tail)
    end_attempts(tx, [told | {"paused_seconds": paused_seconds}])
    count_end(tx, moved.job, failed=1 if moved.job.kind.is_listed else 0)
    if was_lost:
        fairness.unserve(tx, moved.job)
    if moved.job.status is JobStatus.PENDING:
        fairness.join(tx, moved.job)
    event_type = "job.failed" if moved.job.status is JobStatus.FAILED else "job.attempt_failed"
    why = {"attempt": moved.attempt, "outcome": outcome.value, "error": error}
    tell(tx, (moved.job, event_of(event_type, moved.job, moved.job.worker_id, now=now, **why)))
    return moved.job


def release(tx: Connection, token: str, *, paused_seconds: float = 0, now: datetime) -> Job | None:
    """The job, back in the general queue as if the attempt had never counted; None when the token is not live."""
    moved = carry_out(tx, _RELEASE, {"this_token": token})
    if moved is None:
        return None
    end_attempts(tx, [ending(moved, Outcome.RELEASED, now=now) | {"paused_seconds": paused_seconds}])
    count_end(tx, moved.job)
    fairness.unserve(tx, moved.job)
    fairness.join(tx, moved.job)
    told = event_of("job.released", moved.job, moved.job.worker_id, now=now, attempt=moved.attempt)
    tell(tx, (moved.job, told))
    return moved.job


def count_end(tx: Connection, job: Job, *, failed: int = 0) -> None:
    """The worker of the job runs it no more."""
    workers.count(tx, job.worker_id, running=-1, sharing=-int(job.shares_slot), failed=failed)


def _held(row: Row[*tuple[Any, ...]]) -> Lease:
    """From a row of `_HELD`."""
    source = Media(*row[len(JOB) : len(JOB) + len(MEDIA)])
    return _lease(Job(*row[: len(JOB)]), source, *row[len(JOB) + len(MEDIA) :])


def _lease(job: Job, source: Media, attempt: int, token: str, expires_at: datetime) -> Lease:
    return Lease(
        token=token,
        job=job,
        source=source,
        attempt=attempt,
        output_key=result_key(job.id, attempt),
        expires_at=expires_at,
        was_assigned=job.assigned_worker == job.worker_id,
    )
