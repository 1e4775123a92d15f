"""A worker that keeps failing at what others complete gets no more for a while; a job that fails everywhere is bad."""

import pytest

from balanza.dispatch.load import WorkerStats
from balanza.lifecycle import JobStatus
from balanza.model import Reason
from tests.dispatch.conftest import World


def fail_and_complete(world: World, times: int) -> None:
    """So many jobs that worker_a fails at and worker_b completes."""
    for _ in range(times):
        (job,) = world.submit_to("a")
        assert world.fail_once("a").id == job.id
        world.clock.pass_seconds(0.1)
        world.finish(world.granted("b"))


def stats_of_a(world: World) -> WorkerStats:
    return world.stats().workers[0]


def test_a_worker_that_fails_at_three_jobs_that_others_complete_is_quarantined(world: World) -> None:
    world.join("a", "b")
    fail_and_complete(world, 2)
    assert stats_of_a(world).status == "idle"
    waiting = world.submit_to("a", 2)
    fail_and_complete_first_of(world)

    entry = stats_of_a(world)

    assert (entry.status, entry.quarantine_reason) == ("quarantined", "It failed at 3 jobs that others completed.")
    assert entry.quarantined_until is not None
    assert world.queue("a") == []
    assert waiting[1].id in world.queue("b")
    assert world.lease("a") is None
    job = world.submit()
    assert job.assigned_worker == "worker_b"
    (record,) = world.decisions(job.id)
    assert record.decision.candidates[0].why_not == f"is quarantined until {entry.quarantined_until:%H:%M:%S} UTC"


def fail_and_complete_first_of(world: World) -> None:
    failed = world.fail_once("a")
    world.clock.pass_seconds(0.1)
    while True:
        grant = world.granted("b")
        world.finish(grant)
        if grant.job_id == failed.id:
            return


def test_after_its_quarantine_a_worker_gets_one_job_and_is_trusted_when_it_completes_it(world: World) -> None:
    world.join("a", "b", slots=4)
    fail_and_complete(world, 3)
    world.let_pass(61, "a", "b")

    jobs = [world.submit() for _ in range(4)]

    assert [job.assigned_worker for job in jobs].count("worker_a") == 1
    grant = world.granted("a")
    assert world.lease("a") is None
    assert stats_of_a(world).quarantine_reason is not None
    world.finish(grant)
    assert stats_of_a(world).quarantined_until is None
    world.clock.pass_seconds(1)
    assert world.lease("a") is not None


def test_a_worker_that_fails_again_is_quarantined_for_twice_as_long(world: World) -> None:
    world.join("a", "b")
    fail_and_complete(world, 3)
    world.let_pass(61, "a", "b")
    fail_and_complete(world, 1)

    until = stats_of_a(world).quarantined_until

    assert until is not None
    assert (until - world.clock.now).total_seconds() == 120
    assert stats_of_a(world).quarantine_reason == "It failed at a job that others completed."


def test_a_success_forgives_earlier_faults(world: World) -> None:
    world.join("a", "b")
    fail_and_complete(world, 2)
    world.submit_to("a")
    world.finish(world.granted("a"))
    fail_and_complete(world, 2)
    assert stats_of_a(world).status == "idle"


def test_a_job_that_fails_on_three_workers_has_failed_and_nobody_is_blamed(world: World) -> None:
    world.join("a", "b", "c", "d")
    for _ in range(4):
        (job,) = world.submit_to("a")
        tried = []
        while (now := world.job(job.id)).status is JobStatus.PENDING:
            assert now.assigned_worker
            tried.append(now.assigned_worker)
            world.fail_once(now.assigned_worker.removeprefix("worker_"))
        assert now.status is JobStatus.FAILED
        assert len(set(tried)) == 3
    assert {entry.status for entry in world.stats().workers} == {"idle"}


def test_the_next_attempt_goes_to_another_worker_as_long_as_there_is_one(world: World) -> None:
    world.join("a", "b")
    (job,) = world.submit_to("a")
    world.fail_once("a")
    assert world.job(job.id).assigned_worker == "worker_b"
    record = world.decisions(job.id)[-1]
    assert record.reason is Reason.FAILED
    by_id = {one.worker_id: one.why_not for one in record.decision.candidates}
    assert by_id == {"worker_a": "has just failed at it", "worker_b": None}
    world.fail_once("b")
    assert world.job(job.id).assigned_worker in {"worker_a", "worker_b"}


def test_a_person_can_end_a_quarantine(world: World) -> None:
    world.join("a", "b")
    fail_and_complete(world, 3)
    world.dispatcher.resume("worker_a")
    assert stats_of_a(world).status == "idle"
    assert world.submit_to("a")
    assert world.lease("a") is not None


def test_a_worker_that_is_started_again_in_quarantine_gets_no_share_and_on_probation_one_job(world: World) -> None:
    world.join("a", "b", slots=4)
    fail_and_complete(world, 3)
    world.submit_to("b", 10)

    world.join("a", slots=4, instance="second")
    assert world.queue("a") == []

    world.let_pass(61, "b")
    world.join("a", slots=4, instance="third")
    assert len(world.queue("a")) == 1


def test_what_failed_in_one_moment_is_one_fault(world: World) -> None:
    """The power of the machine of worker_a failed while it ran four jobs."""
    world.join("a", slots=4)
    world.join("b", slots=4)
    lost = world.submit_to("a", 4)
    for _ in lost:
        world.granted("a")
    world.let_pass(16, "b")
    world.join("a", slots=4, instance="second")
    for _ in lost:
        world.finish(world.granted("b"))
    assert stats_of_a(world).status == "idle"
    assert world.worker("a").faults == 1


def test_a_success_makes_good_for_what_was_not_judged_yet(world: World) -> None:
    world.join("a", "b", slots=4)
    failed = [job.id for job in world.submit_to("a", 3)]
    for _ in failed:
        world.fail_once("a")
        world.clock.pass_seconds(0.1)
    world.submit_to("a")
    world.finish(world.granted("a"))
    for _ in failed:
        world.finish(world.granted("b"))
    assert (world.worker("a").faults, stats_of_a(world).status) == (0, "idle")


def test_a_job_begun_before_the_quarantine_does_not_end_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.join("a", "b", slots=4)
    world.submit_to("a")
    old = world.granted("a")
    with caplog.at_level("WARNING", "balanza.dispatch"):
        fail_and_complete(world, 3)
    until = stats_of_a(world).quarantined_until
    assert f"[BALANCEO] worker_a en cuarentena hasta {until:%H:%M:%S} UTC: It failed at 3 jobs" in caplog.text
    world.finish(old)
    assert stats_of_a(world).quarantined_until == until


def test_a_job_that_failed_is_logged_as_coming_from_its_worker(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.join("a", "b")
    (job,) = world.submit_to("a")
    with caplog.at_level("INFO", "balanza.dispatch"):
        world.fail_once("a")
    assert f"[BALANCEO] Reasignado {job.id}: worker_a → worker_b (intento fallido)" in caplog.messages
    assert world.decisions(job.id)[-1].source == "worker_a"
