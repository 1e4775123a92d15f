"""Why each job went to the worker it went to, and what pending jobs wait for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.server.stand import Hand, Stand


@pytest.fixture(scope="module")
def song(stand: Stand) -> str:
    return str(stand.upload("song.wav")["id"])


@contextmanager
def fleet(stand: Stand, *names: str, **facts: Any) -> Iterator[list[Hand]]:
    hands = [Hand.register(stand.client, name, **facts) for name in names]
    try:
        yield hands
    finally:
        for hand in hands:
            hand.leave()


@contextmanager
def converting(stand: Stand, song: str, count: int = 1, **facts: Any) -> Iterator[list[str]]:
    """Jobs that are cancelled after the block, so that they are in nobody's way."""
    ids = [stand.convert(song, **facts)["job_id"] for _ in range(count)]
    try:
        yield ids
    finally:
        for job_id in ids:
            stand.client.post(f"/jobs/{job_id}/cancel")


def candidates(decision: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    """Of these workers: those of other tests are offline and among the candidates too."""
    return [one for one in decision["candidates"] if one["worker_id"] in names]


def test_a_decision_says_who_was_chosen_and_why_not_the_others(stand: Stand, song: str) -> None:
    with fleet(stand, "worker_a", "worker_b"), converting(stand, song, 2) as (first, second):
        explained = stand.get(f"/jobs/{second}/decision")
        assert (explained["job_id"], explained["status"]) == (second, "pending")
        assert explained["history"] == [explained["decision"]]
        decision = explained["decision"]
        assert (decision["job_id"], decision["reason"], decision["policy"]) == (second, "submitted", "least_loaded")
        assert (decision["worker_id"], decision["source"]) == ("worker_b", None)
        busy, chosen = candidates(decision, "worker_a", "worker_b")
        assert (busy["chosen"], busy["why_not"]) == (False, "had 1 job, worker_b 0")
        assert (chosen["chosen"], chosen["why_not"]) == (True, None)
        assert (busy["jobs_in_progress"], busy["cpu_load"], busy["memory_mb"]) == (1, 0.1, 50)
        assert busy["metrics_source"] == "heartbeat"
        assert 0 <= busy["metrics_age_seconds"] < 3
        assert (busy["load_score"], chosen["load_score"]) == (35, 5)
        assert stand.get(f"/jobs/{first}/decision")["decision"]["worker_id"] == "worker_a"


def test_a_move_is_in_the_history_of_its_job(stand: Stand, song: str) -> None:
    with fleet(stand, "worker_a", "worker_b"), converting(stand, song) as (job_id,):
        assert stand.client.post("/workers/worker_a/drain").status_code == 200
        try:
            (move,) = stand.get(f"/jobs/{job_id}")["moves"]
            assert {name: move[name] for name in ("reason", "source", "target")} == {
                "reason": "draining",
                "source": "worker_a",
                "target": "worker_b",
            }
            explained = stand.get(f"/jobs/{job_id}/decision")
            assert [one["reason"] for one in explained["history"]] == ["submitted", "draining"]
            last = explained["decision"]
            assert (last["at"], last["source"], last["worker_id"]) == (move["at"], "worker_a", "worker_b")
            assert candidates(last, "worker_a")[0]["why_not"] == "is draining"
        finally:
            stand.client.post("/workers/worker_a/resume")


def test_decisions_are_listed_newest_first_in_pages(stand: Stand, song: str) -> None:
    with fleet(stand, "worker_a"), converting(stand, song, 3) as ids:
        first = stand.get("/decisions", limit=2)
        second = stand.get("/decisions", limit=1, cursor=first["next_cursor"])
        listed = first["decisions"] + second["decisions"]
        assert [one["job_id"] for one in listed] == ids[::-1]
        assert listed[0] == stand.get(f"/jobs/{ids[2]}/decision")["decision"]


def test_the_last_page_of_decisions_has_no_next(own_stand: Stand) -> None:
    assert own_stand.get("/decisions") == {"decisions": [], "next_cursor": None}
    own_stand.convert(own_stand.upload()["id"])
    page = own_stand.get("/decisions", limit=1)
    assert page["next_cursor"] is None
    assert [(one["worker_id"], one["candidates"]) for one in page["decisions"]] == [(None, [])]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "'limit'"),
        ("limit=501", "'limit'"),
        ("cursor=x", "'cursor'"),
        ("cursor=-1", "'cursor'"),
        ("cursor=99999999999999999999", "'cursor'"),
    ],
)
def test_a_wrong_page_of_decisions_is_refused_by_name(stand: Stand, query: str, named: str) -> None:
    answer = stand.client.get(f"/decisions?{query}")
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:balanza:problem:invalid-request"
    assert named in answer.json()["detail"]


def test_the_decision_of_an_unknown_job_is_not_found(stand: Stand) -> None:
    answer = stand.client.get("/jobs/nobody/decision")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no job nobody. GET /jobs lists the jobs there are."
    assert stand.client.get("/jobs/a%20b/decision").status_code == 404


