"""Shared links over HTTP: made and revoked by who shares, opened by strangers who know the link and nothing else."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import update

from balanza.store.tables import media as media_table
from balanza.store.tables import shares as share_table
from tests.server.stand import Stand, running, wav
from tests.server.test_problems import problem_of

PASSWORD = "contraseña"


@pytest.fixture(scope="module")
def content() -> bytes:
    return wav(0.25)


@pytest.fixture(scope="module")
def media(stand: Stand, content: bytes) -> dict[str, Any]:
    return stand.upload("mi canción.wav", content)


@pytest.fixture
def reader(stand: Stand) -> Iterator[httpx2.Client]:
    """Somebody else, without any cookie."""
    with httpx2.Client(base_url=stand.address, timeout=30, verify=False) as client:
        yield client


def shared(stand: Stand, media: dict[str, Any], **terms: object) -> dict[str, Any]:
    answer = stand.client.post(f"/media/{media['id']}/shares", json={"expires_seconds": 3600, **terms})
    assert answer.status_code == 201, answer.text
    share: dict[str, Any] = answer.json()
    return share


def listed(stand: Stand, media: dict[str, Any], share: dict[str, Any]) -> dict[str, Any]:
    [found] = [one for one in stand.get("/shares", media=media["id"])["shares"] if one["id"] == share["id"]]
    return dict(found)


def test_a_shared_file_is_looked_at_and_played_by_who_has_the_link(
    stand: Stand, media: dict[str, Any], content: bytes, reader: httpx2.Client
) -> None:
    share = shared(stand, media)
    info = reader.get(f"{share['url']}/info")
    assert info.json() == {
        "needs_password": False,
        "expires_at": share["expires_at"],
        "name": "mi canción.wav",
        "size_bytes": len(content),
        "mime_type": info.json()["mime_type"],
        "kind": "audio",
        "duration_seconds": 0.25,
        "can_download": True,
    }
    answer = reader.get(f"{share['url']}/media")
    assert answer.content == content
    assert answer.headers["etag"] == f'"{media["sha256"]}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"].startswith("inline;")
    assert answer.headers["content-security-policy"].startswith("sandbox;")


def test_bytes_come_by_range_by_condition_and_by_head(
    stand: Stand, media: dict[str, Any], content: bytes, reader: httpx2.Client
) -> None:
    url = f"{shared(stand, media)['url']}/media"
    part = reader.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    head = reader.head(url)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))
    assert reader.get(url, headers={"If-None-Match": head.headers["etag"]}).status_code == 304
    assert reader.get(url, headers={"Range": f"bytes={len(content)}-"}).status_code == 416
    attached = reader.head(url, params={"download": 1}).headers["content-disposition"]
    assert attached == "attachment; filename=\"mi cancion.wav\"; filename*=UTF-8''mi%20canci%C3%B3n.wav"


def test_nothing_that_a_link_answers_is_kept_listed_or_told_on(
    stand: Stand, media: dict[str, Any], reader: httpx2.Client
) -> None:
    url = shared(stand, media)["url"]
    answers = [
        *(reader.get(url + path) for path in ("", "/info", "/media", "/media?download=1", "/media?download=x", "/no")),
        reader.get("/s/nothing/info"),
        reader.post(f"{url}/unlock", json={"password": "x"}),
        reader.post(f"{url}/unlock"),
        reader.head(url),
        reader.delete(url),
    ]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store", answer.url
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert "x-robots-tag" not in reader.get("/media").headers


def test_the_page_of_every_link_is_the_same_but_for_its_status(
    stand: Stand, media: dict[str, Any], reader: httpx2.Client
) -> None:
    share, revoked = shared(stand, media, password=PASSWORD), shared(stand, media)
    stand.client.delete(f"/shares/{revoked['id']}")
    pages = [reader.get(url) for url in (share["url"], revoked["url"], "/s/nothing", "/s/%FF")]
    assert {page.content for page in pages} == {pages[0].content}
    assert [page.status_code for page in pages] == [200, 404, 404, 404]
    kept = {"If-None-Match": pages[0].headers["etag"]}
    assert reader.get(revoked["url"], headers=kept).status_code == 404
    assert reader.head(revoked["url"]).status_code == 404
    assert pages[0].headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in pages[0].headers["content-security-policy"]


def test_links_that_open_nothing_are_answered_alike(stand: Stand, media: dict[str, Any], reader: httpx2.Client) -> None:
    revoked, expired = shared(stand, media), shared(stand, media, password=PASSWORD)
    stand.client.delete(f"/shares/{revoked['id']}")
    stand.parts.desk.database.write(
        lambda tx: tx.execute(
            update(share_table)
            .where(share_table.c.id == expired["id"])
            .values(expires_at=stand.parts.desk.clock(), created_at=stand.parts.desk.clock())
        )
    )
    gone, trashed = stand.upload("gone.wav"), stand.upload("trashed.wav")
    urls = [shared(stand, gone)["url"], shared(stand, trashed)["url"], revoked["url"], expired["url"]]
    stand.client.delete(f"/media/{gone['id']}")
    stand.parts.desk.database.write(
        lambda tx: tx.execute(
            update(media_table).where(media_table.c.id == trashed["id"]).values(trashed_at=stand.parts.desk.clock())
        )
    )

    for method, path in [("GET", "/info"), ("GET", "/media"), ("GET", "/media?download=1"), ("POST", "/unlock")]:
        body = {"json": {"password": "x"}} if method == "POST" else {}
        answers = [reader.request(method, url + path, **body) for url in [*urls, "/s/nothing", "/s/%FF"]]  # type: ignore[arg-type]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text for answer in answers}) == 1
        assert {tuple(sorted(answer.headers)) for answer in answers} == {tuple(sorted(answers[0].headers))}
        assert "wav" not in problem_of(answers[0])["detail"]


def test_a_locked_link_tells_only_until_when(stand: Stand, media: dict[str, Any], reader: httpx2.Client) -> None:
    share = shared(stand, media, password=PASSWORD)
    assert share["has_password"]
    assert reader.get(f"{share['url']}/info").json() == {"needs_password": True, "expires_at": share["expires_at"]}
    for path in ("/media", "/media?download=1"):
        for method in ("GET", "HEAD"):
            refused = reader.request(method, share["url"] + path)
            assert refused.status_code == 403
            assert not {"etag", "content-disposition"} & set(refused.headers)
    assert "password" in problem_of(reader.get(f"{share['url']}/media"))["detail"]


def test_the_password_unlocks_one_link_for_one_reader(
    stand: Stand, media: dict[str, Any], content: bytes, reader: httpx2.Client
) -> None:
    url, other = (shared(stand, media, password=PASSWORD)["url"] for _ in range(2))
    wrong = reader.post(f"{url}/unlock", json={"password": "contrasena"})
    assert wrong.status_code == 403
    assert problem_of(wrong)["type"].endswith(":wrong-password")
    assert "set-cookie" not in wrong.headers

    right = reader.post(f"{url}/unlock", json={"password": PASSWORD})
    assert (right.status_code, right.content) == (204, b"")
    cookie = right.headers["set-cookie"]
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {"httponly", "samesite=strict"}
    assert [kept.path for kept in reader.cookies.jar] == [url]
    assert reader.get(f"{url}/info").json()["name"] == "mi canción.wav"
    assert reader.get(f"{url}/media").content == content
    assert reader.get(f"{other}/info").json()["needs_password"]
    key = cookie.partition(";")[0]
    assert reader.get(f"{other}/media", headers={"Cookie": key}).status_code == 403
    assert stand.client.get(f"{url}/media").status_code == 403


def test_too_many_passwords_are_refused_with_the_time_to_wait(
    stand: Stand, media: dict[str, Any], reader: httpx2.Client
) -> None:
    url = f"{shared(stand, media, password=PASSWORD)['url']}/unlock"
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: reader.post(url, json={"password": "wrong"}), range(12)))
    assert sorted(answer.status_code for answer in answers) == [403] * 10 + [429] * 2
    refused = reader.post(url, json={"password": PASSWORD})
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert f"{refused.headers['retry-after']} seconds" in problem_of(refused)["detail"]


def test_playing_eats_no_download(stand: Stand, media: dict[str, Any], reader: httpx2.Client) -> None:
    share = shared(stand, media, most_downloads=1)
    url = f"{share['url']}/media"
    for headers in ({}, {"Range": "bytes=0-"}, {"Range": "bytes=0-99"}, {"Range": "bytes=100-"}):
        assert reader.get(url, headers=headers).status_code in {200, 206}
    assert reader.head(url, params={"download": 1}).status_code == 200
    assert listed(stand, media, share)["downloads"] == 0


def test_a_download_counts_once_in_however_many_parts_it_comes(
    stand: Stand, media: dict[str, Any], content: bytes, reader: httpx2.Client
) -> None:
    share = shared(stand, media, most_downloads=1)
    url = f"{share['url']}/media?download=1"
    first = reader.get(url, headers={"Range": "bytes=0-99"})
    rest = reader.get(url, headers={"Range": "bytes=100-", "If-Range": first.headers["etag"]})
    assert first.content + rest.content == content
    assert listed(stand, media, share)["downloads"] == 1
    assert not reader.get(f"{share['url']}/info").json()["can_download"]


def test_more_downloads_than_allowed_are_refused_and_playing_goes_on(
    stand: Stand, media: dict[str, Any], content: bytes, reader: httpx2.Client
) -> None:
    share = shared(stand, media, most_downloads=3)
    url = f"{share['url']}/media"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: reader.get(url, params={"download": 1}), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [410] * 5
    refused = reader.get(url, params={"download": 1}, headers={"Range": "bytes=0-"})
    assert problem_of(refused)["type"].endswith(":used-up")
    assert "(3)" in refused.json()["detail"]
    assert reader.head(url, params={"download": 1}).status_code == 410
    assert reader.get(url).content == content
    assert listed(stand, media, share)["downloads"] == 3


def test_links_are_listed_without_their_secret_and_revoked(stand: Stand, reader: httpx2.Client) -> None:
    media = stand.upload("shared often.wav")
    made = [shared(stand, media), shared(stand, media, password=PASSWORD, most_downloads=2), shared(stand, media)]
    page = stand.get("/shares", media=media["id"], limit=2)
    rest = stand.get("/shares", media=media["id"], cursor=page["next_cursor"])
    assert [one["id"] for one in page["shares"] + rest["shares"]] == [one["id"] for one in reversed(made)]
    assert rest["next_cursor"] is None
    assert page["shares"][1] == {
        "id": made[1]["id"],
        "media_id": media["id"],
        "name": "shared often.wav",
        "created_at": page["shares"][1]["created_at"],
        "expires_at": made[1]["expires_at"],
        "has_password": True,
        "downloads": 0,
        "most_downloads": 2,
        "state": "open",
    }
    for _ in range(2):
        assert stand.client.delete(f"/shares/{made[0]['id']}").status_code == 204
    assert reader.get(f"{made[0]['url']}/info").status_code == 404
    assert listed(stand, media, made[0])["state"] == "revoked"
    assert reader.get(f"{made[2]['url']}/info").status_code == 200


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({}, "The field 'expires_seconds' is missing."),
        ({"expires_seconds": 59}, "The field 'expires_seconds' should be greater than or equal to 60; it is 59."),
        ({"expires_seconds": 2_592_001}, "should be less than or equal to 2592000"),
        ({"expires_seconds": "soon"}, "'expires_seconds' should be a valid integer"),
        ({"expires_seconds": None}, "'expires_seconds' should be a valid integer"),
        ({"expires_seconds": 60.5}, "'expires_seconds' should be a valid integer"),
        ({"expires_seconds": 60, "password": ""}, "'password' should have at least 1 character"),
        ({"expires_seconds": 60, "password": "x" * 201}, "'password' should have at most 200 characters"),
        ({"expires_seconds": 60, "password": 1234}, "'password' should be a valid string"),
        ({"expires_seconds": 60, "password": "\ud800"}, "'password' should be a valid string"),
        ({"expires_seconds": 60, "most_downloads": 0}, "'most_downloads' should be greater than or equal to 1"),
        ({"expires_seconds": 60, "most_downloads": 10**20}, "'most_downloads'"),
        ({"expires_seconds": 60, "most_downloads": True}, "'most_downloads' should be a valid integer"),
        ({"expires_seconds": 60, "token": "mine"}, "The field 'token' is not known here."),
    ],
)
def test_terms_that_cannot_be_are_refused_with_a_sentence(
    stand: Stand, media: dict[str, Any], terms: dict[str, Any], sentence: str
) -> None:
    before = stand.get("/shares", media=media["id"])
    body = json.dumps(terms)
    answer = stand.client.post(
        f"/media/{media['id']}/shares", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert sentence in problem_of(answer)["detail"]
    assert stand.get("/shares", media=media["id"]) == before


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("POST", "/media/nobody/shares", {"expires_seconds": 60}, 404, "There is no file with the id nobody."),
        ("GET", "/shares?media=nobody", None, 404, "There is no file with the id nobody."),
        ("GET", "/shares", None, 422, "The query parameter 'media' is missing."),
        ("GET", "/shares?media=a%20b", None, 422, "'media'"),
        ("GET", "/shares?media=MEDIA&cursor=nothing", None, 422, "'cursor' names no link: nothing."),
        ("GET", "/shares?media=MEDIA&limit=0", None, 422, "'limit'"),
        ("DELETE", "/shares/nothing", None, 404, "There is no link with the id nothing."),
        ("DELETE", "/shares/%00", None, 404, "There is nothing at"),
        ("POST", "/s/nothing/unlock", {}, 422, "The field 'password' is missing."),
        ("POST", "/s/nothing/unlock", {"password": "x" * 201}, 422, "at most 200 characters"),
        ("PUT", "/s/nothing/media", None, 405, "PUT is not possible"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(
    stand: Stand, media: dict[str, Any], method: str, path: str, body: dict[str, Any] | None, status: int, sentence: str
) -> None:
    answer = stand.client.request(method, path.replace("MEDIA", media["id"]), json=body)
    assert answer.status_code == status
    assert sentence in problem_of(answer)["detail"]


def test_a_deleted_file_cannot_be_shared(stand: Stand) -> None:
    media = stand.upload("over.wav")
    stand.client.delete(f"/media/{media['id']}")
    answer = stand.client.post(f"/media/{media['id']}/shares", json={"expires_seconds": 60})
    assert answer.status_code == 410
    assert "over.wav" in problem_of(answer)["detail"]


def test_a_failure_is_logged_without_the_token(
    stand: Stand, reader: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    media = stand.upload("lost.wav")
    share = shared(stand, media, most_downloads=1)
    stand.parts.desk.storage.path(stand.parts.library.get(media["id"]).storage_key).unlink()
    with caplog.at_level(logging.INFO, logger="balanza.server"):
        answer = reader.get(f"{share['url']}/media", params={"download": 1})
    assert answer.status_code == 500
    assert "GET /s/…/media: " in caplog.text
    assert share["url"] not in caplog.text
    assert listed(stand, media, share)["downloads"] == 0


def test_behind_tls_the_key_is_sent_over_tls_alone(tmp_path: Path) -> None:
    with running(tmp_path, public_url="https://media.example.org") as stand:
        share = shared(stand, stand.upload(), password=PASSWORD)
        headers = {"Origin": "https://media.example.org", "Host": "media.example.org"}
        answer = stand.client.post(f"{share['url']}/unlock", json={"password": PASSWORD}, headers=headers)
    assert "Secure" in answer.headers["set-cookie"].split("; ")


def test_a_page_of_another_site_may_not_try_passwords(
    stand: Stand, media: dict[str, Any], reader: httpx2.Client
) -> None:
    url = f"{shared(stand, media, password=PASSWORD)['url']}/unlock"
    answer = reader.post(url, json={"password": PASSWORD}, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_restart_keeps_the_links_and_locks_what_was_unlocked(
    stand: Stand, media: dict[str, Any], reader: httpx2.Client
) -> None:
    url = shared(stand, media, password=PASSWORD)["url"]
    reader.post(f"{url}/unlock", json={"password": PASSWORD})
    again = type(stand.parts.sharing)(stand.parts.desk)
    key = reader.cookies.get("balanza_share")
    share, _ = again.look(url.removeprefix("/s/"))
    assert not stand.parts.sharing.is_locked(share, key)
    assert again.is_locked(share, key)
