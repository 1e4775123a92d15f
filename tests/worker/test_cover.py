"""The step before the conversion: it is watched like the conversion, and costs at most the cover."""

import shutil
from pathlib import Path

import psutil
import pytest

from balanza.media.program import Program
from balanza.worker import cover as cover_module
from balanza.worker.reaper import Reaper
from tests.support.clips import clip
from tests.worker.conftest import Working
from tests.worker.fleet import Fleet, until, write_program

pytestmark = pytest.mark.anyio


@pytest.fixture
def covered_song(tmp_path: Path) -> Path:
    shutil.copy(clip("song.mp3"), tmp_path / "covered.mp3")
    return tmp_path / "covered.mp3"


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    return tmp_path / "pids"


@pytest.fixture
def hangs_at_covers(tmp_path: Path, ffmpeg: Program, pids: Path) -> Program:
    """ffmpeg, but it never ends taking out a picture; `pids` then holds its process and that of its child."""
    hang = f"sleep 600 & echo $! $$ > {pids}.new; mv {pids}.new {pids}; wait"
    return write_program(tmp_path / "hangs", f'case "$*" in *image2pipe*) {hang};; *) exec {ffmpeg.path} "$@";; esac')


def written(pids: Path) -> list[int]:
    return [int(pid) for pid in pids.read_text().split()] if pids.exists() else []


async def test_a_cover_that_cannot_be_had_in_time_is_left_behind(
    fleet: Fleet,
    working: Working,
    covered_song: Path,
    hangs_at_covers: Program,
    pids: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cover_module, "COVER_SECONDS", 0.3)
    grant = fleet.add(covered_song, "ogg")
    async with working(program=hangs_at_covers):
        completion = await until(lambda: fleet.completed.get(grant.token))
    assert completion.probe.covers == ()
    await until(lambda: not any(psutil.pid_exists(pid) for pid in written(pids)))


async def test_a_cover_that_cannot_be_read_is_left_behind(
    fleet: Fleet, working: Working, covered_song: Path, ffmpeg: Program, tmp_path: Path
) -> None:
    fails = write_program(tmp_path / "fails", f'case "$*" in *image2pipe*) exit 1;; *) exec {ffmpeg.path} "$@";; esac')
    grant = fleet.add(covered_song, "ogg")
    async with working(program=fails):
        completion = await until(lambda: fleet.completed.get(grant.token))
    assert completion.probe.covers == ()


async def test_a_lost_lease_kills_it_with_its_children(
    fleet: Fleet, working: Working, covered_song: Path, song: Path, hangs_at_covers: Program, pids: Path
) -> None:
    lost, following = fleet.add(covered_song, "ogg"), fleet.add(song)
    async with working(program=hangs_at_covers):
        started = await until(lambda: written(pids))
        fleet.take_away(lost)
        await until(lambda: following.token in fleet.completed)
        await until(lambda: not any(psutil.pid_exists(pid) for pid in started))
    assert lost.token not in fleet.failed


async def test_the_reaper_watches_it(
    fleet: Fleet,
    working: Working,
    covered_song: Path,
    hangs_at_covers: Program,
    pids: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched: list[int] = []
    watch = Reaper.watch

    def noted(reaper: Reaper, group: int) -> None:
        watched.append(group)
        watch(reaper, group)

    monkeypatch.setattr(Reaper, "watch", noted)
    fleet.add(covered_song, "ogg")
    async with working(program=hangs_at_covers):
        _child, leader = await until(lambda: written(pids))
        assert watched == [leader]
