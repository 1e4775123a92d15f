"""What Prometheus reads."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

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
