"""The rules that every choice of a worker keeps, tried on arbitrary fleets."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from balanza.balancer.policies import select_best_worker
from balanza.model import Candidate

START = datetime(2026, 1, 1, tzinfo=UTC)

candidates = st.builds(
    Candidate,
    worker_id=st.sampled_from([f"worker_{letter}" for letter in "abcdefgh"]),
    jobs_in_progress=st.integers(0, 5),
    cpu_load=st.none() | st.floats(0, 1),
    chosen_at=st.none() | st.integers(0, 10).map(lambda seconds: START + timedelta(seconds=seconds)),
    why_not=st.sampled_from([None, None, None, "offline", "draining"]),
)
fleets = st.lists(candidates, max_size=8, unique_by=lambda candidate: candidate.worker_id)


def worker(letter: str, jobs: int = 0, cpu: float | None = 0.0, chosen: int | None = None) -> Candidate:
    chosen_at = None if chosen is None else START + timedelta(seconds=chosen)
    return Candidate(f"worker_{letter}", jobs, cpu, chosen_at)


@given(fleets)
def test_the_chosen_worker_is_able_and_somebody_is_chosen_when_anybody_is_able(fleet: list[Candidate]) -> None:
    chosen = select_best_worker(fleet).chosen
    able = [candidate for candidate in fleet if candidate.why_not is None]
    assert (chosen in able) if able else (chosen is None)


@given(fleets, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(fleet: list[Candidate], rng: random.Random) -> None:
    shuffled = rng.sample(fleet, len(fleet))
    assert select_best_worker(shuffled) == select_best_worker(fleet)


@given(fleets)
def test_nobody_known_and_able_has_fewer_jobs_than_the_chosen_one(fleet: list[Candidate]) -> None:
    chosen = select_best_worker(fleet).chosen
    known = [one for one in fleet if one.why_not is None and one.cpu_load is not None]
    if chosen is not None and known:
        assert chosen.cpu_load is not None
        assert chosen.jobs_in_progress == min(one.jobs_in_progress for one in known)


@given(fleets)
def test_the_decision_keeps_every_candidate(fleet: list[Candidate]) -> None:
    assert sorted(select_best_worker(fleet).candidates, key=str) == sorted(fleet, key=str)


def test_fewer_jobs_win_over_lower_cpu() -> None:
    assert select_best_worker([worker("a", jobs=1, cpu=0.0), worker("b", jobs=0, cpu=0.9)]).worker_id == "worker_b"


def test_lower_cpu_wins_between_equal_job_counts() -> None:
    assert select_best_worker([worker("a", cpu=0.25), worker("b", cpu=0.24)]).worker_id == "worker_b"


def test_cpu_noise_below_a_hundredth_decides_nothing() -> None:
    fleet = [worker("a", cpu=0.001, chosen=2), worker("b", cpu=0.004, chosen=1)]
    assert select_best_worker(fleet).worker_id == "worker_b"


def test_a_tie_goes_to_the_one_never_chosen_then_to_the_one_chosen_longest_ago() -> None:
    fleet = [worker("a", chosen=1), worker("b", chosen=5), worker("c")]
    assert select_best_worker(fleet).worker_id == "worker_c"
    assert select_best_worker(fleet[:2]).worker_id == "worker_a"


def test_a_worker_with_unknown_load_is_never_taken_for_idle() -> None:
    assert select_best_worker([worker("a", cpu=None), worker("b", jobs=4, cpu=1.0)]).worker_id == "worker_b"
    assert select_best_worker([worker("a", cpu=None)]).worker_id == "worker_a"


@given(st.integers(1, 6), st.integers(1, 10))
def test_a_burst_on_idle_workers_is_spread_evenly(size: int, rounds: int) -> None:
    fleet = {f"worker_{letter}": worker(letter) for letter in "abcdef"[:size]}
    given_to: Counter[str] = Counter()
    for second in range(size * rounds):
        chosen = select_best_worker(list(fleet.values())).worker_id
        assert chosen is not None
        given_to[chosen] += 1
        fleet[chosen] = replace(
            fleet[chosen], jobs_in_progress=given_to[chosen], chosen_at=START + timedelta(seconds=second)
        )
    assert set(given_to.values()) == {rounds}
