"""Rounds of a comparison, interleaved so that a change of the machine's speed hits both sides alike."""

import time
from collections.abc import Callable
from statistics import median


def compare(
    ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int
) -> tuple[list[float], list[float]]:
    """Wall-clock seconds of both sides, round by round; which side goes first alternates."""
    seconds: dict[Callable[[], object], list[float]] = {ours: [], theirs: []}
    for number in range(rounds):
        for side in (ours, theirs) if number % 2 else (theirs, ours):
            seconds[side].append(timed(side))
    return seconds[ours], seconds[theirs]


def timed(call: Callable[[], object]) -> float:
    started_at = time.perf_counter()
    call()
    return time.perf_counter() - started_at


def ratios(ours: list[float], theirs: list[float]) -> str:
    """Their quotients, round by round: median (min to max)."""
    quotients = sorted(mine / other for mine, other in zip(ours, theirs, strict=True))
    return f"{median(quotients):.3f} ({quotients[0]:.3f} to {quotients[-1]:.3f})"


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of their quotients, round by round."""
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))


def percentile(values: list[float], percent: float) -> float:
    """The value that so many percent of the others do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
