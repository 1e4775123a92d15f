"""What could run next: the first pending job of each share, the oldest, and those beside one in the order.

A worker may take what is in its own queue, in the general one, and in that of a worker without a free slot; what waits
for another that has one, only when it has waited there for a while. Never, except of its own queue, what it failed at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from balanza.lifecycle import JobStatus
from balanza.model import Job
from balanza.store.order_tables import fair_shares
from balanza.store.queues import CAN_RUN, NOT_FAILED_BY, Ability
from balanza.store.tables import JOB, jobs, workers
from balanza.store.transitions import by_index, has_status, oldest_pending

_Same = Callable[[Column[Any], str], ColumnElement[bool]]
_PENDING = has_status(JobStatus.PENDING)
_IN_ORDER = (jobs.c.share, jobs.c.priority.desc(), jobs.c.order_key, jobs.c.seq)
_HAS_FREE_SLOT = exists(
    select(1).where(
        workers.c.id == jobs.c.assigned_worker,
        workers.c.running_jobs - workers.c.sharing_jobs < workers.c.slots,
    )
)
_MAY_TAKE: ColumnElement[bool] = or_(
    jobs.c.assigned_worker == bindparam("by"),
    NOT_FAILED_BY
    & or_(
        jobs.c.assigned_worker.is_(None),
        jobs.c.assigned_at <= bindparam("waiting_since"),
        not_(_HAS_FREE_SLOT),
    ),
)


@dataclass(frozen=True, slots=True)
class Taker:
    """Who asks, and what it may take."""

    worker_id: str
    ability: Ability
    waiting_since: datetime
    """Assigned then or earlier to a worker with a free slot, a job is given to others."""

    @property
    def values(self) -> dict[str, Any]:
        return {"by": self.worker_id, "waiting_since": self.waiting_since, **self.ability.values}


def _first(query: Select[*tuple[Any, ...]], *, index: str = "ix_jobs_pending_order") -> Select[*tuple[Any, ...]]:
    return by_index(query.where(_PENDING, CAN_RUN, _MAY_TAKE), index)


_HEAD = (
    _first(select(jobs.c.seq).where(jobs.c.share == fair_shares.c.share))
    .order_by(*_IN_ORDER)
    .limit(1)
    .correlate(fair_shares)
    .scalar_subquery()
)
_WAITING = (
    select(fair_shares.c.served_seconds, _HEAD.label("seq")).where(literal_column("pending > 0")).subquery("heads")
)
_HEADS = (
    select(*JOB, _WAITING.c.served_seconds)
    .join_from(_WAITING, jobs, jobs.c.seq == _WAITING.c.seq)
    .order_by(jobs.c.priority.desc(), _WAITING.c.served_seconds, jobs.c.order_key, jobs.c.seq)
    .limit(bindparam("most"))
)
_OLDEST = oldest_pending(select(*JOB).where(CAN_RUN, _MAY_TAKE))


def _equal(column: Column[Any], name: str) -> ColumnElement[bool]:
    return column == bindparam(name)


def _within(column: Column[Any], name: str) -> ColumnElement[bool]:
    """Equal in other words. PostgreSQL leaves out of the order what is `=`, and could then walk through all jobs by
    their number; SQLite looks up no more columns of an index after a range, and would walk through the whole queue."""
    return column.between(bindparam(name), bindparam(name))


def _tied(is_same: _Same, *, in_general: bool = False) -> Select[*tuple[Any, ...]]:
    queue = jobs.c.assigned_worker
    rank = is_same(jobs.c.priority, "of_priority"), is_same(jobs.c.order_key, "of_key")
    in_queue = queue.is_(None) if in_general else is_same(queue, "queue")
    query = select(*JOB).where(in_queue, *rank, jobs.c.share == bindparam("of_share"))
    return _first(query, index="ix_jobs_pending").order_by(queue, *_IN_ORDER[1:]).limit(1)


_SAME: Mapping[str, _Same] = {"sqlite": _equal, "postgresql": _within}
_TIED = {dialect: _tied(is_same) for dialect, is_same in _SAME.items()}
_TIED_IN_GENERAL = {dialect: _tied(is_same, in_general=True) for dialect, is_same in _SAME.items()}
_AFTER = (
    _first(
        select(*JOB).where(
            jobs.c.share == bindparam("of_share"),
            jobs.c.priority == bindparam("of_priority"),
            jobs.c.order_key >= bindparam("of_key"),
            jobs.c.id != bindparam("but"),
        )
    )
    .order_by(*_IN_ORDER)
    .limit(bindparam("most"))
)
_ALL = _first(select(*JOB)).order_by(*_IN_ORDER).limit(bindparam("most"))


_places = jobs.alias("places")
_PLACE = [_places.c[name] for name in ("id", "seq", "share", "priority", "order_key", "predicted_seconds")]
_SHARES = select(func.count(), func.coalesce(func.sum(fair_shares.c.pending), 0)).where(literal_column("pending > 0"))
_SOME_SHARES = (
    select(fair_shares.c.share)
    .where(literal_column("pending > 0"))
    .order_by(fair_shares.c.served_seconds)
    .limit(bindparam("most"))
    .subquery("shares")
)
_FIRST_OF_SHARE = by_index(
    select(jobs.c.seq)
    .where(_PENDING, jobs.c.share == _SOME_SHARES.c.share)
    .order_by(*_IN_ORDER)
    .limit(bindparam("each"))
    .correlate(_SOME_SHARES),
    "ix_jobs_pending_order",
)
# SQLite has no LATERAL; PostgreSQL would look at every job for each share without it.
_LATERAL = _FIRST_OF_SHARE.lateral("first")
_PLACES_IN_SQLITE = select(*_PLACE).join_from(_SOME_SHARES, _places, _places.c.seq.in_(_FIRST_OF_SHARE))
_PLACES = select(*_PLACE).join_from(_SOME_SHARES, _LATERAL, true()).join(_places, _places.c.seq == _LATERAL.c.seq)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pending job stands."""

    job_id: str
    seq: int
    share: str
    priority: int
    order_key: float
    predicted_seconds: float


