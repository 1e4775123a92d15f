"""Files that come in over several requests, and go on where they were after a broken connection or a restart.

What is there is what lies in the storage: the size of the part is the offset. It is flushed before anybody is told of
it, so that an acknowledged offset survives even a loss of power. The upload's id becomes the id of the file, so that
finishing twice, or after a crash in the middle of it, makes one file.
"""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from sqlalchemy import Connection

from balanza.dispatch import library, quotas
from balanza.dispatch.desk import Desk
from balanza.dispatch.library import Library, key_of
from balanza.errors import CallerError, Conflict, EmptyFile, Gone, Locked, NotFound, StorageError, StorageFull, TooLarge
from balanza.model import LOCAL_USER, Media
from balanza.storage import PartWriter
from balanza.store import uploads
from balanza.store.uploads import Resumable

if TYPE_CHECKING:
    from hashlib import _Hash

log = logging.getLogger("balanza.dispatch")

LIFETIME = timedelta(hours=24)
"""An upload to which nothing was added for so long is given up."""
EXTEND_EVERY = timedelta(hours=1)
LARGEST_BYTES = 16 * 2**40
"""The largest file of ext4 (with blocks of 4 KiB); others take more."""
HASHES_KEPT = 1000
SWEPT_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """An upload, and how many of its bytes are there for good."""

    upload: Resumable
    offset: int

    @property
    def is_complete(self) -> bool:
        return self.offset == self.upload.size_bytes

    @property
    def is_finished(self) -> bool:
        return self.upload.media_id is not None


