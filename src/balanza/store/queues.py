"""The queues: which pending job is assigned to whom, and how many wait where. A queue is a set of rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, func, or_, select, text, update

from balanza.lifecycle import LIVE, JobStatus
from balanza.model import Job, JobKind, Outcome
from balanza.store import workers
from balanza.store.library import slices
from balanza.store.tables import JOB, UNLISTED, attempts, jobs
from balanza.store.transitions import by_index, event_of, has_status, oldest_pending, tell

Ts = TypeVarTuple("Ts")

_PENDING = has_status(JobStatus.PENDING)
_INDEX = "ix_jobs_pending"


@dataclass(frozen=True, slots=True)
class Ability:
    """What a worker can run: jobs without a requirement or with one of these, that need no more scratch space."""

    requirement_ids: tuple[int, ...]
    scratch_bytes: int

    @property
    def values(self) -> dict[str, Any]:
        """For `CAN_RUN`."""
        return {"runnable": self.requirement_ids, "room": self.scratch_bytes}


CAN_RUN: ColumnElement[bool] = or_(
    jobs.c.requirement_id.is_(None), jobs.c.requirement_id.in_(bindparam("runnable", expanding=True))
) & (jobs.c.scratch_bytes <= bindparam("room"))
"""The job is one that a worker with the ability `:runnable`, `:room` can run."""

_FAILED_HERE = exists(
    select(1).where(
        attempts.c.job_id == jobs.c.id,
        attempts.c.worker_id == bindparam("by"),
        attempts.c.outcome.in_([Outcome.FAILED, Outcome.EXPIRED]),
    )
)
NOT_FAILED_BY: ColumnElement[bool] = or_(jobs.c.leases == 0, ~_FAILED_HERE)
"""The worker `:by` has not failed at the job before."""


def of_own_queue(query: Select[*Ts]) -> Select[*Ts]:
    """Only the jobs in the own queue of the worker `:of`, in the order in which they are leased."""
    # Not `=`: PostgreSQL would leave the worker out of the order then, and could walk through all jobs by their number.
    return _in_order(query.where(jobs.c.assigned_worker.between(bindparam("of"), bindparam("of"))))


def of_general_queue(query: Select[*Ts]) -> Select[*Ts]:
    """Only the jobs in the general queue, in the order in which they are leased."""
    return _in_order(query.where(jobs.c.assigned_worker.is_(None)))


def _in_order(queue: Select[*Ts]) -> Select[*Ts]:
    """That of the index, so that the first job is found at once however many there are."""
    in_order = (jobs.c.assigned_worker, jobs.c.priority.desc(), jobs.c.order_key, jobs.c.seq)
    return by_index(queue.where(_PENDING).order_by(*in_order), _INDEX)


_TO_ASSIGN = (
    select(*JOB)
    .where(
        _PENDING,
        jobs.c.id.in_(bindparam("ids", expanding=True)),
        jobs.c.assigned_worker.is_distinct_from(bindparam("wanted")),
    )
    .order_by(jobs.c.seq)
    .with_for_update()
)
_LOCK = select(jobs.c.id, jobs.c.assigned_worker).where(_PENDING, jobs.c.id.in_(bindparam("ids", expanding=True)))
_LOCK_IN_ORDER = _LOCK.order_by(jobs.c.seq).with_for_update()
_STEALABLE = by_index(
    select(*JOB)
    .where(_PENDING, CAN_RUN, NOT_FAILED_BY, jobs.c.assigned_worker == bindparam("of"))
    .order_by(jobs.c.assigned_worker.desc(), jobs.c.priority, jobs.c.order_key.desc(), jobs.c.seq.desc())
    .limit(1),
    _INDEX,
)
_UNRUNNABLE = of_own_queue(select(*JOB).where(~CAN_RUN)).limit(bindparam("most"))
_ANY = _in_order(select(jobs.c.seq)).limit(1)
# The order is that of the index, for PostgreSQL: it walks through all jobs when it believes that the first will do.
_KIND = by_index(
    select(jobs.c.seq).where(_PENDING).order_by(jobs.c.requirement_id).limit(1), "ix_jobs_pending_requirement"
)
_ANY_RUNNABLE = select(
    func.coalesce(
        _KIND.where(jobs.c.requirement_id.is_(None)).scalar_subquery(),
        _KIND.where(jobs.c.requirement_id.in_(bindparam("runnable", expanding=True))).scalar_subquery(),
    )
)
_ASSIGN = update(jobs).where(_PENDING, jobs.c.id.in_(bindparam("ids", expanding=True)))
_FIRST_OWN = of_own_queue(select(*JOB)).limit(bindparam("most"))
_FIRST_GENERAL = of_general_queue(select(*JOB)).limit(bindparam("most"))
_TRIED = of_general_queue(select(*JOB).where(CAN_RUN, jobs.c.attempts > 0)).limit(bindparam("most"))
_RUNNING = by_index(select(*JOB).where(has_status(JobStatus.PROCESSING)), "ix_jobs_leased")
_BY_STATUS = select(jobs.c.status, func.count()).group_by(jobs.c.status)
_UNLISTED_BY_STATUS = by_index(_BY_STATUS.where(text(UNLISTED)), "ix_jobs_unlisted")
_PENDING_AFTER = by_index(
    select(*JOB).where(_PENDING, jobs.c.seq > bindparam("after")).order_by(jobs.c.seq).limit(bindparam("most")),
    "ix_jobs_status_seq",
)
_REPLACE = update(jobs).where(_PENDING, jobs.c.id == bindparam("this_id"))
_DEPTHS = by_index(
    select(jobs.c.assigned_worker, func.count()).where(_PENDING).group_by(jobs.c.assigned_worker), _INDEX
)
_OLDEST = oldest_pending(select(jobs.c.created_at))
_LIVE_READERS = by_index(
    select(jobs.c.id).where(jobs.c.source_id == bindparam("media"), has_status(*LIVE)).order_by(jobs.c.seq),
    "ix_jobs_live_source",
)
_LIVE_OF = _LIVE_READERS.where(jobs.c.kind == JobKind.CONVERT)
_LIVE_DERIVATIONS_OF = _LIVE_READERS.where(text(UNLISTED))
_LIVE_OF_OWNER = (
    select(jobs.c.id)
    .where(jobs.c.owner_id == bindparam("owner"), has_status(*LIVE))
    .order_by(jobs.c.seq)
    .limit(bindparam("most"))
)
_PENDING_OF_OWNER = _LIVE_OF_OWNER.where(_PENDING, jobs.c.kind == JobKind.CONVERT)


def assign(tx: Connection, job_ids: Sequence[str], worker_id: str | None, *, now: datetime) -> list[str]:
    """Puts pending jobs into the worker's own queue (None: the general queue); the ids of those that really moved.

    A job that is not pending any more, or is in that queue already, stays as it is.
    """
    moved: list[str] = []
    for some in slices(job_ids):
        before = [Job(*row) for row in tx.execute(_TO_ASSIGN, {"ids": some, "wanted": worker_id})]
        if not before:
            continue
        ids = [job.id for job in before]
        tx.execute(_ASSIGN, {"ids": ids, "assigned_worker": worker_id, "assigned_at": now})
        gone = [(job.assigned_worker, -1, -job.predicted_seconds) for job in before]
        workers.count_assigned(tx, [*gone, *((worker_id, 1, job.predicted_seconds) for job in before)])
        tell(tx, *((job, event_of("job.assigned", job, worker_id, now=now)) for job in before))
        moved += ids
    return moved


def lock_pending(tx: Connection, job_ids: Sequence[str]) -> dict[str, str | None]:
    """Those of these jobs that are pending, and in whose own queue; nobody else changes them until the transaction
    ends."""
    return {row.id: row.assigned_worker for row in tx.execute(_LOCK_IN_ORDER, {"ids": list(job_ids)})}


def any_pending(tx: Connection) -> bool:
    """Some job is pending, in whatever queue."""
    return tx.execute(_ANY).first() is not None


def any_runnable(tx: Connection, ability: Ability) -> bool:
    """Some job is pending, in whatever queue, that `ability` is enough for, scratch space apart.

    However many are pending that it is not enough for, that is found at once.
    """
    return tx.execute(_ANY_RUNNABLE, {"runnable": ability.requirement_ids}).scalar_one() is not None


def stealable(tx: Connection, victim_id: str, *, thief_id: str, ability: Ability) -> Job | None:
    """Of the jobs in the own queue of `victim_id` that the thief can run, the one that would start last.

    It has not failed at it before.
    """
    row = tx.execute(_STEALABLE, {"of": victim_id, "by": thief_id, **ability.values}).first()
    return None if row is None else Job(*row)


def tried_in_general(tx: Connection, ability: Ability, most: int) -> list[Job]:
    """The first jobs of the general queue that were tried before and that `ability` is enough for."""
    return [Job(*row) for row in tx.execute(_TRIED, {"most": most, **ability.values})]


def unrunnable_of(tx: Connection, worker_id: str, ability: Ability, limit: int) -> list[Job]:
    """The first jobs in the worker's own queue that it cannot run."""
    return [Job(*row) for row in tx.execute(_UNRUNNABLE, {"of": worker_id, "most": limit, **ability.values})]


