"""Where the bytes are: one small interface, and the local folder behind it.

A local object is written under a temporary name, flushed to the disk, renamed, and its folder flushed: after `commit`
or `adopt` it survives a loss of power, and before that it cannot be seen. Keys are made by Balanza, never by people.
"""

import errno
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import BinaryIO, Protocol

from balanza.errors import StorageError, StorageFull
from balanza.model import piece_key
from balanza.protocol import StoredObject

PIECE_BYTES = 1024 * 1024
LEFT_SECONDS = 24 * 3600
"""Nobody writes a file any more that nothing was added to for so long."""
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_PART = "part-"
"""What the names of parts begin with; those of writers are hexadecimal."""


class PartWriter(Protocol):
    """Adds to an object that comes in over several requests. One at a time."""

    def write(self, piece: bytes) -> None:
        """When it raises, some of the piece may have been written."""

    def close(self) -> None:
        """What was written survives a loss of power."""


class ObjectWriter(Protocol):
    """One object on its way in: nobody sees it before `commit`, and `abort` leaves nothing behind."""

    def write(self, piece: bytes) -> None: ...

    def commit(self) -> StoredObject: ...

    def abort(self) -> None: ...


class Storage(Protocol):
    """Objects by key. Raises StorageFull when there is no room, StorageError when the storage cannot be used."""

    def writer(self, key: str) -> ObjectWriter: ...

    def path(self, key: str) -> Path:
        """The local file that holds the object, if there is such an object."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]: ...

    def size(self, key: str) -> int | None:
        """In bytes; None when there is no such object."""

    def link(self, path: Path, key: str) -> StoredObject:
        """Makes a local file the object without copying it: it must stay unchanged as long as the object is used."""

    def adopt(self, path: Path, key: str) -> StoredObject:
        """Moves a local file in; afterwards `path` is gone."""

    def adopt_several(self, paths: Mapping[str, Path]) -> Mapping[str, StoredObject]:
        """The same by key, for less than one after the other. When it raises, some may have been moved in."""

    def delete(self, key: str) -> None:
        """Afterwards the object is not there, whether it was before or not."""

    def objects(self) -> Iterator[tuple[str, datetime]]:
        """Every key with the time its object was last written."""

    def free_bytes(self) -> int:
        """How much more fits, as far as anybody can tell."""

    def part(self, key: str) -> PartWriter:
        """Goes on with an object that is not complete yet where it ended, or begins it."""

    def part_size(self, key: str) -> int | None:
        """How many bytes of it would survive a loss of power now; None when it was not begun, or is complete."""

    def complete(self, key: str, sha256: str | None = None) -> StoredObject:
        """Makes the part the object. Without its hash it is read once more. Asked again, answers the same."""

    def discard_part(self, key: str) -> None:
        """Afterwards there is no such part, whether there was one before or not."""

    def parts(self) -> Iterator[tuple[str, datetime]]:
        """The key of every part with the time it was last written."""


def delete_whole(storage: Storage, key: str) -> None:
    """Deletes the object and its pieces, which are numbered from 0 without a gap."""
    storage.delete(key)
    for piece in map(partial(piece_key, key), count()):
        if storage.size(piece) is None:
            return
        storage.delete(piece)


class LocalStorage:
    """Storage in a folder. With `durable` False nothing is flushed: for folders that do not outlive the program."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self._durable = durable
        self._objects = self.folder / "objects"
        self._incoming = self.folder / "incoming"
        with _translated(f"Cannot use the storage folder {self.folder}"):
            for needed in (self._objects, self._incoming):
                needed.mkdir(parents=True, exist_ok=True)
            self.marker = self._marker()

    def writer(self, key: str) -> "LocalWriter":
        return LocalWriter(self._incoming / secrets.token_hex(8), self._file(key), durable=self._durable)

    def path(self, key: str) -> Path:
        return self._file(key)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        with _translated(f"Cannot read the stored object {key}"), self._file(key).open("rb") as file:
            file.seek(start)
            left = length
            while piece := file.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left)):
                left = None if left is None else left - len(piece)
                yield piece

    def size(self, key: str) -> int | None:
        with _translated(f"Cannot read the stored object {key}"), suppress(FileNotFoundError):
            return self._file(key).stat().st_size
        return None

    def adopt(self, path: Path, key: str) -> StoredObject:
        with _translated(f"Cannot store {path.name}"):
            try:
                stored = _digest(path, flush=self._durable)
                path.rename(self._file(key))
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                return self._copy_in(path, key)
            if self._durable:
                _flush_folder(self._objects)
            return stored

    def adopt_several(self, paths: Mapping[str, Path]) -> Mapping[str, StoredObject]:
        with _translated("Cannot store the results"):
            stored = {key: _digest(path, flush=self._durable) for key, path in paths.items()}
            try:
                for key, path in paths.items():
                    path.rename(self._file(key))
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                return {key: self._copy_in(path, key) for key, path in paths.items()}
            if self._durable:
                _flush_folder(self._objects)
            return stored

    def link(self, path: Path, key: str) -> StoredObject:
        """Makes the object a symbolic link to `path`."""
        with _translated(f"Cannot read {path}"):
            stored = _digest(path, flush=False)
            self._file(key).symlink_to(path.absolute())
            return stored

    def delete(self, key: str) -> None:
        with _translated(f"Cannot delete the stored object {key}"):
            self._file(key).unlink(missing_ok=True)

    def objects(self) -> Iterator[tuple[str, datetime]]:
        for entry in os.scandir(self._objects):
            with suppress(FileNotFoundError):
                yield entry.name, datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)

    def free_bytes(self) -> int:
        with _translated(f"Cannot use the storage folder {self.folder}"):
            return shutil.disk_usage(self.folder).free

    def part(self, key: str) -> "LocalPart":
        return LocalPart(self._part(key), durable=self._durable)

    def part_size(self, key: str) -> int | None:
        part = self._part(key)
        with (
            _translated(f"Cannot read the unfinished object {key}"),
            suppress(FileNotFoundError),
            part.open("rb") as file,
        ):
            if self._durable:
                os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size
        return None

    def complete(self, key: str, sha256: str | None = None) -> StoredObject:
        part, whole = self._part(key), self._file(key)
        with _translated(f"Cannot store {key}"):
            if not part.exists():  # the program was ended just after it was made the object
                return _digest(whole, flush=self._durable)
            size = part.stat().st_size
            stored = StoredObject(size_bytes=size, sha256=sha256) if sha256 else _digest(part, flush=self._durable)
            part.rename(whole)
            if self._durable:
                _flush_folder(self._objects)
            return stored

    def discard_part(self, key: str) -> None:
        with _translated(f"Cannot delete the unfinished object {key}"):
            self._part(key).unlink(missing_ok=True)

    def parts(self) -> Iterator[tuple[str, datetime]]:
        for entry in os.scandir(self._incoming):
            if entry.name.startswith(_PART):
                with suppress(FileNotFoundError):
                    yield entry.name.removeprefix(_PART), datetime.fromtimestamp(entry.stat().st_mtime, UTC)

    def clear_incoming(self) -> None:
        """Removes what writers that ended in the middle left long ago, but no parts: those are gone on with.

        Others may be writing here meanwhile.
        """
        oldest = time.time() - LEFT_SECONDS
        with _translated(f"Cannot clear {self._incoming}"):
            for file in self._incoming.iterdir():
                with suppress(FileNotFoundError):  # written to its end just now
                    if not file.name.startswith(_PART) and file.stat().st_mtime < oldest:
                        file.unlink()

    def _copy_in(self, path: Path, key: str) -> StoredObject:
        writer = self.writer(key)
        try:
            with path.open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    writer.write(piece)
            stored = writer.commit()
        except BaseException:
            writer.abort()
            raise
        path.unlink()
        return stored

    def _file(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise StorageError(f"{key!r} is no storage key.")
        return self._objects / key

    def _part(self, key: str) -> Path:
        return self._incoming / f"{_PART}{self._file(key).name}"

    def _marker(self) -> str:
        """A random text in the folder: who can read the same text at the same place shares this storage."""
        marker = self.folder / ".marker"
        with suppress(FileExistsError):
            descriptor = os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(16))
        return marker.read_text()


