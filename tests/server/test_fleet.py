"""What workers ask of the server."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from balanza.protocol import PROTOCOL
from balanza.server.bells import Bells
from tests.server.stand import Hand, Stand, wav
from tests.support.waiting import eventually


@pytest.fixture
def hand(stand: Stand) -> Iterator[Hand]:
    worker = Hand.register(stand.client, "worker_a", slots=4)
    yield worker
    worker.leave()


@pytest.fixture(scope="module")
def song(stand: Stand) -> dict[str, Any]:
    return stand.upload("song.wav", wav(0.5))


def end(stand: Stand, job_id: str) -> None:
    stand.client.post(f"/jobs/{job_id}/cancel")


def is_waiting(stand: Stand, worker_id: str) -> bool:
    bells: Bells = stand.server._app.state.loop_parts.bells
    return f"work:{worker_id}" in bells._waiting


def test_registering_tells_the_beat_and_the_shared_folder(stand: Stand) -> None:
    load = {"cpu_load": 0, "memory_mb": 1}
    registration = {"worker_id": "w", "instance": "i", "slots": 1, "cpus": 1, "encoders": [], "load": load}
    answer = stand.client.post("/fleet/register", json=registration)
    assert answer.headers["Balanza-Protocol"] == str(PROTOCOL)
    registered = answer.json()
    assert registered["heartbeat_seconds"] == 1
    assert registered["lease_seconds"] == 10
    assert registered["storage_folder"] == str(stand.data / "storage")
    assert registered["storage_marker"]
    stand.client.post("/fleet/leave", json={"worker_id": "w", "instance": "i"})


def test_a_lease_gives_the_source_through_the_server(stand: Stand, hand: Hand, song: dict[str, Any]) -> None:
    job = stand.convert(song["id"])
    grant = hand.grant()
    assert grant["job_id"] == job["job_id"]
    assert grant["was_assigned"] is True
    assert grant["source"]["sha256"] == song["sha256"]
    source = stand.client.get(f"/fleet/leases/{grant['token']}/source")
    assert source.content == wav(0.5)
    assert source.headers["content-length"] == str(song["size_bytes"])
    end(stand, job["job_id"])


def test_an_ordinary_lease_says_nothing_that_an_older_worker_does_not_know(
    stand: Stand, hand: Hand, song: dict[str, Any]
) -> None:
    stand.convert(song["id"])
    known = {"token", "job_id", "attempt", "kind", "output_format", "options", "source", "output_key", "was_assigned"}
    grant = hand.grant()
    stand.client.post(f"/jobs/{grant['job_id']}/cancel")
    assert grant.keys() <= known


def test_a_worker_that_waits_is_answered_as_soon_as_there_is_a_job(
    stand: Stand, hand: Hand, song: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: (hand.lease(wait_seconds=20), time.monotonic()))
        eventually(lambda: is_waiting(stand, "worker_a"))
        submitted_at = time.monotonic()
        job = stand.convert(song["id"])
        answer, answered_at = waiting.result(timeout=10)
    assert answer.json()["job_id"] == job["job_id"]
    assert answered_at - submitted_at < 0.9, "sooner than the look that is taken each second in any case"
    end(stand, job["job_id"])


def test_waiting_ends_with_nothing_when_there_is_nothing(hand: Hand) -> None:
    started_at = time.monotonic()
    answer = hand.lease(wait_seconds=0.3)
    assert (answer.status_code, answer.content) == (204, b"")
    assert 0.3 <= time.monotonic() - started_at < 3


def test_nothing_is_leased_to_a_worker_that_has_gone_away(stand: Stand, hand: Hand, song: dict[str, Any]) -> None:
    body = json.dumps({"worker_id": "worker_a", "instance": hand.instance, "wait_seconds": 20}).encode()
    with socket.create_connection(("127.0.0.1", stand.port)) as connection:
        head = "POST /fleet/lease HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        eventually(lambda: is_waiting(stand, "worker_a"))
    job = stand.convert(song["id"])
    eventually(lambda: not is_waiting(stand, "worker_a"))
    assert stand.get(f"/jobs/{job['job_id']}")["status"] == "pending"
    assert hand.grant()["job_id"] == job["job_id"]
    end(stand, job["job_id"])


def test_a_worker_that_was_replaced_is_told_so(stand: Stand, song: dict[str, Any]) -> None:
    old = Hand.register(stand.client, "worker_twice")
    new = Hand.register(stand.client, "worker_twice")
    job = stand.convert(song["id"])
    for answer in (old.beat(), old.lease()):
        assert answer.status_code == 409
        assert answer.json()["type"] in {
            "urn:balanza:problem:worker-replaced",
            "urn:balanza:problem:worker-unknown",
        }
    assert new.beat().status_code == 200
    end(stand, job["job_id"])
    new.leave()


def test_a_stale_token_changes_nothing_and_leaves_nothing(stand: Stand, hand: Hand, song: dict[str, Any]) -> None:
    job_id = stand.convert(song["id"])["job_id"]
    grant = hand.grant()
    end(stand, job_id)
    before = stand.stored(), stand.get(f"/jobs/{job_id}"), stand.get("/media")
    path = f"/fleet/leases/{grant['token']}"
    answers = [
        stand.client.get(f"{path}/source"),
        hand.store(grant["token"], b"late"),
        hand.complete(grant, b"late"),
        stand.client.post(f"{path}/fail", json={"error": "late"}),
        stand.client.post(f"{path}/release"),
    ]
    assert [answer.status_code for answer in answers] == [409] * 5
    assert {answer.json()["type"] for answer in answers} == {"urn:balanza:problem:lease-lost"}
    assert (stand.stored(), stand.get(f"/jobs/{job_id}"), stand.get("/media")) == before


def test_a_result_under_a_lease_that_ends_meanwhile_is_refused_and_removed(
    stand: Stand, hand: Hand, song: dict[str, Any]
) -> None:
    job_id = stand.convert(song["id"])["job_id"]
    grant = hand.grant()
    before = stand.stored()
    assert hand.store(grant["token"], wav()).json()["size_bytes"] == len(wav())
    end(stand, job_id)
    assert hand.complete(grant, wav()).status_code == 409
    assert stand.stored() == before


def test_a_cancelled_job_is_lost_at_the_next_heartbeat(stand: Stand, hand: Hand, song: dict[str, Any]) -> None:
    job_id = stand.convert(song["id"])["job_id"]
    grant = hand.grant()
    report = {"token": grant["token"], "progress": 10}
    answer = hand.beat(report)
    assert answer.json() == {"lost": [], "drain": False}, "an older worker refuses what it does not know"
    assert answer.headers["Balanza-Heartbeat-Seconds"] == "1.0"
    end(stand, job_id)
    assert hand.beat(report).json()["lost"] == [grant["token"]]


def test_a_failed_attempt_is_kept_in_the_history(stand: Stand, hand: Hand, song: dict[str, Any]) -> None:
    job_id = stand.convert(song["id"])["job_id"]
    grant = hand.grant()
    failure = {"error": "FFmpeg gave up.", "log_tail": "line\x00 one"}
    assert stand.client.post(f"/fleet/leases/{grant['token']}/fail", json=failure).status_code == 204
    job = stand.get(f"/jobs/{job_id}")
    assert (job["status"], job["attempts"]) == ("pending", 1)
    assert [(a["outcome"], a["error"], a["worker_id"]) for a in job["history"]] == [
        ("failed", "FFmpeg gave up.", "worker_a")
    ]
    end(stand, job_id)


def test_a_released_job_is_pending_again_and_the_attempt_does_not_count(
    stand: Stand, hand: Hand, song: dict[str, Any]
) -> None:
    job_id = stand.convert(song["id"])["job_id"]
    grant = hand.grant()
    assert stand.client.post(f"/fleet/leases/{grant['token']}/release").status_code == 204
    job = stand.get(f"/jobs/{job_id}")
    assert (job["status"], job["attempts"]) == ("pending", 0)
    end(stand, job_id)


def test_a_completion_of_another_size_than_was_stored_is_refused(
    stand: Stand, hand: Hand, song: dict[str, Any]
) -> None:
    job_id = stand.convert(song["id"])["job_id"]
    grant = hand.grant()
    hand.store(grant["token"], wav(0.1))
    answer = hand.complete(grant, wav(0.2))
    assert answer.status_code == 409
    assert stand.get(f"/jobs/{job_id}")["status"] == "processing"
    end(stand, job_id)


def test_several_completions_at_once_are_each_judged_by_itself(stand: Stand, hand: Hand, song: dict[str, Any]) -> None:
    jobs = [stand.convert(song["id"])["job_id"] for _ in range(3)]
    first, other_size, lost = (hand.grant() for _ in jobs)
    end(stand, lost["job_id"])
    for grant in (first, other_size):
        hand.store(grant["token"], wav(0.1))
    contents = ((first, wav(0.1)), (other_size, wav(0.2)), (lost, wav(0.1)))
    completions = {grant["token"]: hand.completion(grant, content) for grant, content in contents}

    answer = stand.client.post("/fleet/complete", json={"completions": completions})

    assert answer.status_code == 200
    refused = answer.json()["refused"]
    assert set(refused) == {other_size["token"], lost["token"]}
    assert refused[lost["token"]]["type"] == "urn:balanza:problem:lease-lost"
    assert stand.get(f"/jobs/{first['job_id']}")["status"] == "completed"
    assert stand.get(f"/jobs/{other_size['job_id']}")["status"] == "processing"
    end(stand, other_size["job_id"])


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({"cpu_load": 1.5, "memory_mb": 1}, "'load.cpu_load'"),
        ({"cpu_load": float("nan"), "memory_mb": 1}, "'load.cpu_load'"),
        ({"cpu_load": 0.5}, "'load.memory_mb' is missing"),
    ],
)
def test_a_message_that_is_not_as_agreed_is_refused_by_field(
    stand: Stand, hand: Hand, message: dict[str, float], named: str
) -> None:
    beat = json.dumps({"worker_id": "worker_a", "instance": hand.instance, "load": message})
    answer = stand.client.post("/fleet/heartbeat", content=beat, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert named in answer.json()["detail"]


REGISTRATION = {
    "worker_id": "worker_odd",
    "instance": "first",
    "slots": 1,
    "cpus": 1,
    "encoders": ["flac"],
    "load": {"cpu_load": 0, "memory_mb": 1},
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("worker_id", "a\0b"),
        ("instance", "a\0b"),
        ("instance", ""),
        ("slots", 10**12),
        ("cpus", 10**12),
        ("cpus", float("inf")),
        ("encoders", ["a\0b"]),
        ("encoders", [f"encoder_{n}" for n in range(1001)]),
        ("metrics_address", "a\0b"),
        ("load", {"cpu_load": 0, "memory_mb": float("inf")}),
    ],
)
def test_a_registration_that_no_database_could_keep_is_refused_by_field(
    stand: Stand, field: str, value: object
) -> None:
    before = stand.get("/workers/stats")
    registration = json.dumps(REGISTRATION | {field: value})
    answer = stand.client.post("/fleet/register", content=registration, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert f"'{field}" in answer.json()["detail"]
    assert stand.get("/workers/stats") == before


@pytest.mark.parametrize("field", ["worker_id", "instance"])
@pytest.mark.parametrize("path", ["heartbeat", "lease", "leave"])
def test_who_speaks_is_named_without_tricks(stand: Stand, hand: Hand, path: str, field: str) -> None:
    message: dict[str, object] = {"worker_id": "worker_a", "instance": hand.instance, field: "a\0b"}
    if path == "heartbeat":
        message["load"] = REGISTRATION["load"]
    answer = stand.client.post(f"/fleet/{path}", json=message)
    assert answer.status_code == 422
    assert f"'{field}'" in answer.json()["detail"]


@pytest.mark.parametrize(
    "report",
    [{"token": "a\0b", "progress": 1}, {"token": "a", "progress": 1, "speed": float("inf")}],
)
def test_a_report_that_no_answer_could_say_is_refused(stand: Stand, hand: Hand, report: dict[str, Any]) -> None:
    beat = {"worker_id": "worker_a", "instance": hand.instance, "load": REGISTRATION["load"], "leases": [report]}
    answer = stand.client.post(
        "/fleet/heartbeat", content=json.dumps(beat), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422


def test_a_result_whose_length_is_no_number_is_refused(stand: Stand, hand: Hand, song: dict[str, Any]) -> None:
    job_id = stand.convert(song["id"])["job_id"]
    grant = hand.grant()
    completion = {"size_bytes": 1, "sha256": "a1" * 32, "probe": grant["source"]["probe"]}
    completion["probe"]["duration_seconds"] = float("nan")
    path = f"/fleet/leases/{grant['token']}/complete"
    answer = stand.client.post(path, content=json.dumps(completion), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert "'probe.duration_seconds'" in answer.json()["detail"]
    end(stand, job_id)


def test_many_workers_may_wait_at_once_and_each_job_goes_to_one(own_stand: Stand) -> None:
    song = own_stand.upload()
    hands = [Hand.register(own_stand.client, f"worker_{n}") for n in range(30)]
    granted: list[str] = []

    def wait(hand: Hand) -> None:
        with httpx2.Client(base_url=own_stand.address, timeout=30, verify=False) as client:
            answer = Hand(client, hand.worker_id, hand.instance).lease(wait_seconds=15)
            granted.append(answer.json()["job_id"])

    threads = [threading.Thread(target=wait, args=(hand,)) for hand in hands]
    for thread in threads:
        thread.start()
    jobs = [own_stand.convert(song["id"])["job_id"] for _ in hands]
    for thread in threads:
        thread.join()
    assert sorted(granted) == sorted(jobs)
