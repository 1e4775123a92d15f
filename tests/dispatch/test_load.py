"""The statistics, in the seed's shape."""

from dataclasses import asdict

from balanza.dispatch import load
from balanza.lifecycle import JobStatus
from balanza.model import MetricsSource, Sample
from tests.dispatch.conftest import World

SEED_FIELDS = (
    "worker_id",
    "cpu_load",
    "memory_mb",
    "jobs_in_progress",
    "conversions_success",
    "conversions_failed",
    "load_score",
    "status",
)


def test_the_entry_of_a_worker_starts_with_the_seeds_fields(world: World) -> None:
    world.join("a", cpu=0.15)
    stats = world.stats()
    assert tuple(asdict(stats.workers[0]))[: len(SEED_FIELDS)] == SEED_FIELDS
    assert (stats.workers[0].load_score, stats.workers[0].status) == (7, "idle")


def test_the_summary_adds_up(world: World) -> None:
    world.join("a", "b", cpu=0.2)
    for _ in range(3):
        world.submit()
    world.finish(world.granted("b"))
    world.fail_once("a")
    summary = world.stats().summary
    assert asdict(summary) == {
        "total_workers": 2,
        "active_workers": 2,
        "total_jobs_processing": 2,
        "average_cpu_load": 0.2,
        "total_conversions_success": 1,
        "total_conversions_failed": 1,
        "metrics_source": "heartbeat",
        "metrics_age_seconds": 0.0,
    }


def test_the_load_score_follows_the_load(world: World) -> None:
    world.join("a")
    world.submit()
    world.submit()
    world.granted("a")
    world.beat("a", cpu=0.5)
    entry = world.stats().workers[0]
    assert (entry.jobs_in_progress, entry.running_jobs, entry.assigned_jobs) == (2, 1, 1)
    assert (entry.load_score, entry.status) == (85, "busy")


def test_an_offline_worker_is_not_taken_for_idle(world: World) -> None:
    world.join("a", "b", cpu=0.3)
    world.let_pass(11, "b")
    stats = world.stats()
    offline = stats.workers[0]
    assert (offline.status, offline.cpu_load, offline.memory_mb) == ("offline", None, None)
    assert offline.load_score >= 50
    assert stats.summary.active_workers == 1
    assert stats.summary.average_cpu_load == 0.0


def test_the_queues_have_the_seeds_names(world: World) -> None:
    waiting = world.submit()
    world.join("a", "b")
    for _ in range(3):
        world.submit()
    world.clock.pass_seconds(4)
    stats = world.desk.database.read(lambda tx: load.queue_stats(tx, world.clock.now))
    assert [(queue.name, queue.pending) for queue in stats.queues] == [
        ("conversion:queue", 1),
        ("conversion:queue:worker_a", 2),
        ("conversion:queue:worker_b", 1),
    ]
    assert stats.jobs[JobStatus.PENDING] == 4
    assert stats.oldest_pending_seconds == 4.0
    assert waiting.assigned_worker is None


def test_prometheus_is_the_source_as_long_as_it_measured_a_worker_that_is_there(world: World) -> None:
    world.join("a", "b")
    now = world.clock.now
    samples = {"worker_b": Sample(MetricsSource.PROMETHEUS, now, 0.75, 300.0, jobs_in_progress=4)}
    world.desk.measurements.replace(samples)
    stats = world.stats()
    assert [entry.metrics_source for entry in stats.workers] == ["heartbeat", "prometheus"]
    assert (stats.workers[1].cpu_load, stats.workers[1].measured_jobs_in_progress) == (0.75, 4)
    assert stats.workers[1].jobs_in_progress == 0
    assert (stats.summary.metrics_source, stats.summary.metrics_age_seconds) == ("prometheus", 0)

    world.fleet.leave("worker_b", "first")

    summary = world.stats().summary
    assert (summary.metrics_source, summary.metrics_age_seconds) == ("heartbeat", 0)


def test_a_decision_takes_the_load_that_prometheus_measured_but_counts_jobs_live(world: World) -> None:
    world.join("a", "b")
    now = world.clock.now
    idle = Sample(MetricsSource.PROMETHEUS, now, 0.0, 100.0, jobs_in_progress=0)
    busy = Sample(MetricsSource.PROMETHEUS, now, 0.9, 100.0, jobs_in_progress=9)
    world.desk.measurements.replace({"worker_a": busy, "worker_b": idle})
    assert [world.submit().assigned_worker for _ in range(3)] == ["worker_b", "worker_a", "worker_b"]


def test_a_worker_nobody_measured_lately_ranks_after_every_other(world: World) -> None:
    world.join("a")
    world.clock.pass_seconds(4)
    world.join("b")
    first, second = world.submit(), world.submit()
    assert (first.assigned_worker, second.assigned_worker) == ("worker_b", "worker_b")
    (record,) = world.decisions(second.id)
    unknown = record.decision.candidates[0]
    assert (unknown.worker_id, unknown.cpu_load, unknown.metrics_age_seconds) == ("worker_a", None, None)
    assert unknown.load_score == 50
    assert unknown.why_not == "its CPU load is unknown"
