from dataclasses import replace
from datetime import timedelta

import pytest

from balanza.lifecycle import JobStatus
from balanza.model import Needs, Outcome
from balanza.protocol import LeaseReport
from balanza.store import jobs, library, next_jobs, requirements, workers
from tests.store.scene import LEASE_TIME, START, Scene, a_job, a_media


@pytest.fixture(autouse=True)
def two_workers(scene: Scene) -> None:
    scene.worker("worker_a")
    scene.worker("worker_b")


def test_a_lease_gives_everything_that_an_attempt_needs(scene: Scene) -> None:
    scene.submit("job", "worker_a")

    lease = scene.leased()

    assert lease == scene.see(jobs.held, "token")
    assert (lease.token, lease.attempt, lease.output_key) == ("token", 1, "result-job-1")
    assert lease.source == a_media("song")
    assert lease.was_assigned
    assert lease.expires_at == START + LEASE_TIME
    assert lease.job == scene.job()
    assert (lease.job.status, lease.job.worker_id) == (JobStatus.PROCESSING, "worker_a")
    assert (lease.job.started_at, lease.job.attempts) == (START, 1)
    assert scene.counters() == (0, 1)
    [attempt] = scene.see(jobs.attempts_of, "job")
    assert (attempt.number, attempt.worker_id, attempt.started_at) == (1, "worker_a", START)
    assert (attempt.ended_at, attempt.outcome) == (None, None)
    event = scene.last_event()
    assert (event.type, event.worker_id) == ("job.leased", "worker_a")
    assert event.data == {"status": "processing", "worker": "worker_a", "attempt": 1}


def test_the_own_queue_comes_first_then_the_general_queue_each_in_order_of_arrival(scene: Scene) -> None:
    for job_id, worker_id in [("g1", None), ("b1", "worker_b"), ("a1", "worker_a"), ("g2", None), ("a2", "worker_a")]:
        scene.submit(job_id, worker_id)

    leases = [scene.lease("worker_a", f"token {number}") for number in range(5)]

    taken = [(lease.job.id, lease.was_assigned) for lease in leases if lease]
    assert taken == [("a1", True), ("a2", True), ("g1", False), ("g2", False)]
    assert leases[-1] is None
    assert scene.counters("worker_a") == (0, 4)
    assert scene.counters("worker_b") == (1, 0)


def test_nothing_is_leased_from_the_queue_of_another_worker(scene: Scene) -> None:
    scene.submit("job", "worker_b")

    with scene.unchanged():
        assert scene.lease("worker_a") is None


def test_a_job_whose_source_was_deleted_can_still_name_it(scene: Scene) -> None:
    scene.submit()
    scene.do(library.mark_deleted, "song", START)

    assert scene.leased().source.deleted_at == START


def test_an_attempt_is_found_by_its_token_even_when_it_has_ended(scene: Scene) -> None:
    scene.submit()
    scene.leased(token="first")
    scene.fail("first")
    scene.assign(["job"], "worker_a")
    scene.leased(token="second")

    for number, token in enumerate(["first", "second"]):
        assert scene.see(jobs.attempts_under, [token]) == {token: scene.see(jobs.attempts_of, "job")[number]}
    assert scene.see(jobs.attempts_under, ["unknown"]) == {}


def test_a_worker_takes_no_job_of_the_general_queue_that_it_has_failed_at(scene: Scene) -> None:
    scene.submit()
    scene.leased(token="first")
    scene.fail("first")

    assert scene.lease("worker_a", "again") is None
    assert scene.leased("worker_b", "second").job.id == "job"


@pytest.mark.parametrize("assigned", ["worker_a", None])
def test_a_worker_takes_only_what_it_can_run(scene: Scene, assigned: str | None) -> None:
    scene.worker()
    requirement_id = scene.do(requirements.id_of, Needs(tags=frozenset({"gpu"})))
    wanting = replace(a_job("wanting", assigned), requirement_id=requirement_id)
    large = replace(a_job("large", assigned), scratch_bytes=1000)
    for job in (wanting, large):
        scene.do(jobs.submit, job)

    def taken(token: str, *able: int, room: int) -> str | None:
        taker = next_jobs.Taker("worker_a", jobs.Ability(able, room), scene.now)
        heads = scene.see(next_jobs.heads, taker, 1)
        if not heads:
            return None
        job_id = heads[0][0].id
        scene.do(jobs.lease, [jobs.NewLease(job_id, token)], worker_id="worker_a", now=scene.now, expires_at=scene.now)
        return job_id

    assert requirement_id is not None
    assert taken("first", room=999) is None
    assert taken("first", requirement_id + 1, room=1000) == "large"
    assert taken("second", requirement_id, room=0) == "wanting"


