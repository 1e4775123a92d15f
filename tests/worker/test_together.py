"""Tiny jobs that share one ffmpeg process, and what becomes of each when anything goes wrong."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from balanza.errors import StorageFull
from balanza.media.program import Program
from balanza.protocol import LeaseGrant, StoredObject
from balanza.storage import LocalStorage
from balanza.worker import together
from tests.worker.conftest import Working
from tests.worker.fleet import Fleet, until, write_program

pytestmark = pytest.mark.anyio

SEVERAL = 'case " $* " in *" -i "*" -i "*) {} ;; esac'
"""What a double does when it is to make several files at once."""


@pytest.fixture
def sharing(fleet: Fleet) -> Fleet:
    fleet.together = True
    return fleet


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A line for each start of `counting`: how many files it was to make."""
    return tmp_path / "started"


@pytest.fixture
def counting(ffmpeg: Program, tmp_path: Path, started: Path) -> Program:
    """The real one."""
    count = 'n=0; for word; do [ "$word" = -i ] && n=$((n + 1)); done'
    return write_program(tmp_path / "counting", f'{count}; echo $n >> {started}; exec {ffmpeg.path} "$@"')


def starts(started: Path) -> list[int]:
    return [int(line) for line in started.read_text().split()]


@pytest.mark.parametrize("shared_storage", [True, False])
async def test_each_is_completed_with_the_result_that_it_would_have_had_alone(
    sharing: Fleet, working: Working, song: Path, counting: Program, started: Path, shared_storage: bool
) -> None:
    sharing.shared = shared_storage
    grants = [sharing.add(song, "mp3"), sharing.add(song, "flac"), sharing.add(song, "mp3"), sharing.add(song, "mp3")]
    async with working(program=counting):
        await until(lambda: len(sharing.completed) == 4)
        sharing.together = False
        alone = sharing.add(song, "mp3")
        await until(lambda: alone.token in sharing.completed)
    assert starts(started) == [3, 1, 1]
    assert sharing.said_together == [3]
    assert {_result(sharing, grant) for grant in (*grants[::2], grants[3])} == {_result(sharing, alone)}
    assert sharing.completed[grants[0].token].probe == sharing.completed[alone.token].probe


def _result(fleet: Fleet, grant: LeaseGrant) -> bytes:
    return fleet.storage.path(grant.output_key).read_bytes()


async def test_only_the_bad_one_fails_with_what_ffmpeg_says_of_it(
    sharing: Fleet, working: Working, song: Path, counting: Program, started: Path
) -> None:
    good, bad, missing, other = (sharing.add(song, "mp3") for _ in range(4))
    path = sharing.storage.path(bad.source.storage_key)
    path.write_bytes(os.urandom(path.stat().st_size))
    sharing.storage.delete(missing.source.storage_key)
    async with working(program=counting):
        await until(lambda: len(sharing.completed) + len(sharing.failed) == 4)
    assert set(sharing.completed) == {good.token, other.token}
    assert "Invalid data" in sharing.failed[bad.token].error
    assert "source/input" in sharing.failed[bad.token].log_tail
    assert sharing.failed[missing.token].error == "The source is missing in the storage folder; upload it again."
    assert sorted(starts(started)) == [1, 1, 1, 3]
    assert sharing.stored() == {good.output_key, other.output_key}


@pytest.mark.parametrize("trouble", ["sleep 600 & wait", "echo 'something of one of them' >&2", "exit 3"])
async def test_each_is_run_alone_when_the_process_hangs_or_complains_or_fails(
    sharing: Fleet,
    working: Working,
    song: Path,
    ffmpeg: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    monkeypatch.setattr(together, "STALL_SECONDS", 0.4)
    left = tmp_path / "left"
    look = f"ls -d ../*-together >> {left} 2> /dev/null"
    double = write_program(tmp_path / "double", f'{SEVERAL.format(trouble)}; {look}; exec {ffmpeg.path} "$@"')
    grants = [sharing.add(song, "mp3") for _ in range(2)]
    async with working(program=double):
        await until(lambda: len(sharing.completed) == 2)
    if "echo" not in trouble:
        assert left.read_text() == "", "what they had in common takes no room any more"
    assert not sharing.failed
    assert {sharing.completed[grant.token].log_tail for grant in grants} == {""}


async def test_results_that_cannot_be_stored_at_once_are_made_again_alone(
    sharing: Fleet, working: Working, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = sharing.add(song, "mp3"), sharing.add(song, "mp3")
    refused: list[str] = []

    def refuse(_storage: LocalStorage, paths: Mapping[str, Path]) -> Mapping[str, StoredObject]:
        refused.extend(paths)
        raise StorageFull("The storage is full.")

    monkeypatch.setattr(LocalStorage, "adopt_several", refuse)
    async with working():
        await until(lambda: len(sharing.completed) == 2)
    assert refused == [first.output_key, second.output_key]
    assert sharing.stored() == {first.output_key, second.output_key}


async def test_one_that_is_lost_is_dropped_and_the_others_go_on(
    sharing: Fleet, working: Working, song: Path, slow_ffmpeg: Program
) -> None:
    grants = [sharing.add(song, "mp3") for _ in range(3)]
    async with working(program=slow_ffmpeg) as agent:
        await until(lambda: len(agent.running) == 3)
        await until(lambda: sharing.heartbeats and len(sharing.heartbeats[-1].leases) == 3)
        sharing.take_away(grants[1])
        await until(lambda: len(sharing.completed) == 2)
        await until(lambda: not agent.running)
    assert sharing.said_together == [2]
    assert not sharing.failed
    assert sharing.stored() == {grants[0].output_key, grants[2].output_key}


async def test_stopping_hands_all_of_them_back_at_once(
    sharing: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    grants = [sharing.add(long_song, "mp3") for _ in range(3)]
    async with working(program=slow_ffmpeg) as agent:
        await until(lambda: len(agent.running) == 3)
        started_at = asyncio.get_running_loop().time()
        agent.stop()
        await until(lambda: sharing.left)
        assert asyncio.get_running_loop().time() - started_at < 3
    assert sorted(sharing.released) == [grant.token for grant in grants]
    assert not sharing.stored()


async def test_all_go_back_unbegun_from_a_worker_that_leaves(
    sharing: Fleet, working: Working, long_song: Path, song: Path, slow_ffmpeg: Program
) -> None:
    sharing.add(long_song, "flac")
    async with working(slots=2, program=slow_ffmpeg) as agent:
        await until(lambda: agent.running and sharing.polls == 2)
        agent.drain(30)
        grants = [sharing.add(song, "mp3") for _ in range(2)]
        await until(lambda: len(sharing.released) == 2)
    assert sharing.released[:2] == [grant.token for grant in grants]
    assert not sharing.completed
