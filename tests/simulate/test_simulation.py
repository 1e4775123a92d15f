"""Simulations keep the promises of the rules that they drive."""

from typing import Any

import pytest

from balanza.balancer.policies import POLICIES
from balanza.simulate import placing
from balanza.simulate.dispatching import Dispatching
from balanza.simulate.figures import figures_of
from balanza.simulate.machines import Machine
from balanza.simulate.measures import Outcome
from balanza.simulate.rules import NAMES
from balanza.simulate.sizing import with_workers
from balanza.simulate.workload import arrivals_of
from tests.simulate.fleets import a_scenario, chances_of, outcome_of, simulation_of

BATCH: dict[str, Any] = {"count": 200, "load": None, "prediction_sigma": 0.0}


def figures(outcome: Outcome) -> dict[str, float]:
    row = figures_of(outcome)
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


@pytest.mark.parametrize("name", NAMES)
def test_every_job_is_completed_once_and_never_faster_than_it_can_be(name: str) -> None:
    outcome = outcome_of(a_scenario(jobs={"count": 80}), name)
    assert outcome.completed == outcome.jobs == 80
    assert outcome.failed == 0
    assert min(one.slowdown for one in outcome.fates) >= 1
    assert outcome.makespan_seconds >= outcome.bound_seconds * (1 - 1e-9)
    assert outcome.utilisation <= 1


