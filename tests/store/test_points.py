"""The points of the last hour, the timeline, and workers taken off the lists."""

from datetime import datetime, timedelta

from balanza.model import Candidate, Decision, Outcome, Reason
from balanza.store import decisions, points, timeline, workers
from balanza.store.points import FleetPoint, LoadPoint, Measure
from tests.store.scene import START, Scene
from tests.store.test_races import together

MOMENT = START.replace(microsecond=0)
FIVE = timedelta(seconds=5)


def fleet_point(at: datetime, completed: int = 0) -> FleetPoint:
    return FleetPoint(at, pending=1, processing=2, completed=completed, failed=4)


def load(worker_id: str = "worker_a", cpu_load: float | None = 0.5) -> LoadPoint:
    return LoadPoint(worker_id, cpu_load, 100.5, running_jobs=1, assigned_jobs=2)


def test_what_was_recorded_is_read_back_as_series(scene: Scene) -> None:
    scene.worker()
    for number in range(3):
        at = MOMENT + number * FIVE
        assert scene.do(points.record, fleet_point(at, completed=number), [load(cpu_load=None if number == 1 else 0.5)])
    since = MOMENT - FIVE
    fleet = scene.see(points.fleet_series, since, FIVE)
    assert fleet == [fleet_point(MOMENT + number * FIVE, completed=number) for number in range(3)]
    second = int(MOMENT.timestamp())
    series = scene.see(points.load_series, Measure.CPU_LOAD, since, FIVE)
    assert series == {"worker_a": {second: 0.5, second + 5: None, second + 10: 0.5}}
    assert scene.see(points.load_series, Measure.ASSIGNED_JOBS, since, FIVE)["worker_a"][second] == 2


def test_a_coarser_series_has_the_points_at_multiples_of_its_step(scene: Scene) -> None:
    scene.worker()
    for number in range(7):
        scene.do(points.record, fleet_point(MOMENT + number * FIVE), [load()])
    found = scene.see(points.fleet_series, MOMENT - FIVE, 3 * FIVE)
    assert [point.at for point in found] == [MOMENT, MOMENT + 3 * FIVE, MOMENT + 6 * FIVE]
    series = scene.see(points.load_series, Measure.RUNNING_JOBS, MOMENT - FIVE, 3 * FIVE)
    assert len(series["worker_a"]) == 3


def test_the_point_of_a_moment_is_kept_once(scene: Scene) -> None:
    scene.worker()
    assert scene.do(points.record, fleet_point(MOMENT), [load()])
    with scene.unchanged():
        assert not scene.do(points.record, fleet_point(MOMENT, completed=9), [load(cpu_load=1.0)])
    assert scene.see(points.width, START - FIVE) == 1
    assert scene.see(points.width, START) == 0


def test_of_servers_that_record_at_once_one_wins(scene: Scene) -> None:
    scene.worker()
    kept = together(*[lambda: scene.do(points.record, fleet_point(MOMENT), [load()])] * 4)
    assert sorted(kept) == [False, False, False, True]


def test_old_points_are_pruned_and_the_others_stay(scene: Scene) -> None:
    scene.worker()
    for number in range(4):
        scene.do(points.record, fleet_point(MOMENT + number * FIVE), [load()])
    scene.do(points.prune, MOMENT + 2 * FIVE)
    assert [point.at for point in scene.see(points.fleet_series, MOMENT - FIVE, FIVE)] == [
        MOMENT + 2 * FIVE,
        MOMENT + 3 * FIVE,
    ]
    assert len(scene.see(points.load_series, Measure.CPU_LOAD, MOMENT - FIVE, FIVE)["worker_a"]) == 2


def test_an_attempt_that_began_before_the_window_and_ended_in_it_is_a_bar(scene: Scene) -> None:
    scene.worker()
    scene.submit("long")
    scene.submit("past")
    scene.leased(token="long")
    scene.leased(token="past")
    scene.now = START + timedelta(seconds=10)
    scene.complete("past", result_id="r1")
    scene.now = START + timedelta(seconds=30)
    scene.complete("long", result_id="r2")

    (bar,) = scene.see(timeline.bars, START + timedelta(seconds=20), 100, owner_id="local")

    assert (bar.job_id, bar.number, bar.worker_id, bar.started_at, bar.ended_at, bar.outcome, bar.moved) == (
        *("long", 1, "worker_a", START, scene.now, Outcome.COMPLETED, False),
    )
    assert (bar.input_file, bar.output_format) == ("song.mp3", "flac")


def test_what_runs_is_always_shown_and_of_the_rest_the_newest(scene: Scene) -> None:
    scene.worker(slots=9)
    for number in range(4):
        scene.submit(f"job-{number}")
        scene.leased(token=f"t{number}")
    for number in (1, 2, 3):
        scene.now += timedelta(seconds=1)
        scene.complete(f"t{number}", result_id=f"r{number}")
    assert [bar.job_id for bar in scene.see(timeline.bars, START, 2, owner_id="local")] == ["job-0", "job-3"]


def test_a_job_that_came_from_another_worker_is_marked_as_moved(scene: Scene) -> None:
    scene.worker("worker_a")
    scene.worker("worker_b")
    scene.submit("moved", "worker_b")
    scene.submit("own", "worker_a")
    for job_id, source in (("moved", "worker_b"), ("own", None)):
        chosen = Candidate("worker_a", 0, 0.1, None)
        decision = Decision("stealing", chosen, (chosen,))
        scene.do(decisions.insert, [(job_id, source, decision)], reason=Reason.STOLEN, now=START)
    scene.assign(["moved"], "worker_a")
    scene.leased(token="1")
    scene.leased(token="2")
    assert {bar.job_id: bar.moved for bar in scene.see(timeline.bars, START, 9, owner_id="local")} == {
        "moved": True,
        "own": False,
    }


def test_a_removed_worker_is_in_no_list_and_is_back_when_it_registers(scene: Scene) -> None:
    before = scene.worker()
    scene.do(workers.set_offline, "worker_a", now=START, reason="silent")
    assert scene.do(workers.remove, "worker_a", now=START) is not None
    assert scene.last_event().type == "worker.removed"
    assert scene.see(workers.list_workers) == []
    with scene.unchanged():
        assert scene.do(workers.remove, "worker_a", now=START) is None
        assert scene.do(workers.set_draining, "worker_a", True, now=START) is None
    assert scene.worker() == before
    assert scene.see(workers.list_workers) == [before]


def test_a_worker_that_is_online_or_has_jobs_cannot_be_removed(scene: Scene) -> None:
    scene.worker()
    with scene.unchanged():
        assert scene.do(workers.remove, "worker_a", now=START) is None
    scene.submit("job", "worker_a")
    scene.do(workers.set_offline, "worker_a", now=START, reason="silent")
    with scene.unchanged():
        assert scene.do(workers.remove, "worker_a", now=START) is None
        assert scene.do(workers.remove, "worker_z", now=START) is None
