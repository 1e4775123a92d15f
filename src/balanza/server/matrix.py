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

LONGEST = 2**15
"""Characters of one series, and of all that is around the series: some 800 samples."""

_RESULT = re.compile(r'"result"\s*:\s*\[')
_DECODER = json.JSONDecoder()

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


def series_in(answer: bytes) -> Iterator[object]:
    """The series of the matrix, one after the other, whatever they are. Raises Unreadable, perhaps only at the end.

    They are read one by one: while `json` reads something other threads stand still, 100 ms for a megabyte of numbers.
    """
    try:
        text = answer.decode()
        begin = _RESULT.search(text)
        position = begin.end() if begin else 0
        while begin and (position := _after_space(text, position)) < len(text) and text[position] != "]":
            one, length = _DECODER.raw_decode(text[position : position + LONGEST])
            yield one
            position = _after_space(text, position + length)
            position += text.startswith(",", position)
        _check_envelope(text[: begin.end()] + text[position:] if begin else text)
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable("answered without JSON") from error


class Samples:
    """The newest sample of each worker in the series that were added.

    A sample is one scrape that gave the CPU load; memory and jobs are of the same scrape or unknown. What is no number,
    not finite, out of range, or contradicted by another series of that very moment was not measured.
    """

    def __init__(self) -> None:
        self._scrapes: dict[str, dict[float, Measured]] = defaultdict(lambda: defaultdict(dict))

    def add(self, series: object) -> None:
        """What is no series of a metric of a worker is left out."""
        for point in _points(series):
            measured = self._scrapes[point.worker_id][point.seconds]
            agrees = measured.setdefault(point.metric, point.value) == point.value
            measured[point.metric] = point.value if agrees else None

    def newest(self) -> dict[str, Sample]:
        """By worker id."""
        found = ((worker_id, _newest(scrapes)) for worker_id, scrapes in self._scrapes.items())
        return {worker_id: sample for worker_id, sample in found if sample}


def _after_space(text: str, position: int) -> int:
    while text.startswith((" ", "\n", "\r", "\t"), position):
        position += 1
    return position


def _check_envelope(text: str) -> None:
    """What is around the series, which were taken out."""
    if len(text) > LONGEST:
        raise Unreadable("answered with something else than a matrix")
    body = json.loads(text)
    if not isinstance(body, dict) or body.get("status") != "success":
        raise Unreadable("answered without success")
    match body.get("data"):
        case {"resultType": "matrix", "result": []}:
            return
    raise Unreadable("answered with something else than a matrix")


def _points(series: object) -> Iterator[Point]:
    match series:
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
