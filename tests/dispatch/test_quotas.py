"""How much one person may store, when what is stored are results, on each database."""

from dataclasses import replace

import pytest

from balanza.dispatch.desk import Desk
from balanza.dispatch.dispatcher import Dispatcher, Submission
from balanza.dispatch.fleet import Fleet
from balanza.dispatch.signals import EVENTS
from balanza.errors import QuotaExceeded
from balanza.lifecycle import JobStatus
from balanza.model import Job, Media
from balanza.protocol import LeaseGrant
from balanza.store import events
from tests.dispatch.conftest import World
from tests.store import invariants


def limited(world: World, quota_bytes: int) -> Desk:
    return replace(world.desk, settings=world.desk.settings.model_copy(update={"quota_bytes": quota_bytes}))


def submitted(desk: Desk, song: Media, count: int) -> list[Job]:
    return [Dispatcher(desk).submit(Submission(song.id, "mp3", {})) for _ in range(count)]


def finish(world: World, desk: Desk, grant: LeaseGrant) -> None:
    Fleet(desk).complete(grant.token, world.write_result(grant))


def test_a_result_that_exceeds_the_quota_is_the_last_but_for_those_that_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.dispatch.endings.CANCELLED_AT_ONCE", 2)
    song = world.song()
    desk = limited(world, song.size_bytes + 1)
    world.join("a", "b")
    jobs = submitted(desk, song, 6)
    first, second = world.granted("a"), world.granted("b")

    finish(world, desk, first)
    finish(world, desk, second)

    states = {job.id: world.job(job.id).status for job in jobs}
    done = {first.job_id, second.job_id}
    assert {states.pop(job_id) for job_id in done} == {JobStatus.COMPLETED}
    assert list(states.values()) == [JobStatus.CANCELLED] * 4
    told = world.desk.database.read(lambda tx: events.after(tx, 0, 100))
    assert {event.job_id for event in told if event.data.get("reason") == "quota"} == set(states)
    with pytest.raises(QuotaExceeded):
        Dispatcher(desk).retry(next(iter(states)))
    invariants.check(world.desk.database)


def test_pages_hear_of_what_the_quota_cancels(world: World) -> None:
    song = world.song()
    desk = limited(world, song.size_bytes + 1)
    world.join("a")
    waiting = submitted(desk, song, 2)[1]
    grant = world.granted("a")
    seen: list[JobStatus] = []
    desk.signals.subscribe(lambda topic: seen.append(world.job(waiting.id).status) if topic == EVENTS else None)

    finish(world, desk, grant)

    assert seen[-1] is JobStatus.CANCELLED


def test_within_the_quota_all_results_are_made(world: World) -> None:
    desk = limited(world, 10_000)
    world.join("a")
    jobs = submitted(desk, world.song(), 3)

    for _ in jobs:
        finish(world, desk, world.granted("a"))

    assert {world.job(job.id).status for job in jobs} == {JobStatus.COMPLETED}
