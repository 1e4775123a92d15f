"""The last hour of the fleet: at each moment one point for all of it, and one for each worker that was online."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, delete, func, insert, select, type_coerce

from balanza.store.point_tables import fleet_points, load_points


class Measure(StrEnum):
    """What a point says of a worker: columns of its table."""

    CPU_LOAD = "cpu_load"
    MEMORY_MB = "memory_mb"
    RUNNING_JOBS = "running_jobs"
    ASSIGNED_JOBS = "assigned_jobs"


@dataclass(frozen=True, slots=True)
class FleetPoint:
    """How many jobs were in which state. `completed` and `failed` count since ever."""

    at: datetime
    pending: int
    processing: int
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """A worker at the moment of a fleet point. What was not measured is None."""

    worker_id: str
    cpu_load: float | None
    memory_mb: float | None
    running_jobs: int
    assigned_jobs: int


def _between(column: ColumnElement[datetime]) -> tuple[ColumnElement[bool], ...]:
    """After `:since`, and of these only those at whole multiples of `:every`."""
    number = type_coerce(column, BigInteger)
    return column > bindparam("since"), number % bindparam("every", type_=BigInteger) == 0


_FLEET = [fleet_points.c[name] for name in FleetPoint.__dataclass_fields__]
_INSERT_FLEET = insert(fleet_points)
_INSERT_LOADS = insert(load_points)
_IS_THERE = select(fleet_points.c.at).where(fleet_points.c.at == bindparam("this_at"))
_POINTS = select(*_FLEET).where(*_between(fleet_points.c.at)).order_by(fleet_points.c.at)
_SERIES = {
    # The time as it is stored: to make an object of each, of 60,000, would take longer than all else.
    measure: select(type_coerce(load_points.c.at, BigInteger), load_points.c.worker_id, load_points.c[measure])
    .where(*_between(load_points.c.at))
    .order_by(load_points.c.at)
    for measure in Measure
}
_WIDTH = select(func.count(load_points.c.worker_id.distinct())).where(load_points.c.at > bindparam("since"))
_PRUNE = [delete(table).where(table.c.at < bindparam("before")) for table in (load_points, fleet_points)]

MICROSECONDS = 1_000_000


def is_recorded(tx: Connection, at: datetime) -> bool:
    """There is a point of that moment."""
    return tx.execute(_IS_THERE, {"this_at": at}).first() is not None


def record(tx: Connection, point: FleetPoint, loads: Sequence[LoadPoint]) -> bool:
    """Keeps the points of one moment; False, and nothing is changed, when another server has kept some already."""
    if is_recorded(tx, point.at):
        return False
    # Two at once: the second INSERT is refused, and Database.write runs the operation again.
    tx.execute(_INSERT_FLEET, asdict(point))
    if loads:
        tx.execute(_INSERT_LOADS, [{"at": point.at, **asdict(load)} for load in loads])
    return True


def prune(tx: Connection, before: datetime) -> None:
    """Removes the points older than that."""
    for statement in _PRUNE:
        tx.execute(statement, {"before": before})


def fleet_series(tx: Connection, since: datetime, every: timedelta) -> list[FleetPoint]:
    """The points after `since` that lie at whole multiples of `every`, oldest first."""
    return [FleetPoint(*row) for row in tx.execute(_POINTS, _values(since, every))]


def load_series(
    tx: Connection, measure: Measure, since: datetime, every: timedelta
) -> dict[str, dict[int, float | None]]:
    """By worker, what was measured by the second of the epoch; as `fleet_series`."""
    series: dict[str, dict[int, float | None]] = {}
    for micros, worker_id, value in tx.execute(_SERIES[measure], _values(since, every)):
        series.setdefault(worker_id, {})[micros // MICROSECONDS] = value
    return series


def width(tx: Connection, since: datetime) -> int:
    """How many workers have points after that time."""
    return tx.execute(_WIDTH, {"since": since}).scalar_one()


def _values(since: datetime, every: timedelta) -> dict[str, Any]:
    return {"since": since, "every": every // timedelta(microseconds=1)}
