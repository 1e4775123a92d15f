"""Workers: what they are, what they can do, and what was measured of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LEFT = "(left)"
"""The instance of a worker that has left by itself: no process's, so that nothing it sent before is heard after it."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that runs conversions, as the store knows it. Measured values are those of its last heartbeat."""

    id: str
    instance: str
    """One registration of the process; a restarted worker has another one."""
    slots: int
    cpus: float
    memory_total_mb: float | None
    encoders: frozenset[str]
    tags: frozenset[str]
    """Words that its owner gave it, such as `gpu`; a job can ask for them."""
    metrics_address: str | None
    registered_at: datetime
    seen_at: datetime
    cpu_load: float | None
    """0..1 of the cores it may use, over its whole process tree."""
    memory_mb: float | None
    scratch_free_bytes: int | None
    draining: bool
    """Told to by a person; it stays so until told otherwise."""
    drain_until: datetime | None
    """What it still runs then is handed back; None: it may finish."""
    leaving: bool
    """It goes by itself: it takes nothing new, finishes what it can, and leaves."""
    offline: bool
    chosen_at: datetime | None
    """When it was last chosen for a job; ties go to the one chosen longest ago."""
    assigned_jobs: int
    """Pending jobs in its own queue."""
    running_jobs: int
    conversions_success: int
    conversions_failed: int
    faults: int
    """How many jobs it failed at, since its last success, that others then completed."""
    succeeded_at: datetime | None
    """When it completed a job last: what it failed at before is forgiven."""
    blamed_at: datetime | None
    """When the attempt ended that was counted last as a fault: those that ended with it are the same mishap."""
    quarantines: int
    """How many in a row."""
    quarantined_until: datetime | None
    """Until then it gets no job; afterwards one at a time, until it completes one."""
    quarantine_reason: str | None
    received_bytes_per_second: float | None = None
    """Of sources, over the network; None for a worker that does not measure it."""
    sent_bytes_per_second: float | None = None
    """Of results."""
    assigned_seconds: float = 0.0
    """Predicted work of the jobs in its own queue."""
    sharing_jobs: int = 0
    """Of the running jobs, those in a slot that another one holds."""

    @property
    def has_left(self) -> bool:
        """It went by itself, and is not missed."""
        return self.instance == LEFT

    @property
    def jobs_in_progress(self) -> int:
        """Running plus assigned: what a new job would wait behind."""
        return self.assigned_jobs + self.running_jobs

    @property
    def taken_slots(self) -> int:
        return self.running_jobs - self.sharing_jobs

    @property
    def has_free_slot(self) -> bool:
        return self.taken_slots < self.slots


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a worker must have to run a job. Few jobs differ in it, so each is kept once."""

    id: int
    encoders: frozenset[str]
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Needs:
    """What one job asks of a worker."""

    encoders: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    scratch_bytes: int = 0


class Obstacle(StrEnum):
    """Why a worker cannot take a job at all."""

    OFFLINE = "offline"
    LEAVING = "leaving"
    DRAINING = "draining"
    QUARANTINED = "quarantined"
    PROBATION = "probation"
    ENCODER = "encoder"
    TAG = "tag"
    SCRATCH = "scratch"
    FAILED_BEFORE = "failed_before"


@dataclass(frozen=True, slots=True)
class WhyNot:
    """An obstacle, and the clause that follows the worker's name: `is offline`, `has no encoder libx265`."""

    obstacle: Obstacle
    clause: str


class MetricsSource(StrEnum):
    """Who measured."""

    PROMETHEUS = "prometheus"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of a worker. What was not measured is None, never zero."""

    source: MetricsSource
    measured_at: datetime
    cpu_load: float | None
    memory_mb: float | None
    jobs_in_progress: int | None = None
    """As it was then; decisions count live."""

    def age_seconds(self, now: datetime) -> float:
        """In milliseconds' steps, and never below zero, whichever clock is ahead."""
        return max(0.0, round((now - self.measured_at).total_seconds(), 3))
