"""What becomes of jobs when a worker is told to go: SIGTERM, as `docker stop` sends it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import write_ffmpeg
from tests.support.live import Live
from tests.support.waiting import eventually
from tests.system.crew import END_SECONDS, Crew, crew

SECONDS = 4
"""What a conversion takes here."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """For all tests, each of which starts workers of its own."""
    with Live(tmp_path_factory.mktemp("drain") / "data", workers=0) as running:
        yield running


@pytest.fixture
def workers(live: Live, tmp_path: Path) -> Iterator[Crew]:
    """They have left at the end, so that the next test's are given all that is asked for then."""
    with crew(live, tmp_path) as started:
        yield started
        started.leave()


@pytest.fixture
def slow(tmp_path: Path) -> dict[str, str]:
    """An ffmpeg that reads no faster than the song would be played."""
    return write_ffmpeg(tmp_path / "slow-ffmpeg", 'exec $ffmpeg -readrate 1 -readrate_initial_burst 0.1 "$@"')


def outcomes(job: dict[str, object]) -> list[tuple[str, str]]:
    history = job["history"]
    assert isinstance(history, list)
    return [(attempt["worker_id"], attempt["outcome"]) for attempt in history]


def test_what_a_leaving_worker_runs_it_finishes_and_what_waits_for_it_the_other_one_does(
    live: Live, workers: Crew, slow: dict[str, str], long_song: Path
) -> None:
    leaving = workers.start("worker_a", environment=slow)
    workers.start("worker_b", environment=slow)
    song = live.upload(long_song)
    jobs = [live.convert(song, "flac", end=SECONDS) for _ in range(4)]
    taken = {live.job(job_id)["assigned_worker"]: job_id for job_id in reversed(jobs)}
    running = live.until(taken["worker_a"], "processing")
    (waiting,) = (
        job_id for job_id in jobs if job_id != running["job_id"] and live.job(job_id)["assigned_worker"] == "worker_a"
    )

    leaving.terminate()

    eventually(lambda: live.job(waiting)["assigned_worker"] == "worker_b", 2)
    assert leaving.poll() is None
    assert live.job(running["job_id"])["status"] == "processing"
    assert leaving.wait(END_SECONDS) == 0
    finished = live.until(running["job_id"], "completed")
    assert (outcomes(finished), finished["attempts"]) == ([("worker_a", "completed")], 1)
    for job_id in set(jobs) - {running["job_id"]}:
        job = live.until(job_id, "completed")
        assert (outcomes(job), job["attempts"]) == ([("worker_b", "completed")], 1)
    assert workers.status("worker_a") == "offline"
    assert "⏸️ Me voy: termino lo que tengo (hasta 30 s)" in workers.said("worker_a")


def test_what_takes_longer_than_the_grace_is_handed_back_uncounted_and_done_by_the_other_one(
    live: Live, workers: Crew, slow: dict[str, str], long_song: Path
) -> None:
    leaving = workers.start("worker_a", "--grace", "0.5", environment=slow)
    job_id = live.convert(live.upload(long_song), "flac", end=SECONDS)
    live.until(job_id, "processing")

    leaving.terminate()

    assert leaving.wait(END_SECONDS) == 0
    job = live.until(job_id, "pending")
    assert (outcomes(job), job["attempts"]) == ([("worker_a", "released")], 0)
    workers.start("worker_b", environment=slow)
    job = live.until(job_id, "completed")
    assert (outcomes(job), job["attempts"]) == ([("worker_a", "released"), ("worker_b", "completed")], 1)
    assert f"↩️ Trabajo DEVUELTO: {job_id}" in workers.said("worker_a")


def test_a_worker_that_left_takes_jobs_again_when_it_is_started_again(
    live: Live, workers: Crew, slow: dict[str, str], long_song: Path
) -> None:
    song = live.upload(long_song)
    first = workers.start("worker_a", environment=slow)
    job_id = live.convert(song, "flac", end=1)
    live.until(job_id, "processing")
    first.terminate()
    assert first.wait(END_SECONDS) == 0
    assert live.until(job_id, "completed")["attempts"] == 1

    later = live.convert(song, "flac", end=1)
    assert live.job(later)["status"] == "pending"
    workers.start("worker_a")
    assert outcomes(live.until(later, "completed")) == [("worker_a", "completed")]
