"""Thumbnails and the like: one job however many ask at once, tried anew for a while, and deleted with their file."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from balanza.dispatch.derived import ANEW_AFTER, Derivations
from balanza.errors import CannotBeMade, NotFound
from balanza.model import JobKind, Media
from balanza.store import jobs, library
from tests.dispatch.conftest import World
from tests.store import invariants


def waveform(world: World, song: Media) -> Media | None:
    return Derivations(world.desk).get(song.id, JobKind.WAVEFORM, {})


def test_many_who_ask_at_once_get_one_job(world: World) -> None:
    world.join("a", slots=4)
    song = world.song()
    with ThreadPoolExecutor(4) as askers:
        assert list(askers.map(lambda _: waveform(world, song), range(8))) == [None] * 8
    grant = world.granted("a")
    assert (grant.kind, world.lease("a")) == (JobKind.WAVEFORM, None)
    assert world.decisions(grant.job_id)[0].decision.worker_id == "worker_a"
    invariants.check(world.desk.database)

    world.finish(grant)
    made = waveform(world, song)
    assert made is not None
    assert (made.derived_from, made.mime_type) == (song.id, "application/octet-stream")
    invariants.check(world.desk.database)


def test_somebody_else_finds_nothing(world: World) -> None:
    song = world.song()
    with pytest.raises(NotFound):
        Derivations(world.desk, "somebody").get(song.id, JobKind.WAVEFORM, {})
    assert world.desk.database.read(jobs.any_pending) is False


def test_what_failed_is_tried_anew_some_days_and_then_no_more(world: World) -> None:
    world.join("a")
    song = world.song()
    for _ in range(3):
        assert waveform(world, song) is None
        world.fail_once("a")
        world.let_pass(2, "a")
        world.fail_once("a")
        for _ in range(2):
            with pytest.raises(CannotBeMade, match=r"No waveform could be made of song\.wav: It broke\."):
                waveform(world, song)
        world.clock.now += ANEW_AFTER
        world.beat("a")
    with pytest.raises(CannotBeMade):
        waveform(world, song)


def test_the_sweep_of_the_trash_takes_it_along(world: World) -> None:
    world.join("a")
    song = world.song()
    waveform(world, song)
    world.finish(world.granted("a"))
    world.desk.database.write(lambda tx: library.put_into_trash(tx, song.id, world.clock.now))
    world.clock.now += timedelta(days=8)
    world.upkeep.run_once()
    assert world.stored() == set()
