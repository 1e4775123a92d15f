"""Who ran what when: the attempts of the last while, and whether a job had been moved to its worker."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, case, exists, select

from balanza.model import JobKind, Outcome
from balanza.store.tables import attempts, decisions, jobs


@dataclass(frozen=True, slots=True)
class Bar:
    """One attempt, as a bar in the lane of its worker."""

    job_id: str
    number: int
    """Of the attempt, from 1: the job was tried before when it is more."""
    worker_id: str
    input_file: str | None
    """None when it is the file of somebody else."""
    output_format: str
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    """None while it runs."""
    moved: bool
    """The job came to this worker from the own queue of another one."""


_MOVED = exists(
    select(1).where(
        decisions.c.job_id == attempts.c.job_id,
        decisions.c.worker_id == attempts.c.worker_id,
        decisions.c.source.is_not(None),
        decisions.c.source != decisions.c.worker_id,
        decisions.c.at <= attempts.c.started_at,
    )
)
_BARS = select(
    attempts.c.job_id,
    attempts.c.number,
    attempts.c.worker_id,
    case((jobs.c.owner_id == bindparam("owner"), jobs.c.input_file)),
    jobs.c.output_format,
    attempts.c.started_at,
    attempts.c.ended_at,
    attempts.c.outcome,
    _MOVED,
).join_from(attempts, jobs, and_(jobs.c.id == attempts.c.job_id, jobs.c.kind == JobKind.CONVERT))
# Two queries, each along the index of the ends: what started long ago and ran until lately lies in the window, too.
_RUNNING = _BARS.where(attempts.c.ended_at.is_(None)).limit(bindparam("most"))
_ENDED = (
    _BARS.where(attempts.c.ended_at > bindparam("since")).order_by(attempts.c.ended_at.desc()).limit(bindparam("most"))
)


def bars(tx: Connection, since: datetime, limit: int, *, owner_id: str) -> list[Bar]:
    """The attempts that ran at some time after `since`, in the order in which they started.

    At most `limit` of them: those that run, then those that ended last.
    """
    running = [Bar(*row) for row in tx.execute(_RUNNING, {"most": limit, "owner": owner_id})]
    ended = [Bar(*row) for row in tx.execute(_ENDED, {"since": since, "most": limit, "owner": owner_id})]
    return sorted((running + ended)[:limit], key=lambda bar: (bar.started_at, bar.job_id, bar.number))
