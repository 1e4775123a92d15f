"""What each share has pending, and what it has been served: between shares, work is dealt fairly."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, case, exists, func, insert, literal_column, not_, select, update

from balanza.lifecycle import JobStatus
from balanza.model import Job
from balanza.store.order_tables import fair_shares
from balanza.store.tables import jobs
from balanza.store.transitions import by_index, has_status, oldest_pending

_THIS = fair_shares.c.share == bindparam("this_share")
_LEAST = select(func.min(fair_shares.c.served_seconds)).where(literal_column("pending > 0")).scalar_subquery()
_SERVED = fair_shares.c.served_seconds
# As order.joined_at: a share that had nothing pending saves up no credit meanwhile.
_JOIN = (
    update(fair_shares)
    .where(_THIS)
    .values(
        pending=fair_shares.c.pending + bindparam("count"),
        served_seconds=case(((fair_shares.c.pending == 0) & (_SERVED < _LEAST), _LEAST), else_=_SERVED),
    )
)
_FIRST = insert(fair_shares).values(
    share=bindparam("this_share"),
    pending=bindparam("count"),
    served_seconds=func.coalesce(_LEAST, literal_column("0.0")),
)
# Never below 0: what an older version submitted on the same database is pending and not counted.
_LEAVE = (
    update(fair_shares)
    .where(_THIS)
    .values(
        pending=case((fair_shares.c.pending > bindparam("count"), fair_shares.c.pending - bindparam("count")), else_=0)
    )
)
_SERVE = _LEAVE.values(served_seconds=_SERVED + bindparam("seconds"))
_UNSERVE = (
    update(fair_shares)
    .where(_THIS)
    .values(served_seconds=case((bindparam("seconds") < _SERVED, _SERVED - bindparam("seconds")), else_=0.0))
)
_COUNT = select(func.coalesce(func.sum(fair_shares.c.pending), 0)).where(literal_column("pending > 0"))
_ALL = select(fair_shares.c.share, _SERVED).where(literal_column("pending > 0"))

_HELD = by_index(
    select(jobs.c.share, func.count())
    .where(has_status(JobStatus.PROCESSING), not_(jobs.c.paused))
    .group_by(jobs.c.share),
    "ix_jobs_leased",
)

_LONGEST_PENDING = oldest_pending(select(jobs.c.share)).subquery("longest_pending")
_UNCOUNTED = select(_LONGEST_PENDING.c.share).where(
    ~exists(select(1).where(fair_shares.c.share == _LONGEST_PENDING.c.share, literal_column("pending > 0")))
)
_NOTHING_PENDING = update(fair_shares).values(pending=0)
_LOCK = (
    select(fair_shares.c.share)
    .where(fair_shares.c.share.in_(bindparam("shares", expanding=True)))
    .order_by(fair_shares.c.share)
    .with_for_update()
)
_SHARES = select(fair_shares.c.share)
_SET = update(fair_shares).where(_THIS).values(pending=bindparam("count"))
_PENDING_OF_SHARES = by_index(
    select(jobs.c.share, func.count()).where(has_status(JobStatus.PENDING)).group_by(jobs.c.share),
    "ix_jobs_pending_order",
)


def join(tx: Connection, *pending: Job) -> None:
    """These jobs are pending from now on."""
    for share, count in sorted(Counter(job.share for job in pending).items()):
        if not tx.execute(_JOIN, {"this_share": share, "count": count}).rowcount:
            # Two at once: the second INSERT is refused, and Database.write runs the operation again.
            tx.execute(_FIRST, {"this_share": share, "count": count})


def lock(tx: Connection, shares: Iterable[str]) -> None:
    """Nobody else changes them until the transaction ends. In SQLite nobody could."""
    if tx.dialect.name != "sqlite":
        tx.execute(_LOCK, {"shares": sorted(set(shares))}).all()


def leave(tx: Connection, job: Job) -> None:
    """It is pending no more, and was not dispatched."""
    tx.execute(_LEAVE, {"this_share": job.share, "count": 1})


def serve(tx: Connection, dispatched: Sequence[Job]) -> None:
    """Their shares have been served so much more."""
    for share, count in sorted(Counter(job.share for job in dispatched).items()):
        seconds = sum(job.predicted_seconds for job in dispatched if job.share == share)
        tx.execute(_SERVE, {"this_share": share, "count": count, "seconds": seconds})


def unserve(tx: Connection, job: Job, *, used_seconds: float = 0.0) -> None:
    """Its attempt was cut short through no fault of the job: what it has not used of its prediction was not served."""
    unused = job.predicted_seconds - max(0.0, used_seconds)
    if unused > 0:
        tx.execute(_UNSERVE, {"this_share": job.share, "seconds": unused})


def pending_count(tx: Connection) -> int:
    """How many jobs are pending, of all shares."""
    return int(tx.execute(_COUNT).scalar_one())


def served_seconds(tx: Connection) -> dict[str, float]:
    """Of each share that has something pending."""
    return {row.share: row.served_seconds for row in tx.execute(_ALL)}


def slots_held(tx: Connection) -> Counter[str]:
    """Of each share how many jobs run and are not paused: more than slots where tiny ones are done together."""
    return Counter({row.share: row[1] for row in tx.execute(_HELD)})


def is_uncounted(tx: Connection) -> bool:
    """Whether the oldest pending job is of a share that has none by our count, so that it would never be the next.

    Whatever was missed becomes the oldest in time.
    """
    return tx.execute(_UNCOUNTED).first() is not None


def recount(tx: Connection) -> None:
    """Counts anew what each share has pending."""
    tx.execute(_NOTHING_PENDING)
    known = set(tx.execute(_SHARES).scalars())
    for share, count in tx.execute(_PENDING_OF_SHARES).all():
        if share in known:
            tx.execute(_SET, {"this_share": share, "count": count})
        else:
            tx.execute(insert(fair_shares).values(share=share, pending=count, served_seconds=0.0))
