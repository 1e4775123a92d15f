from dataclasses import replace
from datetime import timedelta

import pytest

from balanza.lifecycle import JobStatus
from balanza.model import Needs
from balanza.store import jobs, requirements
from tests.store.scene import START, Scene, a_job


@pytest.fixture(autouse=True)
def two_workers(scene: Scene) -> None:
    scene.worker("worker_a")
    scene.worker("worker_b")


def queue(scene: Scene, worker_id: str | None) -> list[str]:
    return [job.id for job in scene.see(jobs.pending_of, worker_id, 100)]


def test_assigning_moves_pending_jobs_between_queues_with_an_event_each(scene: Scene) -> None:
    scene.submit("a", "worker_a")
    scene.submit("general")
    scene.submit("b", "worker_b")

    moved = scene.assign(["general", "a", "b"], "worker_b")

    assert moved == ["a", "general"]
    assert (queue(scene, "worker_a"), queue(scene, None)) == ([], [])
    assert queue(scene, "worker_b") == ["a", "general", "b"]
    assert (scene.counters("worker_a"), scene.counters("worker_b")) == ((0, 0), (3, 0))
    told = [(event.type, event.job_id, event.worker_id) for event in scene.events()[-2:]]
    assert told == [("job.assigned", "a", "worker_b"), ("job.assigned", "general", "worker_b")]
    assert scene.last_event().data == {"status": "pending", "worker": "worker_b"}


def test_assigning_to_nobody_is_the_general_queue(scene: Scene) -> None:
    scene.submit("a", "worker_a")

    assert scene.assign(["a"], None) == ["a"]

    assert queue(scene, None) == ["a"]
    assert scene.counters("worker_a") == (0, 0)


def test_a_job_that_has_started_or_ended_is_not_assigned_anew(scene: Scene) -> None:
    scene.submit("running")
    scene.submit("cancelled")
    scene.leased("worker_a")
    scene.cancel("cancelled")

    with scene.unchanged():
        assert scene.assign(["running", "cancelled", "unknown"], "worker_b") == []
        assert scene.assign([], "worker_b") == []


def test_more_jobs_than_one_statement_can_take_are_assigned_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.store.library._AT_ONCE", 10)
    ids = [f"job {number:02}" for number in range(25)]
    scene.database.write(lambda tx: [jobs.submit(tx, a_job(job_id, "worker_a")) for job_id in ids])

    assert scene.assign(ids, "worker_b") == ids

    assert (scene.counters("worker_a"), scene.counters("worker_b")) == ((0, 0), (25, 0))


def test_pending_jobs_of_a_queue_come_in_order_and_no_more_than_asked_for(scene: Scene) -> None:
    for number in range(5):
        scene.submit(f"job {number}", "worker_a")

    assert [job.id for job in scene.see(jobs.pending_of, "worker_a", 2)] == ["job 0", "job 1"]


def test_a_job_is_pending_somewhere_until_it_is_leased(scene: Scene) -> None:
    assert not scene.see(jobs.any_pending)
    scene.submit("b", "worker_b")
    assert scene.see(jobs.any_pending)
    scene.leased("worker_b")
    assert not scene.see(jobs.any_pending)


def test_jobs_are_counted_by_status_and_by_queue(scene: Scene) -> None:
    scene.submit("first", "worker_a")
    scene.submit("second", "worker_a")
    scene.submit("third", "worker_a")
    scene.submit("general")
    scene.leased("worker_a", "token")
    scene.cancel("second")

    assert scene.see(jobs.counts_by_status) == {
        JobStatus.PENDING: 2,
        JobStatus.PROCESSING: 1,
        JobStatus.COMPLETED: 0,
        JobStatus.FAILED: 0,
        JobStatus.CANCELLED: 1,
    }
    assert scene.see(jobs.queue_depths) == {None: 1, "worker_a": 1}


def test_the_oldest_pending_job_says_how_long_the_queue_waits(scene: Scene) -> None:
    assert scene.see(jobs.oldest_pending_at) is None
    scene.submit("first")
    scene.submit("second")
    scene.leased("worker_a")

    assert scene.see(jobs.oldest_pending_at) == START
    scene.now += timedelta(seconds=1)
    scene.cancel("second")
    assert scene.see(jobs.oldest_pending_at) is None


def test_the_jobs_that_still_need_a_source_are_those_that_have_not_ended(scene: Scene) -> None:
    for job_id in ("done", "running", "waiting"):
        scene.submit(job_id)
    scene.leased("worker_a", "first")
    scene.complete("first")
    scene.leased("worker_a", "second")

    assert scene.see(jobs.live_jobs_of_media, "song") == ["running", "waiting"]
    assert scene.see(jobs.live_jobs_of_media, "result") == []


def test_a_job_is_runnable_by_whoever_has_what_it_requires(scene: Scene) -> None:
    gpu = scene.database.write(lambda tx: requirements.id_of(tx, Needs(tags=frozenset({"gpu"}))))
    assert gpu is not None
    scene.database.write(lambda tx: jobs.submit(tx, replace(a_job("picky"), requirement_id=gpu)))
    able, unable = jobs.Ability((gpu,), 0), jobs.Ability((), 2**62)

    assert scene.see(jobs.any_runnable, able)
    assert not scene.see(jobs.any_runnable, unable)

    scene.submit("any worker will do")
    assert scene.see(jobs.any_runnable, unable)
