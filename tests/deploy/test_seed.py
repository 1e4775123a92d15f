"""The seed's own way of starting Balanza, step by step, with what compose.yaml starts."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.stack import Stack
from tests.server.stand import wav
from tests.support.needs import need
from tests.support.waiting import eventually

WORKERS = {"worker_a", "worker_b"}
QUERIES = (
    "worker_cpu_load",
    "worker_jobs_in_progress",
    "worker_conversions_done_total",
    "rate(worker_conversion_duration_seconds_sum[5m]) / rate(worker_conversion_duration_seconds_count[5m])",
)
"""The seed's, word for word."""
SCRAPED_SECONDS = 60.0
"""Discovery takes up to 10 s, a rate two scrapes with a conversion between them; more where tests share a machine."""


@pytest.fixture
def stack(tmp_path: Path, installed: Callable[[str], Path]) -> Iterator[Stack]:
    found = shutil.which("prometheus") and shutil.which("promtool")
    need(bool(found), "prometheus and promtool are missing; install the Debian package prometheus.")
    with Stack(tmp_path, installed) as running:
        yield running


@pytest.mark.timeout(240)
def test_the_seeds_steps_hold_for_what_compose_starts(stack: Stack) -> None:
    step_1_the_containers_run_and_are_healthy(stack)
    only_the_names_of_the_server_reach_it(stack)
    step_2_the_statistics_tell_of_both_workers(stack)
    prometheus_finds_both_workers_and_the_server(stack)
    song = upload(stack)
    steps_3_and_4_six_requests_at_once_alternate(stack, song)
    the_queries_of_the_seed_answer_with_data_of_both_workers(stack)
    step_5_without_worker_b_all_goes_to_worker_a(stack, song)
    step_5_after_its_return_worker_b_gets_jobs_again(stack, song)
    all_containers_end_well(stack)


def step_1_the_containers_run_and_are_healthy(stack: Stack) -> None:
    assert set(stack.containers) == {"api", *WORKERS, "prometheus"}
    assert all(container.is_healthy() for container in stack.containers.values())


def only_the_names_of_the_server_reach_it(stack: Stack) -> None:
    for host, code in (("api:8000", 200), ("localhost:8000", 200), ("prometheus:8000", 403), ("evil.example", 403)):
        assert stack.api.get("/jobs", headers={"Host": host}).status_code == code, host


def step_2_the_statistics_tell_of_both_workers(stack: Stack) -> None:
    stats = stack.api.get("/workers/stats").json()
    assert [worker["worker_id"] for worker in stats["workers"]] == ["worker_a", "worker_b"]
    assert stats["summary"]["active_workers"] == stats["summary"]["total_workers"] == 2


def prometheus_finds_both_workers_and_the_server(stack: Stack) -> None:
    eventually(lambda: set(up(stack)) > WORKERS and set(up(stack).values()) == {"1"}, SCRAPED_SECONDS)
    eventually(lambda: summary(stack)["metrics_source"] == "prometheus", SCRAPED_SECONDS)


def steps_3_and_4_six_requests_at_once_alternate(stack: Stack, song: str) -> None:
    jobs = [convert(stack, song, to) for to in ("aac", "ogg", "flac", "wav", "mp3", "flac")]
    assert sorted(job["assigned_worker"] for job in jobs) == ["worker_a"] * 3 + ["worker_b"] * 3
    assert {job["worker_id"] for job in completed(stack, jobs)} == WORKERS
    listed = stack.api.get("/jobs").json()["jobs"]
    assert {job["job_id"] for job in listed} == {job["job_id"] for job in jobs}
    lines = [line for line in stack.containers["api"].log if line.startswith("[BALANCEO] Seleccionado")]
    # More than these, when a worker that was free took a job of the other.
    assert Counter(line.split()[2] for line in lines) >= Counter(job["assigned_worker"] for job in jobs)
    for name in WORKERS:
        assert any(line.startswith(f"[{name}] ⭐ Trabajo ASIGNADO recibido: ") for line in stack.containers[name].log)


def the_queries_of_the_seed_answer_with_data_of_both_workers(stack: Stack) -> None:
    eventually(lambda: all(workers_in(stack, query) == WORKERS for query in QUERIES), SCRAPED_SECONDS)


def step_5_without_worker_b_all_goes_to_worker_a(stack: Stack, song: str) -> None:
    assert stack.containers["worker_b"].stop() == 0
    assert status_of(stack, "worker_b") == "offline"
    jobs = [convert(stack, song, to) for to in ("flac", "ogg", "mp3")]
    assert [job["assigned_worker"] for job in jobs] == ["worker_a"] * 3
    assert [job["worker_id"] for job in completed(stack, jobs)] == ["worker_a"] * 3


def step_5_after_its_return_worker_b_gets_jobs_again(stack: Stack, song: str) -> None:
    stack.containers["worker_b"].start()
    stack.containers["worker_b"].until_healthy()
    eventually(lambda: status_of(stack, "worker_b") == "idle")
    jobs = [convert(stack, song, to) for to in ("aac", "ogg")]
    assert {job["assigned_worker"] for job in jobs} == WORKERS
    completed(stack, jobs)


def all_containers_end_well(stack: Stack) -> None:
    """docker compose down: those that depend on others first."""
    assert {name: stack.containers[name].stop() for name in reversed(stack.containers)} == dict.fromkeys(
        stack.containers, 0
    )
    for name in ("api", *WORKERS):
        assert not [line for line in stack.containers[name].log if "Traceback" in line or "ERROR" in line]


def upload(stack: Stack) -> str:
    """The media id."""
    answer = stack.api.post("/upload?name=song.wav", content=wav(90, rate=48_000))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def convert(stack: Stack, song: str, to: str) -> dict[str, Any]:
    answer = stack.api.post("/convert", json={"input_file": song, "output_format": to})
    assert answer.status_code == 201, answer.text
    submitted: dict[str, Any] = answer.json()
    return submitted


def completed(stack: Stack, jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The jobs when all have completed, in their order."""
    found: dict[str, dict[str, Any]] = {}

    def are_so() -> bool:
        found.update({job["job_id"]: stack.api.get(f"/jobs/{job['job_id']}").json() for job in jobs})
        assert all(job["status"] != "failed" for job in found.values()), found
        return all(job["status"] == "completed" for job in found.values())

    eventually(are_so, 60, every=0.1)
    return [found[job["job_id"]] for job in jobs]


def summary(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.api.get("/workers/stats").json()["summary"]
    return found


def status_of(stack: Stack, worker_id: str) -> str:
    workers = stack.api.get("/workers/stats").json()["workers"]
    return str(next(worker["status"] for worker in workers if worker["worker_id"] == worker_id))


def answers(stack: Stack, query: str) -> list[dict[str, Any]]:
    answer = stack.prometheus.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def up(stack: Stack) -> dict[str, str]:
    return {one["metric"]["instance"]: one["value"][1] for one in answers(stack, "up")}


def workers_in(stack: Stack, query: str) -> set[str]:
    """Of which workers there is a number; 0/0 is none."""
    return {one["metric"]["worker_id"] for one in answers(stack, query) if one["value"][1] != "NaN"}
