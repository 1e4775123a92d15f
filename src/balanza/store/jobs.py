"""The jobs: submitted, read, cancelled and retried; what happens in between is in `leases` and `queues`.

Every change of state is one UPDATE that is guarded by the transition table, and by the lease token where a worker asks
for it. Beside it, in the same transaction, go the row of the attempt, the counters of the worker, and one event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, null, or_, select, text, update

from balanza.lifecycle import Action, JobStatus
from balanza.model import LOCAL_USER, USUAL_PRIORITY, Attempt, Job, JobKind, Options, Outcome
from balanza.store import fairness, workers
from balanza.store.completions import Done, complete
from balanza.store.leases import (
    NewLease,
    count_end,
    expired,
    fail_attempt,
    held,
    held_of,
    lease,
    pause,
    release,
    renew,
    tokens_of,
)
from balanza.store.library import slices
from balanza.store.queues import (
    Ability,
    any_pending,
    any_runnable,
    assign,
    counts_by_status,
    live_derivations_of,
    live_jobs_of_media,
    live_jobs_of_owner,
    lock_pending,
    oldest_pending_at,
    pending_after,
    pending_conversions_of,
    pending_of,
    queue_depths,
    replace_in_order,
    running,
    stealable,
    tried_in_general,
    unrunnable_of,
)
from balanza.store.tables import ATTEMPT, JOB, UNLISTED, attempts, jobs
from balanza.store.transitions import (
    BACK_IN_GENERAL_QUEUE,
    NO_LEASE,
    THIS_JOB,
    carry_out,
    end_attempts,
    ending,
    event_of,
    has_status,
    tell,
    transition,
)

__all__ = [
    "Ability",
    "Done",
    "NewJob",
    "NewLease",
    "any_pending",
    "any_runnable",
    "assign",
    "attempts_of",
    "attempts_under",
    "batch_from",
    "by_idempotency_key",
    "cancel",
    "complete",
    "counts_by_status",
    "expired",
    "fail_attempt",
    "failed_on",
    "forget_key",
    "get",
    "held",
    "held_of",
    "lease",
    "list_jobs",
    "live_derivations_of",
    "live_jobs_of_media",
    "live_jobs_of_owner",
    "lock_pending",
    "old_previews",
    "oldest_pending_at",
    "pause",
    "pending_after",
    "pending_conversions_of",
    "pending_of",
    "queue_depths",
    "release",
    "renew",
    "replace_in_order",
    "retry",
    "running",
    "stealable",
    "submit",
    "tokens_of",
    "tried_in_general",
    "unrunnable_of",
]

_SUBMIT = insert(jobs).values(status=JobStatus.PENDING)
_SEQS = select(jobs.c.id, jobs.c.seq).where(jobs.c.id.in_(bindparam("ids", expanding=True)))
_GET = select(*JOB).where(THIS_JOB)
_BY_KEY = select(*JOB, jobs.c.request_fingerprint).where(
    jobs.c.owner_id == bindparam("owner"), jobs.c.idempotency_key == bindparam("key")
)
_ATTEMPTS = select(*ATTEMPT).where(attempts.c.job_id == bindparam("of")).order_by(attempts.c.number)
_ATTEMPTS_UNDER = select(*ATTEMPT, attempts.c.token).where(attempts.c.token.in_(bindparam("tokens", expanding=True)))
# They were numbered together: a walk along the numbers ends soon.
_BATCH = (
    select(*JOB)
    .where(jobs.c.seq >= bindparam("from"), jobs.c.batch_id == bindparam("batch"))
    .order_by(jobs.c.seq)
    .limit(bindparam("most"))
)
_CANCEL = transition(Action.CANCEL, THIS_JOB, **NO_LEASE)
_FORGET_KEY = update(jobs).where(THIS_JOB).values(idempotency_key=null(), request_fingerprint=null())
_OLD_PREVIEWS = (
    select(*JOB)
    .where(
        text(UNLISTED),
        has_status(JobStatus.COMPLETED),
        jobs.c.kind == JobKind.PREVIEW,
        jobs.c.idempotency_key.is_not(None),
        jobs.c.completed_at <= bindparam("until"),
    )
    .limit(bindparam("most"))
)
_RETRY = transition(Action.RETRY, THIS_JOB, max_attempts=jobs.c.attempts + bindparam("more"), **BACK_IN_GENERAL_QUEUE)


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is to be submitted. Key and fingerprint belong together: both or neither."""

    id: str
    source_id: str
    input_file: str
    input_size_bytes: int
    output_format: str
    options: Options
    max_attempts: int
    idempotency_key: str | None
    request_fingerprint: str | None
    created_at: datetime
    assigned_worker: str | None = None
    requirement_id: int | None = None
    scratch_bytes: int = 0
    owner_id: str = LOCAL_USER
    kind: JobKind = JobKind.CONVERT
    priority: int = USUAL_PRIORITY
    work: str = ""
    guess_seconds: float = 0.0
    predicted_seconds: float = 0.0
    share: str = ""
    order_key: float = 0.0
    batch_id: str | None = None


