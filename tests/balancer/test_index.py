"""The index chooses whom a look at every worker chooses."""

import random
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.balancer.index import WorkerIndex, finish_seconds
from balanza.balancer.policies import POLICIES, select_best_worker
from balanza.model import Candidate
from tests.balancer.crew import candidate, candidates

every_policy = pytest.mark.parametrize("policy", sorted(POLICIES))
times = st.sampled_from([0.0, 0.0, 1.0, 2.5, 30.0])
slownesses = st.sampled_from([1.0, 1.0, 1.004, 0.5, 4.0])
steps = st.tuples(candidates, times, slownesses, st.sampled_from(["put", "put", "put", "remove"]))


@every_policy
@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=24), st.lists(st.tuples(times, times), min_size=1, max_size=3), st.integers(0, 2**32))
def test_it_chooses_whom_a_look_at_every_worker_chooses(
    policy: str,
    changes: list[tuple[Candidate, float, float, str]],
    asked: list[tuple[float, float]],
    seed: int,
) -> None:
    index, fleet = WorkerIndex(policy), dict[str, tuple[Candidate, float, float]]()
    one_chance, other_chance = random.Random(seed), random.Random(seed)
    for one, free_at, slowness, change in changes:
        if change == "put":
            index.put(one, free_at=free_at, slowness=slowness)
            fleet[one.worker_id] = one, free_at, slowness
        else:
            index.remove(one.worker_id)
            fleet.pop(one.worker_id, None)
        for seconds, now in asked:
            all_of_them = [
                replace(each, finish_seconds=finish_seconds(free, slow, seconds=seconds, now=now))
                for each, free, slow in fleet.values()
            ]
            looked = select_best_worker(all_of_them, policy, chance=other_chance)
            assert index.pick(seconds=seconds, now=now, chance=one_chance) == looked.worker_id


def test_among_many_of_about_the_same_speed_it_chooses_whom_a_look_at_every_worker_chooses() -> None:
    chance, index = random.Random(3), WorkerIndex("earliest_finish")
    fleet: dict[str, tuple[Candidate, float, float]] = {}
    for step in range(500):
        now, worker_id = step / 10, f"worker_{chance.randrange(200):03}"
        free_at, slowness = now + chance.choice([0.0, 5.0]) * chance.random(), 1.05 + chance.random() / 20
        one = replace(candidate("a", chance.randrange(4), chance.random()), worker_id=worker_id)
        fleet[worker_id] = one, free_at, slowness
        index.put(one, free_at=free_at, slowness=slowness)
        if step % 40 == 0:
            index.remove(fleet.popitem()[0])
        if step > 420:
            seconds, asked_at = chance.choice([0.5, 3.0, 8.0, 100.0]), now - chance.choice([0, 0, 2])
            all_of_them = [
                replace(each, finish_seconds=finish_seconds(free, slow, seconds=seconds, now=asked_at))
                for each, free, slow in fleet.values()
            ]
            looked = select_best_worker(all_of_them, "earliest_finish")
            assert index.pick(seconds=seconds, now=asked_at) == looked.worker_id


@every_policy
def test_a_decision_among_many_workers_takes_little_more_work_than_among_few(policy: str) -> None:
    def work(size: int) -> float:
        """How many functions are called per decision."""
        index, chance = WorkerIndex(policy), random.Random(1)
        fleet = [replace(candidate("a"), worker_id=f"worker_{number:05}") for number in range(size)]
        for one in fleet:
            index.put(one, free_at=float(chance.randrange(100)), slowness=1 + chance.randrange(4) / 2)
        calls = 0

        def count(*_: object) -> None:
            nonlocal calls
            calls += 1

        sys.setprofile(count)
        try:
            for number in range(32):
                index.put(replace(fleet[number], jobs_in_progress=1), free_at=100.0 + number)
                index.pick(seconds=8.0, now=float(number), chance=chance)
        finally:
            sys.setprofile(None)
        return calls / 32

    assert work(2048) < 4 * work(32)


def test_a_policy_that_draws_wants_a_chance() -> None:
    with pytest.raises(ValueError, match="needs a chance"):
        WorkerIndex("random").pick()
