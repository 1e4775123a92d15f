"""How attempts fail: the sentence in the history, nothing published, nothing left running, nothing left behind."""

import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from balanza.errors import StorageFull
from balanza.media.program import Program
from balanza.protocol import Failure, StoredObject
from balanza.worker.conversion import Tools
from tests.support.needs import need
from tests.worker.conftest import Working
from tests.worker.fleet import Fleet, until, write_program, write_tone

pytestmark = pytest.mark.anyio

Failing = Callable[..., Awaitable[Failure]]


@pytest.fixture
async def failing(fleet: Fleet, working: Working) -> AsyncIterator[Failing]:
    """`await failing(grant, program=…)`: how the attempt failed; nothing must have been published."""

    async def fail(token: str, **changed: object) -> Failure:
        async with working(**changed):
            failure = await until(lambda: fleet.failed.get(token))
        assert not fleet.completed
        return failure

    yield fail
    assert not fleet.stored()


async def test_a_hanging_ffmpeg_is_killed_with_its_children(
    fleet: Fleet, failing: Failing, song: Path, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    double = write_program(
        tmp_path / "hangs", f'echo "opening" >&2; sleep 600 & echo $! >> {pids}; echo $$ >> {pids}; wait'
    )
    failure = await failing(fleet.add(song).token, program=double, stall_seconds=0.4)
    assert failure.error == "No progress for 0.4 s: ffmpeg was killed."
    assert failure.log_tail == "opening"
    await until(lambda: not any(psutil.pid_exists(int(pid)) for pid in pids.read_text().split()))


async def test_a_stopped_ffmpeg_is_killed(
    fleet: Fleet, failing: Failing, long_song: Path, ffmpeg: Program, tmp_path: Path
) -> None:
    stops_itself = write_program(
        tmp_path / "stops", f'pid=$$; (sleep 0.3; kill -STOP $pid) & exec {ffmpeg.path} -readrate 1 "$@"'
    )
    failure = await failing(fleet.add(long_song).token, program=stops_itself, stall_seconds=1)
    assert failure.error == "No progress for 1 s: ffmpeg was killed."


async def test_reporting_without_moving_is_a_stall(fleet: Fleet, failing: Failing, song: Path, tmp_path: Path) -> None:
    chatters = write_program(
        tmp_path / "chatters",
        'while :; do printf "frame=7\\nout_time_us=1000000\\ntotal_size=99\\nprogress=continue\\n"; sleep 0.05; done',
    )
    failure = await failing(fleet.add(song).token, program=chatters, stall_seconds=0.4)
    assert failure.error.startswith("No progress for 0.4 s")


async def test_a_file_that_grows_is_progress(fleet: Fleet, working: Working, song: Path, tmp_path: Path) -> None:
    grows = write_program(
        tmp_path / "grows",
        'for last; do :; done; for i in 1 2 3 4 5 6 7 8; do echo x >> "${last#file:}"; sleep 0.1; done; exit 3',
    )
    grant = fleet.add(song)
    async with working(program=grows, stall_seconds=0.4):
        failure = await until(lambda: fleet.failed.get(grant.token))
    assert failure.error == "ffmpeg ended with code 3 without a message."


async def test_a_crash_is_named_by_its_signal(fleet: Fleet, failing: Failing, song: Path, tmp_path: Path) -> None:
    crashes = write_program(tmp_path / "crashes", "echo 'about to fall' >&2; kill -SEGV $$")
    failure = await failing(fleet.add(song).token, program=crashes)
    assert failure.error == "ffmpeg was ended by SIGSEGV: about to fall."


async def test_a_damaged_source_fails_with_what_ffmpeg_says_and_no_path_of_the_machine(
    fleet: Fleet, failing: Failing, song: Path, tmp_path: Path
) -> None:
    grant = fleet.add(song)
    path = fleet.storage.path(grant.source.storage_key)
    path.write_bytes(os.urandom(path.stat().st_size))
    failure = await failing(grant.token)
    assert failure.error.startswith("ffmpeg ended with code ")
    assert "Invalid data" in failure.error
    assert str(tmp_path) not in failure.log_tail
    assert "source/input" in failure.log_tail


async def test_a_result_that_is_too_short_is_not_published(
    fleet: Fleet, failing: Failing, long_song: Path, ffmpeg: Program, tmp_path: Path
) -> None:
    cut = write_program(tmp_path / "cuts", f'for last; do :; done; exec {ffmpeg.path} "$@" -t 1 -f flac -y "$last"')
    failure = await failing(fleet.add(long_song, "flac").token, program=cut)
    assert "lasts 1.00 s instead of 120.00 s" in failure.error


async def test_a_result_that_is_no_media_is_not_published(
    fleet: Fleet, failing: Failing, song: Path, tmp_path: Path
) -> None:
    lies = write_program(tmp_path / "lies", 'for last; do :; done; echo "not media" > "${last#file:}"')
    failure = await failing(fleet.add(song).token, program=lies)
    assert "not an audio or video file" in failure.error


async def test_a_result_that_is_missing_is_a_failure(
    fleet: Fleet, failing: Failing, song: Path, tmp_path: Path
) -> None:
    does_nothing = write_program(tmp_path / "nothing", "exit 0")
    failure = await failing(fleet.add(song).token, program=does_nothing)
    assert failure.error == "ffmpeg ended without an error but wrote no result."


async def test_an_ffmpeg_that_cannot_be_run_is_a_failure(
    fleet: Fleet, failing: Failing, song: Path, tmp_path: Path
) -> None:
    program = write_program(tmp_path / "gone", "exit 0")
    (tmp_path / "gone").unlink()
    failure = await failing(fleet.add(song).token, program=program)
    assert "No such file or directory" in failure.error
    assert str(tmp_path) not in failure.error


async def test_a_missing_source_is_named(fleet: Fleet, failing: Failing, song: Path) -> None:
    grant = fleet.add(song)
    fleet.storage.delete(grant.source.storage_key)
    failure = await failing(grant.token)
    assert failure.error == "The source is missing in the storage folder; upload it again."


async def test_a_source_damaged_on_its_way_is_noticed(
    fleet: Fleet, failing: Failing, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.shared = False
    grant = fleet.add(song)

    async def damaged(_token: str, target: Path) -> None:
        target.write_bytes(b"\0" * grant.source.size_bytes)

    monkeypatch.setattr(fleet, "fetch_source", damaged)
    failure = await failing(grant.token)
    assert failure.error == "The source was damaged on its way from the server."


async def test_a_result_damaged_on_its_way_is_noticed(
    fleet: Fleet, failing: Failing, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.shared = False

    async def damaged(_token: str, result: Path) -> StoredObject:
        return StoredObject(size_bytes=result.stat().st_size - 1, sha256="0" * 64)

    monkeypatch.setattr(fleet, "send_result", damaged)
    failure = await failing(fleet.add(song).token)
    assert "damaged on its way to the server" in failure.error


async def test_a_full_storage_is_said_so(
    fleet: Fleet, failing: Failing, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = fleet.add(song)

    def full(_storage: object, _path: Path, _key: str) -> StoredObject:
        raise StorageFull("The storage is full. Delete files that are no longer needed, then try again.")

    monkeypatch.setattr("balanza.storage.LocalStorage.adopt", full)
    failure = await failing(grant.token)
    assert failure.error.startswith("The storage is full.")


async def test_a_full_scratch_disk_is_said_so(
    fleet: Fleet, failing: Failing, song: Path, tools: Tools, tmp_path: Path
) -> None:
    folder = tools.scratch.folder
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True, check=False)
    need(mount.returncode == 0, "a small disk that fills up: mount a tmpfs, which needs root")
    try:
        failure = await failing(fleet.add(write_tone(tmp_path / "big.wav", 60), "wav").token)
    finally:
        subprocess.run(["umount", folder], check=True)
    assert failure.error.startswith("The worker's disk is full.")


@pytest.mark.parametrize(
    "attack",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{secret}'\n",
        "#EXTM3U\n#EXTINF:9,\nsecret\n",
    ],
    ids=["playlist", "concat", "relative playlist"],
)
async def test_a_playlist_behind_the_link_to_the_source_reads_no_other_file(
    fleet: Fleet, failing: Failing, song: Path, tmp_path: Path, attack: str
) -> None:
    secret = write_tone(fleet.storage.folder / "objects" / "secret", 1)
    playlist = attack.format(secret=secret).encode()
    grant = fleet.add(song, "wav")
    fleet.storage.path(grant.source.storage_key).write_bytes(playlist)
    source = grant.source.model_copy(update={"size_bytes": len(playlist)})
    fleet._pending[0] = grant.model_copy(update={"source": source})
    failure = await failing(grant.token)
    assert "Error opening input" in failure.error


async def test_the_tail_of_the_log_is_short_readable_and_without_paths(
    fleet: Fleet, failing: Failing, song: Path, tmp_path: Path
) -> None:
    wordy = write_program(
        tmp_path / "wordy",
        'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "line $i of $PWD/result" >&2; done\n'
        'printf "\\377\\376 broken \\033[31mred\\033[0m\\rover written\\n" >&2\n'
        'echo "/etc/fonts/fonts.conf: missing" >&2; exit 1',
    )
    failure = await failing(fleet.add(song).token, program=wordy)
    lines = failure.log_tail.splitlines()
    assert len(lines) == 40
    assert lines[0] == "line 1964 of result"
    assert lines[-1] == "fonts.conf: missing"
    assert lines[-2] == "over written"
    assert str(tmp_path) not in failure.log_tail
    assert "\033" not in failure.log_tail
    assert failure.error == "ffmpeg ended with code 1: fonts.conf: missing."


async def test_the_log_of_a_success_is_kept_too(
    fleet: Fleet, working: Working, song: Path, ffmpeg: Program, tmp_path: Path
) -> None:
    warns = write_program(tmp_path / "warns", f'echo "a warning" >&2; exec {ffmpeg.path} "$@"')
    grant = fleet.add(song)
    async with working(program=warns):
        completion = await until(lambda: fleet.completed.get(grant.token))
    assert completion.log_tail == "a warning"


async def test_an_unknown_duration_makes_progress_by_the_bytes_read(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    grant = fleet.add(long_song, "wav")
    probe = replace(
        grant.source.probe,
        duration_seconds=None,
        streams=tuple(replace(stream, duration_seconds=None) for stream in grant.source.probe.streams),
    )
    fleet._pending[0] = grant.model_copy(update={"source": grant.source.model_copy(update={"probe": probe})})
    async with working(program=slow_ffmpeg, stall_seconds=0.5) as agent:
        await until(lambda: agent.running and agent.running[grant.job_id].progress > 0.5)
        report = agent.running[grant.job_id]
    assert report.progress < 50
    assert report.eta_seconds is not None
