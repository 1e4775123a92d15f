"""What came out of a simulation, in numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, inf

from balanza.simulate.scenario import Scenario
from balanza.simulate.workload import Arrival


@dataclass(frozen=True, slots=True)
class Spread:
    """Of many values: zero when there are none."""

    mean: float = 0.0
    median: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    most: float = 0.0


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one job that was completed."""

    arrival: Arrival
    wait_seconds: float
    """Until it was started."""
    total_seconds: float
    """Until it was done."""
    slowdown: float
    """`total_seconds` beside what it takes on the fastest worker."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What it took."""

    wasted_slot_seconds: float = 0.0
    """Of slots that were idle while a job was pending that they could have run."""
    held_slot_seconds: float = 0.0
    """The same, where the job was left to a worker that ends it sooner."""
    moves: int = 0
    pauses: int = 0
    decisions: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one run of a scenario."""

    jobs: int
    completed: int
    makespan_seconds: float
    bound_seconds: float
    """No order and no placement is done sooner."""
    slowdown: Spread
    wait: Spread
    total: Spread
    imbalance: float
    """The longest time for which a worker was busy, over the mean of all."""
    utilisation: float
    costs: Costs
    fates: tuple[Fate, ...]

    @property
    def failed(self) -> int:
        return self.jobs - self.completed

    @property
    def over_bound(self) -> float:
        return self.makespan_seconds / self.bound_seconds if self.bound_seconds else 1.0

    def of_owners(self, *names: str, until_seconds: float = inf) -> tuple[Spread, Spread]:
        """Slowdown and wait of the jobs of these, of those that arrived until then."""
        some = [one for one in self.fates if one.arrival.owner in names and one.arrival.at <= until_seconds]
        return spread(one.slowdown for one in some), spread(one.wait_seconds for one in some)


def fate_of(arrival: Arrival, started_at: float, completed_at: float, fastest: float) -> Fate:
    total = completed_at - arrival.at
    return Fate(arrival, max(0.0, started_at - arrival.at), total, max(1.0, total * fastest / arrival.size))


def outcome_of(
    arrivals: Sequence[Arrival],
    fates: Sequence[Fate],
    scenario: Scenario,
    *,
    ended_at: float,
    busy: Sequence[tuple[float, int]],
    costs: Costs | None = None,
) -> Outcome:
    """`busy`: of each worker for how many seconds its slots ran something, in all, and how many slots it has."""
    measured = fates[scenario.jobs.warm_up :]
    per_slot = [seconds / slots for seconds, slots in busy]
    return Outcome(
        jobs=len(arrivals),
        completed=len(fates),
        makespan_seconds=ended_at - (arrivals[0].at if arrivals else 0.0),
        bound_seconds=bound_of(arrivals, scenario.top_speeds),
        slowdown=spread(fate.slowdown for fate in measured),
        wait=spread(fate.wait_seconds for fate in measured),
        total=spread(fate.total_seconds for fate in measured),
        imbalance=max(per_slot) * len(per_slot) / (sum(per_slot) or 1.0),
        utilisation=sum(seconds for seconds, _ in busy) / sum(slots for _, slots in busy) / (ended_at or 1.0),
        costs=costs or Costs(),
        fates=tuple(fates),
    )


def spread(values: Iterable[float]) -> Spread:
    """Percentiles by the nearest rank."""
    ordered = sorted(values)
    if not ordered:
        return Spread()

    def at(share: float) -> float:
        return float(ordered[max(0, ceil(share * len(ordered)) - 1)])

    return Spread(sum(ordered) / len(ordered), at(0.5), at(0.95), at(0.99), float(ordered[-1]))


def bound_of(arrivals: Sequence[Arrival], speeds: Sequence[tuple[float, int]]) -> float:
    """What arrives from any moment on cannot be done sooner than by all at full speed, nor a job sooner than by the
    fastest. When all arrive at once: max(total work ÷ total speed, longest ÷ fastest).
    """
    speed = sum(one * slots for one, slots in speeds)
    fastest = max(one for one, _ in speeds)
    if not arrivals:
        return 0.0
    after = list(accumulate(arrival.size for arrival in reversed(arrivals)))[::-1]
    ends = (
        arrival.at + max(work / speed, arrival.size / fastest) for arrival, work in zip(arrivals, after, strict=True)
    )
    return max(ends) - arrivals[0].at
