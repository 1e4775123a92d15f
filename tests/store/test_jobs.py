from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from balanza.lifecycle import JobStatus
from balanza.model import Outcome
from balanza.store import jobs
from tests.store.scene import START, Scene, a_job


def test_a_submitted_job_is_pending_and_is_what_was_asked_for(scene: Scene) -> None:
    scene.worker()
    job = scene.submit("job", "worker_a")

    assert scene.job() == job
    assert job.status is JobStatus.PENDING
    assert (job.source_id, job.input_file, job.input_size_bytes) == ("song", "song.mp3", 5_000_000_000)
    assert (job.output_format, dict(job.options)) == ("flac", {"quality": "best", "normalize": True, "start": 1.5})
    assert (job.assigned_worker, job.worker_id) == ("worker_a", None)
    assert (job.progress, job.attempts, job.max_attempts) == (0, 0, 3)
    assert (job.created_at, job.started_at, job.completed_at) == (START, None, None)
    assert scene.counters() == (1, 0)
    event = scene.last_event()
    assert (event.type, event.job_id, event.worker_id, event.at) == ("job.submitted", "job", "worker_a", START)
    assert event.data == {"status": "pending", "worker": "worker_a"}


def test_jobs_are_numbered_in_the_order_of_their_arrival(scene: Scene) -> None:
    sequence = [scene.submit(f"job {number}").seq for number in range(5)]

    assert sequence == sorted(set(sequence))


def test_an_unknown_job_is_none(scene: Scene) -> None:
    assert scene.see(jobs.get, "nobody") is None


@pytest.mark.parametrize(
    "impossible",
    [
        a_job("job"),
        a_job("other", key="key"),
        a_job("other", source_id="never uploaded"),
        a_job("other", "never registered"),
    ],
)
def test_a_job_that_cannot_be_is_refused_and_leaves_nothing_behind(scene: Scene, impossible: jobs.NewJob) -> None:
    scene.submit("job", key="key")

    with scene.unchanged(), pytest.raises(IntegrityError):
        scene.do(jobs.submit, impossible)


def test_an_idempotency_key_finds_its_job_and_the_fingerprint_of_the_request(scene: Scene) -> None:
    job = scene.submit("job", key="key")
    scene.submit("another")

    assert scene.see(jobs.by_idempotency_key, "key", owner_id="local") == (job, "fingerprint of key")
    assert scene.see(jobs.by_idempotency_key, "another key", owner_id="local") is None


def test_lists_are_newest_first_and_go_on_where_the_page_before_ended(scene: Scene) -> None:
    for number in range(7):
        scene.submit(f"job {number}")

    pages, before_seq = [], None
    while page := scene.see(
        jobs.list_jobs, owner_id="local", status=None, worker_id=None, before_seq=before_seq, limit=3
    ):
        pages.append([job.id for job in page])
        before_seq = page[-1].seq

    assert pages == [["job 6", "job 5", "job 4"], ["job 3", "job 2", "job 1"], ["job 0"]]


def test_a_list_can_be_of_one_status_and_of_one_worker(scene: Scene) -> None:
    scene.worker("worker_a")
    scene.worker("worker_b")
    scene.submit("for a", "worker_a")
    scene.submit("for b", "worker_b")
    scene.submit("for nobody")
    scene.submit("done by a", "worker_a")
    scene.leased("worker_a", "first")
    scene.complete("first")
    scene.assign(["done by a"], "worker_b")
    scene.leased("worker_a", "second")

    def listed(status: JobStatus | None, worker_id: str | None) -> list[str]:
        found = scene.see(
            jobs.list_jobs, owner_id="local", status=status, worker_id=worker_id, before_seq=None, limit=10
        )
        return [job.id for job in found]

    assert listed(JobStatus.PENDING, None) == ["done by a", "for b"]
    assert listed(JobStatus.COMPLETED, None) == ["for a"]
    assert listed(None, "worker_a") == ["for nobody", "for a"]
    assert listed(None, "worker_b") == ["done by a", "for b"]
    assert listed(JobStatus.PROCESSING, "worker_b") == []


def test_cancelling_a_pending_job_takes_it_out_of_its_queue(scene: Scene) -> None:
    scene.worker()
    scene.submit("job", "worker_a")
    scene.now += timedelta(seconds=2)

    cancelled = scene.cancel()

    assert cancelled == scene.job()
    assert (cancelled.status, cancelled.completed_at, cancelled.started_at) == (JobStatus.CANCELLED, scene.now, None)
    assert scene.counters() == (0, 0)
    assert scene.see(jobs.attempts_of, "job") == []
    assert scene.lease() is None
    assert (scene.last_event().type, scene.last_event().worker_id) == ("job.cancelled", "worker_a")


def test_cancelling_a_running_job_ends_its_lease_at_once(scene: Scene) -> None:
    scene.worker()
    scene.submit()
    scene.leased()
    scene.now += timedelta(seconds=2)

    assert scene.cancel() is not None

    assert scene.see(jobs.held, "token") is None
    assert scene.counters() == (0, 0)
    [attempt] = scene.see(jobs.attempts_of, "job")
    assert (attempt.outcome, attempt.ended_at) == (Outcome.CANCELLED, scene.now)
    with scene.unchanged():
        assert scene.complete() is None


def test_a_retried_job_is_at_its_old_place_in_the_general_queue_with_new_attempts(scene: Scene) -> None:
    scene.worker()
    scene.submit("job", "worker_a", max_attempts=1)
    scene.submit("later")
    scene.leased()
    failed = scene.fail(error="It broke.")
    assert failed is not None
    assert failed.error == "It broke."

    retried = scene.retry(more_attempts=2)

    assert retried == scene.job()
    assert retried.status is JobStatus.PENDING
    assert (retried.attempts, retried.max_attempts) == (1, 3)
    assert (retried.progress, retried.error, retried.completed_at, retried.started_at) == (0, None, None, None)
    assert retried.assigned_worker is None
    assert [job.id for job in scene.see(jobs.pending_of, None, 5)] == ["job", "later"]
    assert [attempt.error for attempt in scene.see(jobs.attempts_of, "job")] == ["It broke."]
    assert scene.last_event().type == "job.retried"

    scene.worker("worker_b")
    scene.leased("worker_b", token="again")
    assert scene.see(jobs.attempts_of, "job")[-1].number == 2


def test_a_job_cancelled_before_it_ever_ran_can_be_retried(scene: Scene) -> None:
    scene.worker()
    scene.submit("job", "worker_a")
    scene.cancel()

    assert scene.retry() is not None

    assert scene.counters() == (0, 0)
    assert scene.leased().job.id == "job"


def test_text_that_a_database_refuses_is_stored_with_marks_in_its_place(scene: Scene) -> None:
    scene.worker()
    scene.submit(max_attempts=1)
    scene.leased()

    scene.fail(error="NUL \0 and half a surrogate \udc80, but ñ and 🎵 stay")

    assert scene.job().error == "NUL � and half a surrogate �, but ñ and 🎵 stay"
