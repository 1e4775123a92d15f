"""The last hour over HTTP, and DELETE /workers/{id}."""

import pytest

from balanza.dispatch.history import Recorder
from tests.server.stand import Hand, Stand, wav


def test_the_history_has_one_series_per_worker_on_one_time_axis(stand: Stand) -> None:
    hand = Hand.register(stand.client, "worker_h")
    Recorder(stand.parts.desk).run_once(stand.parts.desk.clock())
    found = stand.get("/workers/history", minutes=60)
    assert found["measure"] == "cpu_load"
    assert found["step_seconds"] == 5
    assert found["at"]
    for name in ("pending", "processing", "completed", "failed"):
        assert len(found[name]) == len(found["at"])
    assert all(len(series["values"]) == len(found["at"]) for series in found["workers"])
    hand.leave()


@pytest.mark.parametrize("path", ["/workers/history", "/workers/timeline"])
@pytest.mark.parametrize("query", [{"minutes": 0}, {"minutes": 61}, {"minutes": "nan"}, {"minutes": "soon"}])
def test_a_window_that_is_none_is_refused(stand: Stand, path: str, query: dict[str, str]) -> None:
    answer = stand.client.get(path, params=query)
    assert answer.status_code == 422
    assert "minutes" in answer.json()["detail"]


def test_an_unknown_measure_is_refused(stand: Stand) -> None:
    answer = stand.client.get("/workers/history", params={"measure": "mood"})
    assert answer.status_code == 422
    assert "cpu_load" in answer.json()["detail"]


def test_the_timeline_has_a_bar_for_each_attempt(stand: Stand) -> None:
    hand = Hand.register(stand.client, "worker_t", tags=["timeline"])
    job = stand.convert(stand.upload()["id"], "wav", tags=["timeline"])
    grant = hand.grant()
    bars = [bar for bar in stand.get("/workers/timeline")["bars"] if bar["job_id"] == job["job_id"]]
    assert [
        (bar["worker_id"], bar["input_file"], bar["output_format"], bar["ended_at"], bar["outcome"]) for bar in bars
    ] == [("worker_t", "song.wav", "wav", None, None)]
    hand.store(grant["token"], wav())
    hand.complete(grant, wav())
    (bar,) = [bar for bar in stand.get("/workers/timeline")["bars"] if bar["job_id"] == job["job_id"]]
    assert (bar["outcome"], bar["number"], bar["moved"]) == ("completed", 1, False)
    assert bar["ended_at"] >= bar["started_at"]
    hand.leave()


def listed(stand: Stand) -> list[str]:
    return [worker["worker_id"] for worker in stand.get("/workers/stats")["workers"]]


def test_an_offline_worker_is_taken_off_the_lists_until_it_registers_again(stand: Stand) -> None:
    Hand.register(stand.client, "worker_r").leave()
    assert stand.client.delete("/workers/worker_r").status_code == 204
    assert "worker_r" not in listed(stand)
    assert stand.client.delete("/workers/worker_r").status_code == 204  # the request came twice
    assert stand.client.post("/workers/worker_r/drain").status_code == 404
    assert stand.client.post("/workers/worker_r/resume").status_code == 404
    hand = Hand.register(stand.client, "worker_r")
    assert "worker_r" in listed(stand)
    hand.leave()


def test_a_worker_that_is_online_is_not_removed(stand: Stand) -> None:
    hand = Hand.register(stand.client, "worker_o")
    answer = stand.client.delete("/workers/worker_o")
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "worker_o is online. Drain it and end it first; then it can be removed.",
    )
    assert "worker_o" in listed(stand)
    hand.leave()


def test_a_worker_that_never_was_is_not_found(stand: Stand) -> None:
    answer = stand.client.delete("/workers/worker_never")
    assert answer.status_code == 404
    assert "worker_never" in answer.json()["detail"]
