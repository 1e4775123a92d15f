"""The record of a worker that took a job from another's own queue."""

from dataclasses import replace

from balanza.balancer.theft import theft
from balanza.model import Obstacle, WhyNot
from tests.balancer.crew import candidate


def test_the_thief_is_the_chosen_one_and_the_others_say_what_they_had() -> None:
    fleet = [candidate("c", jobs=1), candidate("b", jobs=3), candidate("a"), candidate("d", jobs=2)]
    decision = theft(fleet, thief_id="worker_a", victim_id="worker_b")
    assert (decision.policy, decision.worker_id) == ("stealing", "worker_a")
    assert [(one.worker_id, one.why_not) for one in decision.candidates] == [
        ("worker_a", None),
        ("worker_b", "had 3 jobs and could not start this one yet; worker_a had a free slot"),
        ("worker_c", "had 1 job and did not ask for another"),
        ("worker_d", "had 2 jobs and did not ask for another"),
    ]


def test_who_could_not_have_taken_it_says_why() -> None:
    absent = replace(candidate("b"), cannot=WhyNot(Obstacle.OFFLINE, "is offline"))
    decision = theft([candidate("a"), absent, candidate("c", jobs=2)], thief_id="worker_a", victim_id="worker_c")
    assert decision.candidates[1].why_not == "is offline"


def test_the_record_does_not_depend_on_the_order_of_the_fleet() -> None:
    fleet = [candidate("a"), candidate("b", jobs=3), candidate("c")]
    once, again = (theft(order, thief_id="worker_c", victim_id="worker_b") for order in (fleet, fleet[::-1]))
    assert once == again