_NEW = tuple(field.name for field in fields(NewJob))
_OF_JOB = {field.name for field in fields(Job)}
_NEW_OF_JOB = tuple(name for name in _NEW if name in _OF_JOB)
_NOTHING_YET: Mapping[str, Any] = {"progress": 0.0, "attempts": 0} | dict.fromkeys(
    field.name
    for field in fields(Job)
    if field.default is MISSING and field.name not in {*_NEW, "seq", "status", "assigned_at", "progress", "attempts"}
)


def submit(tx: Connection, *new: NewJob) -> list[Job]:
    """The jobs in that order, each pending in its worker's own queue or in the general one.

    Raises:
        sqlalchemy.exc.IntegrityError: an id or idempotency key is taken, or a source or worker is unknown.
    """
    values = [{name: getattr(one, name) for name in _NEW} for one in new]
    tx.execute(_SUBMIT, [one | {"assigned_at": one["created_at"]} for one in values])
    seqs = {row.id: row.seq for some in slices([one.id for one in new]) for row in tx.execute(_SEQS, {"ids": some})}
    made = [_pending(one, seqs[one["id"]]) for one in values]
    workers.count_assigned(tx, [(job.assigned_worker, 1, job.predicted_seconds) for job in made])
    fairness.join(tx, *made)
    tell(tx, *((job, event_of("job.submitted", job, job.assigned_worker, now=job.created_at)) for job in made))
    return made


def _pending(values: Mapping[str, Any], seq: int) -> Job:
    """The job as it was inserted: reading all of it back takes longer than inserting it."""
    known = {name: values[name] for name in _NEW_OF_JOB}
    return Job(seq=seq, status=JobStatus.PENDING, assigned_at=values["created_at"], **known, **_NOTHING_YET)


def by_idempotency_key(tx: Connection, key: str, *, owner_id: str) -> tuple[Job, str] | None:
    """The job that its owner submitted under this key, and the fingerprint of that request."""
    row = tx.execute(_BY_KEY, {"key": key, "owner": owner_id}).first()
    return None if row is None else (Job(*row[:-1]), row[-1])


def batch_from(tx: Connection, first: Job, count: int) -> list[Job]:
    """The first `count` jobs of the batch that begins with `first`, in the order in which they were submitted."""
    values = {"from": first.seq, "batch": first.batch_id, "most": count}
    return [Job(*row) for row in tx.execute(_BATCH, values)]


def get(tx: Connection, job_id: str) -> Job | None:
    row = tx.execute(_GET, {"this_id": job_id}).first()
    return None if row is None else Job(*row)


