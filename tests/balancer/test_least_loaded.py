"""The seed's policy: fewest jobs, then lowest CPU, then chosen longest ago."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanza.balancer.policies import select_best_worker
from balanza.model import Candidate, Obstacle, WhyNot
from tests.balancer.crew import candidate, fleets, given_one


def test_fewer_jobs_win_over_lower_cpu() -> None:
    assert select_best_worker([candidate("a", jobs=1, cpu=0.0), candidate("b", cpu=0.9)]).worker_id == "worker_b"


def test_lower_cpu_wins_between_equal_job_counts() -> None:
    assert select_best_worker([candidate("a", cpu=0.25), candidate("b", cpu=0.24)]).worker_id == "worker_b"


def test_cpu_noise_below_a_hundredth_decides_nothing() -> None:
    fleet = [candidate("a", cpu=0.001, chosen=2), candidate("b", cpu=0.004, chosen=1)]
    assert select_best_worker(fleet).worker_id == "worker_b"


def test_a_tie_goes_to_the_one_never_chosen_then_to_the_one_chosen_longest_ago() -> None:
    fleet = [candidate("a", chosen=1), candidate("b", chosen=5), candidate("c")]
    assert select_best_worker(fleet).worker_id == "worker_c"
    assert select_best_worker(fleet[:2]).worker_id == "worker_a"


def test_a_worker_with_unknown_load_is_never_taken_for_idle() -> None:
    fleet = [candidate("a", cpu=None), candidate("b", jobs=4, cpu=1.0)]
    assert select_best_worker(fleet).worker_id == "worker_b"
    assert select_best_worker(fleet[:1]).worker_id == "worker_a"


@given(fleets)
def test_nobody_known_and_able_has_fewer_jobs_than_the_chosen_one(fleet: list[Candidate]) -> None:
    chosen = select_best_worker(fleet).chosen
    known = [one for one in fleet if one.cannot is None and one.cpu_load is not None]
    if known:
        assert chosen is not None
        assert chosen.jobs_in_progress == min(one.jobs_in_progress for one in known)


@given(st.integers(1, 6), st.integers(1, 10))
def test_a_burst_on_idle_workers_is_spread_evenly(size: int, rounds: int) -> None:
    fleet = {f"worker_{letter}": candidate(letter) for letter in "abcdef"[:size]}
    given_to: Counter[str] = Counter()
    for second in range(size * rounds):
        chosen = str(select_best_worker(list(fleet.values())).worker_id)
        given_to[chosen] += 1
        fleet[chosen] = given_one(fleet[chosen], second)
    assert set(given_to.values()) == {rounds}


def test_six_jobs_at_once_alternate_between_two_workers() -> None:
    fleet, chosen = {"worker_a": candidate("a", cpu=0.15), "worker_b": candidate("b", cpu=0.12)}, []
    for second in range(6):
        one = str(select_best_worker(list(fleet.values())).worker_id)
        chosen.append(one)
        fleet[one] = given_one(fleet[one], second)
    assert chosen == ["worker_b", "worker_a"] * 3


@pytest.mark.parametrize(
    ("other", "clause"),
    [
        (candidate("b", jobs=2), "had 2 jobs, worker_a 0"),
        (candidate("b", jobs=1), "had 1 job, worker_a 0"),
        (candidate("b", cpu=0.4), "had CPU 0.40, worker_a 0.10"),
        (candidate("b", cpu=0.104, chosen=5), "was chosen more recently than worker_a"),
        (candidate("b", cpu=0.1), "was as good as worker_a, which is first by name"),
        (candidate("b", cpu=None), "its CPU load is unknown"),
        (replace(candidate("b"), cannot=WhyNot(Obstacle.TAG, "has no tag gpu")), "has no tag gpu"),
    ],
)
def test_who_was_not_chosen_says_why(other: Candidate, clause: str) -> None:
    decision = select_best_worker([other, candidate("a", cpu=0.1)])
    assert decision.worker_id == "worker_a"
    assert [one.why_not for one in decision.candidates] == [None, clause]


def test_between_unknown_workers_the_jobs_decide() -> None:
    decision = select_best_worker([candidate("a", jobs=2, cpu=None), candidate("b", jobs=1, cpu=None)])
    assert decision.worker_id == "worker_b"
    assert decision.candidates[0].why_not == "had 2 jobs, worker_b 1"
