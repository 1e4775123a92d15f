"""What Prometheus answers to a range selector, and what of it is a sample of a worker. Pure.

The answer is a matrix of raw samples, each with the time at which it was scraped, in seconds since 1970, and its value
as text (prometheus.io/docs/prometheus/latest/querying/api, section "Range vectors").
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from balanza.model import MetricsSource, Sample
from balanza.protocol import WORKER_ID

CPU = "worker_cpu_load"
MEMORY = "worker_memory_usage_mb"
JOBS = "worker_jobs_in_progress"

MOST = {CPU: 1.0, MEMORY: 1e12, JOBS: 1e6}
"""What each can be at most; at least 0. The first two as in `protocol.Load`."""
LATEST_SECONDS = datetime(9999, 1, 1, tzinfo=UTC).timestamp()

Measured = dict[str, float | None]
"""By metric, what one scrape of a worker gave; None where two series contradict each other."""


class Unreadable(ValueError):
    """The answer is not what Prometheus documents; the clause that follows `it` says how."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric of one worker."""

    worker_id: str
    metric: str
    seconds: float
    value: float


def selector(range_seconds: float) -> str:
    """The raw samples of all workers and metrics of so many seconds up to now, in PromQL."""
    return f'{{__name__=~"{CPU}|{MEMORY}|{JOBS}"}}[{math.ceil(range_seconds * 1000)}ms]'


def samples_in(answer: bytes) -> dict[str, Sample]:
    """The newest sample of each worker, by its id. Raises Unreadable.

    A sample is one scrape that gave the CPU load; memory and jobs are of the same scrape or unknown. What is no number,
    not finite, out of range, or contradicted by another series of that very moment was not measured.
    """
    scrapes: dict[str, dict[float, Measured]] = defaultdict(lambda: defaultdict(dict))
    for point in _points(_matrix(answer)):
        measured = scrapes[point.worker_id][point.seconds]
        agrees = measured.setdefault(point.metric, point.value) == point.value
        measured[point.metric] = point.value if agrees else None
    found = ((worker_id, _newest(of_worker)) for worker_id, of_worker in scrapes.items())
    return {worker_id: sample for worker_id, sample in found if sample}


def _matrix(answer: bytes) -> list[Any]:
    try:
        body = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise Unreadable("answered without JSON") from error
    if not isinstance(body, dict) or body.get("status") != "success":
        raise Unreadable("answered without success")
    match body.get("data"):
        case {"resultType": "matrix", "result": list(series)}:
            return series
    raise Unreadable("answered with something else than a matrix")


def _points(matrix: list[Any]) -> Iterator[Point]:
    for one in matrix:
        match one:
            case {"metric": {"__name__": str(metric), "worker_id": str(worker_id)}, "values": list(pairs)}:
                if metric in MOST and re.fullmatch(WORKER_ID, worker_id):
                    yield from _points_of(worker_id, metric, pairs)


def _points_of(worker_id: str, metric: str, pairs: list[Any]) -> Iterator[Point]:
    for pair in pairs:
        match pair:
            case [int() | float() as seconds, str(text)] if not isinstance(seconds, bool):
                value = _number(text)
                if 0 <= seconds <= LATEST_SECONDS and value is not None and 0 <= value <= MOST[metric]:
                    yield Point(worker_id, metric, seconds, value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _newest(scrapes: Mapping[float, Measured]) -> Sample | None:
    for seconds in sorted(scrapes, reverse=True):
        measured = scrapes[seconds]
        cpu_load, jobs = measured.get(CPU), measured.get(JOBS)
        if cpu_load is not None:
            return Sample(
                MetricsSource.PROMETHEUS,
                datetime.fromtimestamp(seconds, UTC),
                cpu_load,
                measured.get(MEMORY),
                None if jobs is None else int(jobs),
            )
    return None
