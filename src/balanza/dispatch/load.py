"""How loaded the fleet is: live counts from the store, measurements from Prometheus or the last heartbeats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf

from sqlalchemy import Connection

from balanza import wording
from balanza.balancer.score import WorkerStatus, load_score, worker_status
from balanza.dispatch.measurements import Measurements
from balanza.lifecycle import JobStatus
from balanza.model import GENERAL_QUEUE, MetricsSource, Worker, own_queue
from balanza.store import jobs, workers
from balanza.wording import Value


@dataclass(frozen=True, slots=True)
class WorkerMetrics:
    """What is known of one worker. Unknown is None, never zero: an offline worker's CPU and memory are unknown."""

    cpu_load: float | None
    memory_mb: float | None
    jobs_in_progress: int
    """Live, of the store."""
    source: MetricsSource | None = None
    age_seconds: float | None = None
    measured_jobs_in_progress: int | None = None
    """As Prometheus saw them."""


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """One entry of `GET /workers/stats`: the seed's fields first."""

    worker_id: str
    cpu_load: float | None
    memory_mb: float | None
    jobs_in_progress: int
    conversions_success: int
    conversions_failed: int
    load_score: int
    status: WorkerStatus
    slots: int
    running_jobs: int
    assigned_jobs: int
    last_seen_at: datetime
    metrics_address: str | None
    metrics_source: MetricsSource | None
    """Who measured CPU and memory; null when nobody did lately."""
    metrics_age_seconds: float | None
    measured_jobs_in_progress: int | None
    """As Prometheus saw them; `jobs_in_progress` is live."""
    cpus: float
    memory_total_mb: float | None
    scratch_free_bytes: int | None
    tags: tuple[str, ...]
    quarantined_until: datetime | None
    quarantine_reason: str | None
    received_bytes_per_second: float | None
    """Of sources, over the network, as its last heartbeat said; null when it is offline or does not measure it."""
    sent_bytes_per_second: float | None
    """Of results."""
    quarantine_code: str | None
    """Which sentence `quarantine_reason` is, to say it in another language; null for one that has no code."""
    quarantine_values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class FleetSummary:
    total_workers: int
    active_workers: int
    total_jobs_processing: int
    average_cpu_load: float
    total_conversions_success: int
    total_conversions_failed: int
    metrics_source: MetricsSource
    """Where the measurements of the fleet come from now."""
    metrics_age_seconds: float | None
    """The age of the newest of them; null when there is none."""


@dataclass(frozen=True, slots=True)
class FleetStats:
    """The body of `GET /workers/stats`, in the seed's shape."""

    workers: tuple[WorkerStats, ...]
    summary: FleetSummary


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    worker_id: str | None
    pending: int


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The body of `GET /queue/stats`."""

    queues: tuple[Queue, ...]
    jobs: dict[JobStatus, int]
    oldest_pending_seconds: float | None


def get_worker_metrics(worker: Worker, measurements: Measurements, now: datetime) -> WorkerMetrics:
    """The measurements of a worker as far as they still mean something."""
    sample = measurements.sample_of(worker, now)
    if sample is None:
        return WorkerMetrics(None, None, worker.jobs_in_progress)
    return WorkerMetrics(
        cpu_load=sample.cpu_load,
        memory_mb=sample.memory_mb,
        jobs_in_progress=worker.jobs_in_progress,
        source=sample.source,
        age_seconds=sample.age_seconds(now),
        measured_jobs_in_progress=sample.jobs_in_progress,
    )


def get_worker_stats(worker: Worker, measurements: Measurements, now: datetime) -> WorkerStats:
    """Everything `GET /workers/stats` says of one worker."""
    metrics = get_worker_metrics(worker, measurements, now)
    score = load_score(metrics.jobs_in_progress, metrics.cpu_load)
    is_quarantined = worker.quarantined_until is not None and worker.quarantined_until > now
    fault = wording.coded(wording.FAULTS, worker.quarantine_reason)
    return WorkerStats(
        worker_id=worker.id,
        cpu_load=metrics.cpu_load,
        memory_mb=metrics.memory_mb,
        jobs_in_progress=metrics.jobs_in_progress,
        conversions_success=worker.conversions_success,
        conversions_failed=worker.conversions_failed,
        load_score=score,
        status=worker_status(
            score,
            draining=worker.draining or worker.leaving,
            offline=worker.offline,
            quarantined=is_quarantined,
        ),
        slots=worker.slots,
        running_jobs=worker.running_jobs,
        assigned_jobs=worker.assigned_jobs,
        last_seen_at=worker.seen_at,
        metrics_address=worker.metrics_address,
        metrics_source=metrics.source,
        metrics_age_seconds=metrics.age_seconds,
        measured_jobs_in_progress=metrics.measured_jobs_in_progress,
        cpus=worker.cpus,
        memory_total_mb=worker.memory_total_mb,
        scratch_free_bytes=worker.scratch_free_bytes,
        tags=tuple(sorted(worker.tags)),
        quarantined_until=worker.quarantined_until,
        quarantine_reason=worker.quarantine_reason,
        received_bytes_per_second=None if worker.offline else worker.received_bytes_per_second,
        sent_bytes_per_second=None if worker.offline else worker.sent_bytes_per_second,
        quarantine_code=fault.code,
        quarantine_values=fault.values,
    )


def fleet_stats(tx: Connection, measurements: Measurements, now: datetime) -> FleetStats:
    """All workers, offline ones too, and their sum."""
    entries = tuple(get_worker_stats(worker, measurements, now) for worker in workers.list_workers(tx))
    return FleetStats(workers=entries, summary=_summary(entries))


def queue_stats(tx: Connection, now: datetime) -> QueueStats:
    """The general queue first, then the own queue of each worker, empty ones too."""
    depths = jobs.queue_depths(tx)
    own = [worker.id for worker in workers.list_workers(tx)]
    oldest_at = jobs.oldest_pending_at(tx)
    counts = jobs.counts_by_status(tx)
    return QueueStats(
        queues=(
            Queue(GENERAL_QUEUE, None, depths.get(None, 0)),
            *(Queue(own_queue(worker_id), worker_id, depths.get(worker_id, 0)) for worker_id in own),
        ),
        jobs={status: counts.get(status, 0) for status in JobStatus},
        oldest_pending_seconds=(now - oldest_at).total_seconds() if oldest_at else None,
    )


def _summary(entries: Sequence[WorkerStats]) -> FleetSummary:
    """The average is over the workers whose CPU load is known; 0 when there is none.

    The source is Prometheus as long as it measured one of the workers: a sample of one that has left is none.
    """
    loads = [entry.cpu_load for entry in entries if entry.cpu_load is not None]
    ages: dict[MetricsSource | None, float] = {}
    for entry in entries:
        if entry.metrics_age_seconds is not None:
            ages[entry.metrics_source] = min(entry.metrics_age_seconds, ages.get(entry.metrics_source, inf))
    source = MetricsSource.PROMETHEUS if MetricsSource.PROMETHEUS in ages else MetricsSource.HEARTBEAT
    return FleetSummary(
        total_workers=len(entries),
        active_workers=sum(entry.status is not WorkerStatus.OFFLINE for entry in entries),
        total_jobs_processing=sum(entry.jobs_in_progress for entry in entries),
        average_cpu_load=round(sum(loads) / len(loads), 2) if loads else 0.0,
        total_conversions_success=sum(entry.conversions_success for entry in entries),
        total_conversions_failed=sum(entry.conversions_failed for entry in entries),
        metrics_source=source,
        metrics_age_seconds=ages.get(source),
    )
