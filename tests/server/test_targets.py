"""Whom Prometheus is told to scrape."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from balanza.model import LEFT, Worker
from balanza.server.targets import TargetGroup, target_groups
from tests.server.stand import Stand

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def worker(letter: str, *, silent_seconds: float = 0.5, **changed: Any) -> Worker:
    known: dict[str, Any] = dict.fromkeys(Worker.__dataclass_fields__)
    known |= {"id": f"worker_{letter}", "metrics_address": f"127.0.0.1:910{ord(letter) - ord('a')}"}
    known |= {"seen_at": NOW - timedelta(seconds=silent_seconds), "offline": False, "leaving": False}
    return Worker(**known | changed)


def scraped(*fleet: Worker) -> dict[str, str]:
    """The address of each target by the name of its worker."""
    return {group.labels["instance"]: ",".join(group.targets) for group in target_groups(fleet, NOW)}


def test_each_worker_with_an_address_is_a_target_under_its_own_name() -> None:
    assert target_groups([worker("b"), worker("a"), worker("c", metrics_address=None)], NOW) == [
        TargetGroup(targets=["127.0.0.1:9100"], labels={"instance": "worker_a"}),
        TargetGroup(targets=["127.0.0.1:9101"], labels={"instance": "worker_b"}),
    ]


def test_a_lost_worker_stays_a_target_for_a_day_so_that_it_is_missed() -> None:
    assert set(scraped(worker("a", offline=True, silent_seconds=86_400))) == {"worker_a"}
    assert scraped(worker("a", offline=True, silent_seconds=86_401)) == {}


def test_a_worker_that_left_by_itself_is_no_target_but_one_that_still_leaves_is() -> None:
    lost = worker("b", leaving=True, offline=True)
    assert set(scraped(worker("a", instance=LEFT, offline=True), lost, worker("c", leaving=True))) == {
        "worker_b",
        "worker_c",
    }


def test_an_address_is_that_of_the_worker_heard_of_last() -> None:
    heir = worker("b", metrics_address="127.0.0.1:9100")
    assert scraped(worker("a", offline=True, silent_seconds=60), heir) == {"worker_b": "127.0.0.1:9100"}


def test_service_discovery_answers_as_prometheus_documents_it(own_stand: Stand) -> None:
    def answer() -> tuple[int, str, Any]:
        found = own_stand.client.get("/prometheus/targets", headers={"X-Prometheus-Refresh-Interval-Seconds": "5"})
        return found.status_code, found.headers["content-type"], found.json()

    assert answer() == (200, "application/json", [])
    measured = register(own_stand.client, "worker_a", metrics_address="127.0.0.1:9101")
    unmeasured = register(own_stand.client, "worker_b")
    assert answer() == (
        200,
        "application/json",
        [{"targets": ["127.0.0.1:9101"], "labels": {"instance": "worker_a"}}],
    )
    own_stand.client.post("/fleet/leave", json=measured)
    assert answer()[2] == []
    own_stand.client.post("/fleet/leave", json=unmeasured)


def register(client: httpx2.Client, worker_id: str, **more: str) -> dict[str, str]:
    identity = {"worker_id": worker_id, "instance": uuid.uuid4().hex}
    able = {"slots": 1, "cpus": 1, "encoders": [], "load": {"cpu_load": 0, "memory_mb": 50}}
    answer = client.post("/fleet/register", json=identity | able | more)
    assert answer.status_code == 200, answer.text
    return identity
