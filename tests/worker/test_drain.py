"""A worker that goes by itself: what it still takes, finishes, hands back, and says; with real ffmpeg processes."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from balanza.errors import ServerUnreachable, WorkerReplaced
from balanza.media.program import Program
from balanza.protocol import Completion, LeaseGrant, LeaseRequest
from balanza.worker.agent import Agent, Identity
from balanza.worker.conversion import Tools
from tests.worker.conftest import Working
from tests.worker.fleet import Fleet, until
from tests.worker.test_agent import ffmpegs

pytestmark = pytest.mark.anyio

LONG = 60.0
"""A grace that no test uses up."""


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "balanza.worker")


async def test_what_runs_is_finished_nothing_new_is_taken_and_then_it_leaves(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program, caplog: pytest.LogCaptureFixture
) -> None:
    running = fleet.add(long_song, end=2)
    async with working(program=slow_ffmpeg) as agent:
        await until(ffmpegs)
        agent.drain(30)
        later = fleet.add(long_song)
        await until(lambda: fleet.left)
    assert set(fleet.completed) == {running.token}
    assert later.token not in fleet.live
    assert not fleet.released
    assert "[worker_a] ⏸️ Me voy: termino lo que tengo (hasta 30 s)" in caplog.messages
    assert not any("plazo" in message for message in caplog.messages)


async def test_the_longest_of_several_is_waited_for(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    short, long = fleet.add(long_song, end=0.5), fleet.add(long_song, end=2)
    async with working(slots=2, program=slow_ffmpeg) as agent:
        await until(lambda: len(agent.running) == 2)
        agent.drain(LONG)
        await until(lambda: short.token in fleet.completed)
        assert not fleet.left
        await until(lambda: fleet.left)
    assert set(fleet.completed) == {short.token, long.token}


async def test_the_server_is_told_at_once_and_not_at_the_next_heartbeat(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    fleet.heartbeat_seconds = 60
    fleet.add(long_song)
    async with working(program=slow_ffmpeg) as agent:
        await until(lambda: agent.running and fleet.heartbeats)
        assert not fleet.heartbeats[-1].leaving
        agent.drain(LONG)
        await until(lambda: fleet.heartbeats[-1].leaving, seconds=5)
        assert [report.token for report in fleet.heartbeats[-1].leases] == ["token-1"]


async def test_a_drain_in_the_middle_of_a_heartbeat_is_said_in_another_one_at_once(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.heartbeat_seconds = 60
    beat, under_way, going_on = fleet.heartbeat, asyncio.Event(), asyncio.Event()

    async def slowly(heartbeat: object) -> object:
        under_way.set()
        await going_on.wait()
        return await beat(heartbeat)  # type: ignore[arg-type]

    monkeypatch.setattr(fleet, "heartbeat", slowly)
    fleet.add(long_song)
    async with working(program=slow_ffmpeg) as agent:
        await under_way.wait()
        await until(lambda: agent.running)
        agent.drain(LONG)
        going_on.set()
        await until(lambda: len(fleet.heartbeats) == 2, seconds=5)
        assert [heartbeat.leaving for heartbeat in fleet.heartbeats] == [False, True]


async def test_one_that_runs_nothing_leaves_at_once(
    fleet: Fleet, working: Working, caplog: pytest.LogCaptureFixture
) -> None:
    async with working() as agent:
        await until(lambda: fleet.polls)
        agent.drain(LONG)
        await until(lambda: fleet.left, seconds=5)
    assert "[worker_a] ⏸️ Me voy: no tengo nada a medias" in caplog.messages


async def test_one_that_never_reached_a_server_ends_at_once(fleet: Fleet, tools: Tools) -> None:
    fleet.down = True
    agent = Agent(fleet, Identity("worker_a", 1, 1.0), tools)
    running = asyncio.create_task(agent.run())
    await asyncio.sleep(0)
    agent.drain(LONG)
    async with asyncio.timeout(10):
        await running
    assert not fleet.registrations


class Crossing:
    """Grants the second lease only when `let_go` is set, as if it were on its way until then."""

    def __init__(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lease = fleet.lease
        self.on_its_way = asyncio.Event()
        self.let_go = asyncio.Event()
        self._granted = 0
        monkeypatch.setattr(fleet, "lease", self)

    async def __call__(self, request: LeaseRequest) -> LeaseGrant | None:
        grant = await self._lease(request)
        self._granted += 1
        if self._granted == 2:
            self.on_its_way.set()
            await self.let_go.wait()
        return grant


async def test_a_lease_that_crosses_the_drain_is_handed_back_unbegun(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossing = Crossing(fleet, monkeypatch)
    running, crossed = fleet.add(long_song, end=2), fleet.add(long_song)
    async with working(slots=2, program=slow_ffmpeg) as agent:
        await crossing.on_its_way.wait()
        await until(ffmpegs)
        agent.drain(LONG)
        crossing.let_go.set()
        await until(lambda: fleet.released)
        assert len(ffmpegs()) == 1
        await until(lambda: fleet.left)
    assert fleet.released == [crossed.token]
    assert set(fleet.completed) == {running.token}
    assert not fleet.failed


async def test_a_lease_that_crosses_the_drain_is_kept_alive_until_the_server_has_it_back(
    fleet: Fleet, working: Working, song: Path, long_song: Path, slow_ffmpeg: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossing = Crossing(fleet, monkeypatch)
    running, crossed = fleet.add(long_song, end=1), fleet.add(song)
    release, reachable = fleet.release, asyncio.Event()

    async def at_first_in_vain(token: str) -> None:
        if not reachable.is_set():
            raise ServerUnreachable("The server cannot be reached.")
        await release(token)

    monkeypatch.setattr(fleet, "release", at_first_in_vain)
    async with working(slots=2, program=slow_ffmpeg) as agent:
        await crossing.on_its_way.wait()
        await until(ffmpegs)
        agent.drain(LONG)
        crossing.let_go.set()
        await until(lambda: running.token in fleet.completed)
        beats = len(fleet.heartbeats)
        await until(lambda: len(fleet.heartbeats) >= beats + 3)
        assert [report.token for report in fleet.heartbeats[-1].leases] == [crossed.token]
        assert not fleet.left
        reachable.set()
        await until(lambda: fleet.left)
    assert fleet.released == [crossed.token]


async def test_nothing_is_asked_for_when_a_server_that_was_away_comes_back(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program, caplog: pytest.LogCaptureFixture
) -> None:
    running = fleet.add(long_song, end=2)
    async with working(slots=2, program=slow_ffmpeg) as agent:
        await until(lambda: fleet.polls == 2 and ffmpegs())
        fleet.down = True
        await until(lambda: any("no responde" in message for message in caplog.messages))
        agent.drain(LONG)
        polls = fleet.polls
        fleet.down = False
        later = fleet.add(long_song)
        await until(lambda: fleet.left)
    assert fleet.polls == polls
    assert later.token not in fleet.live
    assert set(fleet.completed) == {running.token}


async def test_what_takes_longer_than_the_grace_is_killed_and_handed_back(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program, caplog: pytest.LogCaptureFixture
) -> None:
    grant = fleet.add(long_song)
    async with working(program=slow_ffmpeg) as agent:
        (running,) = await until(ffmpegs)
        agent.drain(0.3)
        await until(lambda: fleet.left)
    assert fleet.released == [grant.token]
    assert not running.is_running()
    assert not fleet.failed
    assert not fleet.stored()
    said = [message for message in caplog.messages if "plazo" in message or "DEVUELTO" in message]
    assert said == [
        "[worker_a] ⌛ Se acabó el plazo: devuelvo lo que no terminé",
        f"[worker_a] ↩️ Trabajo DEVUELTO: {grant.job_id}",
    ]


async def test_being_stopped_ends_the_grace(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    grant = fleet.add(long_song)
    async with working(program=slow_ffmpeg) as agent:
        await until(ffmpegs)
        agent.drain(LONG)
        await until(lambda: fleet.heartbeats[-1].leaving)
        assert not fleet.released
        agent.stop()
        await until(lambda: fleet.left, seconds=5)
    assert fleet.released == [grant.token]


async def test_being_told_twice_does_not_change_the_grace(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    grant = fleet.add(long_song, end=1)
    async with working(program=slow_ffmpeg) as agent:
        await until(ffmpegs)
        agent.drain(LONG)
        agent.drain(0)
        await until(lambda: fleet.left)
    assert set(fleet.completed) == {grant.token}


async def test_the_transfer_of_a_source_goes_on(
    fleet: Fleet, working: Working, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.shared = False
    fetch, under_way, going_on = fleet.fetch_source, asyncio.Event(), asyncio.Event()

    async def slowly(token: str, target: Path) -> None:
        under_way.set()
        await going_on.wait()
        await fetch(token, target)

    monkeypatch.setattr(fleet, "fetch_source", slowly)
    grant = fleet.add(song)
    async with working() as agent:
        await under_way.wait()
        agent.drain(LONG)
        await until(lambda: fleet.heartbeats and fleet.heartbeats[-1].leaving)
        going_on.set()
        await until(lambda: fleet.left)
    assert set(fleet.completed) == {grant.token}


@pytest.mark.parametrize("transfer", ["fetch_source", "send_result"])
async def test_a_transfer_that_outlasts_the_grace_is_given_up_and_the_job_handed_back(
    fleet: Fleet, working: Working, song: Path, monkeypatch: pytest.MonkeyPatch, transfer: str
) -> None:
    fleet.shared = False
    under_way = asyncio.Event()

    async def never_ends(_token: str, _path: Path) -> None:
        under_way.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(fleet, transfer, never_ends)
    grant = fleet.add(song)
    async with working() as agent:
        await under_way.wait()
        agent.drain(0.2)
        await until(lambda: fleet.left)
    assert fleet.released == [grant.token]
    assert not fleet.completed


async def test_an_outcome_that_is_on_its_way_when_the_grace_ends_gets_its_moment(
    fleet: Fleet, working: Working, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete, under_way = fleet.complete, asyncio.Event()

    async def slowly(token: str, completion: Completion) -> None:
        under_way.set()
        await until(lambda: ended)
        await asyncio.sleep(0.2)
        await complete(token, completion)

    ended: list[bool] = []
    monkeypatch.setattr(fleet, "complete", slowly)
    grant = fleet.add(song)
    async with working() as agent:
        await under_way.wait()
        agent.drain(0.1)
        asyncio.get_running_loop().call_later(0.2, ended.append, True)
        await until(lambda: fleet.left)
    assert set(fleet.completed) == {grant.token}
    assert not fleet.released


async def test_a_result_waits_for_a_server_that_is_away_and_is_delivered_within_the_grace(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    grant = fleet.add(long_song, end=1)
    async with working(program=slow_ffmpeg) as agent:
        await until(ffmpegs)
        fleet.down = True
        agent.drain(LONG)
        await until(fleet.stored)
        await until(lambda: not ffmpegs())
        assert agent.running
        fleet.down = False
        await until(lambda: fleet.left)
    assert set(fleet.completed) == {grant.token}


async def test_a_server_that_stays_away_does_not_keep_it_beyond_the_grace(
    fleet: Fleet, tools: Tools, long_song: Path, slow_ffmpeg: Program, caplog: pytest.LogCaptureFixture
) -> None:
    grant = fleet.add(long_song)
    agent = Agent(fleet, Identity("worker_a", 1, 1.0), replace(tools, program=slow_ffmpeg))
    running = asyncio.create_task(agent.run())
    await until(ffmpegs)
    fleet.down = True
    agent.drain(0.2)
    async with asyncio.timeout(10):
        await running
    assert not ffmpegs()
    assert any(f"No pude devolver {grant.job_id}, caducará" in message for message in caplog.messages)


async def test_a_lease_that_is_lost_meanwhile_is_not_waited_for(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    grant = fleet.add(long_song)
    async with working(program=slow_ffmpeg) as agent:
        await until(ffmpegs)
        agent.drain(LONG)
        fleet.take_away(grant)
        await until(lambda: fleet.left)
    assert not fleet.released


async def test_a_server_that_forgot_it_is_not_joined_again(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program
) -> None:
    fleet.add(long_song)
    async with working(program=slow_ffmpeg) as agent:
        (running,) = await until(ffmpegs)
        agent.drain(LONG)
        fleet.forget_everything()
        await until(lambda: fleet.left)
        assert not running.is_running()
    assert len(fleet.registrations) == 1


async def test_a_server_that_ends_its_own_drain_does_not_end_this_one(
    fleet: Fleet, working: Working, long_song: Path, slow_ffmpeg: Program, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.draining = True
    async with working(program=slow_ffmpeg) as agent:
        await until(lambda: any("En drenaje" in message for message in caplog.messages))
        fleet.draining = False
        fleet.add(long_song)
        await until(ffmpegs)
        fleet.draining = True
        await until(lambda: sum("En drenaje" in message for message in caplog.messages) == 2)
        agent.drain(LONG)
        fleet.draining = False
        later = fleet.add(long_song)
        beats = len(fleet.heartbeats)
        await until(lambda: len(fleet.heartbeats) > beats + 3)
        assert later.token not in fleet.live
    assert sum("otra vez" in message for message in caplog.messages) == 1


async def test_one_that_is_replaced_meanwhile_ends_with_a_sentence_and_takes_no_leave(
    fleet: Fleet, tools: Tools, long_song: Path, slow_ffmpeg: Program
) -> None:
    fleet.add(long_song)
    agent = Agent(fleet, Identity("worker_a", 1, 1.0), replace(tools, program=slow_ffmpeg))
    running = asyncio.create_task(agent.run())
    await until(ffmpegs)
    agent.drain(LONG)
    fleet.instance = "another"
    with pytest.raises(WorkerReplaced):
        await asyncio.wait_for(running, 10)
    assert not ffmpegs()
    assert not fleet.left
