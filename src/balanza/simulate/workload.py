"""What a simulated fleet has to do: jobs as they arrive, drawn from the distributions of a scenario."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp
from typing import Protocol, TypeVar

from balanza.simulate.scenario import Burst, Owner, Scenario, Size

T = TypeVar("T")


class Chance(Protocol):
    """A seeded `random.Random` is one."""

    def random(self) -> float: ...
    def expovariate(self, lambd: float, /) -> float: ...
    def lognormvariate(self, mu: float, sigma: float, /) -> float: ...
    def gauss(self, mu: float, sigma: float, /) -> float: ...
    def sample(self, population: Sequence[T], k: int, /) -> list[T]: ...
    def choices(self, population: Sequence[T], weights: Sequence[float], /) -> list[T]: ...


class Chances(Protocol):
    """Gives a generator of its own to each thing that is drawn, so that two rules meet the same jobs and mishaps."""

    def __call__(self, name: str, /) -> Chance: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """A job as it comes."""

    at: float
    size: float
    """In seconds on a worker of speed 1."""
    guess: float
    """What it is taken for before anything was learned; in the same seconds."""
    owner: str = ""
    kind: str = "any"
    priority: int = 50
    batch: bool = False


def arrivals_of(scenario: Scenario, chances: Chances) -> list[Arrival]:
    """In the order in which they come."""
    jobs = list(_stream(scenario, chances))
    for number, burst in enumerate(scenario.bursts):
        jobs += _burst(burst, scenario, chances(f"burst {number}"))
    return sorted(jobs, key=lambda job: job.at)


def _stream(scenario: Scenario, chances: Chances) -> Iterator[Arrival]:
    jobs, gaps, sizes, noise, whose = scenario.jobs, *map(chances, ("gaps", "sizes", "noise", "owners"))
    at, rate = 0.0, scenario.arrivals_per_second
    for _ in range(jobs.count):
        at += gaps.expovariate(rate) if rate else 0.0
        owner = _owner(scenario.owners, whose)
        yield _job(at, _size(jobs.size, sizes), scenario, noise, owner, batch=jobs.batch)


def _burst(burst: Burst, scenario: Scenario, chance: Chance) -> Iterator[Arrival]:
    size = burst.size or scenario.jobs.size
    for _ in range(burst.jobs):
        yield _job(burst.at_seconds, _size(size, chance), scenario, chance, burst.owner, batch=burst.batch)


def _job(at: float, size: float, scenario: Scenario, noise: Chance, owner: str, *, batch: bool) -> Arrival:
    sigma = scenario.jobs.prediction_sigma
    factor = noise.lognormvariate(0.0, sigma) if sigma else 1.0
    return Arrival(at, size, size * factor, owner, batch=batch)


def _size(size: Size, chance: Chance) -> float:
    if size.distribution == "fixed":
        return size.mean_seconds
    if size.distribution == "exponential":
        return chance.expovariate(1 / size.mean_seconds)
    return max(0.001, size.median * exp(chance.gauss(0.0, size.sigma)))


def _owner(owners: Sequence[Owner], chance: Chance) -> str:
    if not owners:
        return ""
    return chance.choices(owners, [owner.share for owner in owners])[0].name
