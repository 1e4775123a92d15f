"""A real Prometheus, set up by the files of deploy/, scrapes real workers; the server reads it, and does without it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.clips import clip
from tests.support.live import Live, free_port
from tests.support.prometheus import SCRAPE_SECONDS, Prometheus, need_prometheus
from tests.support.waiting import eventually

WORKERS = {"worker_a", "worker_b"}
MEAN_SECONDS = "rate(worker_conversion_duration_seconds_sum[5m]) / rate(worker_conversion_duration_seconds_count[5m])"
REFRESHES = 'balanza_prometheus_refreshes_total{{outcome="{}"}}'
LOST = "is no source of metrics"
BACK = "says how loaded the workers are"
FRESH_SECONDS = 3 * SCRAPE_SECONDS
SLOWEST_ANSWER_SECONDS = 1.5
"""On a machine that is busy with other tests; a question to a silent Prometheus is given up after 2 s."""


@dataclass
class Plant:
    """A Balanza and the Prometheus that it reads."""

    live: Live
    prometheus: Prometheus
    song: str

    def summary(self) -> dict[str, Any]:
        """What `GET /workers/stats` says of the fleet, which must never be untrue, nor be slow to say."""
        began = time.monotonic()
        summary: dict[str, Any] = self.live.api.get("/workers/stats").json()["summary"]
        assert time.monotonic() - began < SLOWEST_ANSWER_SECONDS
        # A heartbeat lasts as long: it comes once a second. None: the one fresh sample is of a worker that has left.
        age = summary["metrics_age_seconds"]
        assert age is None or 0 <= age <= FRESH_SECONDS, summary
        return summary

    def until_source_is(self, source: str) -> None:
        eventually(lambda: self.summary()["metrics_source"] == source, 20)

    def convert_one(self) -> None:
        """A job is given to a worker at once, and completed."""
        began = time.monotonic()
        job_id = self.live.convert(self.song, "mp3")
        assert time.monotonic() - began < SLOWEST_ANSWER_SECONDS
        assert self.live.until(job_id, "completed")["worker_id"] in WORKERS

    def metric(self, name: str) -> float:
        """What the server measures now."""
        lines = self.live.api.get("/metrics").text.splitlines()
        [line] = [line for line in lines if line.startswith(f"{name} ")]
        return float(line.removeprefix(name))

    def count(self, part: str) -> int:
        return sum(part in line for line in self.live.log)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    need_prometheus()
    folder = tmp_path_factory.mktemp("plant")
    # Its address is known before the server that it scrapes is there, as in compose.yaml.
    port = free_port()
    environment = {
        "BALANZA_PROMETHEUS_URL": f"http://127.0.0.1:{port}",
        "BALANZA_PROMETHEUS_SCRAPE_SECONDS": str(SCRAPE_SECONDS),
    }
    with (
        Live(folder / "data", metrics=True, environment=environment) as live,
        Prometheus(folder / "prometheus", f"127.0.0.1:{live.port}", port=port) as prometheus,
    ):
        yield Plant(live, prometheus, live.upload(clip("song.wav")))


@pytest.fixture
def plant(shared: Plant) -> Plant:
    """With a Prometheus that is read."""
    shared.until_source_is("prometheus")
    eventually(lambda: set(shared.prometheus.values('up{job="workers"} == 1', "instance")) >= WORKERS, 20)
    return shared


def test_the_queries_of_the_seed_answer_with_data(plant: Plant) -> None:
    asked = plant.prometheus
    done = 'sum by (worker_id) (worker_conversions_done_total{status="success"})'
    eventually(lambda: set(asked.values(done, "worker_id")) == WORKERS, 15)
    job = plant.live.until(plant.live.convert(plant.song, "mp3"), "completed")
    by = job["worker_id"]

    for name in ("worker_cpu_load", "worker_jobs_in_progress", "worker_conversions_done_total"):
        assert set(asked.values(name, "worker_id")) == WORKERS, name
        assert set(asked.values(name, "instance")) == WORKERS, name
    eventually(lambda: float(asked.values(done, "worker_id")[by]) >= 1, 15)
    # A rate takes two scrapes with an increase between them; 0/0 of a worker that did nothing is no number.
    eventually(lambda: by in asked.values(f"{MEAN_SECONDS} >= 0", "worker_id"), 15)
    assert 0 < float(asked.values(MEAN_SECONDS, "worker_id")[by]) < 60


def test_what_the_rules_record_is_there_and_no_alert_fires_on_a_healthy_fleet(plant: Plant) -> None:
    asked = plant.prometheus
    server = f"127.0.0.1:{plant.live.port}"
    eventually(lambda: set(asked.values("instance:balanza_queue_depth:sum", "instance")) == {server}, 15)
    eventually(lambda: all(rule["health"] == "ok" for rule in asked.rules()), 15)
    alerts = {rule["name"]: rule["state"] for rule in asked.rules() if rule["type"] == "alerting"}
    assert len(alerts) == 8
    assert "firing" not in alerts.values()


def test_the_server_and_the_workers_expose_what_promtool_accepts(plant: Plant) -> None:
    for port in (plant.live.port, plant.live.metrics_port, plant.live.metrics_port + 1):
        exposition = plant.live.api.get(f"http://127.0.0.1:{port}/metrics").content
        checked = subprocess.run(["promtool", "check", "metrics"], input=exposition, capture_output=True, check=False)
        # Code 3 is advice on names, which are the seed's.
        assert checked.returncode in (0, 3), checked.stderr.decode()


def test_the_samples_of_prometheus_are_told_with_their_age(plant: Plant) -> None:
    def told(field: str) -> list[Any]:
        return [worker[field] for worker in plant.live.api.get("/workers/stats").json()["workers"]]

    eventually(lambda: told("metrics_source") == ["prometheus"] * 2)
    eventually(lambda: told("measured_jobs_in_progress") == [0, 0])
    assert all(0 <= age <= FRESH_SECONDS for age in told("metrics_age_seconds"))
    assert all(memory_mb > 10 for memory_mb in told("memory_mb"))
    assert plant.metric('balanza_metrics_source{source="prometheus"}') == 1
    assert plant.metric('balanza_metrics_source{source="heartbeat"}') == 0
    assert 0 <= plant.metric("balanza_metrics_age_seconds") <= FRESH_SECONDS
    assert plant.metric(REFRESHES.format("ok")) > 0


def test_a_worker_added_later_is_scraped_without_editing_a_file_until_it_leaves(plant: Plant, tmp_path: Path) -> None:
    with worker(plant.live, "worker_c", tmp_path):
        # Prometheus hands on what it discovered every 5 s.
        eventually(lambda: source_of(plant, "worker_c") == "prometheus", 20)
    named = [group["labels"]["instance"] for group in plant.live.api.get("/prometheus/targets").json()]
    assert named == sorted(WORKERS)


def test_frozen_it_grows_old_is_replaced_by_heartbeats_and_comes_back(plant: Plant) -> None:
    lost, back = plant.count(LOST), plant.count(BACK)
    plant.prometheus.freeze()
    try:
        plant.convert_one()
        plant.until_source_is("heartbeat")
        assert plant.summary()["metrics_age_seconds"] < FRESH_SECONDS
        assert plant.metric('balanza_metrics_source{source="prometheus"}') == 0
        plant.convert_one()
        eventually(lambda: plant.count(LOST) == lost + 1)
        timeouts = plant.metric(REFRESHES.format("timeout"))
        eventually(lambda: plant.metric(REFRESHES.format("timeout")) > timeouts)
        assert plant.count(LOST) == lost + 1, "once is enough"
        assert "it did not answer within 2 s" in [line for line in plant.live.log if LOST in line][-1]
    finally:
        plant.prometheus.thaw()
    plant.until_source_is("prometheus")
    eventually(lambda: plant.count(BACK) == back + 1)


def test_killed_started_without_targets_emptied_and_started_again_it_is_believed_when_it_has_scraped(
    plant: Plant,
) -> None:
    found = plant.prometheus
    found.kill()
    try:
        plant.until_source_is("heartbeat")
        plant.convert_one()
        eventually(lambda: "it cannot be reached" in [line for line in plant.live.log if LOST in line][-1])
        # What it stored before is there again, and too old to be believed.
        found.configure(found.without_workers)
        found.start()
        assert set(found.values("max_over_time(worker_cpu_load[1m])", "worker_id")) >= WORKERS
        empty = plant.metric(REFRESHES.format("empty"))
        eventually(lambda: plant.metric(REFRESHES.format("empty")) > empty)
        assert plant.summary()["metrics_source"] == "heartbeat"
        plant.convert_one()
        found.kill()
        found.empty()
    finally:
        found.kill()
        found.configure(found.whole)
        found.start()
    plant.until_source_is("prometheus")
    plant.convert_one()


def source_of(plant: Plant, worker_id: str) -> str | None:
    workers = plant.live.api.get("/workers/stats").json()["workers"]
    return next((worker["metrics_source"] for worker in workers if worker["worker_id"] == worker_id), None)


@contextmanager
def worker(live: Live, worker_id: str, folder: Path) -> Iterator[None]:
    """One more worker until the end of the block, when it leaves by itself."""
    options = {"--server": live.address, "--id": worker_id, "--metrics-port": str(free_port())}
    options |= {"--scratch": str(folder)}
    words = [word for option in options.items() for word in option]
    process = subprocess.Popen([sys.executable, "-m", "balanza", "worker", *words], stdin=subprocess.DEVNULL)
    try:
        yield
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
