"""The guard in a running server: refused requests change nothing, and every answer carries the security headers."""

import re
import socket
from pathlib import Path

import pytest

from balanza.server.guard import DOCS_POLICY, PAGE_POLICY
from balanza.server.pages import FOLDER
from tests.server.stand import Stand, running, wav


def test_a_rebound_host_name_reads_and_changes_nothing(stand: Stand) -> None:
    stand.upload("private.wav")
    before = stand.get("/media"), stand.stored()
    evil = {"Host": f"evil.example:{stand.port}"}
    for path in ("/", "/media", "/events", "/metrics", "/docs", "/web/api.js", "/nowhere"):
        answer = stand.client.get(path, headers=evil)
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:balanza:problem:refused"
        assert "evil.example" in answer.json()["detail"]
    assert stand.client.post("/upload?name=a.wav", content=wav(), headers=evil).status_code == 403
    assert (stand.get("/media"), stand.stored()) == before


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_another_sites_page_can_change_nothing(stand: Stand, headers: dict[str, str]) -> None:
    media = stand.upload("kept.wav")
    before = stand.get("/media"), stand.get("/jobs"), stand.stored()
    wanted = {"input_file": media["id"], "output_format": "mp3"}
    answers = [
        stand.client.post("/upload?name=a.wav", content=wav(), headers=headers),
        stand.client.post("/upload", files={"file": ("a.wav", wav())}, headers=headers),
        stand.client.post("/convert", json=wanted, headers=headers),
        stand.client.delete(f"/media/{media['id']}", headers=headers),
        stand.client.post("/workers/worker_a/drain", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [403] * 5
    assert (stand.get("/media"), stand.get("/jobs"), stand.stored()) == before


def test_the_own_page_can_change_things(stand: Stand) -> None:
    own = {"Origin": stand.address, "Sec-Fetch-Site": "same-origin"}
    assert stand.client.post("/upload?name=a.wav", content=wav(), headers=own).status_code == 201


def test_a_request_without_a_host_is_refused(stand: Stand) -> None:
    with socket.create_connection(("127.0.0.1", stand.port)) as connection:
        connection.sendall(b"GET /media HTTP/1.0\r\n\r\n")
        assert b" 403 " in connection.makefile("rb").readline()


def test_no_other_origin_is_ever_allowed_to_read(stand: Stand) -> None:
    preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    assert stand.client.options("/convert", headers=preflight).status_code == 405
    for path in ("/media", "/"):
        answer = stand.client.get(path, headers={"Origin": "http://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/", "/docs", "/web/api.js", "/media", "/nowhere", "/metrics", "/openapi.json"])
def test_every_answer_carries_the_security_headers(stand: Stand, path: str) -> None:
    headers = stand.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    is_page = headers["content-type"].startswith("text/") and path != "/metrics"
    assert headers["referrer-policy"] == ("same-origin" if is_page else "no-referrer")
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/auth/me", "/media", "/jobs", "/workers/stats", "/metrics", "/nowhere", "/media/x"])
def test_what_is_somebodys_is_kept_by_no_cache(stand: Stand, path: str) -> None:
    assert stand.client.get(path).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/player.html", "/docs"])
def test_pages_may_load_only_from_this_server(stand: Stand, path: str) -> None:
    answer = stand.client.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == (DOCS_POLICY if path == "/docs" else PAGE_POLICY)
    assert "//" not in answer.text.replace("<!doctype", "").replace("http://www.w3.org", "")


def test_the_files_of_the_page_have_types_and_are_asked_for_again_each_time(stand: Stand) -> None:
    for path, media_type in [("/web/api.js", "text/javascript"), ("/web/vendor/swagger-ui/swagger-ui.css", "text/css")]:
        answer = stand.client.get(path)
        assert answer.headers["content-type"].startswith(media_type)
        assert answer.headers["cache-control"] == "no-cache"
        again = stand.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert stand.client.head("/").status_code == 200


def test_the_files_of_a_page_have_its_version_in_their_address_and_are_kept(stand: Stand) -> None:
    page = stand.client.get("/player.html").text
    version = re.findall(r'src="web/([0-9a-f]{16})/app.js"', page)[0]
    assert set(re.findall(r'="web/(\w+)/', page)) == {version}
    answer = stand.client.get(f"/web/{version}/api.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.content == stand.client.get("/web/api.js").content
    assert stand.client.get(f"/web/{'0' * 16}/api.js").status_code == 404


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"Accept-Language": "fr, es-AR;q=0.8, en;q=0.3"}, "es"),
        ({"Accept-Language": "es;q=0.2, en-GB"}, "en"),
        ({"Accept-Language": "es;q=x, ,;;"}, "en"),
        ({"Accept-Language": "en", "Cookie": "a=b; balanza_language=es; c=d"}, "es"),
        ({"Cookie": "balanza_language=xx"}, "en"),
    ],
)
def test_a_page_begins_in_the_readers_language(stand: Stand, headers: dict[str, str], language: str) -> None:
    word = {"en": "Fleet", "es": "Flota"}[language]
    for path in ("/player.html", "/dashboard.html", "/settings.html", "/users.html"):
        answer = stand.client.get(path, headers=headers)
        assert f'<html lang="{language}">' in answer.text
        assert f">{word}</a>" in answer.text
        assert "{" not in answer.text
        assert {"Accept-Language", "Cookie"} <= set(answer.headers["vary"].split(", "))


