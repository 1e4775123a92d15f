"""The rules that every choice of a worker keeps, whatever the policy, tried on arbitrary fleets."""

import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanza.balancer.policies import POLICIES, select_best_worker
from balanza.model import Candidate, Decision, Obstacle, WhyNot
from balanza.settings import PolicyName
from tests.balancer.crew import candidate, fleets, given_one

every_policy = pytest.mark.parametrize("policy", sorted(POLICIES))
seeds = st.integers(0, 2**32)


def decide(fleet: Sequence[Candidate], policy: str, seed: int = 0) -> Decision:
    return select_best_worker(fleet, policy, chance=random.Random(seed))


def test_the_policies_are_those_that_can_be_set() -> None:
    assert set(POLICIES) == set(get_args(PolicyName))


@every_policy
@given(fleets, seeds)
def test_the_chosen_worker_can_and_somebody_is_chosen_when_anybody_can(
    policy: str, fleet: list[Candidate], seed: int
) -> None:
    chosen = decide(fleet, policy, seed).chosen
    able = [one for one in fleet if one.cannot is None]
    assert (chosen in able) if able else (chosen is None)


@every_policy
@given(fleets, seeds)
def test_no_unknown_worker_is_chosen_while_a_known_one_can(policy: str, fleet: list[Candidate], seed: int) -> None:
    chosen = decide(fleet, policy, seed).chosen
    if chosen is not None and chosen.cpu_load is None:
        assert all(one.cpu_load is None for one in fleet if one.cannot is None)


@every_policy
@given(fleets, seeds, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(
    policy: str, fleet: list[Candidate], seed: int, rng: random.Random
) -> None:
    assert decide(rng.sample(fleet, len(fleet)), policy, seed) == decide(fleet, policy, seed)


@every_policy
@given(fleets, seeds)
def test_the_same_chance_makes_the_same_choice(policy: str, fleet: list[Candidate], seed: int) -> None:
    assert decide(fleet, policy, seed) == decide(fleet, policy, seed)


@every_policy
@given(fleets, seeds)
def test_every_candidate_is_kept_and_all_but_the_chosen_one_say_why_not(
    policy: str, fleet: list[Candidate], seed: int
) -> None:
    decision = decide(fleet, policy, seed)
    by_id = sorted(fleet, key=lambda one: one.worker_id)
    assert [replace(one, why_not=None) for one in decision.candidates] == by_id
    assert [one.worker_id for one in decision.candidates if one.why_not is None] == (
        [] if decision.chosen is None else [decision.worker_id]
    )


@every_policy
@given(fleets, seeds)
def test_who_cannot_is_described_by_what_stands_in_the_way(policy: str, fleet: list[Candidate], seed: int) -> None:
    for one in decide(fleet, policy, seed).candidates:
        assert one.cannot is None or one.why_not == one.cannot.clause


@every_policy
@given(fleets, seeds)
def test_why_not_of_an_earlier_decision_bears_on_nothing(policy: str, fleet: list[Candidate], seed: int) -> None:
    again = [replace(one, why_not="had 7 jobs, worker_z 0") for one in fleet]
    assert decide(again, policy, seed) == decide(fleet, policy, seed)


@every_policy
@given(st.integers(1, 6), st.integers(1, 5), seeds)
def test_ties_rotate_where_nothing_is_drawn(policy: str, size: int, rounds: int, seed: int) -> None:
    """Workers that finish at once are equal again at each choice; only who was chosen when tells them apart."""
    fleet = {f"worker_{letter}": candidate(letter) for letter in "abcdef"[:size]}
    chance, chosen = random.Random(seed), []
    for second in range(size * rounds):
        worker_id = str(select_best_worker(list(fleet.values()), policy, chance=chance).worker_id)
        chosen.append(worker_id)
        fleet[worker_id] = replace(given_one(fleet[worker_id], second), jobs_in_progress=0)
    if POLICIES[policy].drawn is None:
        assert chosen == sorted(fleet) * rounds
    else:
        assert set(chosen) <= set(fleet)


def test_a_policy_that_does_not_exist_is_a_mistake_that_is_told() -> None:
    with pytest.raises(ValueError, match=r"no policy fastest; there are least_loaded, earliest_finish, power_of_two"):
        select_best_worker([candidate("a")], "fastest")


@pytest.mark.parametrize("policy", ["power_of_two", "random"])
def test_a_policy_that_draws_wants_a_chance(policy: str) -> None:
    with pytest.raises(ValueError, match="needs a chance"):
        select_best_worker([candidate("a")], policy)


@every_policy
def test_a_choice_takes_work_in_proportion_to_the_fleet(policy: str) -> None:
    def work(size: int) -> int:
        """How many functions are called."""
        fleet = [replace(candidate("a"), worker_id=f"worker_{number:04}") for number in range(size)]
        calls = 0

        def count(*_: object) -> None:
            nonlocal calls
            calls += 1

        sys.setprofile(count)
        try:
            decide(fleet, policy)
        finally:
            sys.setprofile(None)
        return calls

    assert work(400) < 5 * work(100)


def test_of_many_candidates_the_chosen_one_and_the_first_others_are_told_of() -> None:
    fleet = [candidate(str(number), jobs=9 - number) for number in range(9)]

    whole, some = select_best_worker(fleet), select_best_worker(fleet, told=3)

    assert some.chosen == whole.chosen
    assert some.candidates == (*whole.candidates[:2], whole.candidates[-1])
    nobody = [replace(one, cannot=WhyNot(Obstacle.OFFLINE, "is offline")) for one in fleet]
    assert len(select_best_worker(nobody, told=3).candidates) == len(fleet)
