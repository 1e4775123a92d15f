"""What workers say, and what happens to their leases when they fall silent, come back or say it twice."""

import pytest

from balanza.errors import Conflict, LeaseLost, WorkerReplaced, WorkerUnknown
from balanza.lifecycle import JobStatus
from balanza.model import Outcome
from balanza.protocol import Failure, LeaseReport
from balanza.store import library
from tests.dispatch.conftest import World


def outcomes(world: World, job_id: str) -> list[tuple[str, Outcome | None]]:
    return [(attempt.worker_id, attempt.outcome) for attempt in world.attempts(job_id)]


def test_a_completed_job_has_exactly_one_result_with_the_recorded_bytes(world: World) -> None:
    world.join("a")
    job = world.submit(world.song("song.wav").id)
    done = world.finish(world.granted("a"))
    assert (done.status, done.progress, done.output_file) == (JobStatus.COMPLETED, 100, "song.mp3")
    result_id = done.result_id
    assert result_id is not None
    result = world.desk.database.read(lambda tx: library.get(tx, result_id))
    assert result is not None
    assert result.job_id == job.id
    assert world.desk.storage.path(result.storage_key).stat().st_size == result.size_bytes == done.output_size_bytes
    assert world.worker("a").conversions_success == 1


def test_completing_twice_publishes_once_and_keeps_the_result(world: World) -> None:
    world.join("a")
    job = world.submit()
    grant = world.granted("a")
    completion = world.write_result(grant)
    first = world.fleet.complete(grant.token, completion)
    assert world.fleet.complete(grant.token, completion).result_id == first.result_id
    assert grant.output_key in world.stored()
    assert world.worker("a").conversions_success == 1
    assert outcomes(world, job.id) == [("worker_a", Outcome.COMPLETED)]


def test_a_result_that_storage_does_not_hold_is_not_published(world: World) -> None:
    world.join("a")
    job = world.submit()
    grant = world.granted("a")
    completion = world.write_result(grant)
    world.desk.storage.delete(grant.output_key)
    with pytest.raises(Conflict, match="should have"):
        world.fleet.complete(grant.token, completion)
    assert world.job(job.id).status is JobStatus.PROCESSING


def test_a_failed_attempt_goes_to_another_worker_and_the_third_fails_the_job(world: World) -> None:
    world.join("a", "b")
    job = world.submit()
    world.fail_once("a")
    assert world.job(job.id).assigned_worker == "worker_b"
    world.fail_once("b")
    assert world.job(job.id).assigned_worker == "worker_a"
    world.fail_once("a", error="The disk of worker_a is full.")
    ended = world.job(job.id)
    assert (ended.status, ended.error) == (JobStatus.FAILED, "The disk of worker_a is full.")
    assert outcomes(world, job.id) == [
        ("worker_a", Outcome.FAILED),
        ("worker_b", Outcome.FAILED),
        ("worker_a", Outcome.FAILED),
    ]
    assert world.worker("a").conversions_failed == 2


def test_the_only_worker_tries_again_after_its_own_failure(world: World) -> None:
    world.join("a")
    job = world.submit()
    world.fail_once("a")
    assert world.granted("a").job_id == job.id


def test_a_released_attempt_does_not_count(world: World) -> None:
    world.join("a", "b")
    job = world.submit()
    released = world.fleet.release(world.granted("a").token)
    assert (released.status, released.attempts) == (JobStatus.PENDING, 0)
    assert world.job(job.id).assigned_worker == "worker_b"


def test_a_worker_leases_no_more_than_its_slots(world: World) -> None:
    world.join("a", slots=2)
    for _ in range(3):
        world.submit()
    assert [world.lease("a") is not None for _ in range(3)] == [True, True, False]


def test_a_heartbeat_renews_the_leases_it_names_and_tells_of_lost_ones(world: World) -> None:
    world.join("a")
    job = world.submit()
    grant = world.granted("a")
    for second in range(15):
        world.clock.pass_seconds(1)
        report = LeaseReport(token=grant.token, progress=second * 5, speed=2.0, eta_seconds=9)
        assert world.beat("a", report).lost == ()
        world.upkeep.run_once()
    assert (world.job(job.id).progress, world.job(job.id).speed) == (70, 2.0)
    world.dispatcher.cancel(job.id)
    assert world.beat("a", LeaseReport(token=grant.token, progress=75)).lost == (grant.token,)