class Uploads:
    """One person's uploads. Safe to call from many threads."""

    def __init__(self, desk: Desk, library: Library) -> None:
        self._desk = desk
        self._owner_id = LOCAL_USER
        self._library = library
        self._lock = Lock()
        self._held: set[str] = set()
        """The uploads that some request changes now."""
        self._hashes: OrderedDict[str, _Running] = OrderedDict()

    def of(self, owner_id: str) -> Self:
        """The same, for that person; what is held and hashed is shared."""
        same = copy(self)
        same._owner_id = owner_id
        same._library = self._library.of(owner_id)
        return same

    def begin(self, name: str, size_bytes: int, metadata: str = "") -> Resumable:
        """A new upload under the display name `name`. Raises EmptyFile, TooLarge, StorageFull; nothing is kept then."""
        if size_bytes == 0:
            raise EmptyFile(f"{name} is empty. Choose a file with sound or pictures in it.")
        if size_bytes > LARGEST_BYTES:
            raise TooLarge(f"{name} has {size_bytes} bytes; this server takes files of up to {LARGEST_BYTES} bytes.")
        free = self._desk.storage.free_bytes()
        if size_bytes > free:
            raise StorageFull(
                f"{name} has {size_bytes} bytes, but there is room for {free} bytes only. "
                "Delete files that are no longer needed, then try again."
            )
        now = self._desk.clock()
        new = Resumable(
            id=str(uuid4()),
            name=name,
            size_bytes=size_bytes,
            metadata=metadata,
            created_at=now,
            expires_at=now + LIFETIME,
            owner_id=self._owner_id,
        )

        def operation(tx: Connection) -> None:
            quotas.refuse_more_bytes(tx, self._desk.settings, self._owner_id, size_bytes)
            uploads.insert(tx, new)

        self._desk.database.write(operation)
        return new

    def look(self, upload_id: str) -> Standing:
        """How far it is. Raises NotFound, and Gone when it has expired or its file was deleted."""
        upload = self._desk.database.read(lambda tx: self._existing(tx, upload_id))
        return Standing(upload, upload.size_bytes if upload.media_id else self._size(upload_id))

    def append(self, upload_id: str, offset: int) -> "Addition":
        """Goes on with it at `offset`; it is held until the addition is closed.

        Raises NotFound, Gone, Locked when another request holds it, Conflict when `offset` is not where it ended.
        """
        self._refuse_foreign(upload_id)
        self._hold(upload_id)
        try:
            standing = self.look(upload_id)
            _refuse_elsewhere(standing, offset)
            return Addition(self, self._desk, standing, self._hash_at(upload_id, offset))
        except BaseException:
            self.release(upload_id)
            raise

    def finish(self, upload_id: str) -> Standing:
        """A complete upload as a file in the library; asked again, the same file.

        Raises NotFound, Gone, Locked; and NotMedia: then nothing of the upload is kept.
        """
        self._refuse_foreign(upload_id)
        with self._holding(upload_id):
            standing = self.look(upload_id)
            if standing.is_complete and not standing.is_finished:
                self._publish(standing.upload)
                standing = self.look(upload_id)
            return standing

    def remove(self, upload_id: str) -> None:
        """Gives it up, whoever is adding to it. The file of a finished one stays. Raises NotFound, Gone."""

        def operation(tx: Connection) -> Resumable:
            upload = self._existing(tx, upload_id)
            uploads.remove(tx, upload_id)
            return upload

        upload = self._desk.database.write(operation)
        self._forget_hash(upload_id)
        if not upload.media_id:
            discard(self._desk, upload_id)
            self._desk.discard(key_of(upload_id))

    def release(self, upload_id: str) -> None:
        """Others may change it again."""
        with self._lock:
            self._held.discard(upload_id)

    def keep_hash(self, upload_id: str, running: "_Running") -> None:
        """Spares reading the part again at its end, if the server runs until then."""
        with self._lock:
            self._hashes[upload_id] = running
            if len(self._hashes) > HASHES_KEPT:
                self._hashes.popitem(last=False)

    def _refuse_foreign(self, upload_id: str) -> None:
        """Before it is held: others could else keep its owner out, and learn that it is there."""
        self._desk.database.read(lambda tx: self._existing(tx, upload_id))

    def _existing(self, tx: Connection, upload_id: str) -> Resumable:
        upload = uploads.get(tx, upload_id)
        if upload is None or upload.owner_id != self._owner_id:
            raise NotFound(f"There is no upload {upload_id}: it was cancelled, or has expired. Begin a new one.")
        if upload.media_id is not None:
            library.existing(tx, upload.media_id, self._owner_id)
        elif upload.expires_at <= self._desk.clock():
            raise Gone(f"The upload of {upload.name} has expired: nothing came for 24 hours. Begin a new one.")
        return upload

    def _hash_at(self, upload_id: str, offset: int) -> "_Running | None":
        """The hash of the first `offset` bytes, if it is known without reading them."""
        running = self._forget_hash(upload_id)
        if offset == 0:
            return _Running(hashlib.sha256())
        return running if running is not None and running.hashed == offset else None

    def _forget_hash(self, upload_id: str) -> "_Running | None":
        with self._lock:
            return self._hashes.pop(upload_id, None)

    def _publish(self, upload: Resumable) -> None:
        running = self._hash_at(upload.id, upload.size_bytes)
        stored = self._desk.storage.complete(key_of(upload.id), running.sha256.hexdigest() if running else None)
        try:
            media = self._library.probed(upload.id, upload.name, stored)
            self._desk.database.write(lambda tx: _finish(tx, upload.id, media))
        except CallerError:
            self._desk.database.write(lambda tx: uploads.remove(tx, upload.id))
            self._desk.discard(key_of(upload.id))
            raise
        self._desk.tell()

    def _size(self, upload_id: str) -> int:
        """Of the part; or of the object that it was made, when the server was ended before it was in the library."""
        key, storage = key_of(upload_id), self._desk.storage
        size = storage.part_size(key)
        return size if size is not None else storage.size(key) or 0

    def _hold(self, upload_id: str) -> None:
        with self._lock:
            if upload_id in self._held:
                raise Locked(f"Another request is adding to the upload {upload_id}. Try again in a moment.")
            self._held.add(upload_id)

    @contextmanager
    def _holding(self, upload_id: str) -> Iterator[None]:
        self._hold(upload_id)
        try:
            yield
        finally:
            self.release(upload_id)


