"""Simulated queues behave as queueing theory says (Kleinrock, Queueing Systems I, 1975)."""

from math import factorial
from typing import Any

import pytest

from tests.simulate.fleets import a_scenario, outcome_of

JOBS = 8000


def mean_wait(workers: int, load: float, size: dict[str, Any]) -> float:
    jobs = {"count": JOBS, "load": load, "size": size, "prediction_sigma": 0.0, "warm_up": 200}
    return outcome_of(a_scenario(workers, jobs), "central_fifo", seed=4).wait.mean


def erlang_c(servers: int, load: float) -> float:
    """The probability that a job has to wait."""
    offered = servers * load
    waiting = offered**servers / factorial(servers) / (1 - load)
    return waiting / (sum(offered**n / factorial(n) for n in range(servers)) + waiting)


def test_one_worker_and_exponential_sizes_wait_as_in_m_m_1() -> None:
    assert mean_wait(1, 0.5, {"distribution": "exponential", "mean_seconds": 1.0}) == pytest.approx(1.0, rel=0.05)


def test_four_workers_wait_as_in_m_m_c() -> None:
    expected = erlang_c(4, 0.7) / (4 * (1 - 0.7))
    assert mean_wait(4, 0.7, {"distribution": "exponential", "mean_seconds": 1.0}) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("size", "second_moment"),
    [
        ({"distribution": "fixed", "mean_seconds": 1.0}, 1.0),
        ({"distribution": "lognormal", "mean_seconds": 1.0, "sigma": 0.5}, 1.2840),
    ],
)
def test_other_sizes_wait_as_pollaczek_and_khinchine_say(size: dict[str, Any], second_moment: float) -> None:
    expected = 0.6 * second_moment / (2 * (1 - 0.6))
    assert mean_wait(1, 0.6, size) == pytest.approx(expected, rel=0.05)
