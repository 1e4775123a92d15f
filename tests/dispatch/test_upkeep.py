"""What is left over is removed, and nothing else."""

import os
from datetime import timedelta

from balanza.dispatch.upkeep import ORPHAN_AFTER, SWEEP_EVERY
from balanza.store import events, library
from tests.dispatch.conftest import World


def make_old(world: World, key: str) -> None:
    """Sets back the time an object was written by more than the age of orphans, as seen from the test's clock."""
    written_at = (world.clock.now - ORPHAN_AFTER - timedelta(hours=1)).timestamp()
    os.utime(world.desk.storage.path(key), (written_at, written_at))


def sweep(world: World) -> None:
    world.clock.pass_seconds(SWEEP_EVERY.total_seconds())
    world.upkeep.run_once()


def test_an_old_object_without_a_row_is_removed_and_others_stay(world: World) -> None:
    kept = world.song()
    for key in ("media-orphan", "result-young-1"):
        writer = world.desk.storage.writer(key)
        writer.write(b"bytes")
        writer.commit()
    make_old(world, "media-orphan")
    make_old(world, kept.storage_key)
    now = world.clock.now.timestamp()
    os.utime(world.desk.storage.path("result-young-1"), (now, now))
    sweep(world)
    assert world.stored() == {kept.storage_key, "result-young-1"}


def test_the_bytes_of_a_file_deleted_just_before_a_crash_are_removed(world: World) -> None:
    song = world.song()
    world.desk.database.write(lambda tx: library.mark_deleted(tx, song.id, world.clock.now))
    sweep(world)
    assert world.stored() == set()
    assert world.desk.database.read(lambda tx: library.deleted_keys(tx, 10)) == []


def test_old_events_are_forgotten_beyond_the_number_kept(world: World) -> None:
    kept = world.desk.settings.events_kept

    def many(tx: object) -> None:
        for _ in range(kept + 50):
            events.append(tx, "worker.offline", now=world.clock.now)  # type: ignore[arg-type]

    world.desk.database.write(many)
    sweep(world)
    oldest, newest = world.desk.database.read(events.bounds)
    assert newest - oldest + 1 == kept