def waiting(tx: Connection, most: int) -> list[Place]:
    """Pending jobs, whoever could run them, in no order: all, or of more as many of each share, its first ones."""
    shares, pending = tx.execute(_SHARES).one()
    each = most if pending <= most else max(1, most // shares)
    query = _PLACES_IN_SQLITE if tx.dialect.name == "sqlite" else _PLACES
    return [Place(*row) for row in tx.execute(query, {"most": most, "each": each})]


def heads(tx: Connection, taker: Taker, most: int) -> list[tuple[Job, float]]:
    """The first job of each share, and what that share has been served in seconds; whose turn it is comes first."""
    return [(Job(*row[:-1]), row[-1]) for row in tx.execute(_HEADS, {"most": most, **taker.values})]


def oldest(tx: Connection, taker: Taker) -> Job | None:
    """The job that arrived first."""
    row = tx.execute(_OLDEST, taker.values).first()
    return None if row is None else Job(*row)


def tied(tx: Connection, taker: Taker, job: Job, queue: str | None) -> Job | None:
    """The first job in that worker's own queue, or (None) in the general one, that is as much next as `job`.

    It is of the same share, priority and key.
    """
    values = {**_rank(job), **taker.values}
    if queue is None:
        row = tx.execute(_TIED_IN_GENERAL[tx.dialect.name], values).first()
    else:
        row = tx.execute(_TIED[tx.dialect.name], {"queue": queue, **values}).first()
    return None if row is None else Job(*row)


def after(tx: Connection, taker: Taker, job: Job, most: int) -> list[Job]:
    """The jobs of its share and priority that come after it."""
    return [Job(*row) for row in tx.execute(_AFTER, {**_rank(job), "but": job.id, "most": most, **taker.values})]


def some_of_all(tx: Connection, taker: Taker, most: int) -> list[Job]:
    """Jobs of all shares, each share's in their order."""
    return [Job(*row) for row in tx.execute(_ALL, {"most": most, **taker.values})]


def _rank(job: Job) -> dict[str, Any]:
    return {"of_share": job.share, "of_priority": job.priority, "of_key": job.order_key}
