"""Uploads that resume, as any client of the tus protocol sees them."""

import base64
import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from balanza.dispatch.uploads import LARGEST_BYTES
from balanza.errors import StorageFull
from balanza.storage import LocalPart
from tests.server.stand import Stand, wav
from tests.support.live import free_port
from tests.support.waiting import eventually

SONG = wav(1.0)
TUS = {"Tus-Resumable": "1.0.0"}


def metadata(name: str) -> str:
    return f"filename {base64.b64encode(name.encode()).decode()},filetype {base64.b64encode(b'audio/wav').decode()}"


def create(client: httpx2.Client, size: int = len(SONG), name: str = "canción.wav") -> str:
    """The path of a new upload."""
    answer = client.post("/files", headers=TUS | {"Upload-Length": str(size), "Upload-Metadata": metadata(name)})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].startswith("files/")
    return "/" + answer.headers["location"]


def patch(client: httpx2.Client, path: str, content: bytes, offset: int = 0, **headers: str) -> httpx2.Response:
    sent = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"} | headers
    return client.patch(path, content=content, headers=sent)


def head(client: httpx2.Client, path: str) -> httpx2.Response:
    return client.head(path, headers=TUS)


def test_a_server_says_what_of_the_protocol_it_can_do(stand: Stand) -> None:
    for path in ("/files", "/files/x"):
        answer = stand.client.options(path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
        assert answer.headers["tus-extension"] == "creation,expiration,termination"
        assert answer.headers["tus-max-size"] == str(LARGEST_BYTES)


def test_a_file_that_comes_in_two_pieces_is_in_the_library(stand: Stand) -> None:
    path = create(stand.client)
    first = patch(stand.client, path, SONG[:5000])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "5000")
    assert first.headers["upload-expires"].endswith(" GMT")
    asked = head(stand.client, path)
    assert asked.status_code == 200
    assert (asked.headers["upload-offset"], asked.headers["upload-length"]) == ("5000", str(len(SONG)))
    assert asked.headers["upload-metadata"] == metadata("canción.wav")
    assert asked.headers["cache-control"] == "no-store"
    assert "balanza-media-id" not in asked.headers

    last = patch(stand.client, path, SONG[5000:], 5000)
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(SONG)))
    media_id = last.headers["balanza-media-id"]
    assert head(stand.client, path).headers["balanza-media-id"] == media_id
    again = patch(stand.client, path, b"", len(SONG))
    assert (again.status_code, again.headers["balanza-media-id"]) == (204, media_id)
    info = stand.get(f"/media/{media_id}/info")
    assert (info["name"], info["sha256"]) == ("canción.wav", hashlib.sha256(SONG).hexdigest())
    assert stand.client.get(f"/media/{media_id}").content == SONG
    for answer in (first, asked, last):
        assert answer.headers["tus-resumable"] == "1.0.0"


@pytest.mark.parametrize("version", [None, "0.2.2"])
def test_another_version_of_the_protocol_is_refused_and_nothing_done(stand: Stand, version: str | None) -> None:
    path = create(stand.client)
    spoken = {"Tus-Resumable": version} if version else {}
    for method, at in (("POST", "/files"), ("HEAD", path), ("PATCH", path), ("DELETE", path)):
        answer = stand.client.request(method, at, headers={"Upload-Length": "9", "Upload-Offset": "0"} | spoken)
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
    assert head(stand.client, path).headers["upload-offset"] == "0"


