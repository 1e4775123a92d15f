"""`balanza up` as a person meets it."""

import re
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.support.clips import clip
from tests.support.commands import balanza, balanza_here, said
from tests.support.live import Live, free_port


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("up") / "data", metrics=True) as running:
        yield running


def test_a_song_comes_back_as_mp3_and_the_log_tells_it_as_the_seed_does(live: Live, tmp_path: Path) -> None:
    assert f"Balanza is ready: {live.address}" in live.log
    job_id = live.convert(live.upload(clip("song.wav")), "mp3")
    job = live.until(job_id, "completed")

    worker_id = job["assigned_worker"]
    assert job["worker_id"] == worker_id
    result = tmp_path / "song.mp3"
    result.write_bytes(live.api.get(f"/media/{job['output_id']}").content)
    with av.open(result) as container:
        assert (container.format.name, container.streams.audio[0].codec.name) == ("mp3", "mp3float")

    chosen = live.logged("[BALANCEO] Seleccionado")
    assert re.fullmatch(rf"api       \| \[BALANCEO\] Seleccionado {worker_id} \(jobs: 0, CPU: \d\.\d\d\)", chosen)
    taken = live.logged("ASIGNADO")
    assert taken == f"{worker_id}  | [{worker_id}] ⭐ Trabajo ASIGNADO recibido: {job_id}"
    for number, each in enumerate(("worker_a", "worker_b")):
        metrics = live.api.get(f"http://127.0.0.1:{live.metrics_port + number}/metrics").text
        assert f'worker_cpu_load{{worker_id="{each}"}}' in metrics


def test_what_prevents_a_start_is_said_in_one_sentence(live: Live, tmp_path: Path) -> None:
    other = ("--port", str(free_port()), "--metrics-port", "0")
    file = tmp_path / "file"
    file.touch()
    for arguments, expected in {
        (
            "--port",
            str(live.port),
            "--metrics-port",
            "0",
            "--data",
            str(tmp_path / "new"),
        ): f"Port {live.port} is taken",
        (*other, "--data", str(live.data)): f"The data folder {live.data} is in use by another Balanza",
        (*other, "--data", str(file)): f"The data folder {file} is not a folder",
        (*other, "--data", "/proc/balanza"): "Cannot write to the data folder /proc/balanza",
        (*other, "--host", "0.0.0.0", "--data", str(tmp_path / "new")): "Listening on 0.0.0.0 without accounts",
        (
            *other[:2],
            "--metrics-port",
            str(live.port),
            "--data",
            str(tmp_path / "new"),
        ): f"The metrics port {live.port} cannot be used",
    }.items():
        done = balanza_here("up", *arguments, folder=tmp_path, environment={"BALANZA_AUTH": "off"})
        assert (done.returncode, done.stdout) == (2, b"")
        assert said(done).startswith(f"balanza: {expected}")
        assert said(done).count("\n") == 1


def test_a_storage_that_cannot_be_used_ends_it_and_is_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "storage").touch()
    done = balanza("up", "--port", str(free_port()), "--metrics-port", "0", "--data", tmp_path)
    assert done.returncode == 2
    printed = said(done) + done.stdout.decode()
    assert printed.count(f"balanza: Cannot use the storage folder {tmp_path / 'storage'}: Not a directory.") == 1
    assert "started again" not in printed


@pytest.mark.parametrize(
    ("ffmpeg", "expected"),
    [
        ("/nowhere/ffmpeg", "BALANZA_FFMPEG names /nowhere/ffmpeg, which does not exist"),
        ("/bin/true", "/bin/true is not an ffmpeg program"),
    ],
)
def test_a_missing_ffmpeg_is_said_before_anything_starts(tmp_path: Path, ffmpeg: str, expected: str) -> None:
    done = balanza_here("up", "--data", tmp_path / "data", environment={"BALANZA_FFMPEG": ffmpeg})
    assert done.returncode == 2
    assert expected in said(done)
    assert not (tmp_path / "data").exists()


def test_an_ffmpeg_without_an_encoder_is_refused_and_the_encoder_named(tmp_path: Path) -> None:
    from balanza.media.program import find_program

    poor = tmp_path / "ffmpeg"
    poor.write_text(f'#!/bin/sh\n"{find_program(None).path}" "$@" | grep -v libmp3lame\n')
    poor.chmod(0o755)
    for arguments in (("up", "--data", tmp_path / "data"), ("check", "--data", tmp_path / "data")):
        done = balanza_here(*arguments, environment={"BALANZA_FFMPEG": str(poor)})
        assert done.returncode != 0
        assert "libmp3lame" in said(done) + done.stdout.decode()
        assert "mp3" in said(done) + done.stdout.decode()
