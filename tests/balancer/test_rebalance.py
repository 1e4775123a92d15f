"""From which own queues jobs are taken."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from balanza.balancer.rebalance import share_for_newcomer, victims
from balanza.model import Worker
from tests.balancer.crew import a_worker

queues = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9), max_size=6).map(
    lambda depths: [a_worker(letter, assigned=depth, running=1) for letter, depth in depths.items()]
)
newcomers = st.builds(a_worker, st.just("z"), slots=st.integers(1, 6), assigned=st.integers(0, 3))


def test_a_newcomers_slots_are_filled_from_the_fullest_own_queues() -> None:
    fleet = [a_worker("a", assigned=3), a_worker("b", assigned=6), a_worker("c", assigned=5)]
    assert share_for_newcomer(a_worker("z", slots=3), fleet) == ["worker_b", "worker_b", "worker_c"]


def test_equally_full_queues_give_in_turn() -> None:
    fleet = [a_worker("a", assigned=4), a_worker("b", assigned=4)]
    assert share_for_newcomer(a_worker("z", slots=2), fleet) == ["worker_a", "worker_b"]


def test_a_queue_of_one_keeps_its_job() -> None:
    assert share_for_newcomer(a_worker("z", slots=2), [a_worker("a", assigned=1)]) == []


def test_a_newcomer_that_is_busy_already_gets_nothing() -> None:
    fleet = [a_worker("a", assigned=9)]
    assert share_for_newcomer(a_worker("z", slots=2, running=1, assigned=1), fleet) == []


@given(newcomers, queues)
def test_nobody_gives_until_its_queue_is_shorter_than_the_newcomers(newcomer: Worker, fleet: list[Worker]) -> None:
    givers = Counter(share_for_newcomer(newcomer, [*fleet, newcomer]))
    got = newcomer.assigned_jobs + givers.total()
    left = {worker.id: worker.assigned_jobs - givers[worker.id] for worker in fleet}
    assert givers.total() <= max(0, newcomer.slots - newcomer.jobs_in_progress)
    assert all(left[giver] >= got for giver in givers)
    assert newcomer.id not in givers


@given(newcomers, queues)
def test_the_slots_are_filled_while_somebody_can_give(newcomer: Worker, fleet: list[Worker]) -> None:
    givers = Counter(share_for_newcomer(newcomer, fleet))
    got = newcomer.assigned_jobs + givers.total()
    if givers.total() < newcomer.slots - newcomer.jobs_in_progress:
        assert all(worker.assigned_jobs - givers[worker.id] - 1 < got + 1 for worker in fleet)


@given(newcomers, queues)
def test_the_order_of_the_fleet_does_not_matter(newcomer: Worker, fleet: list[Worker]) -> None:
    assert share_for_newcomer(newcomer, fleet[::-1]) == share_for_newcomer(newcomer, fleet)
    assert victims(newcomer, fleet[::-1]) == victims(newcomer, fleet)


def test_a_thief_looks_into_the_fullest_own_queue_first_and_never_into_its_own() -> None:
    fleet = [
        a_worker("a", assigned=1),
        a_worker("b", assigned=3, running=1),
        a_worker("c", assigned=3, running=2),
        a_worker("d", running=5),
        a_worker("z", assigned=9),
    ]
    assert [one.id for one in victims(fleet[-1], fleet)] == ["worker_c", "worker_b", "worker_a"]


def test_the_own_queue_of_an_offline_worker_can_be_stolen_from() -> None:
    gone = a_worker("a", assigned=1, offline=True)
    assert victims(a_worker("z"), [gone]) == [gone]