def test_the_same_seed_gives_the_same_figures_and_another_one_others() -> None:
    scenario = a_scenario(failures={"every_seconds": 500, "down_seconds": 30})
    assert figures(outcome_of(scenario)) == figures(outcome_of(scenario))
    assert figures(outcome_of(scenario)) != figures(outcome_of(scenario, seed=2))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_index_and_a_look_at_everybody_give_the_same(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Speeds are known and stay so: what `earliest_finish` goes by changes only when a worker does.
    scenario = a_scenario(6, jobs={"prediction_sigma": 0.0}, policy=policy, speeds_known=True, sample_seconds=0)
    looked = figures(outcome_of(scenario))
    monkeypatch.setattr(placing, "MANY", 0)
    assert figures(outcome_of(scenario))["completed"] == looked["completed"]
    if policy != "earliest_finish":
        assert figures(outcome_of(scenario)) == looked


def test_nobody_is_idle_while_a_job_is_pending_that_they_could_run() -> None:
    assert outcome_of(a_scenario()).costs.wasted_slot_seconds == 0
    assert outcome_of(a_scenario(), "first_version").costs.wasted_slot_seconds > 0


def test_order_and_pausing_are_worth_what_they_should_be() -> None:
    scenario = a_scenario(2, jobs={"count": 500})
    by_arrival, by_length, paused = (
        outcome_of(scenario, name).slowdown.mean for name in ("central_fifo", "no_pausing", "least_loaded")
    )
    assert by_arrival > 2 * by_length > 4 * paused


def test_pauses_stop_where_they_are_off_and_where_the_longest_comes_first() -> None:
    scenario = a_scenario(2)
    assert outcome_of(scenario).costs.pauses > 0
    assert outcome_of(scenario, "no_pausing").costs.pauses == 0
    assert outcome_of(scenario, "lpt").costs.pauses == 0


@pytest.mark.parametrize("fastest", [1.0, 4.0])
def test_the_longest_first_ends_a_batch_at_the_bound(fastest: float) -> None:
    scenario = a_scenario(8, jobs=BATCH, speeds_known=True, order="lpt")
    fleet = scenario.workers[0].model_copy(update={"fastest": fastest})
    assert outcome_of(scenario.model_copy(update={"workers": (fleet,)})).over_bound <= 1.01


def test_where_a_batch_ends_later_it_is_for_what_was_not_predicted_alone() -> None:
    """What ends last began at once, on the worker that its place by predicted length gave it."""
    jobs = BATCH | {"count": 500, "prediction_sigma": 0.5}
    scenario = a_scenario(jobs=jobs, speeds_known=True, order="lpt")
    fleet = scenario.workers[0].model_copy(update={"count": 64, "fastest": 4.0})
    scenario = scenario.model_copy(update={"workers": (fleet,)})
    longest_first = sorted(arrivals_of(scenario, chances_of(1)), key=lambda job: -job.guess)
    speeds = sorted((speed for speed, _ in scenario.speeds), reverse=True)
    by_place = max(job.size / speed for job, speed in zip(longest_first, speeds, strict=False))
    outcome = outcome_of(scenario)
    assert outcome.makespan_seconds == pytest.approx(by_place)
    assert 1.01 < outcome.over_bound < 1.05


def test_a_flood_leaves_the_others_their_share() -> None:
    owners = [{"name": "ana"}, {"name": "berta"}]
    flood = {"at_seconds": 100.0, "jobs": 150, "owner": "flood"}
    scenario = a_scenario(8, jobs={"count": 200, "load": 0.2}, owners=owners, bursts=[flood])
    fair, unfair = (
        outcome_of(scenario, name).of_owners("ana", "berta")[1].p95 for name in ("least_loaded", "central_fifo")
    )
    assert fair < 20 < unfair


def test_who_holds_fewer_slots_does_not_wait_for_the_long_jobs_of_a_flood() -> None:
    """None of hers is short beside one of the flood."""
    jobs = {"count": 20, "load": 0.2, "size": {"distribution": "fixed", "mean_seconds": 60.0}, "prediction_sigma": 0.0}
    flood = {"jobs": 40, "owner": "flood", "size": {"distribution": "fixed", "mean_seconds": 200.0}}
    scenario = a_scenario(4, jobs=jobs, owners=[{"name": "ana"}], bursts=[flood])
    waits = {name: outcome_of(scenario, name).of_owners("ana")[1] for name in ("least_loaded", "no_slot_share")}
    pauses = {name: outcome_of(scenario, name).costs.pauses for name in waits}
    assert pauses["no_slot_share"] == 0 < pauses["least_loaded"]
    assert waits["least_loaded"].mean < 0.8 * waits["no_slot_share"].mean


def test_who_comes_later_with_as_many_jobs_holds_as_many_slots_at_once_and_no_more() -> None:
    bursts = [
        {"at_seconds": at, "jobs": 40, "owner": name, "size": {"distribution": "fixed", "mean_seconds": seconds}}
        for at, name, seconds in ((0.0, "ana", 100.0), (50.0, "berta", 60.0))
    ]
    outcome = outcome_of(a_scenario(8, jobs={"count": 0, "load": None, "prediction_sigma": 0.0}, bursts=bursts))
    waits = [one.wait_seconds for one in outcome.fates if one.arrival.owner == "berta"]
    assert waits.count(0) == 4


def test_who_is_owed_a_slot_waits_only_until_a_conversion_may_be_paused_for_so_long() -> None:
    bursts = [
        {"at_seconds": at, "jobs": count, "owner": name, "size": {"distribution": "fixed", "mean_seconds": seconds}}
        for at, count, name, seconds in ((0.0, 2, "ana", 200.0), (30.0, 1, "berta", 150.0), (30.0, 1, "carla", 60.0))
    ]
    outcome = outcome_of(a_scenario(2, jobs={"count": 0, "load": None, "prediction_sigma": 0.0}, bursts=bursts))
    waits = {one.arrival.owner: one.wait_seconds for one in outcome.fates}
    assert waits["carla"] == pytest.approx(20, abs=0.01), "paused for half of the time and 5 s: 60 s of 50 + 60"


def test_jobs_of_workers_that_vanish_are_run_by_others() -> None:
    scenario = a_scenario(jobs={"load": 0.5}, failures={"every_seconds": 400, "down_seconds": 60})
    outcome = outcome_of(scenario)
    lost = [one for one in outcome.fates if one.total_seconds > one.wait_seconds + one.arrival.size + 10]
    assert outcome.completed + outcome.failed == outcome.jobs
    assert outcome.completed > 0.95 * outcome.jobs
    assert lost, "a lease has to expire before its job is tried again"


def test_a_worker_that_becomes_slow_gets_less() -> None:
    slow = {"worker": 1, "at_seconds": 100.0, "factor": 0.125}
    scenario = a_scenario(8, jobs={"count": 600, "load": 0.6}, slowdowns=[slow])
    assert outcome_of(scenario).slowdown.mean <= 2.5
    assert outcome_of(scenario, "first_version").slowdown.mean > 2.5


def test_a_slow_down_that_passes_is_forgotten() -> None:
    slow = {"worker": 1, "at_seconds": 10.0, "factor": 0.5, "for_seconds": 10.0}
    jobs = {"count": 1, "load": None, "size": {"distribution": "fixed", "mean_seconds": 30.0}}
    outcome = outcome_of(a_scenario(1, jobs=jobs, slowdowns=[slow]))
    assert outcome.makespan_seconds == pytest.approx(35)


def test_nothing_is_done_before_the_bound_by_a_worker_that_becomes_faster() -> None:
    fast = {"worker": 1, "at_seconds": 10.0, "factor": 4.0}
    outcome = outcome_of(a_scenario(1, jobs=BATCH, slowdowns=[fast]))
    assert 1 <= outcome.over_bound < 1.1


def test_jobs_that_came_while_nobody_was_there_are_run_later_by_every_rule() -> None:
    scenario = a_scenario(1, jobs={"count": 60, "load": 0.5}, failures={"every_seconds": 300, "down_seconds": 90})
    assert {outcome_of(scenario, name).jobs for name in ("least_loaded", "first_version", "central_fifo")} == {60}


def test_a_worker_that_is_back_at_once_gives_back_at_once_what_it_ran() -> None:
    jobs = {"count": 1, "load": None, "size": {"distribution": "fixed", "mean_seconds": 20.0}}
    outcome = outcome_of(a_scenario(1, jobs=jobs, failures={"every_seconds": 30, "down_seconds": 1}), seed=5)
    assert outcome.makespan_seconds == pytest.approx(10.09 + 1 + 20, abs=0.01), "no lease had to expire"


def test_what_is_lost_with_its_worker_was_not_served_and_holds_a_slot_until_that_is_known() -> None:
    jobs = {"count": 1, "load": None, "size": {"distribution": "fixed", "mean_seconds": 20.0}}
    scenario = a_scenario(1, jobs=jobs, failures={"every_seconds": 30, "down_seconds": 1})
    simulation = simulation_of(scenario, seed=5)
    seen = list[tuple[int, int]]()
    for at in (10, 10.5, 12):  # it vanishes at 10.09
        simulation.after(at, lambda: seen.append((len(simulation.machines[0].runs), simulation.held.total())))

    simulation.run()

    served = simulation.dispatching.pending.served_seconds
    assert sum(served.values()) == pytest.approx(simulation.tasks[0].predicted_seconds)
    assert seen == [(1, 1), (0, 1), (1, 1)]


def test_in_the_end_nobody_holds_a_slot_whatever_was_paused_or_lost() -> None:
    owners = [{"name": "ana"}, {"name": "berta"}]
    scenario = a_scenario(4, owners=owners, failures={"every_seconds": 200, "down_seconds": 60})
    simulation = simulation_of(scenario)

    outcome = simulation.run()

    assert outcome.costs.pauses > 50
    assert not any(simulation.held.values())


def test_use_is_that_of_all_slots_however_they_are_spread() -> None:
    scenario = a_scenario(jobs={"count": 1, "load": None})
    fleet = tuple(scenario.workers[0].model_copy(update={"count": 1, "slots": slots}) for slots in (1, 9))
    assert outcome_of(scenario.model_copy(update={"workers": fleet})).utilisation == pytest.approx(0.1)


def test_a_slow_worker_does_not_leave_a_job_for_ever_to_one_that_hangs() -> None:
    """The fast one becomes slow in the middle of a long job; what it says of the rest is too good for a while."""
    fleet = [{"speed": 8.0}, {"speed": 1.0}]
    slow = {"worker": 1, "at_seconds": 1.0, "factor": 0.001}
    jobs = BATCH | {"count": 2, "size": {"distribution": "fixed", "mean_seconds": 100.0}}
    scenario = a_scenario(jobs=jobs, slowdowns=[slow], speeds_known=True).model_copy(
        update={"workers": tuple(a_scenario().workers[0].model_copy(update={"count": 1, **one}) for one in fleet)}
    )
    waits = [one.wait_seconds for one in outcome_of(scenario, "no_pausing").fates]
    assert waits == [0, pytest.approx(100)]


def test_each_batch_stands_where_its_own_mean_job_would() -> None:
    small, large = ({"distribution": "fixed", "mean_seconds": mean} for mean in (2.0, 200.0))
    bursts = [
        {"at_seconds": 0.0, "jobs": 20, "owner": "ana", "size": large, "batch": True},
        {"at_seconds": 1.0, "jobs": 20, "owner": "berta", "size": small, "batch": True},
    ]
    outcome = outcome_of(a_scenario(1, jobs={"count": 0, "load": None}, bursts=bursts), "no_fair_share")
    assert outcome.of_owners("berta")[1].p95 < 400


def test_what_many_wait_to_take_from_another_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle workers that leave jobs to faster ones hold what others may take later: a look led to several more."""
    looks: list[Machine | None] = []
    settle = Dispatching.settle

    def look(dispatching: Dispatching, first: Machine | None = None) -> None:
        looks.append(first)
        settle(dispatching, first)

    monkeypatch.setattr(Dispatching, "settle", look)
    scenario = a_scenario(
        jobs={"count": 600, "load": 0.8},
        owners=[{"name": "ana"}, {"name": "berta", "share": 2.0}],
        bursts=[{"at_seconds": 100.0, "jobs": 100, "owner": "flood"}],
        slowdowns=[{"worker": 2, "at_seconds": 50.0}],
        failures={"every_seconds": 900, "down_seconds": 30},
    )
    fleet = scenario.workers[0].model_copy(update={"count": 6, "fastest": 4.0, "slots": 2})
    scenario = with_workers(scenario.model_copy(update={"workers": (fleet,)}), 8)
    assert outcome_of(scenario, "no_slot_share", seed=3).jobs == 700
    assert len(looks) < 5 * 700