def test_the_tokens_of_a_worker_are_those_of_its_leases(scene: Scene) -> None:
    for number in range(3):
        scene.submit(f"job {number}")
    scene.leased("worker_a", "one")
    scene.leased("worker_b", "two")
    scene.leased("worker_a", "three")

    assert scene.see(jobs.tokens_of, "worker_a") == ["one", "three"]
    scene.release("one")
    assert scene.see(jobs.tokens_of, "worker_a") == ["three"]


def test_a_renewal_moves_the_end_of_the_lease_and_says_how_far_it_is(scene: Scene) -> None:
    scene.submit()
    scene.leased()
    scene.now += timedelta(seconds=4)

    renewed = scene.renew(LeaseReport(token="token", progress=40.5, speed=38.2, eta_seconds=12.5))

    assert renewed == {"token"}
    lease = scene.see(jobs.held, "token")
    assert lease is not None
    assert lease.expires_at == scene.now + LEASE_TIME
    assert (lease.job.progress, lease.job.speed, lease.job.eta_seconds) == (40.5, 38.2, 12.5)


def test_progress_never_goes_backwards_within_an_attempt_and_begins_anew_in_the_next(scene: Scene) -> None:
    scene.submit()
    scene.leased()
    scene.renew(LeaseReport(token="token", progress=60))

    scene.renew(LeaseReport(token="token", progress=30, speed=2.0))

    assert (scene.job().progress, scene.job().speed) == (60, 2.0)
    scene.fail()
    assert (scene.job().progress, scene.job().speed) == (0, None)


def test_only_leases_that_the_worker_really_holds_are_renewed(scene: Scene) -> None:
    scene.submit("job 1")
    scene.submit("job 2")
    scene.leased("worker_a", "mine")
    scene.leased("worker_b", "of-another")
    reports = [LeaseReport(token=token, progress=50) for token in ("mine", "of-another", "unknown")]

    assert scene.renew(*reports) == {"mine"}
    assert scene.job("job 2").progress == 0
    scene.cancel("job 1")
    with scene.unchanged():
        assert scene.renew(*reports) == set()


def test_a_lease_has_expired_from_the_moment_of_its_end(scene: Scene) -> None:
    scene.submit()
    scene.leased()

    assert scene.see(jobs.expired, START + LEASE_TIME - timedelta(microseconds=1)) == []
    assert scene.see(jobs.expired, START + LEASE_TIME) == ["token"]


def test_a_lease_that_was_renewed_meanwhile_is_not_taken_away(scene: Scene) -> None:
    scene.submit()
    scene.leased()
    scene.now += LEASE_TIME
    assert scene.see(jobs.expired, scene.now) == ["token"]
    scene.renew(LeaseReport(token="token", progress=1))

    with scene.unchanged():
        assert scene.expire() is None


@pytest.mark.parametrize("max_attempts", [1, 3])
def test_an_expired_lease_ends_its_attempt(scene: Scene, max_attempts: int) -> None:
    scene.submit("job", "worker_a", max_attempts=max_attempts)
    scene.leased()
    scene.now += LEASE_TIME

    job = scene.expire()

    assert job == scene.job()
    assert job.status is (JobStatus.FAILED if max_attempts == 1 else JobStatus.PENDING)
    [attempt] = scene.see(jobs.attempts_of, "job")
    assert (attempt.outcome, attempt.ended_at) == (Outcome.EXPIRED, scene.now)
    assert scene.see(jobs.expired, scene.now) == []
    with scene.unchanged():
        assert scene.complete() is None


def test_completing_publishes_the_result_and_ends_everything(scene: Scene) -> None:
    scene.submit()
    scene.leased()
    scene.renew(LeaseReport(token="token", progress=99, speed=3.0))
    scene.now += timedelta(seconds=5)

    job = scene.complete()

    assert job == scene.job()
    assert (job.status, job.progress, job.completed_at) == (JobStatus.COMPLETED, 100, scene.now)
    assert (job.result_id, job.output_file, job.output_size_bytes) == ("result", "song.flac", 5_000_000_000)
    assert (job.error, job.log_tail, job.speed, job.eta_seconds) == (None, "done", None, None)
    result = scene.see(library.get, "result")
    assert result is not None
    assert result.job_id == "job"
    [attempt] = scene.see(jobs.attempts_of, "job")
    assert (attempt.outcome, attempt.ended_at, attempt.log_tail) == (Outcome.COMPLETED, scene.now, "done")
    worker = scene.see(workers.get, "worker_a")
    assert worker is not None
    assert (worker.running_jobs, worker.conversions_success, worker.conversions_failed) == (0, 1, 0)
    created, completed = scene.events()[-2:]
    assert (created.type, created.media_id, created.job_id) == ("media.created", "result", "job")
    assert (completed.type, completed.media_id, completed.worker_id) == ("job.completed", "result", "worker_a")


