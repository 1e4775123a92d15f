"""The moving parts of a simulation: jobs, workers, and one worker's run of one job."""

from dataclasses import dataclass, field
from math import inf

from balanza.balancer.pausing import likely_remainder
from balanza.simulate.workload import Arrival


@dataclass(slots=True, eq=False)
class Task:
    """A job from its arrival to its end."""

    job_id: str
    seq: int
    arrival: Arrival
    predicted_seconds: float
    """On a usual worker, as it was predicted at arrival."""
    share: str
    order_key: float
    machine: "Machine | None" = None
    """The worker in whose own queue it is."""
    assigned_at: float = 0.0
    attempts: int = 0
    started_at: float | None = None
    """The first time."""
    completed_at: float | None = None


@dataclass(slots=True, eq=False)
class Run:
    """One attempt. Work is counted in seconds on a worker of speed 1."""

    task: Task
    machine: "Machine"
    started_at: float
    predicted_seconds: float
    """On this worker."""
    is_short: bool
    """It runs while another is paused for it, and is never paused itself."""
    done: float = 0.0
    """Work done until `counted_at`."""
    counted_at: float = 0.0
    timer: int = 0
    """Which of the timers set for its end is the right one: the last."""
    paused_at: float | None = None
    paused_seconds: float = 0.0
    looked_at_again: float = inf
    """When, at the latest, because it may be paused then, and might not before."""

    def count(self, now: float) -> None:
        """Brings `done` up to now."""
        if self.paused_at is None:
            self.done += (now - self.counted_at) * self.machine.speed
        self.counted_at = now

    def paused_until(self, now: float) -> float:
        """For how many seconds in all."""
        return self.paused_seconds + (0.0 if self.paused_at is None else now - self.paused_at)

    def left_seconds(self) -> float:
        """In truth, at the worker's present speed."""
        return max(0.0, self.task.arrival.size - self.done) / self.machine.speed

    def estimated_seconds(self, now: float) -> float:
        """What the worker believes is left: progress outweighs the prediction by and by."""
        self.count(now)
        progress = min(1.0, self.done / self.task.arrival.size)
        total = self.task.arrival.size / self.machine.speed
        left = 1 - progress
        return likely_remainder(left * total, left * self.predicted_seconds, done=progress)


@dataclass(slots=True, eq=False)
class Machine:
    """A worker."""

    id: str
    speed: float
    slots: int
    runs: list[Run] = field(default_factory=list)
    """One per slot in use; a paused one is in `paused`, and its slot runs the short one."""
    paused: dict[Run, Run] = field(default_factory=dict)
    """By the short job's run: the one that waits for it."""
    queue: dict[str, Task] = field(default_factory=dict)
    """Pending jobs assigned to it, in the order they came."""
    lost: list[Run] = field(default_factory=list)
    """What it ran when it vanished, until their leases expire: nobody knows before."""
    is_up: bool = True
    is_offline: bool = False
    """The server knows that it is not up."""
    chosen: int = 0
    """The number of the decision that chose it last; 0: none has."""
    busy_seconds: float = 0.0
    """Of all slots, until `busy_since`."""
    busy_since: float = 0.0
    sampled: tuple[int, int] = (0, 0)
    """Jobs in progress and running at the end of the last sample's interval, as long as nothing changes."""
    sampled_at: float = 0.0

    @property
    def free_slots(self) -> int:
        return self.slots - len(self.runs) if self.is_up else 0

    @property
    def running(self) -> int:
        """As far as the server knows."""
        return len(self.runs) + len(self.paused) + len(self.lost)

    @property
    def jobs_in_progress(self) -> int:
        return self.running + len(self.queue)

    def changes(self, now: float, every_seconds: float) -> None:
        """Before its runs or its queue change: what a sample has seen until now, and how long it was busy."""
        self.busy_seconds += (now - self.busy_since) * len(self.runs)
        self.busy_since = now
        if _tick(now, every_seconds) > _tick(self.sampled_at, every_seconds):
            self.sampled = self.jobs_in_progress, len(self.runs)
        self.sampled_at = now

    def sample(self, now: float, every_seconds: float) -> tuple[int, int]:
        """Jobs in progress and running ones at the last multiple of `every_seconds`."""
        if every_seconds <= 0 or _tick(now, every_seconds) > _tick(self.sampled_at, every_seconds):
            return self.jobs_in_progress, len(self.runs)
        return self.sampled


def _tick(at: float, every_seconds: float) -> float:
    return at // every_seconds if every_seconds > 0 else at
