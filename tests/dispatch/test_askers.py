"""A worker that waits for a job is given one by the transaction that makes it."""

from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

from balanza.dispatch.askers import Asker, Askers
from balanza.dispatch.dispatcher import Submission
from balanza.dispatch.leasing import Leasing
from balanza.errors import Retryable
from balanza.lifecycle import JobStatus
from balanza.model import Outcome, Reason
from balanza.protocol import LeaseRequest
from balanza.store import fairness, speeds
from tests.dispatch.conftest import World
from tests.store import invariants


def waits(
    world: World, letter: str, *, instance: str = "first", pauses: str | None = None
) -> AbstractContextManager[Asker]:
    return world.desk.askers.open(LeaseRequest(worker_id=f"worker_{letter}", instance=instance, pauses=pauses))


def test_a_worker_that_waits_has_the_job_as_soon_as_it_is_made(world: World) -> None:
    world.join("a", "b")
    with waits(world, "a") as asker:
        job = world.submit()
    assert asker.grant is not None
    assert asker.grant.job_id == job.id
    assert world.job(job.id).status is JobStatus.PROCESSING
    assert world.worker("a").running_jobs == 1
    assert world.finish(asker.grant).status is JobStatus.COMPLETED
    invariants.check(world.desk.database)


def test_a_worker_that_waits_for_nothing_is_given_nothing(world: World) -> None:
    world.join("a", "b")
    with waits(world, "b") as other, waits(world, "a", pauses="some-token") as beside:
        job = world.submit()
        assert world.job(job.id).assigned_worker == "worker_a"
    assert (other.grant, beside.grant) == (None, None)
    assert world.job(job.id).status is JobStatus.PENDING


def test_it_is_given_what_it_should_run_next_not_what_was_just_made(world: World) -> None:
    world.join("a", "b")
    first, second = world.submit(), world.submit()
    assert [job.assigned_worker for job in (first, second)] == ["worker_a", "worker_b"]
    world.granted("a")
    world.clock.pass_seconds(1)  # so long that worker_b seems to hang: its job may be taken
    world.join("c")
    with waits(world, "c") as asker:
        third = world.dispatcher.submit(Submission(first.source_id, "mp3", {}, priority=10))
        assert third.assigned_worker == "worker_c"
    assert asker.grant is not None
    assert asker.grant.job_id == second.id
    assert world.queue("c") == [third.id]
    assert [told.reason for told in world.decisions(second.id)][-1] is Reason.STOLEN
    invariants.check(world.desk.database)


def test_a_question_is_answered_once_and_a_second_one_beside_it(world: World) -> None:
    world.join("a", slots=2)
    with waits(world, "a") as first, waits(world, "a") as second:
        made = [world.submit() for _ in range(3)]
    # The newest question first: an older one may be of a connection that broke unheard.
    assert [asker.grant.job_id for asker in (second, first) if asker.grant] == [job.id for job in made[:2]]
    assert world.job(made[2].id).status is JobStatus.PENDING


def test_a_job_that_nobody_hears_of_is_pending_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.join("a", "b")
    stack = ExitStack()
    asker = stack.enter_context(waits(world, "a"))
    serve = fairness.serve

    def gone_meanwhile(*args: Any) -> None:
        stack.close()
        serve(*args)

    monkeypatch.setattr(fairness, "serve", gone_meanwhile)
    job = world.submit()
    assert asker.grant is None
    after = world.job(job.id)
    assert (after.status, after.assigned_worker, after.attempts) == (JobStatus.PENDING, "worker_b", 0)
    assert [attempt.outcome for attempt in world.attempts(job.id)] == [Outcome.RELEASED]
    assert world.granted("b").job_id == job.id
    invariants.check(world.desk.database)


def test_who_submits_hears_of_the_job_though_what_nobody_heard_of_cannot_be_taken_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.join("a")

    def fails(*_: Any) -> None:
        raise Retryable("The database is too busy.")

    monkeypatch.setattr(Askers, "settle", lambda *_: False)
    monkeypatch.setattr(Leasing, "take_back", fails)
    with waits(world, "a"):
        job = world.submit()
    assert world.job(job.id).status is JobStatus.PROCESSING
    world.let_pass(11, "a")
    assert world.job(job.id).status is JobStatus.PENDING, "the lease has ended by itself"


def test_all_that_a_worker_did_not_hear_of_is_pending_again(world: World) -> None:
    world.join("a")
    made = [world.submit() for _ in range(20)]
    world.desk.database.write(lambda tx: speeds.save(tx, {("", made[0].work): (-9.0, 3)}))  # known to be tiny
    world.clock.pass_seconds(10)
    world.beat("a")
    grant = world.fleet.lease(LeaseRequest(worker_id="worker_a", instance="first", most=4))
    assert grant is not None
    assert len(grant.companions) == 3
    world.fleet.take_back(grant)
    assert {world.job(job.id).status for job in made} == {JobStatus.PENDING}
    assert world.worker("a").running_jobs == 0


def test_a_promise_that_is_not_kept_is_free_for_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.join("a")
    source = world.song().id
    with waits(world, "a") as asker:
        with monkeypatch.context() as patched:

            def fails(*_: Any) -> None:
                raise Retryable("The database is too busy.")

            patched.setattr(fairness, "serve", fails)
            with pytest.raises(Retryable):
                world.submit(source)
        assert not asker.is_promised
        assert world.queue("a") == []
        job = world.submit(source)
    assert asker.grant is not None
    assert asker.grant.job_id == job.id


def test_the_question_of_a_process_that_was_replaced_is_left_alone(world: World) -> None:
    world.join("a", instance="second")
    with waits(world, "a", instance="first") as asker:
        job = world.submit()
        assert not asker.is_promised
    assert asker.grant is None
    assert world.job(job.id).status is JobStatus.PENDING


def test_a_transaction_that_runs_anew_drops_what_it_promised_before(world: World) -> None:
    with waits(world, "a") as first, waits(world, "b") as second, world.desk.askers.promising() as promise:
        assert promise.make("worker_a") is first.request
        assert promise.make("worker_b") is second.request
        assert (first.is_promised, second.is_promised) == (False, True)
        assert promise.make("worker_c") is None
        assert not second.is_promised


def test_a_worker_that_drains_is_given_nothing(world: World) -> None:
    world.join("a")
    with waits(world, "a") as asker:
        world.dispatcher.drain("worker_a")
        job = world.submit()
    assert asker.grant is None
    assert world.job(job.id).status is JobStatus.PENDING
