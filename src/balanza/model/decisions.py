"""Decisions: which worker was chosen for a job, from which candidates, and why not the others."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from balanza.model.workers import MetricsSource, WhyNot


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker as the balancer sees it. Unknown is None, never zero."""

    worker_id: str
    jobs_in_progress: int
    """Live: running plus assigned."""
    cpu_load: float | None
    chosen_at: datetime | None
    memory_mb: float | None = None
    metrics_source: MetricsSource | None = None
    metrics_age_seconds: float | None = None
    load_score: int = 0
    cannot: WhyNot | None = None
    """Why it cannot take the job at all; None when it can."""
    why_not: str | None = None
    """In a decision: why this one was not chosen, as a clause; None for the chosen one."""
    finish_seconds: float | None = None
    """In how many seconds it would complete the job, as predicted; None where nobody predicted."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Which worker was chosen for a job (None: nobody could take it), by which policy, and from which candidates."""

    policy: str
    chosen: Candidate | None
    candidates: tuple[Candidate, ...]
    """By id; the chosen one among them."""
    rule: str | None = None
    """Why this job was the next, when a worker took it: `balancer.order.Rule`."""

    @property
    def worker_id(self) -> str | None:
        return self.chosen.worker_id if self.chosen else None


class Reason(StrEnum):
    """What a decision was made for."""

    SUBMITTED = "submitted"
    RETRIED = "retried"
    FAILED = "failed"
    EXPIRED = "expired"
    RELEASED = "released"
    STOLEN = "stolen"
    JOINED = "joined"
    DRAINING = "draining"
    LEFT = "left"
    OFFLINE = "offline"
    QUARANTINED = "quarantined"
    UNABLE = "unable"
    """Its worker can no longer run it."""


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision as it was kept with its job."""

    id: int
    at: datetime
    job_id: str
    reason: Reason
    source: str | None
    """The worker whose own queue it was in before; None: a new job, or one of the general queue."""
    decision: Decision


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a pending job waits for."""

    code: str
    """`slot`: for its turn with `worker_id`; `worker`: for any worker at all; otherwise the obstacle in its way."""
    worker_id: str | None
    sentence: str
    obstacles: tuple[tuple[str, WhyNot], ...] = field(default=(), compare=False)
    """What the sentence lists: workers by their ids, each with what stands between it and the job."""
    more: int = field(default=0, compare=False)
    """How many workers besides are in its way."""
