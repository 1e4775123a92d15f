"""The last hour of the fleet, for those who look at it: kept at one point per 5 s and worker, read as series."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from balanza.dispatch.desk import Desk
from balanza.dispatch.load import get_worker_metrics
from balanza.dispatch.measurements import Measurements
from balanza.lifecycle import JobStatus
from balanza.store import jobs, points, workers
from balanza.store.points import FleetPoint, LoadPoint, Measure
from balanza.store.timeline import Bar, bars

EVERY = timedelta(seconds=5)
KEPT = timedelta(hours=1)
MOST_VALUES = 60_000
"""Of one answer: 83 workers over one hour at full resolution. More workers are shown at fewer moments."""
MOST_BARS = 2_000

_MOMENT_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Series:
    """One worker: a value for each moment, None where it was offline or nothing was measured."""

    worker_id: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class History:
    """The body of `GET /workers/history`: every list has one entry per moment of `at`, oldest first."""

    measure: Measure
    step_seconds: int
    """The time between two moments, unless the server did not run meanwhile."""
    at: tuple[int, ...]
    """Seconds since 1970, UTC."""
    workers: tuple[Series, ...]
    pending: tuple[int, ...]
    processing: tuple[int, ...]
    completed: tuple[int, ...]
    """Since ever: throughput is the difference of two."""
    failed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The body of `GET /workers/timeline`."""

    since: datetime
    now: datetime
    bars: tuple[Bar, ...]
    """The newest, in the order in which they started."""


class Recorder:
    """Keeps a point each time 5 s have passed. Several servers on one database keep one between them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._recorded_at: datetime | None = None

    def run_once(self, now: datetime) -> None:
        at = now - (now - _MOMENT_ZERO) % EVERY
        if at == self._recorded_at:
            return
        seen = self._desk.database.read(lambda tx: _look(tx, self._desk.measurements, at, now))
        if seen is not None:
            point, loads = seen
            self._desk.database.write(lambda tx: _keep(tx, point, loads))
        self._recorded_at = at


def read_history(tx: Connection, measure: Measure, span: timedelta, now: datetime) -> History:
    """What was measured of each worker, and how many jobs there were, over the last `span`."""
    since = now - span
    step = _step(points.width(tx, since), span)
    fleet = points.fleet_series(tx, since, step)
    loads = points.load_series(tx, measure, since, step)
    at = tuple(int((point.at - _MOMENT_ZERO).total_seconds()) for point in fleet)
    return History(
        measure=measure,
        step_seconds=int(step.total_seconds()),
        at=at,
        workers=tuple(
            Series(worker_id, tuple(_rounded(values.get(moment)) for moment in at))
            for worker_id, values in sorted(loads.items())
        ),
        pending=tuple(point.pending for point in fleet),
        processing=tuple(point.processing for point in fleet),
        completed=tuple(point.completed for point in fleet),
        failed=tuple(point.failed for point in fleet),
    )


def read_timeline(tx: Connection, span: timedelta, now: datetime, owner_id: str) -> Timeline:
    """The attempts that ran at some time during the last `span`, with the names of that person's files alone."""
    since = now - span
    return Timeline(since, now, tuple(bars(tx, since, MOST_BARS, owner_id=owner_id)))


def _look(
    tx: Connection, measurements: Measurements, at: datetime, now: datetime
) -> tuple[FleetPoint, list[LoadPoint]] | None:
    """The points of this moment; None when another server has kept them already."""
    if points.is_recorded(tx, at):
        return None
    counts = jobs.counts_by_status(tx)
    point = FleetPoint(
        at=at,
        pending=counts[JobStatus.PENDING],
        processing=counts[JobStatus.PROCESSING],
        completed=counts[JobStatus.COMPLETED],
        failed=counts[JobStatus.FAILED],
    )
    loads = []
    for worker in workers.list_workers(tx):
        if not worker.offline:
            metrics = get_worker_metrics(worker, measurements, now)
            loads.append(
                LoadPoint(worker.id, metrics.cpu_load, metrics.memory_mb, worker.running_jobs, worker.assigned_jobs)
            )
    return point, loads


def _keep(tx: Connection, point: FleetPoint, loads: list[LoadPoint]) -> None:
    if points.record(tx, point, loads):
        points.prune(tx, point.at - KEPT)


def _step(workers_shown: int, span: timedelta) -> timedelta:
    """As many times EVERY as make the answer small enough."""
    values = workers_shown * (span // EVERY)
    return EVERY * max(1, -(-values // MOST_VALUES))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