@pytest.mark.parametrize(
    ("accepted", "is_zipped"),
    [
        *[("gzip, deflate, br", True), ("br,GZIP;q=0.5", True), ("gzip; q=1.0", True), ("*", True)],
        *[("gzip;q=0", False), ("gzip; q=0.0, br", False), ("br", False), ("identity", False), ("", False)],
    ],
)
def test_the_files_of_the_page_are_sent_zipped_to_whoever_takes_them_so(
    stand: Stand, accepted: str, is_zipped: bool
) -> None:
    plain = (FOLDER / "api.js").read_bytes()
    answer = stand.client.get("/web/api.js", headers={"Accept-Encoding": accepted})
    assert answer.content == plain
    assert answer.headers.get("content-encoding") == ("gzip" if is_zipped else None)
    assert (int(answer.headers["content-length"]) < len(plain) * 0.6) == is_zipped
    assert answer.headers["vary"] == "Accept-Encoding"
    again = {"Accept-Encoding": accepted, "If-None-Match": answer.headers["etag"]}
    assert stand.client.get("/web/api.js", headers=again).status_code == 304


def test_zipped_and_plain_files_have_tags_of_their_own_and_only_lists_are_zipped_beside_them(stand: Stand) -> None:
    zipped = stand.client.get("/web/api.js", headers={"Accept-Encoding": "gzip"})
    other = {"Accept-Encoding": "identity", "If-None-Match": zipped.headers["etag"]}
    assert stand.client.get("/web/api.js", headers=other).status_code == 200
    assert stand.client.head("/web/api.js").headers["content-length"] == zipped.headers["content-length"]
    for path in ("/queue/stats", "/openapi.json", "/metrics"):
        assert "content-encoding" not in stand.client.get(path, headers={"Accept-Encoding": "gzip"}).headers


@pytest.mark.parametrize("path", ["/dashboard.html/", "/player.html/", "/docs/", "/s/token/", "/s/%2F%2Fevil.example/"])
def test_a_page_asked_for_with_a_slash_too_many_is_found_also_behind_a_proxy(stand: Stand, path: str) -> None:
    answer = stand.client.get(path)
    if answer.status_code == 307:
        assert answer.headers["location"] == f"../{path.split('/')[-2]}"
    else:
        assert (answer.status_code, "%2F" in path) == (404, True)


def test_a_server_in_a_private_network_answers_to_the_names_it_was_given(tmp_path: Path) -> None:
    with running(tmp_path, allowed_hosts="api") as stand:
        for host, code in (("api:8000", 200), ("localhost", 200), ("evil.example", 403), ("worker_a", 403)):
            assert stand.client.get("/media", headers={"Host": host}).status_code == code, host
        foreign = {"Host": "api:8000", "Origin": "http://evil.example"}
        assert stand.client.post("/upload?name=a.wav", content=wav(), headers=foreign).status_code == 403
        assert stand.stored() == []
