"""What a pending job says it waits for."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanza.balancer.waiting import waits_for
from balanza.model import Needs, Obstacle, Waiting, Worker
from tests.balancer.crew import START, a_pending_job, a_worker

LATER = START + timedelta(minutes=1)
GPU = Needs(tags=frozenset({"gpu"}))


def wait(*fleet: Worker, needs: Needs = GPU, own: str | None = None) -> Waiting:
    return waits_for(a_pending_job(own), needs, fleet, now=START)


def test_in_an_own_queue_it_waits_for_its_turn() -> None:
    busy = a_worker("a", tags="gpu", running=2, slots=2, assigned=1)
    sentence = "It waits for its turn with worker_a, which runs 2 jobs."
    assert wait(busy, a_worker("b", tags="gpu"), own="worker_a") == Waiting("slot", "worker_a", sentence)


def test_in_the_own_queue_of_a_worker_with_a_free_slot_it_is_about_to_start() -> None:
    free = a_worker("a", tags="gpu", assigned=1)
    assert wait(free, own="worker_a") == Waiting("slot", "worker_a", "worker_a is about to take it.")


def test_behind_others_it_is_not_about_to_start_though_a_slot_is_free() -> None:
    sentence = "It waits for its turn with worker_a, which runs 1 job."
    behind = a_worker("a", tags="gpu", slots=2, running=1, assigned=2)
    assert wait(behind, own="worker_a") == Waiting("slot", "worker_a", sentence)


def test_the_one_job_of_a_worker_on_probation_is_about_to_start() -> None:
    trusted_again = a_worker("a", tags="gpu", assigned=1, quarantined_until=START)
    assert wait(trusted_again, own="worker_a") == Waiting("slot", "worker_a", "worker_a is about to take it.")
    assert wait(trusted_again).code == "probation"


def test_in_the_general_queue_it_waits_for_whoever_is_free_first() -> None:
    sentence = "It waits for the first worker with a free slot."
    assert wait(a_worker("a", tags="gpu")) == Waiting("slot", None, sentence)
    assert wait(a_worker("a", tags="gpu"), a_worker("b", offline=True), own="worker_b").worker_id is None


def test_without_workers_it_waits_for_one() -> None:
    assert wait() == Waiting("worker", None, "There is no worker yet; start one with balanza worker.")
    gone = (a_worker("a", tags="gpu", offline=True), a_worker("b", leaving=True))
    assert wait(*gone) == Waiting("worker", None, "No worker is online; start one with balanza worker.")


def test_it_names_what_every_worker_lacks() -> None:
    sentence = "No worker can take it: worker_a has no tag gpu; worker_b has no tag gpu."
    assert wait(a_worker("b"), a_worker("a")) == Waiting("tag", None, sentence)


def test_a_worker_that_could_run_it_were_it_here_is_named_too() -> None:
    waiting = wait(a_worker("a"), a_worker("b", tags="gpu", offline=True), a_worker("c", offline=True))
    sentence = "No worker can take it: worker_a has no tag gpu; worker_b is offline."
    assert waiting == Waiting("tag", None, sentence)


def test_it_waits_for_the_one_worker_that_could_run_it() -> None:
    waiting = wait(a_worker("a"), a_worker("b", tags="gpu", draining=True))
    assert (waiting.code, waiting.worker_id) == ("draining", "worker_b")
    assert waiting.sentence == "No worker can take it: worker_b is draining; worker_a has no tag gpu."


def test_a_worker_that_recovers_by_itself_is_nearer_than_one_that_a_person_stopped() -> None:
    waiting = wait(a_worker("a", draining=True), a_worker("b", quarantined_until=LATER), needs=Needs())
    assert (waiting.code, waiting.worker_id) == ("quarantined", "worker_b")


def test_who_lacks_least_is_named_first() -> None:
    needs = Needs(frozenset({"libx265"}), frozenset({"gpu"}), 2000)
    waiting = wait(
        a_worker("a"),
        a_worker("b", encoders="libx265"),
        a_worker("c", encoders="libx265", tags="gpu", scratch_free_bytes=1000),
        needs=needs,
    )
    assert (waiting.code, waiting.worker_id) == ("scratch", None)
    assert waiting.sentence.startswith("No worker can take it: worker_c has 1.0 kB of scratch space free")


def test_a_large_fleet_is_named_in_part() -> None:
    waiting = wait(*[a_worker(letter) for letter in "abcdefg"])
    assert waiting.sentence.endswith("worker_d has no tag gpu; and 3 more.")
    gone = [a_worker("y", tags="gpu", offline=True), a_worker("z", offline=True)]
    assert wait(*[a_worker(letter) for letter in "abcdefg"], *gone).sentence.endswith("; and 4 more.")


@pytest.mark.parametrize("own", [None, "worker_a", "worker_z"])
@given(
    fleet=st.lists(
        st.builds(
            a_worker,
            st.sampled_from("abcdef"),
            assigned=st.integers(0, 2),
            running=st.integers(0, 2),
            tags=st.sampled_from(["", "gpu"]),
            encoders=st.sampled_from(["", "flac"]),
            scratch_free_bytes=st.sampled_from([None, 0, 5000]),
            offline=st.booleans(),
            leaving=st.booleans(),
            draining=st.booleans(),
            quarantined_until=st.sampled_from([None, START, LATER]),
        ),
        unique_by=lambda worker: worker.id,
        max_size=5,
    )
)
def test_whatever_the_fleet_it_says_something_that_holds_in_any_order(own: str | None, fleet: list[Worker]) -> None:
    needs = Needs(frozenset({"flac"}), frozenset({"gpu"}), 1000)
    waiting = waits_for(a_pending_job(own), needs, fleet, now=START)
    assert waiting == waits_for(a_pending_job(own), needs, fleet[::-1], now=START)
    assert waiting.code in {"slot", "worker", *Obstacle} - {Obstacle.OFFLINE, Obstacle.LEAVING, Obstacle.FAILED_BEFORE}
    assert waiting.worker_id is None or waiting.worker_id in waiting.sentence
    assert (waiting.code == "worker") == all(one.offline or one.leaving for one in fleet)
