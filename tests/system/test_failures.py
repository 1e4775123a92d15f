"""What becomes of jobs when processes are killed in the middle of them."""

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.support.clips import clip
from tests.support.commands import alive, write_ffmpeg
from tests.support.live import Live
from tests.support.waiting import eventually
from tests.system.crew import crew


class Gate:
    """What the workers' ffmpeg waits for before it converts. It takes no processor meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "open"
        self.ffmpeg = write_ffmpeg(folder / "ffmpeg", f'until [ -e "{self._path}" ]; do sleep 0.05; done')

    def open(self) -> None:
        self._path.touch()

    def close(self) -> None:
        self._path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return Gate(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="module")
def shared(gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("shared") / "data", environment=gate.ffmpeg) as running:
        yield running


@pytest.fixture
def lasting(shared: Live, gate: Gate) -> Live:
    """One for all those tests that leave it whole: its workers there, and idle. Conversions wait for the gate."""
    gate.close()
    eventually(lambda: _summary(shared)["active_workers"] == 2, 30)
    return shared


def test_a_job_whose_worker_is_killed_is_completed_by_the_other_worker_within_20_seconds(
    lasting: Live, gate: Gate
) -> None:
    live = lasting
    job_id = live.convert(live.upload(clip("song.wav")), "opus")
    victim = live.until(job_id, "processing")["worker_id"]
    other = {"worker_a": "worker_b", "worker_b": "worker_a"}[victim]
    conversions = eventually(lambda: live.worker(victim).children(recursive=True))

    live.worker(victim).kill()

    gate.open()
    job = live.until(job_id, "completed", seconds=20)
    lost, completed = job["history"]
    assert (lost["worker_id"], completed["worker_id"], job["worker_id"]) == (victim, other, other)
    assert (lost["outcome"] != "completed", completed["outcome"]) == (True, "completed")
    assert alive(conversions) == []
    assert _results(live, [job_id]) == 1
    assert live.logged("ended unexpectedly (killed by SIGKILL)").startswith(f"{victim}  | ended unexpectedly")
    eventually(lambda: _summary(live)["active_workers"] == 2, 30)


def test_a_job_outlives_its_server_and_completes_once(lasting: Live, gate: Gate) -> None:
    live = lasting
    song = live.upload(clip("song.wav"))
    job_id, *waiting = (live.convert(song, to) for to in ("opus", *["aac"] * 5))
    live.until(job_id, "processing")
    first = live.server().pid

    live.server().kill()

    gate.open()
    job = live.until(job_id, "completed")
    for other in waiting:
        live.until(other, "completed")
    assert live.server().pid != first
    assert [attempt["outcome"] for attempt in job["history"]] == ["completed"]
    assert _results(live, [job_id, *waiting]) == 6


def test_a_conversion_that_stalls_costs_an_attempt_and_the_other_worker_completes_it(tmp_path: Path) -> None:
    stalling = write_ffmpeg(tmp_path / "ffmpeg", "exec sleep 600") | {"BALANZA_STALL_SECONDS": "3"}
    with Live(tmp_path / "data", workers=0) as live, crew(live, tmp_path) as workers:
        workers.start("worker_a", environment=stalling)
        workers.start("worker_b")
        live.api.post("/workers/worker_b/drain").raise_for_status()
        job_id = live.convert(live.upload(clip("song.wav")), "mp3")
        live.until(job_id, "processing")
        live.api.post("/workers/worker_b/resume").raise_for_status()
        job = live.until(job_id, "completed")
    told = [(attempt["worker_id"], attempt["outcome"], attempt["error"]) for attempt in job["history"]]
    assert told == [
        ("worker_a", "failed", "No progress for 3 s: ffmpeg was killed."),
        ("worker_b", "completed", None),
    ]
    assert job["attempts"] == 2


def test_the_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with Live(tmp_path / "data", environment=Gate(tmp_path).ffmpeg) as live:
        live.until(live.convert(live.upload(clip("song.wav")), "opus"), "processing")
        everything = eventually(lambda: _descendants(live, more_than=3))

        live.end(signal.SIGKILL)

        eventually(lambda: alive(everything) == [], 20)


def test_a_job_that_ctrl_c_interrupted_is_completed_by_the_next_start(tmp_path: Path) -> None:
    # What workers elsewhere are given is not for these: Ctrl-C stays quick.
    environment = Gate(tmp_path).ffmpeg | {"BALANZA_GRACE_SECONDS": "300"}
    with Live(tmp_path / "data", environment=environment) as live:
        song = live.upload(clip("song.wav"))
        job_id = live.convert(song, "opus")
        live.until(job_id, "processing")
        assert live.end(signal.SIGINT) == 0
        assert not any("Traceback" in line for line in live.log), "\n".join(live.log)

    with Live(tmp_path / "data", workers=0) as idle:
        job = idle.until(job_id, "pending")
        assert ([attempt["outcome"] for attempt in job["history"]], job["attempts"]) == (["released"], 0)
        # Without any worker it waits in the general queue.
        other_id = idle.convert(song, "mp3")
        assert idle.job(other_id)["assigned_worker"] is None
        assert idle.end(signal.SIGINT) == 0

    with Live(tmp_path / "data", workers=1) as again:
        job = again.until(job_id, "completed")
        assert ([attempt["outcome"] for attempt in job["history"]], job["attempts"]) == (["released", "completed"], 1)
        again.until(other_id, "completed")
        taken = f"worker_a  | [worker_a] 📋 Trabajo de cola GENERAL recibido: {other_id}"
        assert again.logged(f"recibido: {other_id}") == taken
        assert _results(again, [job_id, other_id]) == 2


def test_sigterm_ends_it_as_ctrl_c_does(live: Live) -> None:
    everything = live.children()
    assert live.end(signal.SIGTERM) == 0
    assert alive(everything) == []


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    with Live(tmp_path / "data", workers=1, environment=Gate(tmp_path).ffmpeg) as live:
        live.until(live.convert(live.upload(clip("song.wav")), "opus"), "processing")
        # A server that does not react to SIGTERM would have to be waited for.
        live.server().suspend()
        live.process.send_signal(signal.SIGINT)
        live.logged("stopping")
        everything = live.children()
        live.end(signal.SIGINT)
        assert alive(everything) == []


def _results(live: Live, job_ids: Sequence[str]) -> int:
    """How many there are of these jobs."""
    return sum(media["job_id"] in job_ids for media in live.api.get("/media").json()["media"])


def _descendants(live: Live, *, more_than: int) -> list[psutil.Process]:
    """All processes of it, as soon as there are more than so many."""
    found = [one for child in live.children() for one in (child, *child.children(recursive=True))]
    return found if len(found) > more_than else []


def _summary(live: Live) -> dict[str, int]:
    try:
        summary: dict[str, int] = live.api.get("/workers/stats").json()["summary"]
    except httpx2.TransportError:
        return {"active_workers": 0}
    return summary
