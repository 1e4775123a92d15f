"""Uploads: what comes in is whole and durable, or nothing of it is kept."""

import hashlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from balanza.model import Probe
from balanza.server.app import FILE_THREADS
from balanza.storage import LocalStorage, LocalWriter
from tests.server.stand import Stand, wav
from tests.support.waiting import eventually

BOUNDARY = "----balanza"


def form(*parts: tuple[str, bytes], end: bool = True) -> bytes:
    """A multipart body of parts, each a Content-Disposition's parameters and a content."""
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {parameters}\r\n\r\n".encode() + content + b"\r\n"
        for parameters, content in parts
    )
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


def test_a_raw_upload_is_stored_hashed_and_listed(stand: Stand) -> None:
    content = wav(0.2)
    answer = stand.client.post("/upload", content=content, headers={"X-Filename": "canci%C3%B3n.wav"})
    assert answer.status_code == 201
    uploaded = answer.json()
    assert uploaded == {
        "ok": True,
        "id": uploaded["id"],
        "name": "canción.wav",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert stand.get(f"/media/{uploaded['id']}/info")["duration_seconds"] == pytest.approx(0.2)
    assert uploaded["id"] in [media["id"] for media in stand.get("/media")["media"]]


def test_a_form_upload_with_other_fields_is_stored(stand: Stand) -> None:
    content = wav(0.3)
    answer = stand.client.post("/upload", data={"comment": "x" * 5000}, files={"file": ("my song.wav", content)})
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == "my song.wav"
    assert stand.client.get(f"/media/{answer.json()['id']}").content == content


def test_a_form_upload_may_contain_what_looks_like_a_boundary(stand: Stand) -> None:
    content = wav() + f"\r\n--{BOUNDARY[:-1]}\r\n--{BOUNDARY}".encode()[:-1]
    answer = stand.client.post(
        "/upload",
        content=form(('name="file"; filename="a.wav"', content)),
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["sha256"] == hashlib.sha256(content).hexdigest()


def test_equal_names_are_kept_apart_by_id(stand: Stand) -> None:
    first, second = stand.upload("same.wav", wav(0.1)), stand.upload("same.wav", wav(0.2))
    assert first["id"] != second["id"]
    assert stand.client.get(f"/media/{first['id']}").content == wav(0.1)
    assert stand.client.get(f"/media/{second['id']}").content == wav(0.2)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\x\\y.mp3", "y.mp3"), ("a\x1b[2Jb.wav", "a[2Jb.wav"), ("..", "unnamed")],
)
def test_a_name_with_tricks_is_kept_as_a_harmless_display_name(stand: Stand, sent: str, kept: str) -> None:
    assert stand.upload(sent)["name"] == kept


REFUSED = {
    "a form without a file": (
        form(('name="comment"', b"hello")),
        422,
        "There is no file in the form. Choose one, or with curl: -F file=@song.mp3.",
    ),
    "a form where no file was chosen": (
        form(('name="file"; filename=""', b"")),
        422,
        "There is no file in the form. Choose one, or with curl: -F file=@song.mp3.",
    ),
    "a form with two files": (
        form(('name="file"; filename="a.wav"', wav()), ('name="file"; filename="b.wav"', wav())),
        422,
        "There is more than one file in the form. Send one file with each request.",
    ),
    "a form that stops early": (
        form(('name="file"; filename="a.wav"', wav()), end=False),
        400,
        "The multipart body stops before its closing boundary. Send the file again.",
    ),
    "an empty form": (b"", 400, "The multipart body stops before its closing boundary. Send the file again."),
    "no form at all": (b"hello", 400, "The multipart body cannot be read: "),
    "an empty file": (form(('name="file"; filename="empty.wav"', b"")), 422, "empty.wav is empty"),
    "a text": (form(('name="file"; filename="notes.mp3"', b"not music " * 100)), 422, "not an audio or video file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_form_that_cannot_be_used_is_refused_with_a_sentence_and_nothing_is_kept(stand: Stand, case: str) -> None:
    body, status, sentence = REFUSED[case]
    before = stand.stored(), stand.get("/media")
    answer = stand.client.post(
        "/upload", content=body, headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert sentence in answer.json()["detail"]
    assert (stand.stored(), stand.get("/media")) == before


@pytest.mark.parametrize(
    ("headers", "content", "slug", "sentence"),
    [
        ({}, wav(), "invalid-request", "The file has no name."),
        ({"Content-Type": "multipart/form-data"}, wav(), "invalid-request", "lacks its boundary"),
        ({"X-Filename": "empty.mp3"}, b"", "empty-file", "empty.mp3 is empty"),
        ({"X-Filename": "notes.mp3"}, b"just text", "not-media", "not an audio or video file"),
        ({"X-Filename": "half.wav"}, wav()[:30], "not-media", "not an audio or video file"),
    ],
)
def test_raw_bytes_that_cannot_be_used_are_refused_and_nothing_is_kept(
    stand: Stand, headers: dict[str, str], content: bytes, slug: str, sentence: str
) -> None:
    before = stand.stored(), stand.get("/media")
    answer = stand.client.post("/upload", content=content, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["type"] == f"urn:balanza:problem:{slug}"
    assert sentence in answer.json()["detail"]
    assert (stand.stored(), stand.get("/media")) == before


@pytest.mark.parametrize("content_type", ["application/octet-stream", f"multipart/form-data; boundary={BOUNDARY}"])
def test_a_client_that_goes_away_mid_way_leaves_nothing(
    stand: Stand, content_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = stand.stored(), stand.get("/media")
    start = form(('name="file"; filename="a.wav"', wav(200)), end=False)
    with socket.create_connection(("127.0.0.1", stand.port)) as connection:
        head = (
            f"POST /upload?name=a.wav HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(start) + 1}\r\n\r\n"
        )
        connection.sendall(head.encode() + start)
        eventually(lambda: len(stand.stored()) > len(before[0]))
    eventually(lambda: stand.stored() == before[0])
    assert stand.get("/media") == before[1]
    assert "Incident" not in caplog.text


@pytest.mark.parametrize("content_type", ["application/octet-stream", f"multipart/form-data; boundary={BOUNDARY}"])
def test_a_client_that_stalls_is_given_up_and_nothing_is_kept(
    stand: Stand, content_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.server.upload.STALL_SECONDS", 0.2)
    before = stand.stored(), stand.get("/media")
    start = form(('name="file"; filename="a.wav"', wav(200)), end=False)
    with socket.create_connection(("127.0.0.1", stand.port), timeout=30) as connection:
        head = (
            f"POST /upload?name=a.wav HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(start) + 1}\r\n\r\n"
        )
        connection.sendall(head.encode() + start)
        with connection.makefile("rb") as answer:
            told = answer.read().decode()  # to its end: the server closes the connection
    assert told.startswith("HTTP/1.1 408 ")
    assert '"type":"urn:balanza:problem:stalled"' in told
    assert "Send it again." in told
    assert (stand.stored(), stand.get("/media")) == before


def test_slow_looks_into_files_hold_up_no_download(own_stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    media = own_stand.upload("ready.wav")
    go_on, library = Event(), own_stand.parts.library
    look = library._prober.probe

    def look_slowly(path: Path) -> Probe:
        assert go_on.wait(30)
        return look(path)

    monkeypatch.setattr(library._prober, "probe", look_slowly)
    with ThreadPoolExecutor(FILE_THREADS + 4) as pool:
        uploads = [pool.submit(own_stand.upload, f"{n}.wav") for n in range(FILE_THREADS + 4)]
        eventually(lambda: len(own_stand.stored()) == 1 + len(uploads))
        assert own_stand.client.get(f"/media/{media['id']}", timeout=10).content == wav()
        go_on.set()
        assert {upload.result()["sha256"] for upload in uploads} == {media["sha256"]}


@pytest.fixture
def full_disk(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Writes end in /dev/full, where the kernel says that no space is left."""
    storage = stand.parts.desk.storage
    assert isinstance(storage, LocalStorage)
    make = storage.writer

    def writer(key: str) -> LocalWriter:
        made = make(key)
        made._file.close()
        made._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115, the writer closes it
        return made

    monkeypatch.setattr(storage, "writer", writer)
    yield
    monkeypatch.undo()


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_told_and_nothing_is_kept(stand: Stand) -> None:
    before = stand.stored(), stand.get("/media")
    answer = stand.client.post("/upload", params={"name": "a.wav"}, content=wav(200))
    assert answer.status_code == 507
    assert answer.json()["type"] == "urn:balanza:problem:storage-full"
    assert "Delete files" in answer.json()["detail"]
    assert (stand.stored(), stand.get("/media")) == before


def test_many_uploads_at_once_are_kept_whole(stand: Stand) -> None:
    contents = [wav(0.1 + n / 100) for n in range(12)]
    with ThreadPoolExecutor(6) as pool:
        uploaded = list(pool.map(lambda content: stand.upload("many.wav", content), contents))
    for one, content in zip(uploaded, contents, strict=True):
        assert one["sha256"] == hashlib.sha256(content).hexdigest()
