"""Several files as one zip."""

import io
import zipfile
from pathlib import Path
from typing import Any

import httpx2
import pytest

from balanza.server.archive import member_names
from tests.server.stand import Stand, wav


def unzipped(answer: httpx2.Response) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {member.filename: archive.read(member) for member in archive.infolist()}


def ask(stand: Stand, *media: dict[str, Any], **headers: str) -> httpx2.Response:
    return stand.client.get("/media/zip", params=[("id", one["id"]) for one in media], headers=headers)


def test_the_files_of_the_zip_are_those_that_were_asked_for_byte_for_byte(stand: Stand) -> None:
    files = {"Ende schön.wav": wav(0.2), "canción 🎬.wav": wav(0.3), "plain.wav": wav(0.1)}
    media = [stand.upload(name, content) for name, content in files.items()]
    answer = ask(stand, *media)
    assert unzipped(answer) == files
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="balanza.zip"')


def test_files_of_equal_name_are_all_in_it_and_one_asked_for_twice_is_once(stand: Stand) -> None:
    first, second = stand.upload("same.wav", wav(0.1)), stand.upload("Same.wav", wav(0.2))
    assert unzipped(ask(stand, first, second, first)) == {"same.wav": wav(0.1), "Same (2).wav": wav(0.2)}


def test_a_zip_has_no_ranges_and_is_not_compressed(stand: Stand) -> None:
    media = stand.upload("song.wav")
    answer = ask(stand, media, Range="bytes=0-9")
    assert unzipped(answer) == {"song.wav": wav()}
    assert answer.headers["accept-ranges"] == "none"
    assert "content-length" not in answer.headers
    assert len(answer.content) > len(wav())


def test_a_large_member_is_written_as_zip64(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    media = [stand.upload(f"{n}.wav", wav(0.2)) for n in range(2)]
    answer = ask(stand, *media)
    assert answer.content[4] == 45  # the version of ZIP needed to unpack the first member: 4.5
    assert b"PK\x06\x06" in answer.content  # the end of central directory of zip64
    assert unzipped(answer) == {"0.wav": wav(0.2), "1.wav": wav(0.2)}


def test_one_that_is_not_there_is_told_before_anything_is_sent(stand: Stand) -> None:
    kept, trashed, deleted = (stand.upload(f"{n}.wav") for n in range(3))
    stand.client.delete(f"/media/{trashed['id']}")
    stand.client.delete(f"/media/{deleted['id']}", params={"forever": True})
    for other, status in ((trashed, 410), (deleted, 410), ({"id": "nothing"}, 404)):
        answer = ask(stand, kept, other)
        assert answer.status_code == status
        assert other["id"] in answer.json()["detail"]


def test_a_form_gets_as_many_files_as_an_address_and_is_told_the_same(stand: Stand) -> None:
    first, second = stand.upload("a.wav", wav(0.2)), stand.upload("b.wav")
    posted = stand.client.post("/media/zip", data={"id": [first["id"], second["id"]]})
    assert unzipped(posted) == {"a.wav": wav(0.2), "b.wav": wav()}
    for ids, status in (([], 422), (["a b"], 422), (["x"] * 501, 422), ([first["id"], "nothing"], 404)):
        assert stand.client.post("/media/zip", data={"id": ids}).status_code == status
    foreign = stand.client.post("/media/zip", data={"id": [first["id"]]}, headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403
    assert stand.client.post("/media/zip", data={"id": "x" * 2_000_000}).status_code == 413


@pytest.mark.parametrize("ids", [[], ["x"] * 501, ["a b"], ["%00"]])
def test_none_too_many_and_what_is_no_id_are_refused(stand: Stand, ids: list[str]) -> None:
    answer = stand.client.get("/media/zip", params=[("id", one) for one in ids])
    assert answer.status_code == 422
    assert "'id" in answer.json()["detail"]


def test_a_file_that_lost_its_bytes_is_told_before_anything_is_sent(stand: Stand) -> None:
    kept, lost = stand.upload("kept.wav"), stand.upload("lost.wav")
    stored(stand, lost).unlink()
    answer = ask(stand, kept, lost)
    assert answer.status_code == 500
    assert "lost.wav" in answer.json()["detail"]


@pytest.mark.parametrize("left", [None, 1000])
def test_a_file_that_vanishes_meanwhile_ends_the_answer_before_its_end(stand: Stand, left: int | None) -> None:
    # More than the sockets between hold, so that the second is still to be read when the first bytes are here.
    first, second = stand.upload("first.wav", wav(1000, rate=16_000)), stand.upload("second.wav", wav(1))
    query = {"id": [first["id"], second["id"]]}
    received = bytearray()
    with stand.client.stream("GET", "/media/zip", params=query) as answer:
        pieces = answer.iter_raw(65536)
        received += next(pieces)
        if left is None:
            stored(stand, second).unlink()
        else:
            stored(stand, second).write_bytes(bytes(left))
        with pytest.raises(httpx2.RemoteProtocolError):
            received += b"".join(pieces)
    assert not zipfile.is_zipfile(io.BytesIO(received))


def stored(stand: Stand, media: dict[str, Any]) -> Path:
    return stand.parts.desk.storage.path(f"media-{media['id']}")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/b.wav", "..", "C:\\x.wav", 'what?"<>|*.wav'], ["a_b.wav", "_", "C__x.wav", "what______.wav"]),
        (["con.wav", "CON", "com1.mp3", "console.wav"], ["_con.wav", "_CON", "_com1.mp3", "console.wav"]),
        (["dots... ", "tab\t.wav", ".wav"], ["dots", "tab_.wav", ".wav"]),
        (["a.wav", "A.WAV", "a (2).wav", "a.wav"], ["a.wav", "A (2).WAV", "a (2) (2).wav", "a (3).wav"]),
        (["x", "x", ".x", ".x"], ["x", "x (2)", ".x", ".x (2)"]),
    ],
)
def test_every_system_can_unpack_the_names(names: list[str], expected: list[str]) -> None:
    assert member_names(names) == expected


def test_a_long_name_that_is_there_twice_keeps_its_suffix_and_stays_short_enough() -> None:
    first, second = member_names(["é" * 125 + ".flac"] * 2)
    assert first == "é" * 125 + ".flac"
    assert second == "é" * 123 + " (2).flac"
    assert len(second.encode()) <= 255