def test_a_pending_job_says_what_it_waits_for_wherever_it_is_shown(stand: Stand, song: str) -> None:
    with fleet(stand, "worker_a") as (hand,), converting(stand, song, 2) as (running, waiting):
        assert hand.grant()["job_id"] == running
        expected = {
            "code": "slot",
            "worker_id": "worker_a",
            "sentence": "It waits for its turn with worker_a, which runs 1 job.",
            "sentence_code": "turn",
            "sentence_values": {"worker": "worker_a", "count": 1},
            "obstacles": [],
            "more": 0,
        }
        assert stand.get(f"/jobs/{waiting}")["waits_for"] == expected
        assert stand.get(f"/jobs/{waiting}/decision")["waits_for"] == expected
        shown = {job["job_id"]: job["waits_for"] for job in stand.get("/jobs", limit=2)["jobs"]}
        assert shown == {waiting: expected, running: None}
        assert stand.get(f"/jobs/{running}")["waits_for"] is None
        assert stand.get(f"/jobs/{running}/decision")["waits_for"] is None
        assert stand.get(f"/jobs/{running}/decision")["worker_id"] == "worker_a"
        assert stand.get(f"/jobs/{waiting}/decision")["worker_id"] is None


def test_a_job_that_nobody_can_run_says_why_at_once(stand: Stand, song: str) -> None:
    with fleet(stand, "worker_a"), converting(stand, song, tags=["gpu", "fast"]) as (job_id,):
        job = stand.get(f"/jobs/{job_id}")
        assert (job["status"], job["assigned_worker"], job["tags"]) == ("pending", None, ["fast", "gpu"])
        assert job["waits_for"]["code"] == "tag"
        assert (job["expected_start_at"], job["expected_end_at"]) == (None, None)
        assert "worker_a has no tags fast, gpu" in job["waits_for"]["sentence"]
        decision = stand.get(f"/jobs/{job_id}/decision")["decision"]
        assert decision["worker_id"] is None
        (unable,) = candidates(decision, "worker_a")
        assert unable["why_not"] == "has no tags fast, gpu"
        assert (unable["why_not_code"], unable["why_not_values"]) == ("tag", {"tags": "fast, gpu"})
        (obstacle,) = job["waits_for"]["obstacles"]
        assert (obstacle["worker_id"], obstacle["code"], obstacle["values"]) == (
            "worker_a",
            "tag",
            {"tags": "fast, gpu"},
        )


def test_jobs_of_the_same_kind_wait_each_for_its_own_worker(stand: Stand, song: str) -> None:
    with fleet(stand, "worker_a", "worker_b"), converting(stand, song, 2) as ids:
        shown = {job["job_id"]: job for job in stand.get("/jobs", status="pending")["jobs"]}
        waited_for = [shown[job_id]["waits_for"]["worker_id"] for job_id in ids]
        assert waited_for == [shown[job_id]["assigned_worker"] for job_id in ids]
        assert set(waited_for) == {"worker_a", "worker_b"}


def test_jobs_that_differ_in_what_they_need_wait_for_different_things(stand: Stand, song: str) -> None:
    with (
        fleet(stand, "worker_a"),
        converting(stand, song, 2, tags=["gpu"]) as gpu,
        converting(stand, song, tags=["ssd"]) as (ssd,),
        converting(stand, song) as (plain,),
    ):
        shown = {job["job_id"]: job["waits_for"] for job in stand.get("/jobs", status="pending")["jobs"]}
        assert ["has no tag gpu" in shown[job_id]["sentence"] for job_id in gpu] == [True, True]
        assert "has no tag ssd" in shown[ssd]["sentence"]
        assert shown[plain]["sentence"] == "worker_a is about to take it."
        assert all(shown[job_id] == stand.get(f"/jobs/{job_id}")["waits_for"] for job_id in [*gpu, ssd, plain])


def test_a_tag_sends_a_job_where_it_can_run(stand: Stand, song: str) -> None:
    with (
        fleet(stand, "worker_a"),
        fleet(stand, "worker_b", tags=["gpu", "ssd"]),
        converting(stand, song, 3, tags=["gpu"]) as ids,
    ):
        assert {stand.get(f"/jobs/{job_id}")["assigned_worker"] for job_id in ids} == {"worker_b"}


def test_a_job_tried_again_says_what_it_waits_for(stand: Stand, song: str) -> None:
    with converting(stand, song) as (job_id,):
        stand.client.post(f"/jobs/{job_id}/cancel")
        assert stand.client.post(f"/jobs/{job_id}/retry").json()["waits_for"]["code"] == "worker"


def test_the_same_key_with_other_tags_is_another_request(stand: Stand, song: str) -> None:
    wanted = {"input_file": song, "output_format": "mp3"}
    headers = {"Idempotency-Key": "tagged"}
    first = stand.client.post("/convert", json={**wanted, "tags": ["b", "a", "a"]}, headers=headers).json()
    again = stand.client.post("/convert", json={**wanted, "tags": ["a", "b"]}, headers=headers)
    assert again.json()["job_id"] == first["job_id"]
    other = stand.client.post("/convert", json=wanted, headers=headers)
    assert other.status_code == 422
    assert "'tagged'" in other.json()["detail"]
    stand.client.post(f"/jobs/{first['job_id']}/cancel")


def test_long_lists_are_sent_compressed_to_whoever_takes_that(stand: Stand) -> None:
    song = stand.upload("compressed.wav")
    for _ in range(3):
        stand.client.post("/convert", json={"input_file": song["id"], "output_format": "mp3"}).raise_for_status()
    packed = stand.client.get("/jobs", headers={"Accept-Encoding": "gzip"})
    plain = stand.client.get("/jobs", headers={"Accept-Encoding": "identity"})
    assert (packed.headers["content-encoding"], packed.json()) == ("gzip", plain.json())
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert "content-encoding" not in stand.client.get(f"/media/{song['id']}/download").headers