def test_a_stale_worker_cannot_complete_a_job_that_another_one_has(scene: Scene) -> None:
    scene.submit()
    scene.leased("worker_a", "old")
    scene.now += LEASE_TIME
    scene.expire("old")
    scene.leased("worker_b", "new")

    with scene.unchanged():
        assert scene.complete("old") is None
        assert scene.fail("old") is None
        assert scene.release("old") is None
    assert scene.complete("new") is not None
    assert scene.job().worker_id == "worker_b"


def test_a_failed_attempt_sends_the_job_to_the_general_queue_while_attempts_remain(scene: Scene) -> None:
    scene.submit("job", "worker_a")
    scene.leased()

    job = scene.fail(error="It broke.")

    assert job == scene.job()
    assert (job.status, job.assigned_worker, job.worker_id) == (JobStatus.PENDING, None, "worker_a")
    assert (job.attempts, job.started_at, job.completed_at) == (1, None, None)
    assert (job.error, job.log_tail) == (None, "broke")
    [attempt] = scene.see(jobs.attempts_of, "job")
    assert (attempt.outcome, attempt.error, attempt.log_tail) == (Outcome.FAILED, "It broke.", "broke")
    assert scene.counters() == (0, 0)
    event = scene.last_event()
    assert (event.type, event.worker_id) == ("job.attempt_failed", "worker_a")
    assert event.data == {
        "status": "pending",
        "worker": "worker_a",
        "attempt": 1,
        "outcome": "failed",
        "error": "It broke.",
    }


def test_the_third_failed_attempt_is_the_last(scene: Scene) -> None:
    scene.submit(max_attempts=3)
    for number in range(1, 4):
        scene.assign(["job"], "worker_a")
        scene.leased(token=f"token {number}")
        scene.fail(f"token {number}", error=f"Broken {number} times.")

    job = scene.job()
    assert (job.status, job.attempts, job.error) == (JobStatus.FAILED, 3, "Broken 3 times.")
    assert job.completed_at == scene.now
    history = scene.see(jobs.attempts_of, "job")
    assert [(attempt.number, attempt.error) for attempt in history] == [
        (1, "Broken 1 times."),
        (2, "Broken 2 times."),
        (3, "Broken 3 times."),
    ]
    worker = scene.see(workers.get, "worker_a")
    assert worker is not None
    assert worker.conversions_failed == 3
    assert scene.last_event().type == "job.failed"


def test_an_attempt_that_is_handed_back_does_not_count_but_keeps_its_number(scene: Scene) -> None:
    scene.submit(max_attempts=1)
    scene.leased("worker_a", "first")
    scene.renew(LeaseReport(token="first", progress=50))

    job = scene.release("first")

    assert job == scene.job()
    assert (job.status, job.attempts, job.progress, job.started_at) == (JobStatus.PENDING, 0, 0, None)
    assert scene.last_event().type == "job.released"
    second = scene.leased("worker_b", "second")
    assert (second.attempt, second.output_key) == (2, "result-job-2")
    assert [attempt.outcome for attempt in scene.see(jobs.attempts_of, "job")] == [Outcome.RELEASED, None]


def test_several_are_leased_and_completed_at_once_and_the_stale_ones_left_out(scene: Scene) -> None:
    made = scene.do(jobs.submit, *(a_job(f"job {number}", "worker_a") for number in range(4)))
    assert [job.id for job in made] == [f"job {number}" for number in range(4)]
    assert made == [scene.job(job.id) for job in made]
    scene.assign(["job 1"], "worker_b")
    scene.cancel("job 2")

    wanted = [jobs.NewLease(job.id, f"token {job.id}", shares_slot=job.id != "job 3") for job in reversed(made)]
    taken = scene.do(jobs.lease, wanted, worker_id="worker_a", now=scene.now, expires_at=scene.now + LEASE_TIME)

    assert [(lease.job.id, lease.token) for lease in taken] == [("job 3", "token job 3"), ("job 0", "token job 0")]
    assert taken == [scene.see(jobs.held, lease.token) for lease in taken]
    assert scene.counters() == (0, 2)
    scene.release("token job 0")
    done = [jobs.Done(lease.token, a_media(f"result of {lease.job.id}")) for lease in taken]
    completed = scene.do(jobs.complete, done, now=scene.now)

    [attempt] = scene.see(jobs.attempts_of, "job 3")
    assert completed == {"token job 3": (scene.job("job 3"), attempt)}
    assert scene.see(library.get, "result of job 0") is None
    assert scene.counters() == (0, 0)
    assert scene.do(jobs.complete, done, now=scene.now) == {}
