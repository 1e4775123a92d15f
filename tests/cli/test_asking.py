"""`balanza jobs`, `workers`, `why` and `convert --server`, against a Balanza that runs."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_convert import codec_of, files_in, have
from tests.support.clips import clip
from tests.support.commands import balanza, balanza_here, command, said
from tests.support.live import Live, free_port
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("asked") / "data") as running:
        yield running


def ask(live: Live, *arguments: str) -> str:
    done = balanza_here(*arguments, environment={"BALANZA_SERVER": live.address})
    assert done.returncode == 0, said(done)
    return done.stdout.decode()


def names_on(live: Live) -> list[str]:
    return [media["name"] for media in live.api.get("/media").json()["media"]]


def test_files_are_converted_by_the_server_and_come_back(live: Live, tmp_path: Path) -> None:
    have(tmp_path, "song.wav", "more/film.mkv", "more/empty.wav")
    (tmp_path / "notes.txt").write_text("not media")
    (tmp_path / "more/empty.wav").write_bytes(b"")
    done = balanza_here(
        "convert",
        "song.wav",
        "more",
        "notes.txt",
        "--to",
        "mp3",
        "-o",
        "out",
        "--server",
        live.address,
        "--priority",
        "60",
        "--goal",
        "makespan",
        folder=tmp_path,
    )
    assert done.returncode == 1
    assert files_in(tmp_path / "out") == ["more/film.mp3", "song.mp3"]
    assert codec_of(tmp_path / "out/song.mp3").startswith("mp3")
    assert "notes.txt: The file is not an audio or video file" in said(done)
    assert said(done).splitlines()[-1] == "2 converted, 1 failed, 1 passed over"
    first, second = live.api.get("/jobs", params={"limit": 2}).json()["jobs"]
    assert first["priority"] == second["priority"] == 60
    assert first["batch_id"] == second["batch_id"] is not None
    shown = " ".join(ask(live, "jobs", "show", first["job_id"]).split())
    assert "priority 60" in shown
    assert f"batch {first['batch_id']}" in shown


def test_a_pipe_goes_through_the_server(live: Live, tmp_path: Path) -> None:
    song = clip("song.wav").read_bytes()
    done = balanza("convert", "-", "--to", "flac", "--server", live.address, folder=tmp_path, feed=song)
    assert done.returncode == 0, said(done)
    assert done.stdout.startswith(b"fLaC")
    assert files_in(tmp_path) == []


def test_a_job_that_the_server_refuses_leaves_no_upload_behind(live: Live, tmp_path: Path) -> None:
    name = "without-sound.mp4"
    (tmp_path / name).write_bytes(clip("silent.mp4").read_bytes())
    done = balanza_here("convert", name, "--to", "mp3", "--server", live.address, folder=tmp_path)
    assert done.returncode == 1
    assert "sound" in said(done)
    assert name not in names_on(live)


def test_nothing_of_a_run_stays_on_the_server(live: Live, tmp_path: Path) -> None:
    (tmp_path / "visitor.wav").write_bytes(clip("song.wav").read_bytes())
    done = balanza_here("convert", "visitor.wav", "--to", "mp3", "--server", live.address, folder=tmp_path)
    assert done.returncode == 0, said(done)
    assert {"visitor.wav", "visitor.mp3"}.isdisjoint(names_on(live))


def test_ctrl_c_leaves_no_job_and_no_file_of_several_on_the_server(live: Live, tmp_path: Path, long_song: Path) -> None:
    songs = [tmp_path / f"{number}-{long_song.name}" for number in range(4)]
    for song in songs:
        song.symlink_to(long_song)
    before = {job["job_id"] for job in live.api.get("/jobs").json()["jobs"]}
    process = subprocess.Popen(
        command("convert", *songs, "--to", "opus", "-o", "out", "--server", live.address),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        process_group=0,
    )

    def running() -> set[str]:
        jobs = live.api.get("/jobs").json()["jobs"]
        is_any = any(job["status"] == "processing" for job in jobs)
        return {job["job_id"] for job in jobs} - before if is_any else set()

    job_ids = eventually(running, 30)
    assert job_ids
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in told
    assert {live.job(job_id)["status"] for job_id in job_ids} == {"cancelled"}
    assert files_in(tmp_path) == [song.name for song in songs]
    assert not {song.name for song in songs}.intersection(names_on(live))


def test_jobs_are_listed_shown_cancelled_and_tried_again(live: Live) -> None:
    for worker_id in ("worker_a", "worker_b"):
        live.api.post(f"/workers/{worker_id}/drain")
    job_id = live.convert(live.upload(clip("song.wav")), "opus")
    listing = ask(live, "jobs", "--limit", "1")
    assert all(part in listing for part in (job_id[:8], "song.wav", "opus", "pending"))
    assert job_id not in listing
    assert json.loads(ask(live, "jobs", "--json", "--limit", "1"))["jobs"][0]["job_id"] == job_id

    assert ask(live, "jobs", "cancel", job_id[:8]) == f"Job {job_id} is cancelled.\n"
    assert json.loads(ask(live, "jobs", "show", job_id, "--json"))["status"] == "cancelled"
    assert job_id[:8] in ask(live, "jobs", "--status", "cancelled")
    assert ask(live, "jobs", "retry", job_id[:8]) == f"Job {job_id} is pending again.\n"

    for worker_id in ("worker_a", "worker_b"):
        live.api.post(f"/workers/{worker_id}/resume")
    live.until(job_id, "completed")
    shown = ask(live, "jobs", "show", job_id[:8])
    assert all(part in shown for part in ("completed", "processed by", "song.opus", "attempt")), shown


def test_why_says_what_a_job_waits_for_and_who_was_chosen(live: Live) -> None:
    song = live.upload(clip("song.wav"))
    wanted = {"input_file": song, "output_format": "mp3", "tags": ["gpu"]}
    job_id = live.api.post("/convert", json=wanted).json()["job_id"]
    said_why = ask(live, "why", job_id[:8])
    assert said_why.startswith(f"Job {job_id}: No worker can take it: worker_a has no tag gpu; worker_b has no tag gpu")
    assert "nobody could take it" in said_why
    shown = ask(live, "jobs", "show", job_id)
    assert "waits for" in shown
    assert "No worker can take it" in shown
    ask(live, "jobs", "cancel", job_id)

    done = live.convert(song, "mp3")
    live.until(done, "completed")
    told = ask(live, "why", done)
    assert re.match(rf"Job {done}: worker_[ab] completed it\.", told)
    assert "was chosen by least_loaded." in told
    assert "heartbeat, " in told
    decision = json.loads(ask(live, "why", done, "--json"))
    assert decision["decision"]["worker_id"] in {"worker_a", "worker_b"}
    assert all(one["chosen"] or one["why_not"] for one in decision["decision"]["candidates"])


def test_a_drain_can_be_given_its_time(live: Live) -> None:
    try:
        told = ask(live, "workers", "drain", "worker_b", "--grace", "2.5")
        assert told == "worker_b takes nothing new and finishes what it runs within 2.5 s.\n"
    finally:
        ask(live, "workers", "resume", "worker_b")


def test_workers_are_listed_drained_and_resumed(live: Live) -> None:
    listing = ask(live, "workers")
    assert "worker_a" in listing
    assert "2 of 2 active" in listing
    assert "measured by their own heartbeats, " in listing
    assert ask(live, "workers", "drain", "worker_b").startswith("worker_b takes nothing new")
    try:
        states = {one["worker_id"]: one["status"] for one in json.loads(ask(live, "workers", "--json"))["workers"]}
        assert states["worker_b"] == "draining"
        song = live.upload(clip("song.wav"))
        jobs = [live.until(live.convert(song, "mp3"), "completed") for _ in range(3)]
        assert {job["worker_id"] for job in jobs} == {"worker_a"}
    finally:
        assert ask(live, "workers", "resume", "worker_b") == "worker_b takes jobs again.\n"
    assert "draining" not in ask(live, "workers")


def test_watching_goes_on_until_ctrl_c(live: Live) -> None:
    for arguments in (("jobs", "--watch", "--json"), ("workers", "--watch", "--json")):
        argv = command(*arguments, "--server", live.address)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            first, second = process.stdout.readline(), process.stdout.readline()
            assert json.loads(first).keys() == json.loads(second).keys()
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
            assert process.stderr.read() == b""


def test_watching_without_a_terminal_prints_one_table_below_the_other(live: Live) -> None:
    argv = command("workers", "--watch", "--server", live.address)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        lines: list[bytes] = []
        while sum(b"active" in line for line in lines) < 2:
            lines.append(process.stdout.readline())
            assert lines[-1]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert b"\x1b" not in b"".join(lines)


@pytest.mark.parametrize(
    "arguments",
    [("jobs",), ("workers",), ("jobs", "show", "x"), ("workers", "drain", "x"), ("jobs", "--watch"), ("why", "x")],
)
def test_a_server_that_does_not_run_is_one_sentence(arguments: tuple[str, ...]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    done = balanza_here(*arguments, "--server", address)
    assert done.returncode == 1
    assert said(done) == (
        f"balanza: No server answers at {address}; start one with `balanza up`, or name another with --server.\n"
    )


def test_what_the_server_refuses_is_said_in_its_words(live: Live) -> None:
    for arguments, expected in {
        ("jobs", "show", "nothing"): "There is no job nothing.",
        ("jobs", "show", "../health"): "",
        ("why", "nothing"): "There is no job nothing.",
        ("why", "../health"): "",
        ("workers", "drain", "worker_z"): "There is no worker worker_z.",
    }.items():
        done = balanza_here(*arguments, "--server", live.address)
        assert done.returncode == 1
        assert said(done).startswith(f"balanza: {expected}")
        assert said(done).count("\n") == 1


@pytest.mark.parametrize(
    "address",
    ["ftp://example.invalid", "http://127.0.0.1:abc", "http://[::1", "http://", "http://127.0.0.1:99999"],
)
def test_what_is_no_address_is_said_so(address: str, tmp_path: Path) -> None:
    have(tmp_path, "song.wav")
    for arguments in (("jobs",), ("convert", "song.wav", "--to", "mp3")):
        done = balanza_here(*arguments, "--server", address, folder=tmp_path)
        assert done.returncode == 1
        assert said(done) == f"balanza: {address!r} is no address of a server; write it like http://127.0.0.1:8000.\n"


def test_a_name_that_is_no_text_reaches_the_server(live: Live, tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"bad\xff.wav")
    source.write_bytes(clip("song.wav").read_bytes())
    done = balanza("convert", source.name, "--to", "mp3", "--server", live.address, folder=tmp_path)
    assert done.returncode == 0, said(done)
    assert source.with_suffix(".mp3").exists()
