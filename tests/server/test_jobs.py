"""Asking for conversions, and looking at them."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from math import log
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from balanza.balancer.prediction import FLEET
from balanza.store import speeds
from tests.server.people import town
from tests.server.stand import Hand, Stand, wav
from tests.server.stand import running as running_stand
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def song(stand: Stand) -> dict[str, Any]:
    return stand.upload("the only song.wav")


@pytest.fixture(scope="module")
def silent_film(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    film = tmp_path_factory.mktemp("film") / "silent.mp4"
    source = "testsrc=size=64x64:rate=5:duration=0.4"
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, str(film)]
    subprocess.run(argv, check=True)
    return stand.upload("silent.mp4", Path(film).read_bytes())


def ask(stand: Stand, body: Any, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = json.dumps(body).encode()
    return stand.client.post("/convert", content=content, headers={"Content-Type": "application/json"} | named)


def test_a_file_is_converted_by_id_or_by_an_unambiguous_name(stand: Stand, song: dict[str, Any]) -> None:
    for reference in (song["id"], "the only song.wav"):
        answer = ask(stand, {"input_file": reference, "output_format": "mp3", "options": {"quality": "best"}})
        assert answer.status_code == 201
        submitted = answer.json()
        assert submitted == {
            "ok": True,
            "job_id": submitted["job_id"],
            "status": "pending",
            "assigned_worker": None,
        }
        job = stand.get(f"/jobs/{submitted['job_id']}")
        assert job["input_id"] == song["id"]
        assert job["input_file"] == "the only song.wav"
        assert job["output_format"] == "mp3"
        assert job["history"] == []


def test_a_job_carries_every_promised_field(stand: Stand, song: dict[str, Any]) -> None:
    job = stand.get(f"/jobs/{stand.convert(song['id'])['job_id']}")
    promised = (
        "job_id status input_file output_format options assigned_worker worker_id progress speed eta_seconds attempts "
        "created_at started_at completed_at duration_seconds input_size_bytes output_size_bytes size_reduction_percent "
        "output_id output_file error log_tail max_attempts input_id"
    )
    assert set(promised.split()) <= job.keys()
    assert job["progress"] == 0
    assert job["input_size_bytes"] == song["size_bytes"]


WRONG: dict[str, tuple[dict[str, object], int, str, str]] = {
    "an unknown format": ({"output_format": "mp5"}, 422, "unknown-format", "mp5"),
    "an unknown option": ({"options": {"colour": "red"}}, 422, "invalid-option", "colour"),
    "an option out of range": ({"options": {"bitrate": "9000k"}}, 422, "invalid-option", "bitrate"),
    "an option of another type": ({"options": {"normalize": "perhaps"}}, 422, "invalid-option", "normalize"),
    "a start beyond the end": ({"options": {"start": 3600}}, 422, "invalid-option", "start"),
    "no such file": ({"input_file": "nobody.wav"}, 404, "not-found", "'nobody.wav'"),
    "a name with control characters": ({"input_file": "a\x00b"}, 422, "invalid-request", "'input_file'"),
    "half a surrogate pair": ({"input_file": "\ud800"}, 422, "invalid-request", "'input_file'"),
    "a name without an end": ({"input_file": "x" * 5000}, 422, "invalid-request", "at most 255 characters"),
    "an empty name": ({"input_file": ""}, 422, "invalid-request", "'input_file'"),
    "a number for a name": ({"input_file": 7}, 422, "invalid-request", "it is 7"),
    "options that are a list": ({"options": []}, 422, "invalid-request", "'options' should be a JSON object"),
    "tags that are a word": ({"tags": "gpu"}, 422, "invalid-request", "The field 'tags' should be a valid list"),
    "a tag of two words": ({"tags": ["gpu", "two words"]}, 422, "invalid-request", "'tags.1' may not be \"two words\""),
    "an empty tag": ({"tags": [""]}, 422, "invalid-request", "'tags.0'"),
    "a tag that is a number": ({"tags": [7]}, 422, "invalid-request", "'tags.0' should be a valid string; it is 7."),
    "too many tags": (
        {"tags": [f"tag{number}" for number in range(51)]},
        422,
        "invalid-request",
        "The field 'tags': at most 50 tags can be asked for, not 51.",
    ),
    "a priority below zero": ({"priority": -1}, 422, "invalid-request", "'priority'"),
    "a priority above a hundred": ({"priority": 101}, 422, "invalid-request", "'priority'"),
    "a priority in a word": ({"priority": "high"}, 422, "invalid-request", "'priority'"),
    "an unknown field": ({"output": "x"}, 422, "invalid-request", "The field 'output' is not known here."),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_request_is_refused_with_a_sentence_and_makes_no_job(
    stand: Stand, song: dict[str, Any], case: str
) -> None:
    changes, status, slug, sentence = WRONG[case]
    before = stand.get("/jobs")
    answer = ask(stand, {"input_file": song["id"], "output_format": "mp3", "options": {}} | changes)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    assert problem["type"] == f"urn:balanza:problem:{slug}"
    assert problem["status"] == status
    assert sentence in problem["detail"]
    assert stand.get("/jobs") == before


def test_a_film_without_sound_cannot_become_sound(stand: Stand, silent_film: dict[str, Any]) -> None:
    answer = ask(stand, {"input_file": silent_film["id"], "output_format": "mp3"})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:balanza:problem:missing-stream"
    assert "no sound" in answer.json()["detail"]


def test_a_name_that_two_files_have_is_refused_with_their_ids(stand: Stand) -> None:
    twins = [stand.upload("twin.wav")["id"] for _ in range(2)]
    answer = ask(stand, {"input_file": "twin.wav", "output_format": "mp3"})
    assert answer.status_code == 409
    assert all(media_id in answer.json()["detail"] for media_id in twins)


def test_a_deleted_source_is_gone(stand: Stand) -> None:
    media = stand.upload("gone.wav")
    stand.client.delete(f"/media/{media['id']}")
    assert ask(stand, {"input_file": media["id"], "output_format": "mp3"}).status_code == 410
    assert ask(stand, {"input_file": "gone.wav", "output_format": "mp3"}).status_code == 404


def test_a_repeated_key_returns_the_same_job(stand: Stand, song: dict[str, Any]) -> None:
    body = {"input_file": song["id"], "output_format": "flac"}
    first, again = (ask(stand, body, Idempotency_Key="once") for _ in range(2))
    assert first.json() == again.json()
    assert again.status_code == 201


def test_many_repeats_at_the_same_moment_make_one_job(stand: Stand, song: dict[str, Any]) -> None:
    body = {"input_file": song["id"], "output_format": "ogg"}
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: ask(stand, body, Idempotency_Key="crowd").json()["job_id"], range(24)))
    assert len(set(answers)) == 1


def test_a_key_that_was_used_for_another_request_is_refused(stand: Stand, song: dict[str, Any]) -> None:
    ask(stand, {"input_file": song["id"], "output_format": "flac"}, Idempotency_Key="mine")
    before = stand.get("/jobs")
    answer = ask(stand, {"input_file": song["id"], "output_format": "mp3"}, Idempotency_Key="mine")
    assert answer.status_code == 422
    assert "'mine'" in answer.json()["detail"]
    assert stand.get("/jobs") == before


@pytest.mark.parametrize("key", ["", "two words", "a\ttab", "x" * 256, "caf\xe9"])
def test_a_key_is_one_to_255_visible_characters(stand: Stand, song: dict[str, Any], key: str) -> None:
    body = {"input_file": song["id"], "output_format": "mp3"}
    answer = stand.client.post("/convert", json=body, headers=[(b"Idempotency-Key", key.encode("latin-1"))])
    assert answer.status_code == 422
    assert "idempotency-key" in answer.json()["detail"].lower()


def test_jobs_are_listed_newest_first_in_pages_that_stay_the_same(stand: Stand, song: dict[str, Any]) -> None:
    ids = [stand.convert(song["id"])["job_id"] for _ in range(5)]
    first = stand.get("/jobs", limit=2)
    stand.convert(song["id"])
    second = stand.get("/jobs", limit=2, cursor=first["next_cursor"])
    assert [job["job_id"] for job in first["jobs"] + second["jobs"]] == ids[:0:-1]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("status=lost", "'status'"),
        ("limit=0", "'limit'"),
        ("limit=501", "'limit'"),
        ("cursor=x", "'cursor'"),
        ("cursor=99999999999999999999", "'cursor'"),
        ("worker=%00", "'worker'"),
    ],
)
def test_a_wrong_filter_is_refused_by_name(stand: Stand, query: str, named: str) -> None:
    answer = stand.client.get(f"/jobs?{query}")
    assert answer.status_code == 422
    assert named in answer.json()["detail"]


@pytest.mark.parametrize(("files", "count"), [(2, "2"), (5, "5"), (7, "more than 5")])
def test_a_name_of_several_files_is_answered_with_the_ids_of_the_first(
    own_stand: Stand, files: int, count: str
) -> None:
    ids = [own_stand.upload("same.wav")["id"] for _ in range(files)]
    answer = own_stand.client.post("/convert", json={"input_file": "same.wav", "output_format": "mp3"})
    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        f"There are {count} files named 'same.wav'. Use the id of the one you mean: {', '.join(ids[:5])}."
    )


def test_an_unknown_job_is_not_found(stand: Stand) -> None:
    for method, path in [("GET", ""), ("POST", "/cancel"), ("POST", "/retry")]:
        answer = stand.client.request(method, f"/jobs/nobody{path}")
        assert answer.status_code == 404
        assert "nobody" in answer.json()["detail"]


def test_a_cancelled_job_can_be_tried_again_and_not_cancelled_twice(stand: Stand, song: dict[str, Any]) -> None:
    job_id = stand.convert(song["id"])["job_id"]
    assert stand.client.post(f"/jobs/{job_id}/retry").status_code == 409
    cancelled = stand.client.post(f"/jobs/{job_id}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    twice = stand.client.post(f"/jobs/{job_id}/cancel")
    assert twice.status_code == 409
    assert "cancelled" in twice.json()["detail"]
    retried = stand.client.post(f"/jobs/{job_id}/retry")
    assert (retried.status_code, retried.json()["status"]) == (200, "pending")


def test_the_whole_way_of_a_job_can_be_followed(own_stand: Stand) -> None:
    hand = Hand.register(own_stand.client, "worker_a")
    media = own_stand.upload("song.wav", wav(1))
    submitted = own_stand.convert(media["id"], "wav")
    assert submitted["assigned_worker"] == "worker_a"
    assert own_stand.get("/queue/stats")["queues"] == [
        {"name": "conversion:queue", "worker_id": None, "pending": 0},
        {"name": "conversion:queue:worker_a", "worker_id": "worker_a", "pending": 1},
    ]
    grant = hand.grant()
    hand.beat({"token": grant["token"], "progress": 40, "speed": 12.5, "eta_seconds": 3})
    running = own_stand.get("/jobs", status="processing", worker="worker_a")["jobs"]
    assert [(job["progress"], job["speed"], job["eta_seconds"]) for job in running] == [(40, 12.5, 3)]
    result = wav(0.5)
    hand.store(grant["token"], result)
    assert hand.complete(grant, result).status_code == 204
    job = own_stand.get(f"/jobs/{submitted['job_id']}")
    assert (job["status"], job["worker_id"], job["progress"]) == ("completed", "worker_a", 100)
    assert job["output_file"] == "song.wav"
    assert job["output_size_bytes"] == len(result)
    assert job["size_reduction_percent"] == pytest.approx(50, abs=1)
    assert job["duration_seconds"] >= 0
    assert [(attempt["number"], attempt["worker_id"], attempt["outcome"]) for attempt in job["history"]] == [
        (1, "worker_a", "completed")
    ]
    assert own_stand.client.get(f"/media/{job['output_id']}").content == result
    assert own_stand.get("/queue/stats")["jobs"]["completed"] == 1
    hand.leave()


def test_worker_stats_begin_with_exactly_the_fields_of_the_seed(own_stand: Stand) -> None:
    hands = [Hand.register(own_stand.client, name) for name in ("worker_a", "worker_b")]
    stats = own_stand.get("/workers/stats")
    assert list(stats) == ["workers", "summary"]
    for worker in stats["workers"]:
        assert list(worker)[:8] == [
            "worker_id",
            "cpu_load",
            "memory_mb",
            "jobs_in_progress",
            "conversions_success",
            "conversions_failed",
            "load_score",
            "status",
        ]
    summary = stats["summary"]
    assert dict(list(summary.items())[:6]) == {
        "total_workers": 2,
        "active_workers": 2,
        "total_jobs_processing": 0,
        "average_cpu_load": 0.1,
        "total_conversions_success": 0,
        "total_conversions_failed": 0,
    }
    assert summary["metrics_source"] == "heartbeat"
    assert 0 <= summary["metrics_age_seconds"] < 3
    assert [worker["status"] for worker in stats["workers"]] == ["idle", "idle"]
    for hand in hands:
        hand.leave()


def test_a_worker_is_drained_and_resumed(own_stand: Stand) -> None:
    hand = Hand.register(own_stand.client, "worker_a")
    drained = own_stand.client.post("/workers/worker_a/drain")
    assert (drained.status_code, drained.json()["status"]) == (200, "draining")
    assert hand.beat().json()["drain"] is True
    resumed = own_stand.client.post("/workers/worker_a/resume")
    assert (resumed.status_code, resumed.json()["status"]) == (200, "idle")
    missing = own_stand.client.post("/workers/worker_z/drain")
    assert missing.status_code == 404
    assert "worker_z" in missing.json()["detail"]
    hand.leave()


def test_the_formats_are_described(stand: Stand) -> None:
    described = stand.get("/formats")
    names = {one["name"] for group in described["groups"] for one in group["formats"]}
    assert {"mp3", "flac", "wav", "aac", "ogg", "opus", "m4a", "aiff"} <= names
    assert {"mp4", "mkv", "webm", "mov", "avi", "gif"} <= names


def test_what_a_conversion_would_come_to_is_said_before_it_is_made(own_stand: Stand) -> None:
    source = own_stand.upload(content=wav(8.0))
    wanted = {"input_file": source["id"], "output_format": "mp3", "options": {"bitrate": "192k"}}
    ask = partial(own_stand.client.post, "/convert/estimate")

    before = ask(json=wanted).json()
    job_id = own_stand.convert(source["id"])["job_id"]
    _learn_that_all_takes(own_stand, 10.0)
    after = ask(json=wanted).json()

    assert before == {"output_file": "song.mp3", "size_bytes": 192_000, "seconds": 0.1, "runs_copy": False}
    assert after["seconds"] == pytest.approx(10 * own_stand.get(f"/jobs/{job_id}")["predicted_seconds"], abs=0.1)
    assert [job["job_id"] for job in own_stand.get("/jobs")["jobs"]] == [job_id]
    assert ask(json=wanted | {"output_format": "mp4"}).json()["type"].endswith(":missing-stream")
    assert ask(json=wanted | {"options": {"crf": 1}}).json()["type"].endswith(":invalid-option")


def _learn_that_all_takes(stand: Stand, times: float) -> None:
    """So many times as long as it was guessed to."""
    learned = {(FLEET, "mp3"): (log(times), 5)}
    desk = stand.parts.desk
    desk.database.write(lambda tx: speeds.save(tx, learned))
    eventually(lambda: desk.database.read(lambda tx: desk.predictions.speeds(tx, desk.clock())).knows("mp3"))


def test_only_administrators_get_before_others(tmp_path: Path) -> None:
    with town(tmp_path, quota_jobs=2) as people:
        for client, most in ((people.berta, 50), (people.admin, 100)):
            source = client.post("/upload", params={"name": "song.wav"}, content=wav()).json()["id"]
            wanted = {"input_file": source, "output_format": "mp3"}
            made = client.post("/convert", json=wanted | {"priority": most})
            assert made.status_code == 201, made.text
            assert client.get(f"/jobs/{made.json()['job_id']}").json()["priority"] == most

        for path, named in (
            ("/convert", {"input_file": "song.wav"}),
            ("/convert/batch", {"input_files": ["song.wav"]}),
        ):
            refused = people.berta.post(path, json={**named, "output_format": "mp3", "priority": 51})
            assert (refused.status_code, refused.json()["code"]) == (403, "priority_high")
            assert refused.json()["detail"] == (
                "Only administrators can ask for a priority above 50; ask for 50 or less."
            )

        several = {"input_files": ["song.wav", "song.wav"], "output_format": "mp3"}
        too_many = people.berta.post("/convert/batch", json=several)
        assert (too_many.status_code, too_many.json()["code"]) == (403, "quota_jobs")
        assert len(people.berta.get("/jobs").json()["jobs"]) == 1


def test_a_batch_makes_a_job_for_each_file_and_runs_them_as_its_goal_asks(own_stand: Stand) -> None:
    lengths = (60.0, 300.0, 120.0)
    ids = [own_stand.upload(f"{length:.0f}.wav", wav(length, rate=1000))["id"] for length in lengths]
    hand = Hand.register(own_stand.client, "worker_a")
    ran: dict[str, list[str]] = {}
    for goal in ("makespan", "slowdown"):
        wanted = {"input_files": ids, "output_format": "mp3", "goal": goal}
        answer = own_stand.client.post("/convert/batch", json=wanted)
        assert answer.status_code == 201, answer.text
        made = [_foretold(own_stand, one["job_id"]) for one in answer.json()["jobs"]]
        assert [job["input_id"] for job in made] == ids
        assert {job["batch_id"] for job in made} == {answer.json()["batch_id"]}
        expected = sorted(made, key=lambda job: str(job["expected_start_at"]))
        ran[goal] = []
        for _ in ids:
            grant = hand.grant()
            ran[goal].append(own_stand.get(f"/jobs/{grant['job_id']}")["input_file"])
            hand.store(grant["token"], b"result")
            assert hand.complete(grant, b"result").status_code == 204
        assert [job["input_file"] for job in expected] == ran[goal]
    assert ran == {"makespan": ["300.wav", "120.wav", "60.wav"], "slowdown": ["60.wav", "120.wav", "300.wav"]}


def _foretold(stand: Stand, job_id: str) -> dict[str, Any]:
    """The pending job, with what is foreseen of it: that may be a moment old."""
    eventually(lambda: stand.get(f"/jobs/{job_id}")["expected_start_at"] is not None)
    return stand.get(f"/jobs/{job_id}")


def test_a_batch_is_made_wholly_or_not_at_all(stand: Stand, song: dict[str, Any]) -> None:
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({"input_files": [song["id"], "nobody.wav"]}, 404, "'nobody.wav'"),
        ({"input_files": []}, 422, "'input_files'"),
        ({"input_files": [song["id"]] * 201}, 422, "'input_files'"),
        ({"output_format": "mp4"}, 422, "no video"),
        ({"options": {"start": 60}}, 422, f"start is 60 s, but {song['name']} ends at "),
        ({"goal": "soon"}, 422, "'goal'"),
        ({"priority": 200}, 422, "'priority'"),
    ]
    before = stand.get("/jobs", limit=500)
    for changes, status, sentence in wrong:
        answer = stand.client.post(
            "/convert/batch", json={"input_files": [song["id"]], "output_format": "mp3"} | changes
        )
        assert answer.status_code == status, answer.text
        assert sentence in answer.json()["detail"]
    assert stand.get("/jobs", limit=500) == before


def test_a_job_says_when_it_is_expected_to_start_and_to_end(own_stand: Stand) -> None:
    source = own_stand.upload(content=wav(240, rate=1000))["id"]
    nobody = own_stand.convert(source)["job_id"]
    assert [own_stand.get(f"/jobs/{nobody}")[f"expected_{what}_at"] for what in ("start", "end")] == [None, None]

    hand = Hand.register(own_stand.client, "worker_a")
    grant = hand.grant()
    hand.beat({"token": grant["token"], "progress": 40, "speed": 1, "eta_seconds": 100})
    waiting = _foretold(own_stand, own_stand.convert(source)["job_id"])
    running = own_stand.get(f"/jobs/{nobody}")
    ends = {name: datetime.fromisoformat(job["expected_end_at"]) for name, job in (("r", running), ("w", waiting))}
    starts = datetime.fromisoformat(waiting["expected_start_at"])

    assert running["expected_start_at"] is None
    assert (ends["r"] - datetime.now(UTC)).total_seconds() == pytest.approx(100, abs=5)
    assert (starts - ends["r"]).total_seconds() == pytest.approx(0, abs=2)
    assert (ends["w"] - starts).total_seconds() == pytest.approx(waiting["predicted_seconds"], abs=0.1)

    hand.beat({"token": grant["token"], "progress": 40, "speed": 1e-9, "eta_seconds": 1e15})
    assert own_stand.get(f"/jobs/{nobody}")["expected_end_at"] is None, "the calendar ends before"
    hand.leave()


def test_a_decision_says_when_each_would_finish_and_why_a_job_was_the_next(tmp_path: Path) -> None:
    with running_stand(tmp_path, policy="earliest_finish") as stand:
        first = Hand.register(stand.client, "worker_a")
        source = stand.upload(content=wav(240, rate=1000))["id"]
        ids = [stand.convert(source)["job_id"] for _ in range(2)]
        chosen = stand.get(f"/jobs/{ids[1]}/decision")["decision"]
        assert chosen["rule"] is None
        (candidate,) = chosen["candidates"]
        assert candidate["finish_seconds"] == pytest.approx(
            2 * stand.get(f"/jobs/{ids[1]}")["predicted_seconds"], rel=0.1
        )

        first.grant()
        thief = Hand.register(stand.client, "worker_b", slots=2)
        grant = thief.grant()
        moved = stand.get(f"/jobs/{grant['job_id']}/decision")["decision"]
        assert (moved["worker_id"], moved["rule"]) == ("worker_b", "shortest")