class Addition:
    """The bytes of one request. What was written stays, whatever ends it; `close` is to be called in any case."""

    def __init__(self, uploads: Uploads, desk: Desk, standing: Standing, running: "_Running | None") -> None:
        self._uploads = uploads
        self._desk = desk
        self._id = standing.upload.id
        self._left = standing.upload.size_bytes - standing.offset
        self._running = running
        self._extended_at = desk.clock()
        self._extend()
        # Nothing to open when all is there: then there may be no part any more.
        self._part: PartWriter | None = desk.storage.part(key_of(self._id)) if self._left else None

    def write(self, piece: bytes) -> None:
        """Raises TooLarge beyond the size of the upload, StorageFull, StorageError."""
        if len(piece) > self._left:
            raise TooLarge(f"The upload {self._id} has room for {self._left} more bytes; more than that was sent.")
        if not piece or self._part is None:
            return
        running, self._running = self._running, None
        self._part.write(piece)
        self._left -= len(piece)
        if running:
            self._running = running.updated(piece)
        if self._desk.clock() - self._extended_at > EXTEND_EVERY:
            self._extend()

    def close(self, last: bytes = b"") -> None:
        """Writes what had been gathered; all that was written survives a loss of power. Raises as `write`."""
        try:
            try:
                self.write(last)
            finally:
                if self._part is not None:
                    self._part.close()
            self._extend()
            if self._running:
                self._uploads.keep_hash(self._id, self._running)
        finally:
            self._uploads.release(self._id)

    def _extend(self) -> None:
        """Raises NotFound when it was given up meanwhile; then nothing of it is kept."""
        now = self._desk.clock()
        if not self._desk.database.write(lambda tx: uploads.extend(tx, self._id, now + LIFETIME)):
            self._refuse_unless_finished()
        self._extended_at = now

    def _refuse_unless_finished(self) -> None:
        if self._desk.database.read(lambda tx: uploads.get(tx, self._id)) is None:
            discard(self._desk, self._id)
            raise NotFound(f"The upload {self._id} was cancelled.")


@dataclass(slots=True)
class _Running:
    """The hash of what has come so far, and of how many bytes that is."""

    sha256: "_Hash"
    hashed: int = 0

    def updated(self, piece: bytes) -> "_Running":
        self.sha256.update(piece)
        self.hashed += len(piece)
        return self


def sweep(desk: Desk, now: datetime) -> None:
    """Removes the uploads whose time is over, and parts that belong to none."""
    for upload_id in desk.database.read(lambda tx: uploads.expired(tx, now, SWEPT_AT_ONCE)):
        discard(desk, upload_id)
        desk.database.write(lambda tx, this=upload_id: uploads.remove(tx, this))  # type: ignore[misc]
    old = [key.removeprefix(key_of("")) for key, written_at in desk.storage.parts() if now - written_at > LIFETIME]
    for upload_id in set(old) - desk.database.read(lambda tx: uploads.known(tx, old)):
        discard(desk, upload_id)


def _finish(tx: Connection, upload_id: str, media: Media) -> None:
    library.insert(tx, media)
    if not uploads.finish(tx, upload_id, media.id):
        raise NotFound(f"The upload {upload_id} was cancelled.")


def _refuse_elsewhere(standing: Standing, offset: int) -> None:
    if standing.offset != offset:
        raise Conflict(
            f"The upload {standing.upload.id} has {standing.offset} bytes so far; what was sent begins at {offset}. "
            "Ask with HEAD where to go on."
        )


def discard(desk: Desk, upload_id: str) -> None:
    """The bytes of an upload that was given up are gone."""
    try:
        desk.storage.discard_part(key_of(upload_id))
    except StorageError:
        log.warning("What came of the upload %s could not be removed; the next sweep tries again.", upload_id)
