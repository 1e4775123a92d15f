"""Which measurement of a worker counts, and until when."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from balanza.dispatch.measurements import Measurements
from balanza.dispatch.pace import Pace
from balanza.model import MetricsSource, Sample, Worker
from balanza.settings import Settings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTINGS = Settings(prometheus_scrape_seconds=5, heartbeat_seconds=1)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def worker(**changed: Any) -> Worker:
    known: dict[str, Any] = dict.fromkeys(Worker.__dataclass_fields__)
    known |= {"id": "worker_a", "registered_at": ago(3600), "seen_at": ago(0.5), "offline": False}
    return Worker(**known | {"cpu_load": 0.25, "memory_mb": 100.0} | changed)


def measured(seconds_ago: float, cpu_load: float = 0.75) -> Sample:
    return Sample(MetricsSource.PROMETHEUS, ago(seconds_ago), cpu_load, 200.0, 1)


def holding(**samples: Sample) -> Measurements:
    measurements = Measurements(SETTINGS, Pace(SETTINGS))
    measurements.replace(samples)
    return measurements


def test_without_prometheus_the_last_heartbeat_is_the_sample() -> None:
    measurements = Measurements(SETTINGS, Pace(SETTINGS))
    assert measurements.sample_of(worker(), NOW) == Sample(MetricsSource.HEARTBEAT, ago(0.5), 0.25, 100.0)
    assert (measurements.source(NOW), measurements.age_seconds(NOW)) == (MetricsSource.HEARTBEAT, None)


def test_a_fresh_sample_of_prometheus_comes_first() -> None:
    measurements = holding(worker_a=measured(4))
    assert measurements.sample_of(worker(), NOW) == measured(4)
    assert (measurements.source(NOW), measurements.age_seconds(NOW)) == (MetricsSource.PROMETHEUS, 4)


@pytest.mark.parametrize(("age", "source"), [(15, MetricsSource.PROMETHEUS), (15.001, MetricsSource.HEARTBEAT)])
def test_a_sample_of_prometheus_lasts_three_scrapes(age: float, source: MetricsSource) -> None:
    measurements = holding(worker_a=measured(age))
    sample = measurements.sample_of(worker(), NOW)
    assert sample
    assert (sample.source, measurements.source(NOW)) == (source, source)


@pytest.mark.parametrize(("age", "is_known"), [(3, True), (3.001, False)])
def test_a_heartbeat_lasts_three_heartbeats_and_then_the_worker_is_unknown(age: float, is_known: bool) -> None:
    sample = holding(worker_a=measured(60)).sample_of(worker(seen_at=ago(age)), NOW)
    assert (sample is not None) is is_known


@pytest.mark.parametrize(("ahead", "source"), [(5, MetricsSource.PROMETHEUS), (5.001, MetricsSource.HEARTBEAT)])
def test_a_clock_that_is_ahead_by_more_than_a_scrape_is_not_believed(ahead: float, source: MetricsSource) -> None:
    measurements = holding(worker_a=measured(-ahead))
    assert measurements.source(NOW) is source
    assert measurements.age_seconds(NOW) == (0 if source is MetricsSource.PROMETHEUS else None)


def test_what_was_measured_of_the_process_before_is_not_said_of_the_worker_that_replaced_it() -> None:
    measurements = holding(worker_a=measured(4))
    sample = measurements.sample_of(worker(registered_at=ago(2)), NOW)
    assert sample
    assert sample.source is MetricsSource.HEARTBEAT


def test_nothing_is_known_of_an_offline_worker() -> None:
    assert holding(worker_a=measured(1)).sample_of(worker(offline=True), NOW) is None


def test_a_worker_that_prometheus_does_not_scrape_is_measured_by_its_heartbeats() -> None:
    sample = holding(worker_b=measured(1)).sample_of(worker(), NOW)
    assert sample
    assert sample.source is MetricsSource.HEARTBEAT


def test_the_age_is_that_of_the_newest_sample() -> None:
    assert holding(worker_a=measured(9), worker_b=measured(2)).age_seconds(NOW) == 2


def test_what_was_held_before_is_forgotten() -> None:
    measurements = holding(worker_a=measured(1))
    measurements.replace({})
    assert measurements.source(NOW) is MetricsSource.HEARTBEAT


def test_samples_may_be_replaced_while_somebody_asks() -> None:
    few, many = ({f"worker_{n}": measured(1) for n in range(count)} for count in (10, 200))
    measurements = holding(**few)
    ending = threading.Event()

    def turn() -> None:
        while not ending.is_set():
            measurements.replace(many)
            measurements.replace(few)

    turning = threading.Thread(target=turn)
    turning.start()
    try:
        assert {measurements.age_seconds(NOW) for _ in range(2000)} == {1}
    finally:
        ending.set()
        turning.join()
