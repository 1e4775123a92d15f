"""What becomes of jobs when processes are killed in the middle of them."""

import signal
from pathlib import Path

import httpx2

from tests.support.clips import clip
from tests.support.commands import alive, write_ffmpeg
from tests.support.live import Live
from tests.support.waiting import eventually
from tests.system.crew import crew


def test_a_job_whose_worker_is_killed_is_completed_by_the_other_worker_within_20_seconds(
    live: Live, long_song: Path
) -> None:
    job_id = live.convert(live.upload(long_song), "opus")
    victim = live.until(job_id, "processing")["worker_id"]
    other = {"worker_a": "worker_b", "worker_b": "worker_a"}[victim]
    conversions = live.worker(victim).children(recursive=True)

    live.worker(victim).kill()

    job = live.until(job_id, "completed", seconds=20)
    lost, completed = job["history"]
    assert (lost["worker_id"], completed["worker_id"], job["worker_id"]) == (victim, other, other)
    assert (lost["outcome"] != "completed", completed["outcome"]) == (True, "completed")
    assert alive(conversions) == []
    assert len(_results(live)) == 1
    assert live.logged("ended unexpectedly").startswith(f"{victim}  | ended unexpectedly (killed by SIGKILL)")
    eventually(lambda: _summary(live)["active_workers"] == 2, 15)


def test_a_job_outlives_its_server_and_completes_once(live: Live, long_song: Path) -> None:
    song = live.upload(long_song)
    short = live.upload(clip("song.wav"))
    job_id, waiting = live.convert(song, "opus"), [live.convert(short, "aac") for _ in range(5)]
    live.until(job_id, "processing")
    first = live.server().pid

    live.server().kill()

    job = live.until(job_id, "completed")
    for other in waiting:
        live.until(other, "completed")
    assert live.server().pid != first
    assert [attempt["outcome"] for attempt in job["history"]] == ["completed"]
    assert len(_results(live)) == 6


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


def test_the_children_end_when_the_supervisor_is_killed(live: Live, long_song: Path) -> None:
    live.until(live.convert(live.upload(long_song), "opus"), "processing")
    everything = [one for child in live.children() for one in (child, *child.children(recursive=True))]
    assert len(everything) > 3

    live.end(signal.SIGKILL)

    eventually(lambda: alive(everything) == [], 20)


def test_a_job_that_ctrl_c_interrupted_is_completed_by_the_next_start(tmp_path: Path, long_song: Path) -> None:
    # What workers elsewhere are given is not for these: Ctrl-C stays quick.
    with Live(tmp_path / "data", environment={"BALANZA_GRACE_SECONDS": "300"}) as live:
        job_id = live.convert(live.upload(long_song), "opus")
        live.until(job_id, "processing")
        assert live.end(signal.SIGINT) == 0
        assert not any("Traceback" in line for line in live.log), "\n".join(live.log)

    with Live(tmp_path / "data", workers=0) as idle:
        job = idle.until(job_id, "pending")
        assert ([attempt["outcome"] for attempt in job["history"]], job["attempts"]) == (["released"], 0)

    with Live(tmp_path / "data", workers=1) as again:
        job = again.until(job_id, "completed")
        assert ([attempt["outcome"] for attempt in job["history"]], job["attempts"]) == (["released", "completed"], 1)
        assert len(_results(again)) == 1


def test_sigterm_ends_it_as_ctrl_c_does(live: Live) -> None:
    everything = live.children()
    assert live.end(signal.SIGTERM) == 0
    assert alive(everything) == []


def test_a_second_ctrl_c_ends_it_at_once(live: Live, long_song: Path) -> None:
    live.until(live.convert(live.upload(long_song), "opus"), "processing")
    # A server that does not react to SIGTERM would have to be waited for.
    live.server().suspend()
    live.process.send_signal(signal.SIGINT)
    live.logged("stopping")
    everything = live.children()
    live.end(signal.SIGINT)
    assert alive(everything) == []


def _results(live: Live) -> list[object]:
    return [media for media in live.api.get("/media").json()["media"] if media["job_id"]]


def _summary(live: Live) -> dict[str, int]:
    try:
        summary: dict[str, int] = live.api.get("/workers/stats").json()["summary"]
    except httpx2.TransportError:
        return {"active_workers": 0}
    return summary