def pending_of(tx: Connection, worker_id: str | None, limit: int) -> list[Job]:
    """The first jobs of a worker's own queue, or (None) of the general queue, in the order they would be leased."""
    if worker_id is None:
        rows = tx.execute(_FIRST_GENERAL, {"most": limit})
    else:
        rows = tx.execute(_FIRST_OWN, {"most": limit, "of": worker_id})
    return [Job(*row) for row in rows]


def pending_after(tx: Connection, seq: int, limit: int) -> list[Job]:
    """Pending jobs in the order of their arrival, whatever queue they are in."""
    return [Job(*row) for row in tx.execute(_PENDING_AFTER, {"after": seq, "most": limit})]


def replace_in_order(tx: Connection, job_id: str, *, share: str, order_key: float) -> None:
    """Gives the pending job another place. What its share has pending is to be counted anew afterwards."""
    tx.execute(_REPLACE, {"this_id": job_id, "share": share, "order_key": order_key})


def running(tx: Connection) -> list[Job]:
    """All jobs that run, on whatever worker."""
    return [Job(*row) for row in tx.execute(_RUNNING)]


def counts_by_status(tx: Connection) -> dict[JobStatus, int]:
    """How many conversions are in each state; every state is there."""
    # Counted by subtraction, so that each count reads an index alone, and no table.
    counts = Counter({row[0]: row[1] for row in tx.execute(_BY_STATUS)})
    counts.subtract({row[0]: row[1] for row in tx.execute(_UNLISTED_BY_STATUS)})
    return {status: counts[status] for status in JobStatus}


