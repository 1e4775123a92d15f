"""A scenario out of what a server has run: its jobs as they came, and its workers as fast as they were. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from balanza.balancer.prediction import Key, Learned, Speeds
from balanza.simulate.workload import Arrival

LEAST_SECONDS = 0.001
FASTEST = 64.0
"""No worker is taken to be faster, or slower by this factor, than a usual one."""


@dataclass(frozen=True, slots=True)
class PastJob:
    """A job that was completed."""

    at_seconds: float
    """On whatever clock."""
    run_seconds: float
    worker_id: str
    guess_seconds: float
    """0: nobody guessed."""
    kind: str = ""
    owner: str = ""
    priority: int = 50
    process: str = ""
    """Which one it shared with others; empty: it had one of its own."""


def apart(jobs: Sequence[PastJob]) -> list[PastJob]:
    """As if each had been done alone: those that shared a process took an equal part of its time."""
    sharing: dict[str, list[float]] = {}
    for job in jobs:
        sharing.setdefault(job.process, []).append(job.run_seconds)
    parts = {process: max(all_seconds) / len(all_seconds) for process, all_seconds in sharing.items() if process}
    return [replace(job, run_seconds=parts.get(job.process, job.run_seconds)) for job in jobs]


def speeds_in(jobs: Sequence[PastJob]) -> dict[str, float]:
    """How many times as fast as a usual one each worker was, by what was learned from all jobs."""
    learned: dict[Key, Learned] = {}
    speeds = Speeds(learned)
    for job in jobs:
        guess = job.guess_seconds or job.run_seconds
        learned.update(speeds.after(job.worker_id, job.kind or "any", guess, job.run_seconds))
    workers = sorted({job.worker_id for job in jobs})
    return {one: min(FASTEST, max(1 / FASTEST, 1 / speeds.slowness(one))) for one in workers}


def arrivals_in(jobs: Sequence[PastJob], speeds: Mapping[str, float]) -> list[Arrival]:
    """In the order in which they came, the first at 0; sizes are those on a usual worker."""
    ordered = sorted(jobs, key=lambda job: job.at_seconds)
    usual = _usual(ordered)
    return [
        Arrival(
            at=job.at_seconds - ordered[0].at_seconds,
            size=max(LEAST_SECONDS, job.run_seconds * speeds[job.worker_id]),
            guess=max(LEAST_SECONDS, job.guess_seconds or usual),
            owner=job.owner,
            kind=job.kind or "any",
            priority=job.priority,
        )
        for job in ordered
    ]


def _usual(jobs: Sequence[PastJob]) -> float:
    """What a job nobody guessed is taken for: the geometric middle of the shortest and the longest."""
    lengths = [job.run_seconds for job in jobs if job.run_seconds > 0]
    return sqrt(min(lengths) * max(lengths)) if lengths else LEAST_SECONDS
