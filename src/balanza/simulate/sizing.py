"""How many workers a workload needs: the same jobs on fleets of different sizes. Pure."""

import re
from collections.abc import Sequence

from balanza.errors import InvalidRequest
from balanza.simulate.scenario import MOST_WORKERS, Scenario, Workers

MOST_SIZES = 64


def sizes_in(text: str) -> list[int]:
    """`4`, `1..8` or `1,2,4,8`. Raises InvalidRequest."""
    try:
        if found := re.fullmatch(r"(\d{1,5})\.\.(\d{1,5})", text.strip()):
            sizes = list(range(int(found[1]), int(found[2]) + 1))
        else:
            sizes = sorted({int(part) for part in text.split(",")})
    except ValueError:
        sizes = []
    if not sizes or len(sizes) > MOST_SIZES or not 1 <= sizes[0] <= sizes[-1] <= MOST_WORKERS:
        raise InvalidRequest(
            f"{text!r} is no number of workers. Give up to {MOST_SIZES} between 1 and {MOST_WORKERS}, such as 4, 1..8 "
            "or 1,2,4,8."
        )
    return sizes


def with_workers(scenario: Scenario, size: int) -> Scenario:
    """The same scenario with so many workers: the first of them, again and again where there are too few.

    Jobs come as often as before, whatever the fleet's speed.
    """
    speeds = scenario.speeds
    workers = tuple(_one(speeds[number % len(speeds)]) for number in range(size))
    jobs = scenario.jobs.model_copy(update={"load": None, "per_second": scenario.arrivals_per_second or None})
    slowdowns = tuple(one for one in scenario.slowdowns if one.worker <= size)
    return scenario.model_copy(update={"workers": workers, "jobs": jobs, "slowdowns": slowdowns})


def fewest(sizes: Sequence[int], waits: Sequence[float], most_seconds: float) -> int | None:
    """The fewest workers with which no such wait, nor any with more workers, is longer."""
    enough = None
    for size, wait in sorted(zip(sizes, waits, strict=True), reverse=True):
        if wait > most_seconds:
            break
        enough = size
    return enough


def _one(speed: tuple[float, int]) -> Workers:
    return Workers(count=1, speed=speed[0], slots=speed[1])
