"""Thumbnails, waveforms and captions: made once, by a worker, when somebody asks; in no list; gone with their file."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.server.stand import Hand, Stand, running, wav

PEAKS = bytes(range(100))


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with running(tmp_path_factory.mktemp("derived") / "data") as started:
        yield started


@pytest.fixture
def hand(stand: Stand) -> Iterator[Hand]:
    hand = Hand.register(stand.client, "worker_a", slots=3)
    yield hand
    hand.leave()


def waveform(stand: Stand, media_id: str, **headers: str) -> httpx2.Response:
    return stand.client.get(f"/media/{media_id}/waveform", headers=headers)


def test_the_first_question_makes_one_job_that_no_list_shows(stand: Stand, hand: Hand) -> None:
    song = stand.upload()["id"]
    jobs, decisions, counts = stand.get("/jobs"), stand.get("/decisions"), stand.get("/queue/stats")["jobs"]

    for _ in range(2):
        answer = waveform(stand, song)
        assert (answer.status_code, answer.json()) == (202, {"status": "pending"})
        assert answer.headers["cache-control"] == "no-store"
    grant = hand.grant()
    assert (grant["kind"], grant["source"]["media_id"], hand.lease().status_code) == ("waveform", song, 204)

    assert (stand.get("/jobs"), stand.get("/decisions"), stand.get("/queue/stats")["jobs"]) == (jobs, decisions, counts)
    for path in (f"/jobs/{grant['job_id']}", f"/jobs/{grant['job_id']}/decision"):
        assert stand.client.get(path).status_code == 404
    assert stand.client.post(f"/jobs/{grant['job_id']}/cancel").status_code == 404
    assert stand.get("/workers/stats")["workers"][0]["running_jobs"] == 1
    hand.store(grant["token"], PEAKS)
    assert hand.complete(grant, PEAKS).status_code == 204


def test_what_was_made_is_kept_by_browsers_and_shown_nowhere_else(stand: Stand, hand: Hand) -> None:
    song = stand.upload("made.wav")["id"]
    waveform(stand, song)
    media, before = stand.get("/media"), stand.get("/workers/stats")["workers"][0]["conversions_success"]
    grant = hand.grant()
    hand.store(grant["token"], PEAKS)
    assert hand.complete(grant, PEAKS).status_code == 204

    answer = waveform(stand, song)
    assert (answer.status_code, answer.content) == (200, PEAKS)
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert waveform(stand, song, **{"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert stand.get("/media") == media
    assert stand.get("/workers/stats")["workers"][0]["conversions_success"] == before


def test_it_goes_with_its_file_and_comes_back_from_the_trash(stand: Stand, hand: Hand) -> None:
    song = stand.upload("going.wav")["id"]
    waveform(stand, song)
    first = hand.grant()
    assert stand.client.delete(f"/media/{song}").status_code == 204
    assert hand.store(first["token"], PEAKS).status_code == 409
    assert waveform(stand, song).status_code == 410

    stand.client.post(f"/media/{song}/restore")
    assert waveform(stand, song).status_code == 202
    second = hand.grant()
    hand.store(second["token"], PEAKS)
    assert hand.complete(second, PEAKS).status_code == 204
    assert f"result-{second['job_id']}-2" in stand.stored()

    assert stand.client.delete(f"/media/{song}", params={"forever": "true"}).status_code == 204
    assert [name for name in stand.stored() if song in name or second["job_id"] in name] == []


def test_what_cannot_be_made_is_said_and_not_tried_for_ever(stand: Stand, hand: Hand) -> None:
    song = stand.upload("noise.wav", wav(0.2))["id"]
    answer = stand.client.get(f"/media/{song}/thumbnail")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:balanza:problem:cannot-be-made")
    assert "no film" in answer.json()["detail"]
    assert "no subtitles" in stand.client.get(f"/media/{song}/captions/0").json()["detail"]
    assert stand.client.get(f"/media/{song}/captions/-1").status_code == 404

    waveform(stand, song)
    for _ in range(2):
        token = hand.grant()["token"]
        stand.client.post(f"/fleet/leases/{token}/fail", json={"error": "It is cut off."})
    answer = waveform(stand, song)
    assert (answer.status_code, answer.json()["detail"]) == (
        404,
        "No waveform could be made of noise.wav: It is cut off.",
    )
    assert hand.lease().status_code == 204


def test_it_comes_before_conversions_that_wait(stand: Stand, hand: Hand) -> None:
    song = stand.upload("busy.wav")["id"]
    converted = stand.convert(song)["job_id"]
    waveform(stand, song)
    assert [hand.grant()["kind"], hand.grant()["job_id"]] == ["waveform", converted]
