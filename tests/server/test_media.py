"""Reading, listing and deleting files."""

from typing import Any

import pytest

from tests.server.stand import Hand, Stand, wav


@pytest.fixture(scope="module")
def content() -> bytes:
    return wav(0.25)


@pytest.fixture(scope="module")
def media(stand: Stand, content: bytes) -> dict[str, Any]:
    return stand.upload("mi canción.wav", content)


def test_the_bytes_come_with_type_etag_name_and_without_any_right_to_run(
    stand: Stand, media: dict[str, Any], content: bytes
) -> None:
    answer = stand.client.get(f"/media/{media['id']}")
    assert answer.status_code == 200
    assert answer.content == content
    assert answer.headers["content-type"] in {"audio/wav", "audio/x-wav"}
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{media["sha256"]}"'
    assert answer.headers["content-disposition"].startswith('inline; filename="mi cancion.wav"')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox;")


def test_a_download_is_offered_under_the_full_name(stand: Stand, media: dict[str, Any]) -> None:
    answer = stand.client.get(f"/media/{media['id']}", params={"download": 1})
    expected = "attachment; filename=\"mi cancion.wav\"; filename*=UTF-8''mi%20canci%C3%B3n.wav"
    assert answer.headers["content-disposition"] == expected


def test_head_says_the_same_without_the_bytes(stand: Stand, media: dict[str, Any], content: bytes) -> None:
    answer = stand.client.head(f"/media/{media['id']}")
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-length"] == str(len(content))
    assert stand.client.head(f"/media/{media['id']}", headers={"Range": "bytes=0-9"}).headers["content-length"] == "10"


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("bytes=0-9", 0, 10), ("bytes=100-", 100, None), ("bytes=-7", -7, None)]
)
def test_a_range_gives_that_part(
    stand: Stand, media: dict[str, Any], content: bytes, asked: str, start: int, end: int | None
) -> None:
    answer = stand.client.get(f"/media/{media['id']}", headers={"Range": asked})
    expected = content[start:end]
    assert answer.status_code == 206
    assert answer.content == expected
    first = start % len(content)
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{len(content)}"


def test_several_ranges_give_the_whole_file(stand: Stand, media: dict[str, Any], content: bytes) -> None:
    answer = stand.client.get(f"/media/{media['id']}", headers={"Range": "bytes=0-1,5-6"})
    assert (answer.status_code, answer.content) == (200, content)


