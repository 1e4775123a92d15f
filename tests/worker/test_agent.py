"""What the agent does with jobs, the server's answers, and its end; with real ffmpeg processes."""

import asyncio
import logging
import re
import shutil
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from balanza.errors import ServerUnreachable, StorageError, WorkerReplaced
from balanza.media.probe import Prober
from balanza.media.program import Program
from balanza.protocol import Completion
from balanza.worker.agent import Agent, Identity
from balanza.worker.conversion import Tools
from tests.support.clips import clip
from tests.worker.conftest import Working
from tests.worker.fleet import Fleet, until

pytestmark = pytest.mark.anyio


def ffmpegs() -> list[psutil.Process]:
    """The conversions that run as children of this process."""
    return [
        child
        for child in psutil.Process().children(recursive=True)
        if child.status() != psutil.STATUS_ZOMBIE and "-progress" in child.cmdline()
    ]


async def test_a_job_is_converted_checked_stored_and_completed(
    fleet: Fleet, working: Working, song: Path, prober: Prober
) -> None:
    grant = fleet.add(song, "flac")
    async with working():
        completion = await until(lambda: fleet.completed.get(grant.token))
    result = fleet.storage.path(grant.output_key)
    assert prober.probe(result) == completion.probe
    assert completion.probe.container == "flac"
    assert completion.size_bytes == result.stat().st_size
    assert completion.transfer_seconds is None
    assert not fleet.failed


