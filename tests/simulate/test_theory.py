"""Simulated queues behave as queueing theory says (Kleinrock, Queueing Systems I, 1975).

In two steps, because means of waits settle slowly: the simulation gives each job the wait of the recursion of Lindley
(1952), for several workers of Kiefer and Wolfowitz (1955); and that recursion, over many jobs, the means of theory.
"""

from heapq import heapreplace
from itertools import islice
from math import factorial
from statistics import fmean
from typing import Any

import pytest

from balanza.simulate.scenario import Scenario
from balanza.simulate.workload import arrivals_of
from tests.simulate.fleets import a_scenario, chances_of, outcome_of

MANY = 60_000
EXPONENTIAL = {"distribution": "exponential", "mean_seconds": 1.0}
FIXED = {"distribution": "fixed", "mean_seconds": 1.0}
LOG_NORMAL = {"distribution": "lognormal", "mean_seconds": 1.0, "sigma": 0.5}


def erlang_c(servers: int, load: float) -> float:
    """The probability that a job has to wait."""
    offered = servers * load
    waiting = offered**servers / factorial(servers) / (1 - load)
    return waiting / (sum(offered**n / factorial(n) for n in range(servers)) + waiting)


def pollaczek_khinchine(load: float, second_moment: float) -> float:
    return load * second_moment / (2 * (1 - load))


queues = pytest.mark.parametrize(
    ("workers", "load", "size", "expected"),
    [
        pytest.param(1, 0.5, EXPONENTIAL, 1.0, id="M/M/1"),
        pytest.param(4, 0.7, EXPONENTIAL, erlang_c(4, 0.7) / (4 * (1 - 0.7)), id="M/M/4"),
        pytest.param(1, 0.6, FIXED, pollaczek_khinchine(0.6, 1.0), id="M/D/1"),
        pytest.param(1, 0.6, LOG_NORMAL, pollaczek_khinchine(0.6, 1.284), id="M/G/1"),
    ],
)


def a_queue(workers: int, load: float, size: dict[str, Any], count: int) -> Scenario:
    return a_scenario(workers, {"count": count, "load": load, "size": size, "prediction_sigma": 0.0})


def waits(scenario: Scenario) -> list[float]:
    """In order of arrival, each job to whoever is free first."""
    free, found = [0.0] * len(scenario.speeds), []
    for job in arrivals_of(scenario, chances_of(1)):
        start = max(job.at, free[0])
        heapreplace(free, start + job.size)
        found.append(start - job.at)
    return found


@queues
def test_each_job_waits_as_the_recursion_says(workers: int, load: float, size: dict[str, Any], expected: float) -> None:
    scenario = a_queue(workers, load, size, 400)
    simulated = [one.wait_seconds for one in outcome_of(scenario, "central_fifo").fates]
    assert simulated == pytest.approx(waits(scenario), abs=1e-6)
    assert any(wait > expected for wait in simulated)


@queues
def test_the_mean_wait_is_that_of_theory(workers: int, load: float, size: dict[str, Any], expected: float) -> None:
    long = waits(a_queue(workers, load, size, MANY))
    assert fmean(islice(long, 100, None)) == pytest.approx(expected, rel=0.04)
