"""How well the time of a conversion is foretold, before anything is learned and after."""

from pathlib import Path
from statistics import median
from typing import Any

from bench.mix import Served, mix_of, shuffled
from bench.rounds import percentile


def run(folder: Path, rounds: int) -> None:
    """predicted against actual run time of the 32-file mix on two workers, with what was learned so far"""
    mix, server = mix_of(folder), Served(folder / "server", "balanced")
    learned: list[float] = []
    for number in range(1 + rounds):
        _, jobs = server.jobs(shuffled(mix, number))
        found = factors(jobs)
        print(f"{f'after {number} runs' if number else 'at first'}: {_told(found)}")
        learned += found if number else []
    print(f"of all but the first: {_told(learned)}; no aim is set")


def factors(jobs: list[dict[str, Any]]) -> list[float]:
    """Predicted divided by actual seconds of each completed attempt, of which a prediction was kept."""
    attempts = [job["history"][-1] for job in jobs]
    return [
        attempt["predicted_seconds"] / attempt["run_seconds"]
        for attempt in attempts
        if attempt["predicted_seconds"] and attempt["run_seconds"]
    ]


def _told(found: list[float]) -> str:
    """The error of a prediction is a factor: twice as long and half as long are as wrong as each other."""
    wrong = [100 * abs(factor - 1) for factor in found]
    apart = [max(factor, 1 / factor) for factor in found]
    return (
        f"error median {median(wrong):.0f} %, p95 {percentile(wrong, 95):.0f} %; as a factor median "
        f"{median(apart):.2f}, p95 {percentile(apart, 95):.2f} ({len(found)} attempts)"
    )
