"""What is left over is removed, and nothing else."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from balanza.dispatch import assignment
from balanza.dispatch.assignment import REDISTRIBUTED_AT_ONCE
from balanza.dispatch.derived import PREVIEWS_KEPT, Derivations
from balanza.dispatch.upkeep import ORPHAN_AFTER, SWEEP_EVERY
from balanza.lifecycle import JobStatus
from balanza.model import Lease, Reason, piece_key
from balanza.protocol import LeaseReport
from balanza.store import events, jobs, library
from tests.dispatch.conftest import World
from tests.store import invariants
from tests.store.scene import a_job


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


def test_a_preview_is_deleted_after_a_day_and_made_anew_when_somebody_asks(world: World) -> None:
    world.join("a", encoders=("libx264", "aac"))
    song, previews = world.song(), Derivations(world.desk)
    previews.preview(song.id)
    first = world.granted("a")
    pieces = [piece_key(first.output_key, number) for number in range(3)]
    for key in pieces:
        writer = world.desk.storage.writer(key)
        writer.write(b"piece")
        writer.commit()
        make_old(world, key)
    world.finish(first)
    world.clock.pass_seconds(PREVIEWS_KEPT.total_seconds() - 2 * SWEEP_EVERY.total_seconds())
    sweep(world)
    assert set(pieces) < world.stored()
    assert previews.preview(song.id).key == first.output_key

    sweep(world)
    assert world.stored() == {song.storage_key}
    assert previews.preview(song.id).status is JobStatus.PENDING
    world.beat("a")
    assert world.granted("a").job_id != first.job_id
    invariants.check(world.desk.database)


def test_what_was_in_the_trash_for_seven_days_is_deleted_and_nothing_younger(world: World) -> None:
    old, young, kept = (world.song(f"{n}.wav") for n in range(3))
    world.desk.database.write(lambda tx: library.put_into_trash(tx, old.id, world.clock.now))
    world.clock.pass_seconds(timedelta(days=1).total_seconds())
    world.desk.database.write(lambda tx: library.put_into_trash(tx, young.id, world.clock.now))
    world.clock.pass_seconds(timedelta(days=5, hours=22).total_seconds())
    sweep(world)
    assert world.stored() == {old.storage_key, young.storage_key, kept.storage_key}
    sweep(world)
    assert world.stored() == {young.storage_key, kept.storage_key}
    gone = world.desk.database.read(lambda tx: library.get(tx, old.id))
    assert gone is not None
    assert gone.deleted_at == world.clock.now


def test_a_queue_longer_than_one_transaction_moves_is_given_away_all_the_same(world: World) -> None:
    world.join("a", "b")
    source = world.song().id
    for number in range(REDISTRIBUTED_AT_ONCE + 20):
        new = replace(a_job(f"job-{number}", "worker_a", source_id=source), created_at=world.clock.now)
        world.desk.database.write(lambda tx, new=new: jobs.submit(tx, new))  # type: ignore[misc]
    world.dispatcher.drain("worker_a")
    world.let_pass(1, "a", "b")
    assert (world.worker("a").assigned_jobs, world.worker("b").assigned_jobs) == (0, REDISTRIBUTED_AT_ONCE + 20)


def test_after_a_sleep_of_the_whole_machine_workers_get_a_lease_time_to_be_heard(world: World) -> None:
    world.join("a")
    world.let_pass(11, "a")
    job = world.submit()
    grant = world.granted("a")
    world.clock.pass_seconds(3600)
    world.upkeep.run_once()
    assert world.beat("a", LeaseReport(token=grant.token, progress=5)).lost == ()
    world.upkeep.run_once()
    assert world.job(job.id).status is JobStatus.PROCESSING
    assert not world.worker("a").offline


def test_one_lease_that_cannot_be_ended_does_not_keep_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.join("a", slots=2)
    stuck, other = world.submit(), world.submit()
    token = world.granted("a").token
    world.granted("a")
    held = jobs.held

    def fail_for_one(tx: Connection, asked: str) -> Lease | None:
        if asked == token:
            raise RuntimeError("broken row")
        return held(tx, asked)

    monkeypatch.setattr(jobs, "held", fail_for_one)
    world.let_pass(11, "a")
    assert world.job(other.id).status is JobStatus.PENDING
    assert world.job(stuck.id).status is JobStatus.PROCESSING
    assert "trying again" in caplog.text


def test_a_job_that_fails_by_silence_is_measured_too(world: World) -> None:
    ended: list[JobStatus] = []

    class Measuring:
        def job_leased(self, wait_seconds: float) -> None: ...

        def job_ended(self, status: JobStatus, run_seconds: float) -> None:
            ended.append(status)

        def job_decided(self, policy: str) -> None: ...

        def jobs_moved(self, reason: Reason, count: int) -> None: ...

    world = World(replace(world.desk, observer=Measuring()), world.clock)
    world.join("a")
    job = world.submit()
    for _ in range(3):
        world.granted("a")
        world.let_pass(12, "a")
    assert world.job(job.id).status is JobStatus.FAILED
    assert ended == [JobStatus.FAILED]


def test_old_events_are_forgotten_beyond_the_number_kept(world: World) -> None:
    kept = world.desk.settings.events_kept

    def many(tx: object) -> None:
        for _ in range(kept + 50):
            events.append(tx, "worker.offline", now=world.clock.now)  # type: ignore[arg-type]

    world.desk.database.write(many)
    sweep(world)
    oldest, newest = world.desk.database.read(events.bounds)
    assert newest - oldest + 1 == kept


def test_in_a_large_fleet_fewer_jobs_are_moved_at_once_and_the_rest_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assignment, "CANDIDATES_AT_ONCE", 6)
    world.join("a", "b", "c")
    world.submit_to("a", 5)

    world.dispatcher.drain("worker_a")
    assert len(world.queue("a")) == 3

    world.upkeep.run_once()
    assert len(world.queue("a")) == 1
    world.upkeep.run_once()
    assert world.queue("a") == []
