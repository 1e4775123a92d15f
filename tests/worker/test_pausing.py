"""Short jobs in pauses of a long one: with real ffmpeg processes and real signals."""

import asyncio
import logging
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest

from balanza.media import ffmpeg as ffmpeg_command
from balanza.media.program import Program
from balanza.protocol import LeaseGrant, LeaseReport
from balanza.worker import agent as agent_module
from balanza.worker import conversion, pauses, slots
from balanza.worker.agent import Agent
from balanza.worker.pauses import Pauses
from tests.support.clips import clip
from tests.support.waiting import eventually
from tests.worker.conftest import Working
from tests.worker.fleet import Fleet, until, write_tone
from tests.worker.test_agent import ffmpegs

pytestmark = pytest.mark.anyio

PLENTY_MB = 1e6


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversions of a second or two are long ones here."""
    monkeypatch.setattr(slots, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(slots, "LEAST_REMAINING_SECONDS", 0.3)
    monkeypatch.setattr(ffmpeg_command, "PROGRESS_SECONDS", 0.1)
    monkeypatch.setattr(agent_module, "free_memory_mb", lambda: PLENTY_MB / 2)


def is_stopped(process: psutil.Process) -> bool:
    return process.is_running() and process.status() == psutil.STATUS_STOPPED


def reports_of(fleet: Fleet, grant: LeaseGrant) -> list[LeaseReport]:
    """What heartbeats said of a lease."""
    return [report for beat in fleet.heartbeats for report in beat.leases if report.token == grant.token]


@dataclass
class Pause:
    """A long conversion is stopped, and a short one runs in its slot."""

    agent: Agent
    long: LeaseGrant
    short: LeaseGrant
    stopped: psutil.Process


Paused = Callable[..., AbstractAsyncContextManager[Pause]]


@pytest.fixture
def paused(fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program) -> Paused:
    """`async with paused(short_seconds=…) as pause`; the conversions take as long as their sound."""

    @asynccontextmanager
    async def pause(*, long_seconds: float = 1.2, short_seconds: float = 60, **changed: object) -> AsyncIterator[Pause]:
        long = fleet.add(long_song, end=long_seconds)
        async with working(memory_mb=PLENTY_MB, program=slow_ffmpeg, **changed) as agent:
            await until(lambda: fleet.offers)
            (running,) = ffmpegs()
            short = fleet.add_short(long_song, end=short_seconds)
            await until(lambda: is_stopped(running) and len(ffmpegs()) == 2)
            yield Pause(agent, long, short, running)
        assert not ffmpegs()

    return pause


async def test_a_conversion_that_was_paused_three_times_comes_out_the_same_to_the_byte(
    fleet: Fleet, working: Working, song: Path, ffmpeg: Program, slow_ffmpeg: Program
) -> None:
    film = clip_in(song.parent, "turning.mp4")
    whole = fleet.add(film, "mp4", end=2)
    async with working(program=ffmpeg):
        expected = await until(lambda: fleet.completed.get(whole.token))
    long = fleet.add(film, "mp4", end=2)
    async with working(memory_mb=PLENTY_MB, program=slow_ffmpeg):
        await until(lambda: fleet.offers)
        for _ in range(3):
            short = fleet.add_short(song, end=0.2)
            await until(partial(fleet.completed.get, short.token))
            assert long.token not in fleet.completed
        completion = await until(lambda: fleet.completed.get(long.token))
    assert completion.sha256 == expected.sha256
    assert completion.paused_seconds > 0.6
    assert expected.paused_seconds == 0
    told = [offer.remaining_seconds or 0 for offer in fleet.offers]
    assert len(told) > 3
    assert slots.LEAST_REMAINING_SECONDS <= told[-1] < max(told), "it is told anew as it shrinks"


async def test_the_server_hears_of_a_pause_at_once_and_of_both_leases(
    fleet: Fleet, paused: Paused, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "balanza.worker")
    fleet.heartbeat_seconds = 20
    async with paused(short_seconds=0.5) as pause:
        await until(lambda: any(report.paused for report in reports_of(fleet, pause.long)))
        assert {report.token for report in fleet.heartbeats[-1].leases} == {pause.long.token, pause.short.token}
        assert set(pause.agent.running) == {pause.long.job_id, pause.short.job_id}
        await until(lambda: pause.short.token in fleet.completed)
        going_on = await until(lambda: [one for one in reports_of(fleet, pause.long) if one.paused_seconds])
        assert not going_on[-1].paused
        completion = await until(lambda: fleet.completed.get(pause.long.token))
    assert 0.4 < completion.paused_seconds < 5
    assert fleet.completed[pause.short.token].paused_seconds == 0
    offer = fleet.offers[0]
    assert (offer.pauses, offer.worker_id) == (pause.long.token, "worker_a")
    assert offer.remaining_seconds is not None
    assert 0.3 <= offer.remaining_seconds <= 1.5
    assert offer.wait_seconds == pytest.approx(offer.remaining_seconds / 4)
    assert (
        f"[worker_a] ⏸️ Pausa por un trabajo corto: {pause.long.job_id} espera a {pause.short.job_id}" in caplog.messages
    )
    assert any(re.search(rf"▶️ Sigue tras la pausa: {pause.long.job_id} \(\d", message) for message in caplog.messages)


async def test_a_pause_is_no_stall_and_does_not_slow_what_is_told(fleet: Fleet, paused: Paused) -> None:
    async with paused(stall_seconds=1.2, long_seconds=2, short_seconds=2) as pause:
        completion = await until(lambda: fleet.completed.get(pause.long.token))
    assert completion.paused_seconds > 1.5
    after = [report for report in reports_of(fleet, pause.long) if report.paused_seconds and not report.paused]
    assert (after[-1].speed or 0) > 0.6, "with the pause it would be a half"


async def test_a_short_job_that_fails_lets_the_long_one_go_on(
    fleet: Fleet, working: Working, long_song: Path, song: Path, slow_ffmpeg: Program
) -> None:
    long = fleet.add(long_song, end=1.2)
    async with working(memory_mb=PLENTY_MB, program=slow_ffmpeg):
        await until(lambda: fleet.offers)
        short = fleet.add_short(song)
        fleet.storage.delete(short.source.storage_key)
        await until(lambda: short.token in fleet.failed)
        await until(lambda: long.token in fleet.completed)


async def test_beside_a_short_job_that_is_none_the_long_one_goes_on_after_its_share_of_the_time(
    fleet: Fleet, paused: Paused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.balancer.pausing.GRACE_SECONDS", 0.2)
    async with paused() as pause:
        completion = await until(lambda: fleet.completed.get(pause.long.token))
        assert pause.short.token in fleet.live
    assert 0.1 < completion.paused_seconds < 5


async def test_a_lost_short_job_lets_the_long_one_go_on(fleet: Fleet, paused: Paused) -> None:
    async with paused() as pause:
        fleet.take_away(pause.short)
        await until(lambda: pause.long.token in fleet.completed)
    assert fleet.stored() == {pause.long.output_key}


async def test_a_long_job_that_is_lost_in_its_pause_is_killed_and_the_short_one_goes_on(
    fleet: Fleet, paused: Paused, song: Path
) -> None:
    async with paused() as pause:
        fleet.take_away(pause.long)
        await until(lambda: not pause.stopped.is_running())
        assert pause.short.token in fleet.live
        await until(lambda: set(pause.agent.running) == {pause.short.job_id})
        following = fleet.add(song)
        await asyncio.sleep(0.2)
        assert fleet.polls == 1, "the slot is taken meanwhile"
        fleet.take_away(pause.short)
        await until(lambda: following.token in fleet.completed)


async def test_a_stop_in_a_pause_kills_both_and_hands_both_back(fleet: Fleet, paused: Paused) -> None:
    async with paused() as pause:
        pass
    assert not pause.stopped.is_running()
    assert set(fleet.released) == {pause.long.token, pause.short.token}
    assert len(fleet.left) == 1


async def test_a_drain_in_a_pause_finishes_both_and_takes_nothing_more(
    fleet: Fleet, paused: Paused, song: Path
) -> None:
    async with paused(short_seconds=1) as pause:
        pause.agent.drain(30)
        fleet.add_short(song)
        await until(lambda: fleet.left)
    assert set(fleet.completed) == {pause.long.token, pause.short.token}
    assert not fleet.released


async def test_the_end_of_the_grace_ends_a_pause_too(fleet: Fleet, paused: Paused) -> None:
    async with paused() as pause:
        pause.agent.drain(0.1)
        await until(lambda: fleet.left)
    assert set(fleet.released) == {pause.long.token, pause.short.token}


@pytest.mark.parametrize(
    "how", [{"pausing": False, "memory_mb": PLENTY_MB}, {"memory_mb": None}, {"memory_mb": 3 * PLENTY_MB}], ids=str
)
async def test_nothing_is_offered_where_it_is_off_or_memory_is_unknown_or_short(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program, how: dict[str, object]
) -> None:
    fleet.add(long_song, end=2)
    async with working(program=slow_ffmpeg, **how):
        await until(lambda: [one for beat in fleet.heartbeats for one in beat.leases if one.eta_seconds])
        await asyncio.sleep(0.1)
    assert not fleet.offers


async def test_nothing_more_is_offered_when_it_was_paused_for_its_share_of_the_time(
    fleet: Fleet, paused: Paused, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with paused(short_seconds=0.3) as pause:
        monkeypatch.setattr("balanza.balancer.pausing.GRACE_SECONDS", 0.0)
        monkeypatch.setattr("balanza.balancer.pausing.MOST_PAUSED", 0.0)
        offers = len(fleet.offers)
        await until(lambda: pause.long.token in fleet.completed)
    assert len(fleet.offers) == offers


async def test_a_conversion_that_has_not_told_anything_yet_is_offered_by_what_it_has_read(
    fleet: Fleet, working: Working, tmp_path: Path, slow_ffmpeg: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg_command, "PROGRESS_SECONDS", 100)
    monkeypatch.setattr(conversion, "WATCH_SECONDS", 0.1)
    tone = write_tone(tmp_path / "tone.wav", 10, rate=44100)
    part, whole = fleet.add(tone, end=9), fleet.add(tone)
    async with working(slots=2, memory_mb=PLENTY_MB, program=slow_ffmpeg) as agent:
        offer = await until(lambda: fleet.offers[0] if fleet.offers else None)
        assert all(report.eta_seconds is None for report in agent.running.values())
    assert 0.3 < (offer.remaining_seconds or 0) < 20
    assert {offer.pauses for offer in fleet.offers} == {whole.token}
    assert part.token in fleet.released


async def test_a_short_job_that_comes_as_the_long_one_ends_runs_in_the_slot_or_goes_back(
    fleet: Fleet, working: Working, long_song: Path, song: Path, slow_ffmpeg: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "OFFERED_SHARE", 100)
    may_answer = asyncio.Event()
    lease_in_pause = fleet._lease_in_pause

    async def late(request: object, long: str) -> LeaseGrant | None:
        grant = await lease_in_pause(request, long)  # type: ignore[arg-type]
        await may_answer.wait()
        return grant

    monkeypatch.setattr(fleet, "_lease_in_pause", late)
    long, short = fleet.add(long_song, end=1), fleet.add_short(song)
    async with working(memory_mb=PLENTY_MB, program=slow_ffmpeg):
        await until(lambda: long.token in fleet.completed)
        following = fleet.add(song)
        await until(lambda: following.token in fleet.completed)
        may_answer.set()
        await until(lambda: fleet.released)
    assert fleet.released == [short.token]
    assert short.token not in fleet.completed
    assert fleet.completed[long.token].paused_seconds == 0


async def test_a_slot_beside_goes_on(fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program) -> None:
    longs = [fleet.add(long_song, end=60) for _ in range(2)]
    async with working(slots=2, memory_mb=PLENTY_MB, program=slow_ffmpeg):
        await until(lambda: {offer.pauses for offer in fleet.offers} == {long.token for long in longs})
        running = ffmpegs()
        fleet.add_short(long_song)
        await until(lambda: len(ffmpegs()) == 3)
        await until(lambda: sum(map(is_stopped, running)) == 1)
        fleet.add_short(long_song)
        await until(lambda: len(ffmpegs()) == 4)
        await until(lambda: all(map(is_stopped, running)))


# --- Where there are no such signals


@pytest.fixture
def family(tmp_path: Path) -> Iterator[list[psutil.Process]]:
    """A process and its child, in a group of their own."""
    with subprocess.Popen(["/bin/sh", "-c", "sleep 600 & wait"], start_new_session=True) as leader:
        process = psutil.Process(leader.pid)
        while not (children := process.children()):
            pass
        yield [process, *children]
        for one in (process, *children):
            one.kill()


@pytest.mark.parametrize("has_signals", [True, False])
def test_the_children_are_stopped_and_continued_too(
    family: list[psutil.Process], monkeypatch: pytest.MonkeyPatch, has_signals: bool
) -> None:
    monkeypatch.setattr(pauses, "HAS_SIGNALS", has_signals)
    tested = Pauses()
    assert not tested.begin(), "there is nothing to stop yet"
    assert tested.seconds == 0
    with tested.over(family[0].pid):
        assert tested.is_paused
        eventually(lambda: all(map(is_stopped, family)))
        frozen = tested.working_time()
        assert tested.working_time() == frozen
        tested.end()
        eventually(lambda: not any(map(is_stopped, family)))
        lost = tested.seconds
        assert lost > 0
        assert tested.begin()
    assert not tested.is_paused
    eventually(lambda: not any(map(is_stopped, family)))
    assert tested.seconds > lost


@pytest.mark.parametrize("has_signals", [True, False])
def test_what_has_ended_is_not_paused(monkeypatch: pytest.MonkeyPatch, has_signals: bool) -> None:
    monkeypatch.setattr(pauses, "HAS_SIGNALS", has_signals)
    with subprocess.Popen(["true"], start_new_session=True) as ended:
        ended.wait()
        tested = Pauses()
        with tested.over(ended.pid):
            assert not tested.begin()
            tested.end()
    assert tested.seconds == 0


def clip_in(folder: Path, name: str) -> Path:
    """A copy, which the fleet may take away."""
    target = folder / name
    target.write_bytes(clip(name).read_bytes())
    return target
