"""What nothing real can do: sizes known exactly, and every job stopped and moved at will. Pure.

Shortest remaining processing time first (Schrage 1968) on workers of different speeds: at each moment the shortest
remainders run, the shortest on the fastest. A bound to look at, not a proof: only for one worker is it the optimum.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf

from balanza.simulate.measures import Fate, Outcome, fate_of, outcome_of
from balanza.simulate.scenario import Scenario
from balanza.simulate.workload import Arrival

_NOTHING = 1e-9


@dataclass(slots=True, order=True)
class _Rest:
    """Of one job."""

    work: float
    seq: int
    started_at: float | None = None


def clairvoyant(scenario: Scenario, arrivals: Sequence[Arrival]) -> Outcome:
    """The outcome; failures and slow-downs do not touch it."""
    speeds = sorted((speed for speed, slots in scenario.speeds for _ in range(slots)), reverse=True)
    running: list[_Rest] = []
    waiting: list[_Rest] = []
    fates: list[Fate] = []
    now, busy, upcoming = 0.0, 0.0, 0
    while upcoming < len(arrivals) or running:
        first_end = min((rest.work / speed for rest, speed in zip(running, speeds, strict=False)), default=inf)
        next_at = arrivals[upcoming].at if upcoming < len(arrivals) else inf
        step = min(first_end, next_at - now)
        for rest, speed in zip(running, speeds, strict=False):
            rest.work -= step * speed
        now, busy = now + step, busy + step * len(running)
        if next_at <= now:
            insort(running, _Rest(arrivals[upcoming].size, upcoming))
            upcoming += 1
        for rest in [rest for rest in running if rest.work <= _NOTHING]:
            running.remove(rest)
            fates.append(fate_of(arrivals[rest.seq], rest.started_at or 0.0, now, speeds[0]))
        while len(running) > len(speeds):
            heappush(waiting, running.pop())
        while waiting and len(running) < len(speeds):
            insort(running, heappop(waiting))
        for rest in running:
            rest.started_at = now if rest.started_at is None else rest.started_at
    return outcome_of(
        arrivals, sorted(fates, key=lambda fate: fate.arrival.at), scenario, ended_at=now, busy=[(busy, len(speeds))]
    )
