"""The local storage folder: whole objects or none, and never outside the folder."""

import errno
import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from balanza.errors import StorageError, StorageFull
from balanza.storage import LocalStorage

PIECES = [b"one " * 1000, b"two"]
WHOLE = b"".join(PIECES)


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


def put(storage: LocalStorage, key: str, content: bytes = WHOLE) -> None:
    writer = storage.writer(key)
    writer.write(content)
    writer.commit()


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_object_is_read_back_with_its_size_and_hash(storage: LocalStorage) -> None:
    writer = storage.writer("media-1")
    for piece in PIECES:
        writer.write(piece)
    stored = writer.commit()
    assert stored.size_bytes == len(WHOLE) == storage.size("media-1")
    assert stored.sha256 == hashlib.sha256(WHOLE).hexdigest()
    assert b"".join(storage.read("media-1")) == WHOLE == storage.path("media-1").read_bytes()


def test_a_part_of_an_object_can_be_read(storage: LocalStorage) -> None:
    put(storage, "media-1")
    assert b"".join(storage.read("media-1", start=3, length=10)) == WHOLE[3:13]
    assert b"".join(storage.read("media-1", start=len(WHOLE) - 2)) == WHOLE[-2:]


def test_nothing_is_seen_before_commit_and_nothing_left_after_abort(storage: LocalStorage) -> None:
    writer = storage.writer("media-1")
    writer.write(WHOLE)
    assert storage.size("media-1") is None
    writer.abort()
    assert everything_below(storage.folder) == [".marker"]


def test_what_a_killed_process_left_unfinished_is_cleared_after_a_day(storage: LocalStorage) -> None:
    killed = storage.writer("media-1")
    killed.write(WHOLE)
    [left] = (storage.folder / "incoming").iterdir()
    two_days_ago = left.stat().st_mtime - 2 * 24 * 3600
    os.utime(left, (two_days_ago, two_days_ago))
    LocalStorage(storage.folder).clear_incoming()
    assert everything_below(storage.folder) == [".marker"]
    killed.abort()


def test_what_another_process_is_writing_is_not_cleared(storage: LocalStorage) -> None:
    writer = storage.writer("media-1")
    writer.write(WHOLE)
    LocalStorage(storage.folder).clear_incoming()
    writer.commit()
    assert storage.size("media-1") == len(WHOLE)


def test_what_is_to_be_gone_on_with_is_not_cleared(storage: LocalStorage) -> None:
    part = storage.part("media-1")
    part.write(WHOLE)
    part.close()
    [left] = (storage.folder / "incoming").iterdir()
    os.utime(left, (0, 0))
    LocalStorage(storage.folder).clear_incoming()
    assert storage.part_size("media-1") == len(WHOLE)
    assert list(storage.parts()) == [("media-1", datetime.fromtimestamp(0, UTC))]


def test_a_part_becomes_the_object_once_it_is_complete(storage: LocalStorage) -> None:
    for piece in PIECES:
        part = storage.part("media-1")
        part.write(piece)
        part.close()
    assert storage.size("media-1") is None
    stored = storage.complete("media-1")
    assert (stored.sha256, stored.size_bytes) == (hashlib.sha256(WHOLE).hexdigest(), len(WHOLE))
    assert storage.complete("media-1") == stored
    assert (storage.part_size("media-1"), storage.size("media-1")) == (None, len(WHOLE))


def test_a_discarded_part_leaves_nothing(storage: LocalStorage) -> None:
    storage.part("media-1").close()
    storage.discard_part("media-1")
    storage.discard_part("media-1")
    assert everything_below(storage.folder) == [".marker"]


def test_an_adopted_file_is_moved(storage: LocalStorage, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.write_bytes(WHOLE)
    stored = storage.adopt(made, "result-1")
    assert not made.exists()
    assert stored.sha256 == hashlib.sha256(WHOLE).hexdigest()
    assert storage.path("result-1").read_bytes() == WHOLE


@pytest.mark.parametrize("far", [False, True])
def test_several_files_are_adopted_as_one_after_the_other(
    storage: LocalStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, far: bool
) -> None:
    made = {f"result-{number}": tmp_path / f"made-{number}" for number in range(3)}
    for number, path in enumerate(made.values()):
        path.write_bytes(WHOLE[number:])
    if far:
        _lie_on_another_file_system(monkeypatch, *made.values())
    stored = storage.adopt_several(made)
    assert {key: one.size_bytes for key, one in stored.items()} == {
        key: len(WHOLE) - number for number, key in enumerate(made)
    }
    for number, key in enumerate(made):
        assert stored[key].sha256 == hashlib.sha256(WHOLE[number:]).hexdigest()
        assert storage.path(key).read_bytes() == WHOLE[number:]
    assert not any(path.exists() for path in made.values())


def test_a_file_of_another_file_system_is_adopted_by_copying(
    storage: LocalStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    made.write_bytes(WHOLE)
    _lie_on_another_file_system(monkeypatch, made)
    assert storage.adopt(made, "result-1").size_bytes == len(WHOLE)
    assert not made.exists()
    assert storage.path("result-1").read_bytes() == WHOLE


def _lie_on_another_file_system(monkeypatch: pytest.MonkeyPatch, *made: Path) -> None:
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self in made:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)


def test_a_linked_file_stays_where_it_is_and_outlives_the_object(storage: LocalStorage, tmp_path: Path) -> None:
    source = tmp_path / "song.wav"
    source.write_bytes(WHOLE)
    assert storage.link(source, "media-1").size_bytes == len(WHOLE)
    assert b"".join(storage.read("media-1")) == WHOLE
    storage.delete("media-1")
    assert source.read_bytes() == WHOLE


def test_deleting_twice_is_the_same_as_once(storage: LocalStorage) -> None:
    put(storage, "media-1")
    storage.delete("media-1")
    storage.delete("media-1")
    assert storage.size("media-1") is None


def test_objects_are_listed_with_the_time_they_were_written(storage: LocalStorage) -> None:
    put(storage, "media-1")
    ((key, written_at),) = storage.objects()
    assert key == "media-1"
    assert datetime.now(UTC) - written_at < timedelta(minutes=1)


@pytest.mark.parametrize("key", ["../secret", "a/b", "", ".hidden", "A", "a" * 200, "a\0b"])
def test_a_key_that_is_no_key_reaches_no_file(storage: LocalStorage, key: str) -> None:
    with pytest.raises(StorageError):
        storage.path(key)


def test_two_processes_that_share_the_folder_read_the_same_marker(storage: LocalStorage, tmp_path: Path) -> None:
    assert LocalStorage(storage.folder).marker == storage.marker == (storage.folder / ".marker").read_text()
    assert LocalStorage(tmp_path / "other").marker != storage.marker


def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = storage.writer("media-1")
    writer.write(WHOLE)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="storage is full"):
        writer.commit()
    writer.abort()
    assert everything_below(storage.folder) == [".marker"]


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match="file/storage"):
        LocalStorage(tmp_path / "file" / "storage")