@pytest.mark.parametrize(
    ("headers", "status", "sentence"),
    [
        ({}, 422, "Upload-Length is missing"),
        ({"Upload-Defer-Length": "1"}, 422, "Upload-Length is missing"),
        ({"Upload-Length": "-1"}, 422, "should be a number of bytes"),
        ({"Upload-Length": "many"}, 422, "should be a number of bytes"),
        ({"Upload-Length": "0"}, 422, "is empty"),
        ({"Upload-Length": str(LARGEST_BYTES + 1)}, 413, f"up to {LARGEST_BYTES} bytes"),
        ({"Upload-Length": str(LARGEST_BYTES)}, 507, "there is room for"),
        ({"Upload-Length": "9", "Upload-Metadata": ""}, 422, "The file has no name"),
        ({"Upload-Length": "9", "Upload-Metadata": "filename"}, 422, "The file has no name"),
        ({"Upload-Length": "9", "Upload-Metadata": "filename ???"}, 422, "not UTF-8 in base64"),
        ({"Upload-Length": "9", "Upload-Metadata": "filename /w=="}, 422, "not UTF-8 in base64"),
    ],
)
def test_an_upload_that_cannot_be_begun_is_refused_with_a_sentence(
    stand: Stand, headers: dict[str, str], status: int, sentence: str
) -> None:
    before = stand.stored()
    answer = stand.client.post("/files", headers=TUS | {"Upload-Metadata": metadata("song.wav")} | headers)
    assert (answer.status_code, answer.headers["tus-resumable"]) == (status, "1.0.0")
    assert sentence in answer.json()["detail"]
    assert stand.stored() == before


def test_a_name_with_tricks_is_kept_as_a_harmless_one(stand: Stand) -> None:
    path = create(stand.client, name="../../etc/passwd")
    media_id = patch(stand.client, path, SONG).headers["balanza-media-id"]
    assert stand.get(f"/media/{media_id}/info")["name"] == "passwd"


@pytest.mark.parametrize(
    ("headers", "content", "status", "sentence"),
    [
        ({"Upload-Offset": "99"}, SONG, 409, "has 100 bytes so far"),
        ({"Upload-Offset": "101"}, SONG, 409, "has 100 bytes so far"),
        ({"Upload-Offset": "x"}, SONG, 422, "should be a number of bytes"),
        ({"Content-Type": "text/plain"}, SONG, 415, "application/offset+octet-stream"),
        ({}, SONG[100:] + b"!", 413, "more than that was sent"),
    ],
)
def test_a_piece_that_does_not_fit_is_refused_and_changes_nothing(
    stand: Stand, headers: dict[str, str], content: bytes, status: int, sentence: str
) -> None:
    path = create(stand.client)
    patch(stand.client, path, SONG[:100])
    answer = patch(stand.client, path, content, 100, **headers)
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]
    assert head(stand.client, path).headers["upload-offset"] == "100"


def test_an_unknown_upload_is_told_so(stand: Stand) -> None:
    assert head(stand.client, "/files/nothing").status_code == 404
    assert "Begin a new one" in patch(stand.client, "/files/nothing", b"x").json()["detail"]
    assert stand.client.delete("/files/nothing", headers=TUS).status_code == 404


def test_what_is_no_media_file_is_refused_with_its_last_byte(stand: Stand) -> None:
    before = stand.stored(), stand.get("/media")
    path = create(stand.client, 9, "notes.txt")
    answer = patch(stand.client, path, b"just text")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:balanza:problem:not-media")
    assert "notes.txt" in answer.json()["detail"]
    assert head(stand.client, path).status_code == 404
    assert (stand.stored(), stand.get("/media")) == before


def test_a_cancelled_upload_is_gone_with_its_bytes(stand: Stand) -> None:
    before = stand.stored()
    path = create(stand.client)
    patch(stand.client, path, SONG[:100])
    assert stand.stored() != before
    answer = stand.client.delete(path, headers=TUS)
    assert (answer.status_code, answer.headers["tus-resumable"]) == (204, "1.0.0")
    assert stand.stored() == before
    assert head(stand.client, path).status_code == 404