def queue_depths(tx: Connection) -> dict[str | None, int]:
    """How many jobs are pending in each queue; the general queue (None) is always there, empty own queues are not."""
    return {None: 0} | {row[0]: row[1] for row in tx.execute(_DEPTHS)}


def oldest_pending_at(tx: Connection) -> datetime | None:
    """When the job that arrived first among the pending ones was submitted."""
    return tx.execute(_OLDEST).scalar()


def live_jobs_of_owner(tx: Connection, owner_id: str, limit: int) -> list[str]:
    """Of every kind, the oldest first."""
    return list(tx.execute(_LIVE_OF_OWNER, {"owner": owner_id, "most": limit}).scalars())


def pending_conversions_of(tx: Connection, owner_id: str, limit: int) -> list[str]:
    """Of that owner, the oldest first."""
    return list(tx.execute(_PENDING_OF_OWNER, {"owner": owner_id, "most": limit}).scalars())


def live_jobs_of_media(tx: Connection, media_id: str) -> list[str]:
    """The ids of the pending and processing conversions of this media."""
    return list(tx.execute(_LIVE_OF, {"media": media_id}).scalars())


def live_derivations_of(tx: Connection, media_id: str) -> list[str]:
    """The ids of the other pending and processing jobs that read this media: its thumbnail, its waveform …"""
    return list(tx.execute(_LIVE_DERIVATIONS_OF, {"media": media_id}).scalars())
