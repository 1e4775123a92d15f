"""The recorder keeps one point per 5 s and worker for an hour, however many servers there are."""

from datetime import timedelta

import pytest

from balanza.dispatch import history
from balanza.dispatch.history import EVERY, KEPT, History, Recorder, read_history, read_timeline
from balanza.store.points import Measure
from tests.dispatch.conftest import World

HOUR = timedelta(hours=1)


def of(world: World, measure: Measure = Measure.CPU_LOAD, span: timedelta = HOUR) -> History:
    return world.desk.database.read(lambda tx: read_history(tx, measure, span, world.clock.now))


def test_upkeep_keeps_one_point_per_five_seconds(world: World) -> None:
    world.join("a", cpu=0.5)
    world.submit()
    world.let_pass(20, "a")
    found = of(world)
    assert len(found.at) == 5  # the first belongs to second 0
    assert {after - before for before, after in zip(found.at, found.at[1:], strict=False)} == {5}
    assert (found.pending, found.processing) == ((1,) * 5, (0,) * 5)
    assert [(one.worker_id, len(one.values)) for one in found.workers] == [("worker_a", 5)]


def test_two_servers_on_one_database_do_not_double_the_points(world: World) -> None:
    world.join("a")
    other = Recorder(world.desk)
    for _ in range(10):
        world.let_pass(1, "a")
        other.run_once(world.clock.now)
    assert len(of(world).at) == 3  # the other server's at second 1 belongs to second 0


def test_a_worker_that_is_offline_has_no_points_and_what_nobody_measured_is_null(world: World) -> None:
    world.join("a", "b", cpu=0.25)
    world.let_pass(5, "a", "b")
    world.let_pass(40, "b")
    found = {one.worker_id: one.values for one in of(world, Measure.MEMORY_MB).workers}
    assert found["worker_a"][0] == 100
    assert found["worker_a"][-1] is None
    assert None not in found["worker_b"]


def test_what_is_older_than_an_hour_is_gone(world: World) -> None:
    recorder = Recorder(world.desk)
    start = world.clock.now
    for at in (start, start + EVERY, start + KEPT + EVERY):
        world.clock.now = at
        recorder.run_once(at)
    points_left = of(world, span=2 * HOUR).at
    assert points_left == (int((start + EVERY).timestamp()), int((start + KEPT + EVERY).timestamp()))


def test_a_large_fleet_is_read_at_fewer_moments(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_VALUES", 360)
    world.join("a")
    recorder = Recorder(world.desk)
    for _ in range(12):
        world.clock.pass_seconds(5)
        recorder.run_once(world.clock.now)
    found = of(world, Measure.RUNNING_JOBS)
    assert (found.step_seconds, len(found.at)) == (10, 6)
    assert all(None not in one.values for one in found.workers)


def test_the_timeline_shows_what_ran_and_how_it_ended(world: World) -> None:
    world.join("a")
    world.submit()
    world.fail_once("a")
    running = world.granted("a")
    found = world.desk.database.read(lambda tx: read_timeline(tx, HOUR, world.clock.now, "local"))
    assert [(bar.job_id, bar.number, bar.outcome) for bar in found.bars] == [
        (running.job_id, 1, "failed"),
        (running.job_id, 2, None),
    ]
