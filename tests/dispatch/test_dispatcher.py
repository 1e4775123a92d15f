"""What people ask of jobs and workers."""

import logging
from collections import Counter
from threading import Barrier, Thread

import pytest

from balanza.dispatch.dispatcher import Submission
from balanza.errors import Conflict, Gone, InvalidOption, InvalidRequest, MissingStream, NotFound, UnknownFormat
from balanza.lifecycle import JobStatus
from balanza.model import Job
from balanza.store import jobs, library
from tests.dispatch.conftest import World


def all_jobs(world: World) -> list[Job]:
    return world.desk.database.read(
        lambda tx: jobs.list_jobs(tx, owner_id="local", status=None, worker_id=None, before_seq=None, limit=100)
    )


def how_many(world: World) -> int:
    return len(all_jobs(world))


def test_six_requests_alternate_between_two_idle_workers(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.join("a", "b")
    with caplog.at_level(logging.INFO, "balanza.dispatch"):
        chosen = [world.submit().assigned_worker for _ in range(6)]
    assert chosen == ["worker_a", "worker_b"] * 3
    assert caplog.messages[0] == "[BALANCEO] Seleccionado worker_a (jobs: 0, CPU: 0.00)"
    assert caplog.messages[5] == "[BALANCEO] Seleccionado worker_b (jobs: 2, CPU: 0.00)"


def test_requests_from_many_threads_at_once_are_spread_evenly(world: World) -> None:
    world.join("a", "b", "c")
    source = world.song().id
    together = Barrier(6)

    def ask() -> None:
        together.wait()
        for _ in range(10):
            world.submit(source)

    threads = [Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(job.assigned_worker for job in all_jobs(world)) == {"worker_a": 20, "worker_b": 20, "worker_c": 20}


def test_a_busy_worker_gets_fewer_jobs(world: World) -> None:
    world.join("a", "b", slots=4)
    for _ in range(4):
        world.submit()
    while grant := world.lease("b"):
        world.finish(grant)
    assert [world.submit().assigned_worker for _ in range(2)] == ["worker_b", "worker_b"]


def test_a_job_without_a_live_worker_waits_in_the_general_queue(world: World) -> None:
    job = world.submit()
    assert (job.status, job.assigned_worker) == (JobStatus.PENDING, None)
    world.join("a")
    grant = world.granted("a")
    assert (grant.job_id, grant.was_assigned) == (job.id, False)


def test_submitting_wakes_the_chosen_worker(world: World) -> None:
    world.join("a")
    world.heard.clear()
    world.submit()
    assert world.heard == ["events", "work:worker_a"]


def test_a_source_can_be_named_when_only_one_file_has_the_name(world: World) -> None:
    world.song("one.wav")
    assert world.submit("one.wav").input_file == "one.wav"
    world.song("one.wav")
    with pytest.raises(Conflict, match="2 files named"):
        world.submit("one.wav")
    assert how_many(world) == 1


@pytest.mark.parametrize(
    ("submission", "error"),
    [
        (Submission("nothing.wav", "mp3", {}), NotFound),
        (Submission("song.wav", "mp9", {}), UnknownFormat),
        (Submission("song.wav", "mp3", {"bitrate": "9000k"}), InvalidOption),
        (Submission("song.wav", "mp3", {"colour": "red"}), InvalidOption),
        (Submission("song.wav", "mp4", {}), MissingStream),
    ],
)
def test_a_request_that_cannot_be_carried_out_makes_no_job(
    world: World, submission: Submission, error: type[Exception]
) -> None:
    world.song("song.wav")
    with pytest.raises(error):
        world.dispatcher.submit(submission)
    assert how_many(world) == 0


@pytest.mark.parametrize("name", ["MP3", ".mp3", " mp3 "])
def test_a_format_is_known_in_any_spelling(world: World, name: str) -> None:
    world.join("a")
    job = world.dispatcher.submit(Submission(world.song().id, name, {}))
    assert job.output_format == "mp3"
    assert world.finish(world.granted("a")).output_file == "song.mp3"


def test_a_deleted_source_is_gone(world: World) -> None:
    source = world.song()
    world.desk.database.write(lambda tx: library.mark_deleted(tx, source.id, world.clock.now))
    with pytest.raises(Gone, match="was deleted"):
        world.submit(source.id)


def test_a_repeated_idempotency_key_answers_with_the_same_job(world: World) -> None:
    source = world.song().id
    request = Submission(source, "mp3", {"quality": "best"}, idempotency_key="key-1")
    first = world.dispatcher.submit(request)
    assert world.dispatcher.submit(request).id == first.id
    assert how_many(world) == 1
    with pytest.raises(InvalidRequest, match="key-1"):
        world.dispatcher.submit(Submission(source, "flac", {}, idempotency_key="key-1"))


def test_the_same_idempotency_key_from_many_threads_makes_one_job(world: World) -> None:
    request = Submission(world.song().id, "mp3", {}, idempotency_key="key-1")
    answers: list[str] = []
    together = Barrier(8)

    def ask() -> None:
        together.wait()
        answers.append(world.dispatcher.submit(request).id)

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1


def test_a_cancelled_job_is_not_leased(world: World) -> None:
    world.join("a")
    job = world.submit()
    assert world.dispatcher.cancel(job.id).status is JobStatus.CANCELLED
    assert world.lease("a") is None
    with pytest.raises(Conflict, match="cancelled"):
        world.dispatcher.cancel(job.id)


def test_cancelling_a_running_job_ends_its_lease(world: World) -> None:
    world.join("a")
    job = world.submit()
    grant = world.granted("a")
    world.write_result(grant)
    world.dispatcher.cancel(job.id)
    assert grant.output_key not in world.stored()
    assert world.job(job.id).status is JobStatus.CANCELLED


def test_retry_grants_a_failed_job_new_attempts_and_keeps_its_history(world: World) -> None:
    world.join("a")
    job = world.submit()
    for _ in range(3):
        world.fail_once("a")
    assert world.job(job.id).status is JobStatus.FAILED
    retried = world.dispatcher.retry(job.id)
    assert (retried.status, retried.assigned_worker, retried.error) == (JobStatus.PENDING, "worker_a", None)
    world.finish(world.granted("a"))
    assert [attempt.outcome for attempt in world.attempts(job.id)] == ["failed", "failed", "failed", "completed"]


def test_only_a_job_that_failed_or_was_cancelled_can_be_tried_again(world: World) -> None:
    job = world.submit()
    with pytest.raises(Conflict, match="pending"):
        world.dispatcher.retry(job.id)
    with pytest.raises(NotFound):
        world.dispatcher.retry("nothing")


def test_a_job_whose_source_was_deleted_cannot_be_tried_again(world: World) -> None:
    source = world.song()
    job = world.submit(source.id)
    world.dispatcher.cancel(job.id)
    world.desk.database.write(lambda tx: library.mark_deleted(tx, source.id, world.clock.now))
    with pytest.raises(Gone):
        world.dispatcher.retry(job.id)
    assert world.job(job.id).status is JobStatus.CANCELLED


def test_a_draining_worker_gives_its_pending_jobs_away_and_gets_none(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.join("a", "b")
    job, _ = world.submit(), world.submit()
    assert job.assigned_worker == "worker_a"
    with caplog.at_level(logging.INFO, "balanza.dispatch"):
        assert world.dispatcher.drain("worker_a").draining
    assert caplog.messages == [
        "[BALANCEO] Seleccionado worker_b (jobs: 1, CPU: 0.00)",
        f"[BALANCEO] Reasignado {job.id}: worker_a → worker_b (en drenaje)",
    ]
    assert world.submit().assigned_worker == "worker_b"
    assert world.lease("a") is None
    assert world.beat("a").drain


def test_a_drained_worker_keeps_draining_when_it_is_restarted(world: World) -> None:
    world.join("a")
    world.dispatcher.drain("worker_a")
    world.join("a", instance="second")
    assert world.beat("a", instance="second").drain


def test_a_job_that_was_cancelled_and_tried_again_keeps_its_result(world: World) -> None:
    world.join("a")
    job = world.submit()
    world.granted("a")
    world.dispatcher.cancel(job.id)
    world.dispatcher.retry(job.id)
    done = world.finish(world.granted("a"))
    assert done.status is JobStatus.COMPLETED
    assert f"result-{job.id}-2" in world.stored()
    with pytest.raises(Conflict, match="completed"):
        world.dispatcher.cancel(job.id)
    assert f"result-{job.id}-2" in world.stored()


def test_a_resumed_worker_takes_jobs_again(world: World) -> None:
    world.join("a")
    world.dispatcher.drain("worker_a")
    job = world.submit()
    assert job.assigned_worker is None
    world.dispatcher.resume("worker_a")
    assert world.granted("a").job_id == job.id
    with pytest.raises(NotFound, match="worker_z"):
        world.dispatcher.drain("worker_z")
