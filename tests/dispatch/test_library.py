"""The library: files come in whole or not at all, and go for good."""

import hashlib
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from balanza.dispatch.library import Library
from balanza.dispatch.sharing import Sharing, Terms
from balanza.errors import Conflict, EmptyFile, Gone, InTrash, NotFound, NotMedia, Retryable, StorageFull
from balanza.media.probe import Prober
from balanza.model import Media
from balanza.store import events
from balanza.store import library as rows
from balanza.store.search import list_media
from tests.dispatch.conftest import World


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    with Prober() as prober:
        yield prober


@pytest.fixture
def library(world: World, prober: Prober) -> Library:
    return Library(world.desk, prober)


def second_of_silence() -> bytes:
    buffer = BytesIO()
    with wave.open(buffer, "wb") as song:
        song.setnchannels(1)
        song.setsampwidth(2)
        song.setframerate(8000)
        song.writeframes(bytes(16000))
    return buffer.getvalue()


def receive(library: Library, content: bytes, name: str = "song.wav") -> Media:
    upload = library.receive(name)
    upload.write(content)
    return upload.finish()


def everything(world: World) -> list[Media]:
    return world.desk.database.read(lambda tx: list_media(tx, owner_id="local", before=None, limit=10))


def test_a_received_file_is_probed_hashed_and_found(world: World, library: Library) -> None:
    content = second_of_silence()
    media = receive(library, content)
    assert media.sha256 == hashlib.sha256(content).hexdigest()
    assert (media.size_bytes, media.mime_type, media.probe.duration_seconds) == (len(content), "audio/wav", 1.0)
    assert library.get(media.id) == media
    assert world.desk.storage.path(media.storage_key).read_bytes() == content
    assert "events" in world.heard


def test_files_of_equal_name_are_kept_apart(library: Library) -> None:
    first, second = (receive(library, second_of_silence()) for _ in range(2))
    assert first.id != second.id
    assert [library.get(media.id) for media in (first, second)] == [first, second]


@pytest.mark.parametrize(("content", "error"), [(b"", EmptyFile), (b"just text", NotMedia), (bytes(5000), NotMedia)])
def test_what_is_no_media_file_is_refused_and_nothing_of_it_kept(
    world: World, library: Library, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        receive(library, content)
    assert everything(world) == []
    assert world.stored() == set()


def test_an_upload_that_was_broken_off_leaves_nothing(world: World, library: Library) -> None:
    upload = library.receive("song.wav")
    upload.write(second_of_silence())
    upload.abort()
    assert everything(world) == []
    assert world.stored() == set()


def test_a_file_whose_row_cannot_be_written_is_not_kept(
    world: World, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("The disk of the database is full.")

    monkeypatch.setattr(rows, "insert", full)
    with pytest.raises(StorageFull):
        receive(library, second_of_silence())
    assert world.stored() == set()


def test_the_bytes_of_a_row_that_may_have_been_written_stay(
    world: World, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> None:
        raise Retryable("The database cannot be reached.")

    monkeypatch.setattr(rows, "insert", unreachable)
    with pytest.raises(Retryable):
        receive(library, second_of_silence())
    assert len(world.stored()) == 1  # the sweep removes it when it is a day old and has no row


def test_a_linked_file_is_in_the_library_and_stays_where_it_is(world: World, library: Library, tmp_path: Path) -> None:
    source = tmp_path / "song.wav"
    source.write_bytes(second_of_silence())
    media = library.add_link(source, "song.wav")
    library.delete(media.id)
    assert world.stored() == set()
    assert source.exists()


def test_a_deleted_file_is_gone_with_its_bytes(world: World, library: Library) -> None:
    media = receive(library, second_of_silence())
    library.delete(media.id)
    assert world.stored() == set()
    with pytest.raises(Gone, match="was deleted"):
        library.get(media.id)
    with pytest.raises(Gone):
        library.delete(media.id)
    with pytest.raises(NotFound):
        library.get("nothing")


def test_a_file_that_a_job_still_needs_cannot_be_deleted(world: World, library: Library) -> None:
    media = receive(library, second_of_silence())
    job = world.submit(media.id)
    with pytest.raises(Conflict, match=job.id):
        library.delete(media.id)
    assert library.get(media.id) == media
    world.dispatcher.cancel(job.id)
    library.delete(media.id)


def test_a_file_in_the_trash_is_used_for_nothing_and_comes_back_as_it_was(world: World, library: Library) -> None:
    media = receive(library, second_of_silence())
    failed = world.submit(media.id)
    world.dispatcher.cancel(failed.id)
    library.put_into_trash(media.id)
    assert everything(world) == []
    assert world.stored() == {media.storage_key}
    for use in (
        lambda: library.get(media.id),
        lambda: library.put_into_trash(media.id),
        lambda: world.submit(media.id),
        lambda: world.dispatcher.retry(failed.id),
        lambda: Sharing(world.desk).share(media.id, Terms(60)),
    ):
        with pytest.raises(InTrash, match="is in the trash"):
            use()
    with pytest.raises(NotFound):
        world.submit(media.name)

    assert library.restore(media.id) == media
    assert library.get(media.id) == media
    with pytest.raises(Conflict, match="is not in the trash"):
        library.restore(media.id)
    told = world.desk.database.read(lambda tx: events.after(tx, 0, 99))
    assert [event.type for event in told if event.media_id == media.id] == [
        "media.created",
        "media.trashed",
        "media.restored",
    ]


def test_a_link_opens_nothing_while_its_file_is_in_the_trash(world: World, library: Library) -> None:
    media = receive(library, second_of_silence())
    sharing = Sharing(world.desk)
    _, token = sharing.share(media.id, Terms(60))
    library.put_into_trash(media.id)
    with pytest.raises(NotFound):
        sharing.open(token, None)
    library.restore(media.id)
    assert sharing.open(token, None)[1] == media


def test_a_file_is_deleted_from_the_trash_for_ever(world: World, library: Library) -> None:
    media = receive(library, second_of_silence())
    library.put_into_trash(media.id)
    library.delete(media.id)
    assert world.stored() == set()
    for do in (library.get, library.restore, library.put_into_trash, library.delete):
        with pytest.raises(Gone, match="was deleted"):
            do(media.id)
    for do in (library.restore, library.put_into_trash):
        with pytest.raises(NotFound):
            do("nothing")


def test_a_file_that_a_job_still_needs_cannot_go_into_the_trash(world: World, library: Library) -> None:
    media = receive(library, second_of_silence())
    job = world.submit(media.id)
    with pytest.raises(Conflict, match=job.id):
        library.put_into_trash(media.id)
    assert library.get(media.id) == media
