"""Thumbnails, previews and the like: made once, by a worker, when somebody asks; in no list; gone with their file."""

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
    assert answer.headers["vary"] == "Cookie, Authorization"
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


PLAYLIST = "#EXTM3U\n#EXT-X-PLAYLIST-TYPE:EVENT\n1.mp4\n"


@pytest.fixture
def film_hand(stand: Stand) -> Iterator[Hand]:
    hand = Hand.register(stand.client, "worker_f", slots=3, encoders=("libx264", "aac"))
    stand.parts.desk.dispatches.add(oldest=True)  # what an earlier test left pending is not the next
    yield hand
    hand.leave()


def send_piece(stand: Stand, token: str, number: int, content: bytes) -> httpx2.Response:
    return stand.client.put(f"/fleet/leases/{token}/pieces/{number}", content=content)


def test_a_preview_is_played_piece_by_piece_while_it_is_being_made(stand: Stand, film_hand: Hand) -> None:
    source = stand.upload("odd.wav")["id"]
    address = f"/media/{source}/preview"
    assert stand.get(address) == {"status": "pending", "progress": 0, "playlist": None}
    grant = film_hand.grant()
    token, run = grant["token"], f"{grant['job_id']}-1"
    assert grant["kind"] == "preview"
    assert stand.get(address) == {"status": "processing", "progress": 0, "playlist": None}
    assert stand.client.get(f"{address}/{run}/playlist.m3u8").status_code == 404

    refused = send_piece(stand, token, 1, b"one")
    assert (refused.status_code, "came before piece 0" in refused.json()["detail"]) == (409, True)
    for number, content in [(0, b"zero"), (1, b"broken"), (1, b"one")]:
        assert send_piece(stand, token, number, content).status_code == 200
    film_hand.store(token, PLAYLIST.encode())
    film_hand.beat({"token": token, "progress": 40})
    assert stand.get(address) == {
        "status": "processing",
        "progress": 40,
        "playlist": f"preview/{run}/playlist.m3u8",
    }
    playlist = stand.client.get(f"{address}/{run}/playlist.m3u8")
    assert (playlist.text, playlist.headers["cache-control"]) == (PLAYLIST, "no-store")
    assert playlist.headers["content-type"] == "application/vnd.apple.mpegurl"
    piece = stand.client.get(f"{address}/{run}/1.mp4")
    assert (piece.content, piece.headers["content-type"]) == (b"one", "video/mp4")
    for wrong in (f"{run}/2.mp4", f"{run}/-1.mp4", f"{grant['job_id']}-2/1.mp4", "x/1.mp4", f"{run}/playlist.m3u"):
        assert stand.client.get(f"{address}/{wrong}").status_code in {404, 422}

    whole = f"{PLAYLIST}#EXT-X-ENDLIST\n".encode()
    film_hand.store(token, whole)
    assert film_hand.complete(grant, whole).status_code == 204
    assert stand.get(address)["status"] == "completed"
    assert stand.client.get(f"{address}/{run}/playlist.m3u8").content == whole
    assert stand.client.get(f"{address}/{run}/0.mp4").content == b"zero"
    assert [name for name in stand.stored() if run in name] == [f"result-{run}", f"result-{run}-p0", f"result-{run}-p1"]
    assert stand.client.delete(f"/media/{source}", params={"forever": "true"}).status_code == 204
    assert [name for name in stand.stored() if run in name] == []


def test_a_lost_preview_leaves_nothing_and_the_next_attempt_is_another_one(stand: Stand, film_hand: Hand) -> None:
    source = stand.upload("lost.wav")["id"]
    address = f"/media/{source}/preview"
    stand.get(address)
    first = film_hand.grant()
    for number in range(2):
        send_piece(stand, first["token"], number, b"piece")
    film_hand.store(first["token"], PLAYLIST.encode())
    lost = stand.get(address)["playlist"]
    stand.client.post(f"/fleet/leases/{first['token']}/fail", json={"error": "It broke."})
    assert send_piece(stand, first["token"], 2, b"late").status_code == 409
    assert [name for name in stand.stored() if first["job_id"] in name] == []
    assert stand.get(address)["playlist"] is None
    assert stand.client.get(f"/media/{source}/{lost}").status_code == 404

    second = film_hand.grant()
    send_piece(stand, second["token"], 0, b"anew")
    film_hand.store(second["token"], PLAYLIST.encode())
    assert stand.get(address)["playlist"] == f"preview/{first['job_id']}-2/playlist.m3u8"
    assert stand.client.delete(f"/media/{source}").status_code == 204
    assert [name for name in stand.stored() if first["job_id"] in name] == []


def test_only_previews_have_pieces_and_they_come_before_all_else(stand: Stand, film_hand: Hand) -> None:
    hand = Hand.register(stand.client, "worker_a", encoders=("libx264", "aac"))
    film_hand.leave()
    source = stand.upload("first.wav")["id"]
    waveform(stand, source)
    stand.get(f"/media/{source}/preview")
    assert hand.grant()["kind"] == "preview"
    hand.leave()
    hand = Hand.register(stand.client, "worker_a", slots=2, encoders=())
    token = hand.grant()["token"]
    refused = send_piece(stand, token, 0, b"piece")
    assert (refused.status_code, "is no preview" in refused.json()["detail"]) == (409, True)
    assert send_piece(stand, token, -1, b"piece").status_code == 404
    hand.leave()