def test_a_range_outside_the_file_is_refused_with_its_size(stand: Stand, media: dict[str, Any], content: bytes) -> None:
    answer = stand.client.get(f"/media/{media['id']}", headers={"Range": f"bytes={len(content)}-"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(content)}"
    assert f"has {len(content)} bytes" in answer.json()["detail"]


def test_a_range_of_thousands_of_digits_is_refused_like_any_other(stand: Stand, media: dict[str, Any]) -> None:
    answer = stand.client.get(f"/media/{media['id']}", headers={"Range": f"bytes={'9' * 5000}-"})
    assert answer.status_code == 416
    assert len(answer.json()["detail"]) < 200


def test_what_the_client_has_is_not_sent_again(stand: Stand, media: dict[str, Any], content: bytes) -> None:
    etag = f'"{media["sha256"]}"'
    unchanged = stand.client.get(f"/media/{media['id']}", headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == etag
    other = {"Range": "bytes=0-0", "If-Range": '"another"'}
    assert stand.client.get(f"/media/{media['id']}", headers=other).content == content
    same = {"Range": "bytes=0-0", "If-Range": etag}
    assert stand.client.get(f"/media/{media['id']}", headers=same).content == content[:1]


def test_the_probe_of_a_file_can_be_read(stand: Stand, media: dict[str, Any]) -> None:
    info = stand.get(f"/media/{media['id']}/info")
    assert info["kind"] == "audio"
    assert info["container"] == "wav"
    assert info["duration_seconds"] == pytest.approx(0.25)
    assert [(s["kind"], s["codec"], s["sample_rate_hz"], s["channels"]) for s in info["streams"]] == [
        ("audio", "pcm_s16le", 8000, 1)
    ]
    assert info["job_id"] is None


@pytest.mark.parametrize("path", ["/media/nobody", "/media/nobody/info", "/media/%00", "/media/a%20b"])
def test_an_unknown_file_is_not_found(stand: Stand, path: str) -> None:
    answer = stand.client.get(path)
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:balanza:problem:not-found"


def test_a_deleted_file_is_gone_with_its_bytes(stand: Stand) -> None:
    media = stand.upload("short-lived.wav")
    before = stand.stored()
    assert stand.client.delete(f"/media/{media['id']}", params={"forever": True}).status_code == 204
    assert len(stand.stored()) == len(before) - 1
    for method, path in [("GET", ""), ("GET", "/info"), ("DELETE", "")]:
        answer = stand.client.request(method, f"/media/{media['id']}{path}")
        assert answer.status_code == 410
        assert "short-lived.wav" in answer.json()["detail"]
    assert media["id"] not in [one["id"] for one in stand.get("/media")["media"]]


def test_a_deleted_file_is_in_the_trash_and_comes_back(stand: Stand) -> None:
    media = stand.upload("wanted again.wav")
    path = f"/media/{media['id']}"
    before = stand.stored(), stand.get(f"{path}/info")
    assert stand.client.delete(path).status_code == 204
    assert media["id"] not in [one["id"] for one in stand.get("/media")["media"]]
    first = stand.get("/media", trash=True)["media"][0]
    assert first["id"] == media["id"]
    assert first["trashed_at"] is not None
    for method, address in [("GET", path), ("HEAD", path), ("GET", f"{path}/info"), ("DELETE", path)]:
        answer = stand.client.request(method, address)
        assert answer.status_code == 410
        if method != "HEAD":
            assert answer.json()["type"] == "urn:balanza:problem:in-trash"
            assert "is in the trash" in answer.json()["detail"]

    restored = stand.client.post(f"{path}/restore")
    assert (restored.status_code, restored.json()["trashed_at"]) == (200, None)
    assert (stand.stored(), stand.get(f"{path}/info")) == before
    assert stand.client.post(f"{path}/restore").status_code == 409
    assert stand.client.post("/media/nothing/restore").status_code == 404


def test_pages_of_the_trash_begin_where_the_page_before_ended(own_stand: Stand) -> None:
    ids = [own_stand.upload(f"{n}.wav")["id"] for n in range(3)]
    for media_id in ids:
        own_stand.client.delete(f"/media/{media_id}")
    first = own_stand.get("/media", trash=True, limit=2)
    last = own_stand.get("/media", trash=True, limit=2, cursor=first["next_cursor"])
    assert [one["id"] for one in first["media"] + last["media"]] == ids[::-1]
    assert last["next_cursor"] is None


def test_a_file_that_a_job_waits_for_cannot_be_deleted(stand: Stand) -> None:
    media = stand.upload("wanted.wav")
    job = stand.convert(media["id"])
    answer = stand.client.delete(f"/media/{media['id']}")
    assert answer.status_code == 409
    assert job["job_id"] in answer.json()["detail"]
    stand.client.post(f"/jobs/{job['job_id']}/cancel")
    assert stand.client.delete(f"/media/{media['id']}").status_code == 204


def test_pages_of_files_stay_the_same_while_others_arrive(stand: Stand) -> None:
    ids = [stand.upload(f"{n}.wav")["id"] for n in range(5)]
    first = stand.get("/media", limit=2)
    stand.upload("later.wav")
    second = stand.get("/media", limit=2, cursor=first["next_cursor"])
    assert [one["id"] for one in first["media"] + second["media"]] == ids[:0:-1]


def test_the_last_page_names_no_next_one(own_stand: Stand) -> None:
    for n in range(3):
        own_stand.upload(f"{n}.wav")
    assert own_stand.get("/media", limit=3)["next_cursor"] is None
    first = own_stand.get("/media", limit=2)
    last = own_stand.get("/media", limit=2, cursor=first["next_cursor"])
    assert (len(last["media"]), last["next_cursor"]) == (1, None)


@pytest.mark.parametrize("cursor", ["garbage", "%00", "a%20b", "x" * 65])
def test_a_cursor_that_no_page_gave_is_refused_instead_of_answered_with_an_empty_page(
    stand: Stand, cursor: str
) -> None:
    answer = stand.client.get(f"/media?cursor={cursor}")
    assert answer.status_code == 422
    assert "'cursor'" in answer.json()["detail"]


def test_a_result_names_its_job(stand: Stand) -> None:
    hand = Hand.register(stand.client, "worker_media")
    media = stand.upload("again.wav")
    job = stand.convert(media["id"], "wav")
    grant = hand.grant()
    hand.store(grant["token"], wav(0.1))
    assert hand.complete(grant, wav(0.1)).status_code == 204
    result = stand.get(f"/jobs/{job['job_id']}")["output_id"]
    assert stand.get(f"/media/{result}/info")["job_id"] == job["job_id"]
    hand.leave()


def test_the_library_is_searched_and_ordered(stand: Stand) -> None:
    long, short = (stand.upload(f"Búsqueda {name}.wav", wav(seconds)) for name, seconds in (("b", 0.3), ("a", 0.1)))

    assert [one["id"] for one in stand.get("/media", search="busqueda")["media"]] == [short["id"], long["id"]]
    longest = stand.get("/media", search="busqueda", sort="longest")["media"]
    assert longest[0]["id"] == long["id"]
    assert stand.get("/media", search="busqueda", kind="video")["media"] == []
    first = stand.get("/media", search="busqueda", sort="name", limit=1)
    second = stand.get("/media", search="busqueda", sort="name", limit=1, cursor=first["next_cursor"])
    assert [page["media"][0]["id"] for page in (first, second)] == [short["id"], long["id"]]
    assert first["media"][0]["codecs"] == ["pcm_s16le"]
    assert stand.client.get("/media", params={"sort": "colour"}).status_code == 422


def test_a_file_is_renamed_and_its_name_made_harmless(stand: Stand) -> None:
    media_id = stand.upload("before.wav")["id"]

    renamed = stand.client.patch(f"/media/{media_id}", json={"name": "../after\u202e.wav"})

    assert renamed.json()["name"] == "after.wav"
    assert stand.get(f"/media/{media_id}/info")["name"] == "after.wav"
    assert "after.wav" in stand.client.get(f"/media/{media_id}?download=1").headers["content-disposition"]
    assert stand.client.patch(f"/media/{media_id}", json={"name": ""}).status_code == 422
    assert stand.client.patch("/media/none", json={"name": "a"}).status_code == 404
    stand.client.delete(f"/media/{media_id}")
    assert stand.client.patch(f"/media/{media_id}", json={"name": "a"}).status_code == 410
