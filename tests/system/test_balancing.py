"""The seed's steps 3, 4 and 5 with real processes, and its criteria: who gets a job follows the load."""

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.clips import clip
from tests.support.commands import write_ffmpeg
from tests.support.live import Live
from tests.support.waiting import eventually
from tests.system.crew import END_SECONDS, Crew, crew

SELECTED = re.compile(r"api +\| \[BALANCEO\] Seleccionado (worker_[ab]) \(jobs: (\d+), CPU: \d\.\d\d\)")
WORKERS = ("worker_a", "worker_b")
LONG_SECONDS = 60
"""Longer than all of a test: what was asked for is still running when it looks."""


@dataclass
class Pair:
    """A Balanza with two workers, started one by one, and a song."""

    live: Live
    crew: Crew
    song: str
    processes: "dict[str, subprocess.Popen[bytes]]"
    slow: dict[str, str]
    """An ffmpeg that takes its time and no processor."""

    def start(self, worker_id: str) -> None:
        self.processes[worker_id] = self.crew.start(worker_id, "--grace", "0", environment=self.slow)

    def stop(self, worker_id: str) -> None:
        self.processes[worker_id].terminate()
        assert self.processes[worker_id].wait(END_SECONDS) == 0

    def clear(self) -> None:
        """Nothing is left of what was asked for; both workers are there, and idle."""
        for status in ("pending", "processing"):
            for job in self.live.api.get("/jobs", params={"status": status}).json()["jobs"]:
                self.live.api.post(f"/jobs/{job['job_id']}/cancel")
        eventually(lambda: all(_is_idle(entry(self.live, one)) for one in WORKERS), END_SECONDS)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("balancing")
    slow = write_ffmpeg(folder / "slow-ffmpeg", f"sleep {LONG_SECONDS}")
    with Live(folder / "data", workers=0) as live, crew(live, folder) as workers:
        pair = Pair(live, workers, live.upload(clip("song.wav")), {}, slow)
        for worker_id in WORKERS:
            pair.start(worker_id)
        yield pair


@pytest.fixture
def pair(started: Pair) -> Pair:
    """For all tests, which leave both workers there."""
    started.clear()
    return started


def _is_idle(worker: dict[str, Any]) -> bool:
    return (worker["status"], worker["running_jobs"]) == ("idle", 0)


def submit(live: Live, song: str, count: int) -> list[dict[str, Any]]:
    """What POST /convert answered, so many times."""
    wanted = {"input_file": song, "output_format": "flac"}
    answers = [live.api.post("/convert", json=wanted) for _ in range(count)]
    assert {answer.status_code for answer in answers} == {201}
    return [answer.json() for answer in answers]


def submit_at_once(live: Live, song: str, count: int) -> list[str]:
    """The workers that the jobs of so many requests, made at the same time, were assigned to."""
    with ThreadPoolExecutor(count) as pool:
        jobs = list(pool.map(lambda _: submit(live, song, 1), range(count)))
    return [job["assigned_worker"] for (job,) in jobs]


def chosen(live: Live) -> list[tuple[str, int]]:
    """Who was chosen for each job until now, and how many jobs it had: what the log says."""
    return [(match[1], int(match[2])) for line in live.log if (match := SELECTED.fullmatch(line))]


def entry(live: Live, worker_id: str) -> dict[str, Any]:
    stats = live.api.get("/workers/stats").json()["workers"]
    found: dict[str, Any] = next(worker for worker in stats if worker["worker_id"] == worker_id)
    return found


def test_six_requests_at_once_alternate_and_the_log_tells_it(pair: Pair) -> None:
    live, before = pair.live, len(chosen(pair.live))
    jobs = submit(live, pair.song, 6)

    targets = [job["assigned_worker"] for job in jobs]
    assert [targets.count("worker_a"), targets.count("worker_b")] == [3, 3]
    assert all(first != second for first, second in zip(targets[::2], targets[1::2], strict=True))
    eventually(lambda: len(chosen(live)) == before + 6)
    assert chosen(live)[before:] == [(target, number // 2) for number, target in enumerate(targets)]
    for worker_id in WORKERS:
        first = next(job["job_id"] for job in jobs if job["assigned_worker"] == worker_id)
        live.until(first, "processing")
        assert f"[{worker_id}] ⭐ Trabajo ASIGNADO recibido: {first}" in pair.crew.said(worker_id)


def test_six_requests_in_the_same_moment_are_three_and_three(pair: Pair) -> None:
    assert sorted(submit_at_once(pair.live, pair.song, 6)) == ["worker_a"] * 3 + ["worker_b"] * 3


def test_the_load_score_follows_the_load_and_a_busy_worker_gets_fewer_jobs(pair: Pair) -> None:
    live, song = pair.live, pair.song
    pair.stop("worker_b")
    eventually(lambda: entry(live, "worker_a")["load_score"] <= 30)
    (first, *_) = submit(live, song, 1)
    live.until(first["job_id"], "processing")
    assert 30 <= entry(live, "worker_a")["load_score"] <= 60
    submit(live, song, 2)
    assert entry(live, "worker_a")["load_score"] >= 90
    assert entry(live, "worker_a")["status"] == "busy"

    pair.start("worker_b")
    # It has taken one of the three at once.
    eventually(lambda: entry(live, "worker_b")["running_jobs"] == 1)
    assert entry(live, "worker_a")["jobs_in_progress"] == 2
    targets = [job["assigned_worker"] for job in submit(live, song, 3)]
    assert targets[0] == "worker_b"
    assert entry(live, "worker_a")["jobs_in_progress"] == entry(live, "worker_b")["jobs_in_progress"] == 3


def test_with_worker_b_stopped_all_goes_to_worker_a_and_after_its_return_new_jobs_go_to_worker_b(pair: Pair) -> None:
    live, before, lines = pair.live, len(chosen(pair.live)), len(pair.live.log)
    pair.stop("worker_b")
    without = submit(live, pair.song, 5)

    assert {job["assigned_worker"] for job in without} == {"worker_a"}
    eventually(lambda: chosen(live)[before:] == [("worker_a", number) for number in range(5)])
    pair.start("worker_b")
    (moved, *_) = eventually(lambda: [line for line in live.log[lines:] if "[BALANCEO] Reasignado" in line])
    assert re.search(r"Reasignado [0-9a-f-]{36}: worker_a → worker_b \(llegó o volvió un worker\)", moved)
    eventually(lambda: entry(live, "worker_b")["running_jobs"] == 1)
    again = submit(live, pair.song, 2)
    assert {job["assigned_worker"] for job in again} == {"worker_b"}
    eventually(lambda: chosen(live)[-2:] == [("worker_b", 1), ("worker_b", 2)])


def test_a_decision_can_be_asked_for_in_words(pair: Pair) -> None:
    live = pair.live
    submit(live, pair.song, 2)
    (third, *_) = submit(live, pair.song, 1)

    answer = live.api.get(f"/jobs/{third['job_id']}/decision").json()

    decision = answer["decision"]
    assert (decision["policy"], decision["worker_id"]) == ("least_loaded", third["assigned_worker"])
    assert {one["worker_id"] for one in decision["candidates"]} == {"worker_a", "worker_b"}
    (other,) = (one for one in decision["candidates"] if not one["chosen"])
    assert other["why_not"]
    assert other["metrics_source"] == "heartbeat"
    assert other["metrics_age_seconds"] <= 3
    assert answer["waits_for"]["worker_id"] == third["assigned_worker"]
