"""Whether a free worker takes a job, or leaves it to a faster one that will end it sooner though it is busy. Pure.

Jobs in their order, each to whoever would complete it first, counting what each has been given before: the earliest
completion time rule for machines of different speeds (Ibarra and Kim 1977). Docs: docs/balancing.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from balanza.balancer.prediction import EVEN

MOST_PENDING = 256
"""With more jobs pending whoever is free takes the next: the end is far, and nobody will be without work."""
WORTH_SECONDS = 1.0
"""What takes a worker no longer is not left to a faster one, which would begin it later."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for one job on a worker."""

    worker_id: str
    free_in_seconds: float
    """0 when it is free now; after a conversion that is paused, and after what it is paused for."""
    slowness: float
    """How many times as long as a usual worker it takes."""
    pause_in_seconds: float | None = None
    """When what runs in it may be paused for a short job; None: never."""
    pause_budget_seconds: float = 0.0
    """For how long then (`pausing.longest_pause`)."""


@dataclass(slots=True)
class Patience:
    """A worker leaves a job to faster ones for as long as it would run it itself, and no longer: what they run may take
    much longer than they say.
    """

    _since: dict[str, tuple[str, float]] = field(default_factory=dict)
    """By worker, the first of the jobs that it leaves, and since when it does."""

    def left_seconds(self, worker_id: str, job_id: str, seconds: float, now: float) -> float:
        """For how long it still leaves the job, which would take it so many seconds; 0: no longer.

        It begins with the first question about this job. `now` is a time in seconds, of whatever clock.
        """
        left_id, since = self._since.get(worker_id, ("", now))
        if left_id != job_id or since > now:
            since = now
        self._since[worker_id] = job_id, since
        return max(0.0, since + seconds - now)


def is_uneven(slots: Sequence[Slot]) -> bool:
    """Whether looking ahead can change anything."""
    slownesses = [slot.slowness for slot in slots]
    return bool(slots) and max(slownesses) > EVEN * min(slownesses)


def first_for(worker_id: str, slots: Sequence[Slot], seconds: Iterable[float]) -> int | None:
    """Which of the pending jobs, `seconds` long on a usual worker and in their order, the free worker takes now.

    None when each of them ends sooner with others: then the worker waits.
    """
    free_at = [slot.free_in_seconds for slot in slots]
    for index, length in enumerate(seconds):
        ends = [start + length * slot.slowness for start, slot in zip(free_at, slots, strict=True)]
        best = min(range(len(slots)), key=lambda at: (ends[at], slots[at].worker_id != worker_id))
        if slots[best].worker_id == worker_id and free_at[best] <= 0:
            return index
        free_at[best] = ends[best]
    return None
