"""When pending jobs will start and end, as far as predictions tell. Pure."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from balanza.balancer.lookahead import Slot


@dataclass(frozen=True, slots=True)
class Expected:
    """In seconds from now."""

    start_seconds: float
    end_seconds: float


def forecast(slots: Sequence[Slot], pending: Iterable[tuple[str, float]]) -> dict[str, Expected]:
    """When each pending job will run: (its id, its seconds on a usual worker), in the order in which they run.

    Each goes to the slot that is free first. Empty when there is no slot at all.
    """
    free = [(slot.free_in_seconds, slot.slowness, slot.worker_id) for slot in slots]
    heapq.heapify(free)
    expected = {}
    for job_id, seconds in pending if free else ():
        start, slowness, worker_id = free[0]
        end = start + seconds * slowness
        heapq.heapreplace(free, (end, slowness, worker_id))
        expected[job_id] = Expected(start, end)
    return expected
