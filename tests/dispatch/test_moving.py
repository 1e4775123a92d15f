"""Own queues are advice: who is idle steals, who comes gets a share, and who cannot run a job loses it."""

import pytest

from balanza.dispatch import moving
from balanza.dispatch.planning import STEAL_AFTER
from balanza.errors import WorkerReplaced
from balanza.lifecycle import JobStatus
from balanza.model import Reason
from balanza.protocol import Failure, LeaseReport
from tests.dispatch.conftest import World


def test_an_idle_worker_steals_the_oldest_job_of_the_fullest_own_queue(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.join("a", "b", "c")
    for letter, count in (("a", 2), ("b", 3)):
        world.submit_to(letter, count)
        world.granted(letter)
    oldest = world.queue("b")[0]

    with caplog.at_level("INFO", "balanza.dispatch"):
        grant = world.granted("c")

    assert grant.job_id == oldest
    assert grant.was_assigned
    assert f"[BALANCEO] Reasignado {oldest}: worker_b → worker_c (robado por un worker libre)" in caplog.messages
    last = world.decisions(oldest)[-1]
    assert (last.reason, last.source, last.decision.worker_id) == (Reason.STOLEN, "worker_b", "worker_c")
    assert {one.worker_id: one.why_not is None for one in last.decision.candidates} == {
        "worker_a": False,
        "worker_b": False,
        "worker_c": True,
    }


def test_a_worker_takes_its_own_jobs_and_the_general_ones_before_it_steals(world: World) -> None:
    general = world.submit()
    world.join("a", "b")
    world.submit_to("a", 2)
    world.granted("a")
    (own,) = world.submit_to("b")

    taken = []
    for _ in range(3):
        grant = world.granted("b")
        taken.append(grant.job_id)
        world.finish(grant)

    assert taken[:2] == [own.id, general.id]
    assert world.lease("b") is None


def test_a_job_that_its_worker_will_take_at_once_is_not_stolen_but_a_hung_worker_keeps_none(world: World) -> None:
    world.join("a", "b")
    (job,) = world.submit_to("a")

    assert world.lease("b") is None

    world.clock.pass_seconds(STEAL_AFTER.total_seconds())
    assert world.granted("b").job_id == job.id


def test_while_something_is_pending_elsewhere_a_worker_asks_again_soon(world: World) -> None:
    world.join("a", "b")
    quiet = world.ask("b").look_again_seconds
    world.submit_to("a")
    assert world.ask("b").look_again_seconds < quiet
    assert world.ask("b").look_again_seconds <= 0.5


def test_nobody_steals_what_it_cannot_run_or_has_failed_at(world: World) -> None:
    world.join("a", tags=["gpu"])
    world.join("b")
    world.submit()
    world.granted("a")
    wanting = world.submit(tags=["gpu"])
    assert wanting.assigned_worker == "worker_a"
    world.clock.pass_seconds(2)

    assert world.lease("b") is None


def test_a_failed_job_is_not_stolen_back_by_the_worker_that_failed_at_it(world: World) -> None:
    world.join("a", "b")
    world.submit_to("b", 1)
    busy = world.granted("b")
    (job,) = world.submit_to("a")
    failed = world.fail_once("a")
    assert (failed.id, world.job(job.id).assigned_worker) == (job.id, "worker_b")
    world.let_pass(2, "a")
    world.beat("b", LeaseReport(token=busy.token, progress=50))

    assert world.lease("a") is None

    world.finish(busy)
    assert world.granted("b").job_id == job.id


def test_a_worker_that_joins_gets_its_free_slots_filled_from_the_fullest_own_queue(world: World) -> None:
    world.join("a")
    jobs = [world.submit() for _ in range(5)]
    world.granted("a")

    world.join("b", slots=2)

    moved = world.queue("b")
    assert len(moved) == 2
    assert set(moved) < {job.id for job in jobs}
    assert {world.decisions(job_id)[-1].reason for job_id in moved} == {Reason.JOINED}


def test_new_jobs_go_to_a_worker_that_came_back(world: World) -> None:
    world.join("a", "b")
    world.let_pass(12, "a")
    assert {world.submit().assigned_worker for _ in range(5)} == {"worker_a"}
    world.granted("a")

    world.beat("b")

    assert len(world.queue("b")) == 1
    assert [world.submit().assigned_worker for _ in range(2)] == ["worker_b", "worker_b"]


def test_a_worker_that_says_it_is_leaving_loses_its_own_queue_at_once_and_finishes_what_it_runs(world: World) -> None:
    world.join("a", "b")
    jobs = world.submit_to("a", 3)
    running = world.granted("a")

    world.beat("a", LeaseReport(token=running.token, progress=10), leaving=True)

    assert world.queue("a") == []
    assert len(world.queue("b")) == 2
    assert world.lease("a") is None
    assert world.submit().assigned_worker == "worker_b"
    assert world.finish(running).id == jobs[0].id
    world.fleet.leave("worker_a", "first")
    with pytest.raises(WorkerReplaced):
        world.beat("a", leaving=True)
    assert world.worker("a").offline
    world.join("a", instance="second")
    assert not world.worker("a").leaving
    assert world.lease("a", "second") is not None


def test_what_a_draining_worker_still_runs_after_its_grace_is_handed_back(world: World) -> None:
    world.join("a", "b")
    (job,) = world.submit_to("a")
    running = world.granted("a")

    world.dispatcher.drain("worker_a", grace_seconds=3)

    for second in range(3):
        world.clock.pass_seconds(1)
        world.beat("a", LeaseReport(token=running.token, progress=second))
        world.beat("b")
        world.upkeep.run_once()
    after = world.job(job.id)
    assert (after.status, after.attempts, after.assigned_worker) == (JobStatus.PENDING, 0, "worker_b")
    assert world.beat("a", LeaseReport(token=running.token, progress=99)).lost == (running.token,)


def test_without_a_grace_a_draining_worker_may_finish(world: World) -> None:
    world.join("a", "b")
    world.submit_to("a")
    running = world.granted("a")
    world.dispatcher.drain("worker_a", grace_seconds=1)
    world.dispatcher.drain("worker_a")

    for second in range(5):
        world.clock.pass_seconds(1)
        world.beat("a", LeaseReport(token=running.token, progress=second))
        world.upkeep.run_once()

    assert world.finish(running).status is JobStatus.COMPLETED


def test_a_job_goes_only_where_its_encoder_its_tag_and_its_space_are(world: World) -> None:
    world.join("a", encoders=["flac"])
    world.join("b", room=10)
    world.join("c")
    world.join("d", tags=["gpu"])

    assert [world.submit().assigned_worker for _ in range(2)] == ["worker_c", "worker_d"]
    assert world.submit(tags=["gpu"]).assigned_worker == "worker_d"
    nobody = world.submit(tags=["gpu", "fast"])
    assert nobody.assigned_worker is None
    (record,) = world.decisions(nobody.id)
    assert [one.why_not for one in record.decision.candidates] == [
        "has no encoder libmp3lame",
        "has no tags fast, gpu",
        "has no tags fast, gpu",
        "has no tag fast",
    ]
    for letter in "abcd":
        world.clock.pass_seconds(1)
        while grant := world.lease(letter):
            assert grant.job_id != nobody.id
            world.finish(grant)

    world.join("e", tags=["fast", "gpu"])
    assert world.granted("e").job_id == nobody.id


def test_jobs_that_no_longer_fit_into_a_workers_scratch_space_go_to_others(world: World) -> None:
    world.join("a", "b")
    stuck = world.submit_to("a", 2)
    world.beat("a", room=10)

    world.upkeep.run_once()

    assert world.queue("a") == []
    assert world.queue("b") == [job.id for job in stuck]
    assert world.decisions(stuck[0].id)[-1].reason is Reason.UNABLE


def test_a_job_that_the_only_worker_failed_at_is_tried_there_again(world: World) -> None:
    world.join("a", "b")
    (job,) = world.submit_to("a")
    world.dispatcher.drain("worker_b")
    grant = world.granted("a")
    world.dispatcher.drain("worker_a")
    world.fleet.fail(grant.token, Failure(error="It broke."))
    assert world.job(job.id).assigned_worker is None
    world.fleet.leave("worker_b", "first")
    world.dispatcher.resume("worker_a")
    assert world.lease("a") is None

    world.upkeep.run_once()

    assert world.granted("a").job_id == job.id


@pytest.mark.parametrize("comes", ["again", "back"])
def test_a_drained_worker_that_comes_gets_no_share(world: World, comes: str) -> None:
    world.join("a", "b")
    world.dispatcher.drain("worker_b")
    world.let_pass(14, "a")
    assert world.worker("b").offline
    waiting = [world.submit().id for _ in range(5)]

    if comes == "again":
        world.join("b", instance="second")
    else:
        world.beat("b")

    assert world.queue("b") == []
    assert world.queue("a") == waiting


def test_resuming_a_worker_that_is_gone_gives_it_no_jobs(world: World) -> None:
    world.join("a", "b")
    world.dispatcher.drain("worker_b")
    world.fleet.leave("worker_b", "first")
    waiting = [world.submit().id for _ in range(5)]

    world.dispatcher.resume("worker_b")

    assert world.queue("a") == waiting


def test_an_idle_worker_steals_from_a_busy_one_after_the_clock_was_set_back(world: World) -> None:
    world.join("a", "b")
    oldest = world.submit_to("a", 2)[1]
    world.granted("a")

    world.clock.pass_seconds(-3600)

    assert world.granted("b").job_id == oldest.id


@pytest.mark.parametrize("tried", [False, True])
def test_jobs_that_nobody_can_run_are_not_in_the_way_of_one_that_was_tried(
    world: World, monkeypatch: pytest.MonkeyPatch, tried: bool
) -> None:
    monkeypatch.setattr(moving, "REDISTRIBUTED_AT_ONCE", 2)
    source = world.song().id
    world.join("a")
    world.join("b", tags=["gpu"])
    for _ in range(3):
        world.submit(source, tags=["gpu"])
        if tried:
            world.fail_once("b")
    world.fleet.leave("worker_b", "first")
    (job,) = world.submit_to("a")
    grant = world.granted("a")
    world.dispatcher.drain("worker_a")
    world.fleet.fail(grant.token, Failure(error="It broke."))
    world.dispatcher.resume("worker_a")

    world.upkeep.run_once()

    assert world.granted("a").job_id == job.id
