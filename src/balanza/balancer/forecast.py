"""When pending jobs will start and end, as far as predictions tell. Pure."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from balanza.balancer.lookahead import Slot
from balanza.balancer.pausing import is_short_beside

MOST_PAUSES = 64
"""Of so many conversions at most pauses are foreseen, those with the longest remainders: the most jobs are short beside
them. Each of 2,000 pending jobs is held against each pause, once a second; against 1,000 it took half a second. Where
more are paused at once, a short job starts sooner than was foretold."""


@dataclass(frozen=True, slots=True)
class Expected:
    """In seconds from now."""

    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class Ahead:
    """A pending job: its seconds on a usual worker, and whose it is, for it waits until those before it have begun."""

    job_id: str
    seconds: float
    share: str = ""


@dataclass(slots=True)
class _Pause:
    """Room for short jobs beside the conversion in a slot."""

    at: int
    """Which slot."""
    remaining_seconds: float
    """Of the conversion, when it may be paused first."""
    free_in_seconds: float
    budget_seconds: float
    """For how long the conversion may be paused now; every second that it runs is one more (`longest_pause`)."""

    def take(self, start: float, seconds: float) -> None:
        self.budget_seconds -= seconds
        owed = max(0.0, -self.budget_seconds)
        self.free_in_seconds, self.budget_seconds = start + seconds + owed, self.budget_seconds + owed


def forecast(slots: Sequence[Slot], pending: Iterable[Ahead]) -> dict[str, Expected]:
    """When each pending job will run, in the order in which they run.

    Each goes to the slot that is free first, or sooner into a pause that it is short enough for. Empty when there is no
    slot at all.
    """
    free = [(slot.free_in_seconds, slot.slowness, slot.worker_id, at) for at, slot in enumerate(slots)]
    heapq.heapify(free)
    pauses = _longest(slots)
    late = [0.0] * len(slots)
    """By how much the pauses have put off the end of what each slot runs."""
    begun: dict[str, float] = {}
    """When the last job of each share that could not be had in a pause starts."""
    expected = {}
    for job in pending if free else ():
        while late[free[0][3]]:
            start, slowness, worker_id, at = free[0]
            heapq.heapreplace(free, (start + late[at], slowness, worker_id, at))
            late[at] = 0.0
        start, slowness, worker_id, at = free[0]
        pause = _soonest(pauses, slots, job, not_before=begun.get(job.share, 0.0), sooner_than=start)
        if pause is not None:
            start = max(pause.free_in_seconds, begun.get(job.share, 0.0))
            seconds = job.seconds * slots[pause.at].slowness
            pause.take(start, seconds)
            late[pause.at] += seconds
            expected[job.job_id] = Expected(start, start + seconds)
            continue
        end = start + job.seconds * slowness
        heapq.heapreplace(free, (end, slowness, worker_id, at))
        pauses = [one for one in pauses if one.at != at]  # what it runs now is over then
        begun[job.share] = max(start, begun.get(job.share, 0.0))
        expected[job.job_id] = Expected(start, end)
    return expected


def _longest(slots: Sequence[Slot]) -> list[_Pause]:
    pauses = (
        _Pause(at, slot.free_in_seconds - slot.pause_in_seconds, slot.pause_in_seconds, slot.pause_budget_seconds)
        for at, slot in enumerate(slots)
        if slot.pause_in_seconds is not None
    )
    return heapq.nlargest(MOST_PAUSES, pauses, key=lambda one: one.remaining_seconds)


def _soonest(
    pauses: Iterable[_Pause], slots: Sequence[Slot], job: Ahead, *, not_before: float, sooner_than: float
) -> _Pause | None:
    able = (
        one
        for one in pauses
        if max(one.free_in_seconds, not_before) < sooner_than
        and is_short_beside(job.seconds * slots[one.at].slowness, one.remaining_seconds)
    )
    return min(able, key=lambda one: (one.free_in_seconds, one.at), default=None)
