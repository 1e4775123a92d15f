"""The policies that draw: whom they draw is fair, and of two the busier one is never taken.

Whether a draw is fair is counted twice: exactly, with a chance that goes through every draw there is; and with the
generator that the server uses, by Pearson's chi-square at fixed seeds. Its limits are the 1 - 1e-6 quantiles, so a fair
policy fails for about one seed in a million, and these seeds are known to pass.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations, permutations
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanza.balancer.policies import select_best_worker
from balanza.model import Candidate, Decision
from tests.balancer.crew import NAMES, candidate, fleets

T = TypeVar("T")

IDLE = [candidate(letter) for letter in "abcdef"]
PAIRS = [frozenset(pair) for pair in combinations(NAMES[:6], 2)]
LIMIT_OF_5 = 35.89
LIMIT_OF_14 = 55.55
"""Chi-square quantiles at 1 - 1e-6 for 5 and for 14 degrees of freedom."""


class Scripted:
    """Draws the places it was told to."""

    def __init__(self, places: Sequence[int]) -> None:
        self._places = places

    def sample(self, population: Sequence[T], k: int, /) -> list[T]:
        assert k == len(self._places)
        return [population[place] for place in self._places]


def drawn(decision: Decision) -> frozenset[str]:
    return frozenset(one.worker_id for one in decision.candidates if one.why_not != "was not drawn")


def chi_square(counts: Counter[T], kinds: Iterable[T]) -> float:
    every = list(kinds)
    expected = counts.total() / len(every)
    return sum((counts[kind] - expected) ** 2 / expected for kind in every)


def test_every_pair_is_drawn_by_as_many_draws_as_any_other() -> None:
    counts = Counter(
        drawn(select_best_worker(IDLE, "power_of_two", chance=Scripted(places))) for places in permutations(range(6), 2)
    )
    assert counts == dict.fromkeys(PAIRS, 2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_generator_draws_every_pair_equally_often(seed: int) -> None:
    chance = random.Random(seed)
    counts = Counter(drawn(select_best_worker(IDLE, "power_of_two", chance=chance)) for _ in range(6000))
    assert chi_square(counts, PAIRS) < LIMIT_OF_14


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_chooses_every_worker_equally_often(seed: int) -> None:
    chance = random.Random(seed)
    counts = Counter(select_best_worker(IDLE, "random", chance=chance).worker_id for _ in range(6000))
    assert chi_square(counts, NAMES[:6]) < LIMIT_OF_5


def test_the_limit_finds_a_draw_that_is_slightly_unfair() -> None:
    """One pair of the fifteen at double weight."""
    chance = random.Random(1)
    counts = Counter(chance.choice([*PAIRS, PAIRS[0]]) for _ in range(6000))
    assert chi_square(counts, PAIRS) > LIMIT_OF_14


@given(fleets, st.integers(0, 2**32))
def test_the_chosen_one_is_never_busier_than_the_other_one_drawn(fleet: list[Candidate], seed: int) -> None:
    decision = select_best_worker(fleet, "power_of_two", chance=random.Random(seed))
    chosen = decision.chosen
    for one in decision.candidates:
        if chosen and one.cannot is None and one.why_not not in {"was not drawn", "its CPU load is unknown"}:
            assert _load(chosen) <= _load(one)


@given(fleets, st.integers(0, 2**32))
def test_two_are_drawn_where_two_known_ones_can(fleet: list[Candidate], seed: int) -> None:
    decision = select_best_worker(fleet, "power_of_two", chance=random.Random(seed))
    able = [one for one in decision.candidates if one.cannot is None]
    pool = [one for one in able if one.cpu_load is not None] or able
    assert sum(one.why_not != "was not drawn" for one in pool) == min(2, len(pool))


def test_of_two_drawn_the_one_with_fewer_jobs_is_chosen_in_either_order() -> None:
    fleet = [candidate("a", jobs=3), candidate("b", jobs=2), candidate("c")]
    for places in [(0, 1), (1, 0)]:
        decision = select_best_worker(fleet, "power_of_two", chance=Scripted(places))
        assert decision.worker_id == "worker_b"
        assert [one.why_not for one in decision.candidates] == ["had 3 jobs, worker_b 2", None, "was not drawn"]


def test_random_looks_at_no_load() -> None:
    fleet = [candidate("a", jobs=9, cpu=1.0), candidate("b")]
    decision = select_best_worker(fleet, "random", chance=Scripted([0]))
    assert decision.worker_id == "worker_a"
    assert decision.candidates[1].why_not == "was not drawn"


def test_round_robin_looks_at_no_load_but_at_who_was_chosen_when() -> None:
    fleet = [candidate("a", chosen=2), candidate("b", jobs=9, cpu=1.0, chosen=1), candidate("c", chosen=3)]
    decision = select_best_worker(fleet, "round_robin")
    assert decision.worker_id == "worker_b"
    assert [one.why_not for one in decision.candidates] == [
        "was chosen more recently than worker_b",
        None,
        "was chosen more recently than worker_b",
    ]


def _load(one: Candidate) -> tuple[int, float]:
    return one.jobs_in_progress, round(one.cpu_load or 0, 2)