def test_a_lease_that_no_heartbeat_names_ends_and_the_job_goes_to_another_worker(world: World) -> None:
    world.join("a", "b")
    job = world.submit()
    grant = world.granted("a")
    world.write_result(grant)
    world.let_pass(12, "a", "b")
    assert world.job(job.id).assigned_worker == "worker_b"
    assert grant.output_key not in world.stored()
    assert outcomes(world, job.id) == [("worker_a", Outcome.EXPIRED)]
    with pytest.raises(LeaseLost):
        world.finish(grant)


def test_the_late_result_of_a_worker_that_woke_up_is_refused_and_removed(world: World) -> None:
    world.join("a", "b")
    job = world.submit()
    late = world.granted("a")
    world.let_pass(12, "b")
    world.finish(world.granted("b"))
    completion = world.write_result(late)
    with pytest.raises(LeaseLost):
        world.fleet.complete(late.token, completion)
    assert late.output_key not in world.stored()
    assert world.job(job.id).worker_id == "worker_b"
    for call in (
        lambda: world.fleet.fail(late.token, Failure(error="late")),
        lambda: world.fleet.release(late.token),
        lambda: world.fleet.source_of(late.token),
        lambda: world.fleet.result_writer(late.token),
    ):
        with pytest.raises(LeaseLost):
            call()
    assert world.job(job.id).status is JobStatus.COMPLETED


def test_a_silent_worker_is_offline_after_five_seconds_and_its_queue_is_given_away(world: World) -> None:
    world.join("a", "b")
    first, _, waiting = world.submit(), world.submit(), world.submit()
    world.granted("a")
    assert waiting.assigned_worker == "worker_a"
    world.let_pass(10, "b")  # the first lease time after a start is patience
    assert world.worker("a").offline
    assert world.job(waiting.id).assigned_worker == "worker_b"
    world.let_pass(1, "b")
    assert world.job(first.id).assigned_worker == "worker_b"


def test_with_every_worker_silent_the_jobs_wait_in_the_general_queue(world: World) -> None:
    world.join("a")
    job = world.submit()
    world.let_pass(11)
    assert (world.job(job.id).status, world.job(job.id).assigned_worker) == (JobStatus.PENDING, None)


def test_a_worker_that_is_heard_of_again_is_back(world: World) -> None:
    world.join("a")
    world.let_pass(11)
    assert world.worker("a").offline
    world.beat("a")
    assert not world.worker("a").offline
    assert world.submit().assigned_worker == "worker_a"


def test_after_a_start_the_server_waits_one_lease_time_before_it_gives_anybody_up(world: World) -> None:
    world.join("a")
    world.submit()
    world.granted("a")
    world.let_pass(9)
    assert not world.worker("a").offline


def test_a_restarted_worker_loses_what_the_process_before_it_was_running(world: World) -> None:
    world.join("a", "b")
    job = world.submit()
    grant = world.granted("a")
    world.join("a", instance="second")
    assert world.job(job.id).assigned_worker == "worker_b"
    assert outcomes(world, job.id) == [("worker_a", Outcome.FAILED)]
    with pytest.raises(LeaseLost):
        world.finish(grant)


def test_the_process_that_was_replaced_is_told_so(world: World) -> None:
    world.join("a")
    world.submit()
    world.join("a", instance="second")
    with pytest.raises(WorkerReplaced, match="Another process"):
        world.beat("a")
    with pytest.raises(WorkerReplaced, match="Another process"):
        world.lease("a")
    world.fleet.leave("worker_a", "first")
    assert not world.worker("a").offline


def test_an_unknown_worker_is_asked_to_register(world: World) -> None:
    with pytest.raises(WorkerUnknown, match="worker_a"):
        world.beat("a")


def test_what_a_leaving_worker_was_running_does_not_count_as_an_attempt(world: World) -> None:
    world.join("a", "b")
    job = world.submit()
    world.granted("a")
    world.fleet.leave("worker_a", "first")
    assert (world.job(job.id).status, world.job(job.id).attempts) == (JobStatus.PENDING, 0)
    assert outcomes(world, job.id) == [("worker_a", Outcome.RELEASED)]


def test_a_worker_that_leaves_gives_everything_back_at_once(world: World) -> None:
    world.join("a", "b")
    running, _, waiting = world.submit(), world.submit(), world.submit()
    world.granted("a")
    world.fleet.leave("worker_a", "first")
    assert {world.job(running.id).assigned_worker, world.job(waiting.id).assigned_worker} == {"worker_b"}
    assert world.worker("a").offline