class LocalWriter:
    """Writes one object of a local folder, hashing on the way."""

    def __init__(self, temporary: Path, final: Path, *, durable: bool) -> None:
        self._temporary = temporary
        self._final = final
        self._durable = durable
        self._sha256 = hashlib.sha256()
        self._size = 0
        with _translated(f"Cannot write to the storage folder {final.parent}"):
            self._file: BinaryIO = temporary.open("xb", buffering=0)

    def write(self, piece: bytes) -> None:
        _write_all(self._file, piece)
        self._sha256.update(piece)
        self._size += len(piece)

    def commit(self) -> StoredObject:
        with _translated("Cannot write to the storage"):
            if self._durable:
                os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.rename(self._final)
            if self._durable:
                _flush_folder(self._final.parent)
        return StoredObject(size_bytes=self._size, sha256=self._sha256.hexdigest())

    def abort(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class LocalPart:
    """Adds to a file of the folder of what comes in."""

    def __init__(self, path: Path, *, durable: bool) -> None:
        self._durable = durable
        with _translated("Cannot write to the storage"):
            self._file: BinaryIO = path.open("ab", buffering=0)

    def write(self, piece: bytes) -> None:
        _write_all(self._file, piece)

    def close(self) -> None:
        with self._file, _translated("Cannot write to the storage"):
            if self._durable:
                os.fsync(self._file.fileno())


def _write_all(file: BinaryIO, piece: bytes) -> None:
    with _translated("Cannot write to the storage"):
        view = memoryview(piece)
        while view:
            view = view[file.write(view) :]


def _digest(path: Path, *, flush: bool) -> StoredObject:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if flush:
            os.fsync(file.fileno())
        return StoredObject(size_bytes=os.fstat(file.fileno()).st_size, sha256=sha256)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turns what the operating system says into our errors."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFull(
                "The storage is full. Delete files that are no longer needed, for ever, then try again."
            ) from error
        raise StorageError(f"{what}: {error.strerror or error}.") from error
