"""Uploads over several requests: nothing that came is lost, nothing is mixed, one file comes of each."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from balanza.dispatch import uploads as dispatch_uploads
from balanza.dispatch.library import Library
from balanza.dispatch.uploads import LARGEST_BYTES, Uploads
from balanza.errors import Conflict, EmptyFile, Gone, Locked, NotFound, NotMedia, StorageFull, TooLarge
from balanza.media.probe import Prober
from balanza.model import Media
from balanza.protocol import StoredObject
from balanza.storage import LocalPart, LocalStorage
from balanza.store import library as rows
from balanza.store.search import list_media
from tests.dispatch.conftest import World
from tests.server.stand import wav

SONG = wav(0.5)
DAY = 24 * 3600


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    with Prober() as prober:
        yield prober


@pytest.fixture
def library(world: World, prober: Prober) -> Library:
    return Library(world.desk, prober)


@pytest.fixture
def uploads(world: World, library: Library) -> Uploads:
    return Uploads(world.desk, library)


def add(uploads: Uploads, upload_id: str, content: bytes, offset: int = 0) -> None:
    addition = uploads.append(upload_id, offset)
    addition.write(content)
    addition.close()


def begun(uploads: Uploads, content: bytes = b"", size: int = len(SONG)) -> str:
    upload = uploads.begin("song.wav", size)
    if content:
        add(uploads, upload.id, content)
    return upload.id


def incoming(world: World) -> list[Path]:
    return sorted((world.desk.settings.storage_folder / "incoming").iterdir())


def media(world: World) -> list[str]:
    return [
        one.id for one in world.desk.database.read(lambda tx: list_media(tx, owner_id="local", before=None, limit=10))
    ]


def test_a_file_comes_in_by_pieces(world: World, uploads: Uploads, library: Library) -> None:
    upload_id = begun(uploads, SONG[:1000])
    assert (uploads.look(upload_id).offset, media(world)) == (1000, [])
    add(uploads, upload_id, SONG[1000:], 1000)
    finished = uploads.finish(upload_id)
    assert (finished.is_finished, finished.offset, incoming(world)) == (True, len(SONG), [])
    file = library.get(str(finished.upload.media_id))
    assert (file.sha256, file.size_bytes) == (hashlib.sha256(SONG).hexdigest(), len(SONG))
    assert (file.name, file.mime_type) == ("song.wav", "audio/wav")
    assert "events" in world.heard


def test_a_new_server_goes_on_where_the_last_one_ended(world: World, uploads: Uploads, library: Library) -> None:
    upload_id = begun(uploads, SONG[:1000])
    restarted = Uploads(world.desk, library)
    add(restarted, upload_id, SONG[1000:], restarted.look(upload_id).offset)
    assert library.get(str(restarted.finish(upload_id).upload.media_id)).sha256 == hashlib.sha256(SONG).hexdigest()


@pytest.mark.parametrize("pieces", [(1000,), (1000, 3000)])
def test_the_hash_of_a_file_that_comes_without_a_restart_needs_no_second_reading(
    uploads: Uploads, pieces: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = begun(uploads)
    for start, end in zip((0, *pieces), (*pieces, len(SONG)), strict=True):
        add(uploads, upload_id, SONG[start:end], start)
    monkeypatch.setattr("balanza.storage._digest", None)
    assert uploads.finish(upload_id).is_finished


def test_finishing_twice_makes_one_file(world: World, uploads: Uploads) -> None:
    upload_id = begun(uploads, SONG)
    first, second = uploads.finish(upload_id), uploads.finish(upload_id)
    assert first == second
    assert media(world) == [first.upload.media_id]


def test_a_crash_between_storing_and_writing_down_makes_one_file_all_the_same(
    world: World, uploads: Uploads, library: Library
) -> None:
    upload_id = begun(uploads, SONG)
    world.desk.storage.complete(f"media-{upload_id}")
    restarted = Uploads(world.desk, library)
    assert restarted.look(upload_id).is_complete
    assert restarted.finish(upload_id).is_finished
    assert media(world) == [upload_id]
    assert library.get(upload_id).sha256 == hashlib.sha256(SONG).hexdigest()


def test_an_upload_that_is_not_complete_is_not_finished(world: World, uploads: Uploads) -> None:
    upload_id = begun(uploads, SONG[:1000])
    assert not uploads.finish(upload_id).is_finished
    assert media(world) == []


def test_bytes_from_elsewhere_are_refused_and_change_nothing(uploads: Uploads) -> None:
    upload_id = begun(uploads, SONG[:1000])
    for offset in (0, 999, 1001):
        with pytest.raises(Conflict, match="has 1000 bytes so far"):
            uploads.append(upload_id, offset)
    assert uploads.look(upload_id).offset == 1000
    add(uploads, upload_id, SONG[1000:], 1000)


def test_two_requests_cannot_add_at_once(uploads: Uploads) -> None:
    upload_id = begun(uploads)
    first = uploads.append(upload_id, 0)
    with pytest.raises(Locked):
        uploads.append(upload_id, 0)
    with pytest.raises(Locked):
        uploads.finish(upload_id)
    first.close()
    uploads.append(upload_id, 0).close()


def test_more_than_was_announced_is_refused(uploads: Uploads) -> None:
    upload_id = begun(uploads, SONG[:-10])
    addition = uploads.append(upload_id, len(SONG) - 10)
    with pytest.raises(TooLarge, match="room for 10 more"):
        addition.write(bytes(11))
    addition.close()
    assert uploads.look(upload_id).offset == len(SONG) - 10


def test_what_is_no_media_file_is_refused_and_nothing_of_it_kept(world: World, uploads: Uploads) -> None:
    upload_id = begun(uploads, b"just text", size=9)
    with pytest.raises(NotMedia, match="audio or video"):
        uploads.finish(upload_id)
    assert (incoming(world), world.stored(), media(world)) == ([], set(), [])
    with pytest.raises(NotFound):
        uploads.look(upload_id)


def test_what_cannot_fit_is_refused_before_it_is_sent(
    world: World, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalStorage, "free_bytes", lambda _: 100)
    with pytest.raises(EmptyFile):
        uploads.begin("song.wav", 0)
    with pytest.raises(TooLarge):
        uploads.begin("song.wav", LARGEST_BYTES + 1)
    with pytest.raises(StorageFull, match="room for 100 bytes only"):
        uploads.begin("song.wav", 101)
    assert uploads.begin("song.wav", 100).size_bytes == 100


def test_a_full_disk_loses_nothing(world: World, uploads: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    upload_id = begun(uploads, SONG[:1000])
    write = LocalPart.write

    def half(part: LocalPart, piece: bytes) -> None:
        write(part, piece[: len(piece) // 2])
        raise StorageFull("The storage is full.")

    addition = uploads.append(upload_id, 1000)
    with monkeypatch.context() as full:
        full.setattr(LocalPart, "write", half)
        with pytest.raises(StorageFull):
            addition.write(SONG[1000:3000])
    addition.close()
    assert uploads.look(upload_id).offset == 2000
    add(uploads, upload_id, SONG[2000:], 2000)
    assert uploads.finish(upload_id).is_finished
    assert world.desk.storage.path(f"media-{upload_id}").read_bytes() == SONG


def test_a_full_disk_of_the_database_loses_nothing(
    world: World, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("The disk of the database is full.")

    upload_id = begun(uploads, SONG)
    with monkeypatch.context() as patched:
        patched.setattr(rows, "insert", full)
        with pytest.raises(StorageFull):
            uploads.finish(upload_id)
    assert uploads.finish(upload_id).is_finished
    assert media(world) == [upload_id]


def test_a_cancelled_upload_is_gone_even_while_somebody_adds_to_it(world: World, uploads: Uploads) -> None:
    upload_id = begun(uploads, SONG[:1000])
    addition = uploads.append(upload_id, 1000)
    uploads.remove(upload_id)
    addition.write(SONG[1000:])
    with pytest.raises(NotFound, match="was cancelled"):
        addition.close()
    assert incoming(world) == []
    for ask in (uploads.look, uploads.remove, uploads.finish):
        with pytest.raises(NotFound):
            ask(upload_id)


def test_an_upload_given_up_while_it_is_looked_into_makes_no_file(
    world: World, uploads: Uploads, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id, probed = begun(uploads, SONG), library.probed

    def probed_late(media_id: str, name: str, stored: StoredObject) -> Media:
        media = probed(media_id, name, stored)
        uploads.remove(media_id)
        return media

    monkeypatch.setattr(library, "probed", probed_late)
    with pytest.raises(NotFound, match="was cancelled"):
        uploads.finish(upload_id)
    assert (media(world), world.stored()) == ([], set())


def test_the_file_of_a_finished_upload_outlives_it(world: World, uploads: Uploads, library: Library) -> None:
    upload_id = begun(uploads, SONG)
    uploads.finish(upload_id)
    uploads.remove(upload_id)
    assert library.get(upload_id).name == "song.wav"
    assert world.stored() == {f"media-{upload_id}"}


def test_a_finished_upload_whose_file_was_deleted_is_gone(uploads: Uploads, library: Library) -> None:
    upload_id = begun(uploads, SONG)
    uploads.finish(upload_id)
    library.delete(upload_id)
    with pytest.raises(Gone):
        uploads.look(upload_id)


def test_an_upload_that_nothing_is_added_to_expires_with_its_bytes(world: World, uploads: Uploads) -> None:
    upload_id = begun(uploads, SONG[:1000])
    world.clock.pass_seconds(DAY - 1)
    dispatch_uploads.sweep(world.desk, world.clock())
    add(uploads, upload_id, SONG[1000:2000], 1000)
    world.clock.pass_seconds(DAY - 1)
    dispatch_uploads.sweep(world.desk, world.clock())
    assert uploads.look(upload_id).offset == 2000
    world.clock.pass_seconds(1)
    with pytest.raises(Gone, match="has expired"):
        uploads.look(upload_id)
    world.upkeep.run_once()
    assert incoming(world) == []
    with pytest.raises(NotFound):
        uploads.look(upload_id)


def test_a_long_upload_does_not_expire_under_way(world: World, uploads: Uploads) -> None:
    upload_id = begun(uploads)
    addition = uploads.append(upload_id, 0)
    for byte in SONG[:30]:
        world.clock.pass_seconds(3601)
        addition.write(bytes([byte]))
        dispatch_uploads.sweep(world.desk, world.clock())
    addition.close()
    assert uploads.look(upload_id).offset == 30


def test_parts_that_belong_to_no_upload_are_swept(world: World, uploads: Uploads) -> None:
    kept = begun(uploads, SONG[:10])
    world.desk.storage.part("media-nobody").close()
    for path in incoming(world):
        os.utime(path, (0, 0))
    dispatch_uploads.sweep(world.desk, world.clock())
    assert [path.name for path in incoming(world)] == [f"part-media-{kept}"]


def test_an_upload_of_somebody_else_is_neither_found_nor_held(uploads: Uploads) -> None:
    berta, carla = uploads.of("berta"), uploads.of("carla")
    upload_id = begun(berta, SONG[:100])

    going_on = berta.append(upload_id, 100)
    for ask in (lambda: carla.append(upload_id, 100), lambda: carla.finish(upload_id), lambda: carla.look(upload_id)):
        with pytest.raises(NotFound):
            ask()
    with pytest.raises(Locked):
        berta.append(upload_id, 100)
    going_on.close()