def list_jobs(
    tx: Connection,
    *,
    owner_id: str,
    status: JobStatus | None = None,
    worker_id: str | None = None,
    before_seq: int | None = None,
    limit: int,
) -> list[Job]:
    """The conversions of their owner, newest first. A worker's jobs are those assigned to it and those it processed."""
    query: Select[*tuple[Any, ...]] = select(*JOB).order_by(jobs.c.seq.desc()).limit(limit)
    query = query.where(jobs.c.owner_id == owner_id, jobs.c.kind == JobKind.CONVERT)
    if status is not None:
        query = query.where(jobs.c.status == status)
    if worker_id is not None:
        query = query.where(or_(jobs.c.assigned_worker == worker_id, jobs.c.worker_id == worker_id))
    if before_seq is not None:
        query = query.where(jobs.c.seq < before_seq)
    return [Job(*row) for row in tx.execute(query)]


def cancel(tx: Connection, job_id: str, *, now: datetime, reason: str | None = None) -> Job | None:
    """The job, cancelled; the lease of a running attempt is gone at once. None when it had ended (or is unknown).

    The event tells the reason, when there is another than that somebody wanted it.
    """
    moved = carry_out(tx, _CANCEL, {"this_id": job_id, "completed_at": now})
    if moved is None:
        return None
    if moved.job.started_at is None:  # it was pending: a CHECK ties the two
        worker_id = moved.job.assigned_worker
        workers.count(tx, worker_id, assigned=-1, seconds=-moved.job.predicted_seconds)
        fairness.leave(tx, moved.job)
    else:
        worker_id = moved.job.worker_id
        count_end(tx, moved.job)
        end_attempts(tx, [ending(moved, Outcome.CANCELLED, now=now)])
        used = (now - moved.job.started_at).total_seconds() - moved.job.paused_seconds
        fairness.unserve(tx, moved.job, used_seconds=used)
    why = {} if reason is None else {"reason": reason}
    tell(tx, (moved.job, event_of("job.cancelled", moved.job, worker_id, now=now, **why)))
    return moved.job


def retry(tx: Connection, job_id: str, *, now: datetime, more_attempts: int) -> Job | None:
    """The job, in the general queue at its old place, with `more_attempts` to go; None when not failed or cancelled.

    Why it had failed remains in its history alone.
    """
    values = {"this_id": job_id, "more": more_attempts, "completed_at": None, "error": None}
    moved = carry_out(tx, _RETRY, values)
    if moved is None:
        return None
    fairness.join(tx, moved.job)
    tell(tx, (moved.job, event_of("job.retried", moved.job, None, now=now)))
    return moved.job


def old_previews(tx: Connection, until: datetime, limit: int) -> list[Job]:
    """Previews that were completed by then and can still be found by their key."""
    return [Job(*row) for row in tx.execute(_OLD_PREVIEWS, {"until": until, "most": limit})]


def forget_key(tx: Connection, job_id: str) -> None:
    """Whoever asks for the same again gets a new job."""
    tx.execute(_FORGET_KEY, {"this_id": job_id})


def attempts_under(tx: Connection, tokens: Sequence[str]) -> dict[str, Attempt]:
    """By lease token, the attempts that were or are made under them."""
    rows = [row for some in slices(tokens) for row in tx.execute(_ATTEMPTS_UNDER, {"tokens": some})]
    return {row.token: Attempt(*row[:-1]) for row in rows}


def failed_on(tx: Connection, job_id: str) -> dict[str, int]:
    """The workers that failed at the job or fell silent with it, each with the number of its last such attempt."""
    bad = {Outcome.FAILED, Outcome.EXPIRED}
    return {attempt.worker_id: attempt.number for attempt in attempts_of(tx, job_id) if attempt.outcome in bad}


def attempts_of(tx: Connection, job_id: str) -> list[Attempt]:
    """The history of the job, in order; the attempt that runs comes last."""
    return [Attempt(*row) for row in tx.execute(_ATTEMPTS, {"of": job_id})]
