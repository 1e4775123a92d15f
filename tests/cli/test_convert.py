"""`balanza convert` without a server, on real files: in processes of its own where signals and pipes are at stake."""

import fcntl
import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import psutil
import pytest

from balanza.cli.convert import Way
from balanza.cli.convert import convert as run
from balanza.cli.inputs import Wanted
from balanza.media.program import find_program
from balanza.settings import Settings
from balanza.worker import load
from tests.support.clips import clip
from tests.support.commands import alive, balanza, balanza_here, command, said, write_ffmpeg
from tests.support.waiting import eventually


def convert(folder: Path, *arguments: str, feed: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return balanza_here("convert", *arguments, folder=folder, feed=feed)


def have(folder: Path, *names: str) -> None:
    """Puts clips there, under those names; each name ends like a clip's."""
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        stem = "film" if target.suffix in {".mkv", ".mp4"} else "song"
        shutil.copy(clip(f"{stem}{target.suffix}"), target)


def files_in(folder: Path) -> list[str]:
    """Everything there, hidden files included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def codec_of(path: Path) -> str:
    with av.open(path) as container:
        return container.streams.audio[0].codec_context.name


def test_files_are_converted_into_the_folder_that_was_asked_for(tmp_path: Path) -> None:
    have(tmp_path, "song.wav", "film.mkv")
    done = convert(tmp_path, "song.wav", "film.mkv", "--to", "mp3", "-o", "out")
    assert done.returncode == 0, said(done)
    assert files_in(tmp_path) == ["film.mkv", "out/film.mp3", "out/song.mp3", "song.wav"]
    assert codec_of(tmp_path / "out/film.mp3").startswith("mp3")
    assert "song.wav → out/song.mp3" in said(done)
    assert "2 converted, 0 failed" in said(done)
    assert done.stdout == b""


def test_without_a_folder_results_go_beside_their_sources(tmp_path: Path) -> None:
    have(tmp_path, "a/one.wav", "b/two.wav")
    assert convert(tmp_path, "a/one.wav", "b/two.wav", "--to", "flac").returncode == 0
    assert files_in(tmp_path) == ["a/one.flac", "a/one.wav", "b/two.flac", "b/two.wav"]


def test_a_file_that_fails_does_not_keep_the_others_from_being_converted(tmp_path: Path) -> None:
    have(tmp_path, "good.wav")
    (tmp_path / "notes.txt").write_text("not media")
    (tmp_path / "empty.wav").touch()
    shutil.copy(clip("silent.mp4"), tmp_path / "silent.mp4")
    done = convert(tmp_path, "missing.wav", "notes.txt", "empty.wav", "silent.mp4", "good.wav", "--to", "mp3")
    assert done.returncode == 1
    lines = said(done).splitlines()
    for name, reason in {
        "missing.wav": "There is no such file",
        "notes.txt": "not an audio or video file",
        "empty.wav": "empty",
        "silent.mp4": "sound",
    }.items():
        assert any(name in line and reason in line for line in lines), lines
    assert lines[-1] == "1 converted, 4 failed"
    assert files_in(tmp_path) == ["empty.wav", "good.mp3", "good.wav", "notes.txt", "silent.mp4"]


def test_nothing_is_overwritten_unless_it_is_asked_for(tmp_path: Path) -> None:
    have(tmp_path, "song.wav")
    (tmp_path / "song.mp3").write_text("mine")
    done = convert(tmp_path, "song.wav", "--to", "mp3")
    assert done.returncode == 1
    assert "song.mp3 exists already; overwrite it with --force" in said(done)
    assert (tmp_path / "song.mp3").read_text() == "mine"

    assert convert(tmp_path, "song.wav", "--to", "mp3", "--force").returncode == 0
    assert codec_of(tmp_path / "song.mp3").startswith("mp3")
    assert files_in(tmp_path) == ["song.mp3", "song.wav"]


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_a_source_is_never_overwritten(tmp_path: Path, options: Sequence[str]) -> None:
    have(tmp_path, "song.wav", "song.mp3")
    before = (tmp_path / "song.mp3").read_bytes()
    done = convert(tmp_path, "song.wav", "song.mp3", "--to", "mp3", *options)
    assert done.returncode == 1
    assert "song.mp3 would be overwritten by its own result" in said(done)
    assert "song.mp3 is itself one of the files to convert" in said(done)
    assert (tmp_path / "song.mp3").read_bytes() == before


def test_two_sources_of_one_name_do_not_take_each_others_place(tmp_path: Path) -> None:
    have(tmp_path, "a/song.wav", "b/song.flac")
    done = convert(tmp_path, "a/song.wav", "b/song.flac", "--to", "mp3", "-o", "out")
    assert done.returncode == 1
    assert "out/song.mp3 is already the result of a/song.wav" in said(done)
    assert files_in(tmp_path / "out") == ["song.mp3"]


def test_folders_keep_their_structure_and_what_is_no_media_is_passed_over(tmp_path: Path) -> None:
    have(tmp_path, "music/one.wav", "music/live/two.flac", "music/.hidden.wav", "music/.cache/three.wav")
    for name in ("cover.jpg", "notes.txt", "live/list.dat"):
        (tmp_path / "music" / name).write_text("not media")
    (tmp_path / "music/live/empty.wav").touch()
    shutil.copy(clip("silent.mp4"), tmp_path / "music/silent.mp4")
    done = convert(tmp_path, "music", "--to", "mp3", "-o", "out")
    assert done.returncode == 0, said(done)
    assert files_in(tmp_path / "out") == ["music/live/two.mp3", "music/one.mp3"]
    assert said(done).splitlines()[-1] == "2 converted, 0 failed, 3 passed over"


def test_a_folder_inside_of_itself_is_not_converted_again(tmp_path: Path) -> None:
    have(tmp_path, "one.wav")
    assert convert(tmp_path, ".", "--to", "flac", "-o", "out").returncode == 0
    done = convert(tmp_path, ".", "--to", "flac", "-o", "out", "--force")
    assert done.returncode == 0, said(done)
    assert files_in(tmp_path) == ["one.wav", "out/one.flac"]


def test_a_folder_of_finished_files_is_passed_over(tmp_path: Path) -> None:
    have(tmp_path, "music/one.mp3", "music/two.wav")
    done = convert(tmp_path, "music", "--to", "mp3")
    assert done.returncode == 0, said(done)
    assert files_in(tmp_path) == ["music/one.mp3", "music/two.mp3", "music/two.wav"]


def test_globs_are_expanded_and_names_with_brackets_are_names(tmp_path: Path) -> None:
    have(tmp_path, "a.wav", "deep/er/b.wav", "[live].wav", "c.flac")
    done = convert(tmp_path, "**/*.wav", "[live].wav", "--to", "mp3", "-o", "out")
    assert done.returncode == 0, said(done)
    assert files_in(tmp_path / "out") == ["[live].mp3", "a.mp3", "b.mp3"]
    done = convert(tmp_path, "*.nothing", "--to", "mp3")
    assert (done.returncode, "*.nothing" in said(done)) == (1, True)


def test_a_pipe_is_converted_into_a_pipe(tmp_path: Path) -> None:
    done = balanza("convert", "-", "--to", "opus", folder=tmp_path, feed=clip("song.wav").read_bytes())
    assert done.returncode == 0, said(done)
    (tmp_path / "out.opus").write_bytes(done.stdout)
    assert codec_of(tmp_path / "out.opus") == "opus"
    assert files_in(tmp_path) == ["out.opus"]


def test_a_pipe_goes_into_the_folder_or_file_that_was_asked_for(tmp_path: Path) -> None:
    song = clip("song.wav").read_bytes()
    assert convert(tmp_path, "-", "--to", "mp3", "-o", "out", feed=song).returncode == 0
    assert convert(tmp_path, "-", "--to", "mp3", "-o", "named.mp3", feed=song).returncode == 0
    assert files_in(tmp_path) == ["named.mp3", "out/stdin.mp3"]


def test_what_comes_through_a_pipe_and_is_no_media_fails(tmp_path: Path) -> None:
    for feed in (b"", b"not media"):
        done = convert(tmp_path, "-", "--to", "mp3", feed=feed)
        assert (done.returncode, done.stdout) == (1, b"")
        assert said(done).startswith("standard input")


def test_a_result_is_not_written_to_a_terminal(tmp_path: Path) -> None:
    terminal, other = os.openpty()
    with os.fdopen(terminal, "rb", buffering=0), os.fdopen(other, "wb", buffering=0) as end:
        argv = command("convert", "-", "--to", "mp3")
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=end, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert "The result would be written to the terminal" in done.stderr.decode()


def test_json_tells_what_became_of_each_file(tmp_path: Path) -> None:
    have(tmp_path, "song.wav")
    (tmp_path / "notes.txt").write_text("not media")
    done = convert(tmp_path, "song.wav", "notes.txt", "--to", "mp3", "--json")
    assert done.returncode == 1
    files = {one["input"]: one for one in json.loads(done.stdout)["files"]}
    song = files["song.wav"]
    assert (song["ok"], song["output"], song["error"]) == (True, "song.mp3", None)
    assert song["output_size_bytes"] == (tmp_path / "song.mp3").stat().st_size
    assert song["duration_seconds"] > 0
    assert (files["notes.txt"]["ok"], files["notes.txt"]["output"]) == (False, None)


def test_options_reach_the_conversion(tmp_path: Path) -> None:
    have(tmp_path, "song.wav")
    done = convert(
        tmp_path, "song.wav", "--to", "wav", "-o", "out", "--option", "sample_rate=8000", "--option", "channels=1"
    )
    assert done.returncode == 0, said(done)
    with av.open(tmp_path / "out/song.wav") as container:
        stream = container.streams.audio[0]
        assert (stream.rate, stream.codec_context.channels) == (8000, 1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--to", "xyz"), "There is no output format"),
        (("--to", "mp3", "--option", "crf=20"), 'mp3 has no option "crf"'),
        (("--to", "mp3", "--quality", "superb"), "quality cannot be"),
        (("--to", "mp3", "--option", "bitrate"), "'bitrate' is no option; write it like"),
        (("--to", "mp3", "--priority", "60"), "name one with --server"),
        (("--to", "mp3", "--goal", "makespan"), "name one with --server"),
        (("--to", "mp3", "--priority", "101"), "less than or equal to 100"),
        (("--to", "mp3", "--goal", "speed"), "'makespan'"),
        ((), "--to"),
    ],
)
def test_what_was_asked_for_wrongly_is_said_before_anything_is_converted(
    tmp_path: Path, arguments: Sequence[str], expected: str
) -> None:
    have(tmp_path, "song.wav")
    done = convert(tmp_path, "song.wav", *arguments)
    assert done.returncode == 2
    assert expected in said(done)
    assert files_in(tmp_path) == ["song.wav"]


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    name = "new\nline\x1b[31mred.wav"
    shutil.copy(clip("song.wav"), tmp_path / name)
    done = convert(tmp_path, name, "--to", "mp3", "--json")
    assert done.returncode == 0, said(done)
    assert said(done).startswith(r"new\nline\x1b[31mred.wav → new\nline\x1b[31mred.mp3")
    assert "\x1b" not in said(done)
    assert json.loads(done.stdout)["files"][0]["input"] == name


@pytest.mark.parametrize(
    ("sources", "target", "expected"),
    [
        (("one.wav",), "new.ogg", "new.ogg cannot be the result: name a folder with -o"),
        (("one.wav", "two.wav"), "new.mp3", "new.mp3 cannot be the result: name a folder with -o"),
        (("one.wav",), "two.wav", "two.wav is a file, not a folder"),
    ],
)
def test_a_file_is_not_taken_for_a_folder(tmp_path: Path, sources: Sequence[str], target: str, expected: str) -> None:
    have(tmp_path, "one.wav", "two.wav")
    done = convert(tmp_path, *sources, "--to", "mp3", "-o", target)
    assert done.returncode == 2
    assert expected in said(done)
    assert files_in(tmp_path) == ["one.wav", "two.wav"]


def test_a_folder_without_media_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/notes.txt").write_text("not media")
    done = convert(tmp_path, "texts", "--to", "mp3")
    assert done.returncode == 1
    assert said(done).startswith("There is no audio or video in texts.")


def test_a_link_is_converted_under_its_own_name_and_a_file_named_twice_once(tmp_path: Path) -> None:
    have(tmp_path, "song.wav")
    (tmp_path / "link.wav").symlink_to("song.wav")
    done = convert(tmp_path, "song.wav", "link.wav", "./song.wav", "--to", "mp3", "-o", "out")
    assert done.returncode == 0, said(done)
    assert files_in(tmp_path / "out") == ["link.mp3", "song.mp3"]


def test_a_terminal_sees_a_bar_for_each_file_and_one_for_all(tmp_path: Path, long_song: Path) -> None:
    for name in ("one.flac", "two.flac"):
        (tmp_path / name).symlink_to(long_song)
    terminal, end = os.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    argv = command("convert", "one.flac", "two.flac", "--to", "opus", "-o", "out", "--jobs", "2")
    environment = os.environ | {"TERM": "xterm-256color"}
    with subprocess.Popen(argv, cwd=tmp_path, stdin=end, stderr=end, env=environment, process_group=0) as process:
        os.close(end)
        seen = b""
        bars = [re.compile(name + rb"[^\r\n]*\xe2\x94\x81") for name in (b"all files", rb"one\.flac", rb"two\.flac")]
        while not all(bar.search(seen) for bar in bars):
            assert select.select([terminal], [], [], 30)[0], seen
            seen += os.read(terminal, 65536)
        process.send_signal(signal.SIGINT)
        drained = threading.Thread(target=_drain, args=(terminal,))
        drained.start()
        assert process.wait(30) == 130
        drained.join()
    os.close(terminal)


def _drain(terminal: int) -> None:
    """Linux answers EIO when the other end is closed."""
    with suppress(OSError):
        while os.read(terminal, 65536):
            pass


def test_an_empty_name_is_not_the_current_folder(tmp_path: Path) -> None:
    have(tmp_path, "song.wav")
    done = convert(tmp_path, "", "--to", "mp3")
    assert done.returncode == 1
    assert said(done).startswith('"": There is no such file.')
    assert files_in(tmp_path) == ["song.wav"]


def test_the_help_states_what_is_done_unless_asked_otherwise() -> None:
    for name, defaults in {
        "convert": ("[beside their sources]", "[one per core]"),
        "up": ("BALANZA_HOST, or 127.0.0.1]", "BALANZA_PORT, or 8000]", "BALANZA_DATA, or data]", "[default: 2"),
        "jobs": ("[http://127.0.0.1:8000]",),
    }.items():
        text = " ".join(balanza_here(name, "--help").stdout.decode().split())
        assert all(default in text for default in defaults), text


def test_ctrl_c_leaves_finished_results_and_no_parts_of_others(tmp_path: Path, long_song: Path) -> None:
    have(tmp_path, "short.wav")
    (tmp_path / "long.flac").symlink_to(long_song)
    process = _started(tmp_path, "short.wav", "long.flac", "--to", "opus", "-o", "out", "--jobs", "2")
    eventually((tmp_path / "out/short.opus").exists, 30)
    children = eventually(lambda: _ffmpegs(process), 30)

    process.send_signal(signal.SIGINT)

    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in told
    assert files_in(tmp_path / "out") == ["short.opus"]
    assert alive(children) == []


def test_what_a_killed_run_left_is_removed_by_the_next_one(tmp_path: Path, long_song: Path) -> None:
    process = _started(tmp_path, str(long_song), "--to", "opus", "-o", "out")
    children = eventually(lambda: _ffmpegs(process), 30)
    process.kill()
    process.communicate(timeout=20)
    eventually(lambda: alive(children) == [], 10)
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".balanza-")] == []
    assert files_in(tmp_path / "out") != []

    have(tmp_path, "song.wav")
    assert convert(tmp_path, "song.wav", "--to", "mp3", "-o", "out").returncode == 0
    assert files_in(tmp_path / "out") == ["song.mp3"]


def test_a_run_leaves_the_workspace_of_another_alone(tmp_path: Path) -> None:
    have(tmp_path, "song.wav", "other.wav")
    open_gate = tmp_path / "open"
    held = write_ffmpeg(tmp_path / "ffmpeg", f'until [ -e "{open_gate}" ]; do sleep 0.02; done')
    process = _started(tmp_path, "other.wav", "--to", "opus", "-o", "out", environment=held)
    eventually(lambda: _ffmpegs(process), 30)
    assert convert(tmp_path, "song.wav", "--to", "mp3", "-o", "out").returncode == 0
    open_gate.touch()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert files_in(tmp_path / "out") == ["other.opus", "song.mp3"]


def test_results_come_over_from_another_disk(tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    have(tmp_path, "here/one.wav")
    folder = elsewhere / f"balanza-test-{os.getpid()}"
    folder.mkdir()
    try:
        shutil.copy(clip("song.wav"), folder / "two.wav")
        # The workspace is beside the first one; the second result has to cross over.
        done = convert(tmp_path, "here/one.wav", str(folder / "two.wav"), "--to", "mp3")
        assert done.returncode == 0, said(done)
        assert files_in(folder) == ["two.mp3", "two.wav"]
        assert codec_of(folder / "two.mp3").startswith("mp3")
    finally:
        shutil.rmtree(folder)


def _started(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command("convert", *arguments),
        cwd=folder,
        env=os.environ | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
    )


def _ffmpegs(process: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    try:
        children = psutil.Process(process.pid).children()
        return [child for child in children if "-progress" in child.cmdline()]
    except psutil.Error:
        return []


def test_an_encoder_that_ffmpeg_lacks_is_named_and_not_waited_for(tmp_path: Path) -> None:
    have(tmp_path, "song.wav")
    poor = tmp_path / "ffmpeg"
    poor.write_text(f'#!/bin/sh\n"{find_program(None).path}" "$@" | grep -v libmp3lame\n')
    poor.chmod(0o755)
    done = balanza_here(
        "convert", "song.wav", "--to", "mp3", "-o", "out", folder=tmp_path, environment={"BALANZA_FFMPEG": str(poor)}
    )
    assert done.returncode == 1
    assert f"{poor} has no libmp3lame" in said(done)


@pytest.mark.parametrize(
    "environment", [{"BALANZA_AUTH": "on"}, {"BALANZA_HOST": "0.0.0.0"}, {"BALANZA_QUOTA_BYTES": "1"}]
)
def test_accounts_and_quotas_are_those_of_a_server(tmp_path: Path, environment: Mapping[str, str]) -> None:
    have(tmp_path, "song.wav")
    done = balanza_here("convert", "song.wav", "--to", "mp3", "-o", "out", folder=tmp_path, environment=environment)
    assert done.returncode == 0, said(done)
    assert files_in(tmp_path) == ["out/song.mp3", "song.wav"]


def test_a_disk_that_looks_too_small_is_tried_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(tmp_path, "song.wav")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(load, "free_bytes", lambda _: 1)
    with in_time(30):
        assert run(["song.wav"], Wanted("mp3", {}), Way(tmp_path / "out"), Settings()) == 0
    assert files_in(tmp_path) == ["out/song.mp3", "song.wav"]


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """What would wait for ever is interrupted."""
    interrupting = threading.Timer(seconds, signal.raise_signal, [signal.SIGINT])
    interrupting.start()
    try:
        yield
    finally:
        interrupting.cancel()
