"""What Prometheus reads."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from balanza.worker.metrics import WorkerMetrics
from tests.server.stand import Hand, Stand, running, wav

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(stand: Stand) -> Samples:
    answer = stand.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


def test_jobs_queues_workers_waits_runs_and_requests_are_measured(own_stand: Stand) -> None:
    hand = Hand.register(own_stand.client, "worker_a")
    media = own_stand.upload()
    own_stand.convert(media["id"], "wav")
    own_stand.convert(media["id"], "flac")
    grant = hand.grant()
    hand.store(grant["token"], wav())
    hand.complete(grant, wav())
    samples = scrape(own_stand)
    assert value(samples, "balanza_jobs", status="completed") == 1
    assert value(samples, "balanza_jobs", status="pending") == 1
    assert value(samples, "balanza_queue_depth", queue="conversion:queue:worker_a") == 1
    assert value(samples, "balanza_queue_depth", queue="conversion:queue") == 0
    assert sum(value(samples, "balanza_workers", status=status) for status in ("idle", "available", "busy")) == 1
    assert value(samples, "balanza_job_wait_seconds_count") == 1
    assert value(samples, "balanza_job_run_seconds_count", status="completed") == 1
    requests = "balanza_http_request_duration_seconds_count"
    assert value(samples, requests, method="POST", route="/convert", status="201") == 2
    path = "/fleet/leases/{token}/complete"
    assert value(samples, requests, method="POST", route=path, status="204") == 1
    hand.leave()


def test_decisions_moves_ends_and_waiting_are_counted(own_stand: Stand) -> None:
    hand = Hand.register(own_stand.client, "worker_a")
    samples = scrape(own_stand)
    assert value(samples, "balanza_oldest_pending_seconds") == 0
    assert value(samples, "balanza_jobs_ended_total", status="failed") == 0
    job = own_stand.convert(own_stand.upload()["id"], "mp3")
    assert value(scrape(own_stand), "balanza_oldest_pending_seconds") > 0
    own_stand.client.post("/workers/worker_a/drain")
    own_stand.client.post("/workers/worker_a/resume")
    grant = hand.grant()
    assert grant["job_id"] == job["job_id"]
    hand.store(grant["token"], wav())
    hand.complete(grant, wav())
    samples = scrape(own_stand)
    assert value(samples, "balanza_decisions_total", policy="least_loaded") == 1
    assert value(samples, "balanza_jobs_moved_total", reason="draining") == 1
    assert value(samples, "balanza_jobs_ended_total", status="completed") == 1
    assert value(samples, "balanza_oldest_pending_seconds") == 0
    hand.leave()


def test_the_age_of_the_newest_measurement_is_told_as_long_as_there_is_one(own_stand: Stand) -> None:
    assert ("balanza_metrics_age_seconds", ()) not in scrape(own_stand)
    hand = Hand.register(own_stand.client, "worker_a")
    hand.beat()
    samples = scrape(own_stand)
    assert value(samples, "balanza_metrics_source", source="heartbeat") == 1
    assert value(samples, "balanza_metrics_source", source="prometheus") == 0
    assert 0 <= value(samples, "balanza_metrics_age_seconds") < 3
    hand.leave()
    assert ("balanza_metrics_age_seconds", ()) not in scrape(own_stand)


def test_every_metric_is_explained_in_the_manual(own_stand: Stand) -> None:
    hand = Hand.register(own_stand.client, "worker_a")
    own_stand.parts.metrics.prometheus_refreshed("ok")
    of_server = generate_latest(own_stand.parts.metrics.registry).decode()
    of_worker = generate_latest(WorkerMetrics("worker_a").registry).decode()
    exposed = set(re.findall(r"^# TYPE (\w+) ", of_server + of_worker, re.MULTILINE))
    exposed = {name for name in exposed if not name.endswith("_created")}
    manual = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert set(re.findall(r"^\| `((?:balanza|worker)_\w+)`", manual, re.MULTILINE)) == exposed
    hand.leave()


def test_addresses_that_do_not_exist_make_one_series_only(stand: Stand) -> None:
    for n in range(5):
        stand.client.get(f"/nowhere/{n}")
        stand.client.get(f"/media/{n}")
        stand.client.get(f"/web/{n}")
    routes = {dict(labels)["route"] for name, labels in scrape(stand) if name.startswith("balanza_http_request")}
    assert not [route for route in routes if "0" in route]
    assert {"(none)", "/media/{media_id}"} <= routes


def test_a_server_that_works_is_ready(stand: Stand) -> None:
    before = stand.stored()
    assert stand.get("/ready") == {"ok": True}
    assert stand.stored() == before


@pytest.mark.parametrize("part", ["incoming", "objects"])
def test_a_server_without_its_storage_is_not_ready(own_stand: Stand, part: str) -> None:
    folder = own_stand.parts.desk.settings.storage_folder / part
    folder.rename(folder.with_name("away"))
    answer = own_stand.client.get("/ready")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "Cannot write to the storage" in answer.json()["detail"]
    folder.with_name("away").rename(folder)
    assert own_stand.get("/ready") == {"ok": True}


def test_a_server_whose_database_takes_no_writes_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balanza.store.sqlite._BUSY_SECONDS", 0.05)
    with running(tmp_path) as stand, closing(sqlite3.connect(tmp_path / "balanza.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = stand.client.get("/ready")
        assert answer.status_code == 503
        assert "Another program is writing to the database file" in answer.json()["detail"]
        other.execute("ROLLBACK")
        assert stand.get("/ready") == {"ok": True}
