"""What stands between a worker and a job."""

from datetime import timedelta

import pytest

from balanza.balancer.capability import can_run, on_probation, why_not
from balanza.model import Needs, Obstacle, WhyNot, Worker
from tests.balancer.crew import START, a_worker

SECOND = timedelta(seconds=1)
NEEDS = Needs(frozenset({"flac"}), frozenset({"gpu"}), 1_234_567_890)
FIT = a_worker("a", tags="gpu ssd", scratch_free_bytes=1_234_567_890)


def test_nothing_stands_in_the_way_of_a_worker_that_has_it_all() -> None:
    assert why_not(FIT, NEEDS, now=START) is None
    assert can_run(FIT, NEEDS) is None
    assert why_not(a_worker("a", encoders=""), Needs(), now=START) is None


@pytest.mark.parametrize(
    ("worker", "obstacle", "clause"),
    [
        (a_worker("a", offline=True, leaving=True), Obstacle.OFFLINE, "is offline"),
        (a_worker("a", leaving=True, draining=True), Obstacle.LEAVING, "is leaving"),
        (a_worker("a", draining=True, quarantined_until=START + SECOND), Obstacle.DRAINING, "is draining"),
        (
            a_worker("a", quarantined_until=START + SECOND, running=1),
            Obstacle.QUARANTINED,
            "is quarantined until 12:00:01 UTC",
        ),
        (
            a_worker("a", quarantined_until=START, running=1),
            Obstacle.PROBATION,
            "gets one job at a time after its quarantine",
        ),
    ],
)
def test_how_the_worker_is_comes_before_what_it_lacks(worker: Worker, obstacle: Obstacle, clause: str) -> None:
    assert why_not(worker, NEEDS, now=START) == WhyNot(obstacle, clause)


@pytest.mark.parametrize(
    ("worker", "needs", "obstacle", "clause"),
    [
        (a_worker("a", encoders="flac"), Needs(frozenset({"libx265"})), Obstacle.ENCODER, "has no encoder libx265"),
        (
            a_worker("a"),
            Needs(frozenset({"libx265", "aac", "flac"})),
            Obstacle.ENCODER,
            "has no encoders aac, libx265",
        ),
        (a_worker("a", tags="ssd"), Needs(tags=frozenset({"gpu", "ssd"})), Obstacle.TAG, "has no tag gpu"),
        (
            a_worker("a", scratch_free_bytes=1_199_999_999),
            Needs(scratch_bytes=1_500_000_000),
            Obstacle.SCRATCH,
            "has 1.2 GB of scratch space free, the job needs about 1.5 GB",
        ),
        (
            a_worker("a", scratch_free_bytes=0),
            Needs(scratch_bytes=999_960),
            Obstacle.SCRATCH,
            "has 0 B of scratch space free, the job needs about 1.0 MB",
        ),
    ],
)
def test_what_a_worker_lacks_is_named(worker: Worker, needs: Needs, obstacle: Obstacle, clause: str) -> None:
    assert why_not(worker, needs, now=START) == can_run(worker, needs) == WhyNot(obstacle, clause)


def test_room_for_exactly_the_job_is_enough() -> None:
    needs = Needs(scratch_bytes=1000)
    assert can_run(a_worker("a", scratch_free_bytes=1000), needs) is None
    assert can_run(a_worker("a", scratch_free_bytes=999), needs) is not None


def test_a_worker_that_does_not_measure_its_scratch_space_may_try() -> None:
    assert can_run(a_worker("a", scratch_free_bytes=None), Needs(scratch_bytes=10**15)) is None


def test_what_a_worker_could_run_does_not_depend_on_how_it_is() -> None:
    assert can_run(a_worker("a", offline=True, draining=True), Needs(frozenset({"flac"}))) is None


def test_after_its_quarantine_a_worker_without_jobs_gets_one() -> None:
    worker = a_worker("a", quarantined_until=START)
    assert on_probation(worker, START)
    assert why_not(worker, Needs(), now=START) is None
    assert not on_probation(worker, START - SECOND)
    assert not on_probation(a_worker("a"), START)


def test_a_job_in_its_queue_is_the_one_of_its_probation() -> None:
    found = why_not(a_worker("a", quarantined_until=START, assigned=1), Needs(), now=START)
    assert found is not None
    assert found.obstacle is Obstacle.PROBATION