def test_a_client_that_can_only_post_says_what_it_means(stand: Stand) -> None:
    path = create(stand.client)
    piece = TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    answer = stand.client.post(path, content=SONG[:100], headers=piece | {"X-HTTP-Method-Override": "PATCH"})
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "100")
    asked = stand.client.post(path, headers=TUS | {"X-HTTP-Method-Override": "HEAD"})
    assert asked.headers["upload-offset"] == "100"
    assert stand.client.post(path, headers=TUS).status_code == 405
    assert stand.client.post(path, headers=TUS | {"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert head(stand.client, path).status_code == 404


@contextmanager
def sending(port: int, path: str, content: bytes, announced: int, start: int = 0) -> Iterator[socket.socket]:
    """A PATCH that announces more than it sends."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        lines = TUS | {
            "Host": "localhost",
            "Upload-Offset": str(start),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(announced),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        connection.sendall(f"PATCH {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        yield connection


def offset(client: httpx2.Client, path: str) -> int:
    return int(head(client, path).headers["upload-offset"])


def test_what_came_before_the_connection_broke_is_kept(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    song = wav(200)
    path = create(stand.client, len(song))
    with sending(stand.port, path, song[:3_000_000], len(song)):
        eventually(lambda: offset(stand.client, path) >= 1_000_000)
    eventually(lambda: offset(stand.client, path) == 3_000_000)
    eventually(lambda: patch(stand.client, path, song[3_000_000:], 3_000_000).status_code == 204)
    assert "Incident" not in caplog.text


def test_two_requests_never_mix_their_bytes(stand: Stand) -> None:
    song = wav(200)
    path = create(stand.client, len(song))
    with sending(stand.port, path, song[:2_000_000], len(song)) as connection:
        eventually(lambda: offset(stand.client, path) >= 1_000_000)
        second = patch(stand.client, path, bytes(10), offset(stand.client, path))
        assert (second.status_code, second.json()["type"]) == (423, "urn:balanza:problem:locked")
        connection.sendall(song[2_000_000:])
        assert b" 204 " in connection.makefile("rb").readline()
    media_id = head(stand.client, path).headers["balanza-media-id"]
    assert stand.get(f"/media/{media_id}/info")["sha256"] == hashlib.sha256(song).hexdigest()


def test_a_sender_that_stalls_is_given_up_and_what_came_is_kept(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balanza.server.tus.STALL_SECONDS", 0.2)
    path = create(stand.client)
    with sending(stand.port, path, SONG[:500], len(SONG)) as connection:
        assert b" 408 " in connection.makefile("rb").readline()
    assert offset(stand.client, path) == 500
    assert patch(stand.client, path, SONG[500:], 500).status_code == 204


def test_a_full_disk_is_told_and_nothing_is_lost(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    path = create(stand.client)
    patch(stand.client, path, SONG[:500])

    def full(_: LocalPart, piece: bytes) -> None:
        if piece:
            raise StorageFull("The storage is full.")

    with monkeypatch.context() as patched:
        patched.setattr(LocalPart, "write", full)
        answer = patch(stand.client, path, SONG[500:], 500)
        assert (answer.status_code, answer.headers["tus-resumable"]) == (507, "1.0.0")
    assert patch(stand.client, path, SONG[500:], offset(stand.client, path)).status_code == 204


@contextmanager
def served(data: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A server in a process of its own."""
    command = [sys.executable, "-m", "balanza", "serve", "--port", str(port), "--data", str(data)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=dict(os.environ))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_killed_server_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    song, port = wav(300), free_port()
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
        with served(tmp_path, port) as server:
            eventually(lambda: answers(client), 30)
            path = create(client, len(song))
            assert patch(client, path, song[:2_000_000]).headers["upload-offset"] == "2000000"
            with sending(port, path, song[2_000_000:4_000_000], len(song) - 2_000_000, 2_000_000):
                eventually(lambda: offset(client, path) > 2_000_000)
                server.send_signal(signal.SIGKILL)
                server.wait()
        with served(tmp_path, port):
            eventually(lambda: answers(client), 30)
            there = offset(client, path)
            assert there > 2_000_000
            media_id = patch(client, path, song[there:], there).headers["balanza-media-id"]
            info = client.get(f"/media/{media_id}/info").json()
            assert (info["sha256"], info["size_bytes"]) == (hashlib.sha256(song).hexdigest(), len(song))


def answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx2.TransportError:
        return False
