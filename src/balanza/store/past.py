"""What this server has run: each completed conversion with how long it took, for simulations."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from balanza.lifecycle import JobStatus
from balanza.model import JobKind, Outcome
from balanza.store.tables import attempts, jobs


@dataclass(frozen=True, slots=True)
class Ran:
    """A job that was completed, and the attempt that did it."""

    created_at: datetime
    owner_id: str
    priority: int
    work: str
    guess_seconds: float
    worker_id: str
    started_at: datetime
    ended_at: datetime
    paused_seconds: float
    transfer_seconds: float | None
    predicted_seconds: float | None
    """None: it shared its process with those that its worker began with it."""

    @property
    def run_seconds(self) -> float:
        """Without pauses and without bringing bytes to and fro."""
        spent = (self.ended_at - self.started_at).total_seconds()
        return max(0.0, spent - self.paused_seconds - (self.transfer_seconds or 0.0))


_RAN: Select[*tuple[Any, ...]] = (
    select(
        jobs.c.created_at,
        jobs.c.owner_id,
        jobs.c.priority,
        jobs.c.work,
        jobs.c.guess_seconds,
        attempts.c.worker_id,
        attempts.c.started_at,
        attempts.c.ended_at,
        attempts.c.paused_seconds,
        attempts.c.transfer_seconds,
        attempts.c.predicted_seconds,
    )
    .join(attempts, attempts.c.job_id == jobs.c.id)
    .where(
        jobs.c.status == JobStatus.COMPLETED,
        jobs.c.kind == JobKind.CONVERT,
        attempts.c.outcome == Outcome.COMPLETED,
    )
    .order_by(jobs.c.seq.desc())
    .limit(bindparam("most"))
)


def ran(tx: Connection, most: int) -> list[Ran]:
    """The newest conversions that were completed, the oldest of them first."""
    return [Ran(*row) for row in tx.execute(_RAN, {"most": most})][::-1]