async def test_without_shared_storage_source_and_result_go_through_the_server(
    fleet: Fleet, working: Working, song: Path, prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.shared = False
    fetch_source = fleet.fetch_source

    async def slowly(token: str, target: Path) -> None:
        await asyncio.sleep(0.02)
        await fetch_source(token, target)

    monkeypatch.setattr(fleet, "fetch_source", slowly)
    grant = fleet.add(song, "mp3")
    async with working():
        completion = await until(lambda: fleet.completed.get(grant.token))
    assert prober.probe(fleet.storage.path(grant.output_key)).audio[0].codec == "mp3"
    assert completion.size_bytes == fleet.storage.size(grant.output_key)
    assert completion.transfer_seconds is not None
    assert 0.02 < completion.transfer_seconds < 10


async def test_cover_art_is_carried_where_it_takes_a_step_of_its_own(
    fleet: Fleet, working: Working, tmp_path: Path
) -> None:
    song = tmp_path / "song.mp3"
    shutil.copy(clip("song.mp3"), song)
    grant = fleet.add(song, "ogg")
    async with working():
        completion = await until(lambda: fleet.completed.get(grant.token))
    assert len(completion.probe.covers) == 1


async def test_each_job_is_announced_as_the_seed_shows_it(
    fleet: Fleet, working: Working, song: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "balanza.worker")
    own, general = fleet.add(song, assigned=True), fleet.add(song, assigned=False)
    async with working():
        await until(lambda: len(fleet.completed) == 2)
    assert f"[worker_a] ⭐ Trabajo ASIGNADO recibido: {own.job_id}" in caplog.messages
    assert f"[worker_a] 📋 Trabajo de cola GENERAL recibido: {general.job_id}" in caplog.messages
    assert any(re.search(rf"COMPLETADO: {own.job_id} en", message) for message in caplog.messages)


async def test_slots_run_jobs_side_by_side(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    grants = [fleet.add(long_song) for _ in range(3)]
    async with working(slots=2, program=slow_ffmpeg) as agent:
        await until(lambda: len(ffmpegs()) == 2)
        assert set(agent.running) == {grants[0].job_id, grants[1].job_id}
    assert not ffmpegs()
    assert sorted(fleet.released) == [grants[0].token, grants[1].token]


async def test_heartbeats_go_on_with_rising_progress_while_a_conversion_runs(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    fleet.add(long_song, end=5)
    async with working(program=slow_ffmpeg):
        reports = await until(lambda: [b.leases[0] for b in fleet.heartbeats if b.leases and b.leases[0].progress > 20])
        beats = len(fleet.heartbeats)
        await until(lambda: len(fleet.heartbeats) >= beats + 10)
    progress = [beat.leases[0].progress for beat in fleet.heartbeats if beat.leases]
    assert progress == sorted(progress)
    assert 0 < progress[-1] < 100
    assert reports[0].speed is not None
    assert 0.5 < reports[0].speed < 4
    assert reports[0].eta_seconds == pytest.approx(5 * (1 - reports[0].progress / 100) / reports[0].speed, rel=0.05)


async def test_a_lost_lease_kills_the_conversion_and_frees_the_slot(
    fleet: Fleet, working: Working, long_song: Path, song: Path, slow_ffmpeg: Program
) -> None:
    lost, following = fleet.add(long_song), fleet.add(song)
    async with working(program=slow_ffmpeg):
        (running,) = await until(ffmpegs)
        fleet.take_away(lost)
        await until(lambda: not running.is_running())
        await until(lambda: following.token in fleet.completed)
    assert lost.token not in fleet.failed
    assert fleet.stored() == {following.output_key}


async def test_a_stopped_conversion_is_killed_too_when_its_lease_is_lost(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    grant = fleet.add(long_song)
    async with working(program=slow_ffmpeg):
        (running,) = await until(ffmpegs)
        running.suspend()
        fleet.take_away(grant)
        await until(lambda: not running.is_running())


async def test_a_completion_that_crosses_a_heartbeat_is_not_taken_for_a_lost_lease(
    fleet: Fleet, working: Working, song: Path
) -> None:
    answering = asyncio.Event()
    complete = fleet.complete

    async def slowly(token: str, completion: Completion) -> None:
        await complete(token, completion)
        await answering.wait()

    fleet.complete = slowly  # type: ignore[method-assign]
    grant, following = fleet.add(song), fleet.add(song)
    async with working():
        await until(lambda: grant.token in fleet.completed)
        beats = len(fleet.heartbeats)
        await until(lambda: len(fleet.heartbeats) > beats + 3)
        answering.set()
        await until(lambda: following.token in fleet.completed)
    assert fleet.stored() == {grant.output_key, following.output_key}


async def test_a_refused_completion_leaves_the_result_to_the_server_and_frees_the_slot(
    fleet: Fleet, working: Working, song: Path
) -> None:
    fleet.heartbeat_seconds = 30  # the worker learns of it from the answer to its completion
    refused, following = fleet.add(song), fleet.add(song)
    complete = fleet.complete

    async def too_late(token: str, completion: Completion) -> None:
        if token == refused.token:
            assert refused.output_key in fleet.stored()
            fleet.live.pop(token, None)
        await complete(token, completion)

    fleet.complete = too_late  # type: ignore[method-assign]
    async with working():
        await until(lambda: following.token in fleet.completed)
    assert not fleet.failed
    assert fleet.stored() == {refused.output_key, following.output_key}


async def test_a_result_stays_when_an_earlier_completion_may_have_arrived(
    fleet: Fleet, working: Working, song: Path
) -> None:
    complete = fleet.complete
    calls = []

    async def answer_lost(token: str, completion: Completion) -> None:
        calls.append(token)
        await complete(token, completion)
        raise ServerUnreachable("The answer was lost.")

    fleet.complete = answer_lost  # type: ignore[method-assign]
    grant = fleet.add(song)
    async with working() as agent:
        await until(lambda: len(calls) == 2 and not agent.running)
    assert grant.token in fleet.completed
    assert fleet.stored() == {grant.output_key}


async def test_stopping_kills_hands_back_and_takes_leave(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    grant = fleet.add(long_song)
    async with working(program=slow_ffmpeg) as agent:
        await until(ffmpegs)
        started = asyncio.get_running_loop().time()
        agent.stop()
        await until(lambda: fleet.left)
        assert asyncio.get_running_loop().time() - started < 3
    assert fleet.released == [grant.token]
    assert not ffmpegs()
    assert not fleet.stored()


async def test_a_completion_that_is_on_its_way_at_the_end_gets_its_chance(
    fleet: Fleet, working: Working, song: Path
) -> None:
    complete = fleet.complete
    under_way, going_on = asyncio.Event(), asyncio.Event()

    async def slowly(token: str, completion: Completion) -> None:
        under_way.set()
        await going_on.wait()
        await complete(token, completion)

    fleet.complete = slowly  # type: ignore[method-assign]
    grant = fleet.add(song)
    async with working() as agent:
        await under_way.wait()
        agent.stop()
        asyncio.get_running_loop().call_later(0.2, going_on.set)
        await until(lambda: fleet.left)
    assert grant.token in fleet.completed
    assert not fleet.released
    assert fleet.stored() == {grant.output_key}


async def test_a_published_result_stays_when_its_answer_does_not_come_before_the_end(
    fleet: Fleet, working: Working, song: Path
) -> None:
    complete = fleet.complete

    async def unanswered(token: str, completion: Completion) -> None:
        await complete(token, completion)
        await asyncio.Event().wait()

    fleet.complete = unanswered  # type: ignore[method-assign]
    grant = fleet.add(song)
    async with working() as agent:
        await until(lambda: grant.token in fleet.completed)
        started = asyncio.get_running_loop().time()
        agent.stop()
        await until(lambda: fleet.left)
        assert asyncio.get_running_loop().time() - started < 3
    assert not fleet.released
    assert fleet.stored() == {grant.output_key}


async def test_a_storage_that_fails_after_a_cancellation_costs_nothing_else(
    fleet: Fleet,
    working: Working,
    long_song: Path,
    song: Path,
    slow_ffmpeg: Program,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(_storage: object, _key: str) -> None:
        raise StorageError("Cannot delete the stored object: Input/output error.")

    monkeypatch.setattr("balanza.storage.LocalStorage.delete", fails)
    lost, other, following = fleet.add(long_song), fleet.add(long_song, end=4), fleet.add(song)
    async with working(slots=2, program=slow_ffmpeg):
        await until(lambda: len(ffmpegs()) == 2)
        fleet.take_away(lost)
        await until(lambda: {other.token, following.token} <= set(fleet.completed))
        told = f"No pude borrar el resultado de {lost.job_id}"
        await until(lambda: any(told in message for message in caplog.messages))
    assert len(fleet.registrations) == 1


async def test_heartbeats_keep_the_pace_that_the_server_asks_for(fleet: Fleet, working: Working) -> None:
    fleet.pace_seconds = 30
    async with working():
        await until(lambda: fleet.heartbeats)
        await asyncio.sleep(20 * fleet.heartbeat_seconds)
        assert len(fleet.heartbeats) <= 2, "news alone makes one before its time"


async def test_draining_takes_nothing_new_and_finishes_what_runs(
    fleet: Fleet, working: Working, long_song: Path, song: Path, slow_ffmpeg: Program
) -> None:
    running = fleet.add(long_song, end=2)
    async with working(program=slow_ffmpeg):
        await until(ffmpegs)
        fleet.draining = True
        later = fleet.add(song)
        await until(lambda: running.token in fleet.completed)
        beats = len(fleet.heartbeats)
        await until(lambda: len(fleet.heartbeats) > beats + 3)
        assert later.token not in fleet.live
        assert not fleet.left
        fleet.draining = False
        await until(lambda: later.token in fleet.completed)


async def test_an_unreachable_server_is_announced_once_and_the_result_delivered_when_it_is_back(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "balanza.worker")
    grant = fleet.add(long_song, end=1)
    async with working(program=slow_ffmpeg) as agent:
        await until(ffmpegs)
        fleet.down = True
        await until(lambda: not ffmpegs())
        await until(fleet.stored)
        assert agent.running
        fleet.down = False
        await until(lambda: grant.token in fleet.completed)
        await until(lambda: not agent.running)
    assert sum("no responde" in message for message in caplog.messages) == 1
    assert sum("responde de nuevo" in message for message in caplog.messages) == 1


async def test_a_worker_started_before_its_server_registers_when_it_comes(
    fleet: Fleet, working: Working, song: Path
) -> None:
    fleet.down = True
    grant = fleet.add(song)
    async with working():
        await asyncio.sleep(0)
        assert not fleet.registrations
        fleet.down = False
        await until(lambda: grant.token in fleet.completed)


async def test_a_forgotten_worker_registers_again_and_drops_what_it_ran(
    fleet: Fleet, working: Working, long_song: Path, song: Path, slow_ffmpeg: Program
) -> None:
    fleet.add(long_song)
    async with working(program=slow_ffmpeg):
        (running,) = await until(ffmpegs)
        fleet.forget_everything()
        following = fleet.add(song)
        await until(lambda: following.token in fleet.completed)
        assert not running.is_running()
    assert len(fleet.registrations) == 2


async def test_a_replaced_worker_ends_with_a_sentence_and_kills_what_it_ran(
    fleet: Fleet, working: Working, tools: Tools, long_song: Path, slow_ffmpeg: Program
) -> None:
    fleet.add(long_song)
    first = asyncio.create_task(Agent(fleet, Identity("worker_a", 1, 1.0), replace(tools, program=slow_ffmpeg)).run())
    (running,) = await until(ffmpegs)
    async with working():
        with pytest.raises(WorkerReplaced, match="taken the id"):
            await asyncio.wait_for(first, 30)
        assert not running.is_running()
    _, second = (registration.instance for registration in fleet.registrations)
    assert fleet.left == [second], "the first one must not take leave in the name of the second"


async def test_a_worker_that_never_reached_a_server_stops_all_the_same(fleet: Fleet, tools: Tools) -> None:
    fleet.down = True
    agent = Agent(fleet, Identity("worker_a", 1, 1.0), tools)
    running = asyncio.create_task(agent.run())
    await asyncio.sleep(0)
    agent.stop()
    async with asyncio.timeout(10):
        await running


async def test_a_mistake_of_the_worker_costs_an_attempt_and_not_the_slot(
    fleet: Fleet, working: Working, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grants = [fleet.add(song), fleet.add(song)]
    monkeypatch.setattr("balanza.worker.kinds.check_result", lambda **_: 1 / 0)
    async with working():
        await until(lambda: len(fleet.failed) == 2)
    assert {failure.error for failure in fleet.failed.values()} == {
        "The worker made a mistake of its own; its log says more."
    }
    assert set(fleet.failed) == {grant.token for grant in grants}
