"""The library: files come in whole or not at all, are found by id or name, go into the trash, and are deleted."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Self
from uuid import uuid4

from sqlalchemy import Connection

from balanza.dispatch import quotas
from balanza.dispatch.desk import Desk
from balanza.dispatch.endings import Ended, cancel_derivations
from balanza.errors import (
    BalanzaError,
    Conflict,
    EmptyFile,
    Gone,
    InTrash,
    InvalidRequest,
    NotFound,
    NotMedia,
    Retryable,
)
from balanza.media import formats
from balanza.media.probe import Prober
from balanza.model import LOCAL_USER, Media
from balanza.protocol import StoredObject
from balanza.storage import ObjectWriter
from balanza.store import events, jobs, library
from balanza.store.search import EVERYTHING, Question, list_media

log = logging.getLogger("balanza.dispatch")

NAMED_AT_MOST = 5
"""Of files that share a name, how many ids are told."""


def existing(tx: Connection, media_id: str, owner_id: str, *, lock: bool = False) -> Media:
    """The file of that id. Raises NotFound, also when it is somebody else's, InTrash, or Gone when it was deleted."""
    return _not_in_trash(_not_deleted(tx, media_id, owner_id, lock=lock))


def _not_in_trash(media: Media) -> Media:
    if media.trashed_at is not None:
        raise InTrash(f"The file {media.name} ({media.id}) is in the trash. Restore it from there to use it.")
    return media


def _not_deleted(tx: Connection, media_id: str, owner_id: str, *, lock: bool = False) -> Media:
    """The file of that id, be it in the library or in the trash. Raises NotFound, Gone."""
    return _of(library.get(tx, media_id, lock=lock), media_id, owner_id)


def _of(media: Media | None, media_id: str, owner_id: str) -> Media:
    if media is None or media.owner_id != owner_id or media.derived_from is not None:
        raise NotFound(f"There is no file with the id {media_id}. GET /media lists what there is.")
    if media.deleted_at is not None:
        raise Gone(f"The file {media.name} ({media_id}) was deleted. Upload it again to use it.")
    return media


def find(tx: Connection, reference: str, owner_id: str, *, lock: bool = False) -> Media:
    """Somebody's file with that id, or else the only one of that name. Raises NotFound, Gone, Conflict."""
    with_id = library.get(tx, reference, lock=lock)
    if with_id is not None and with_id.owner_id == owner_id:
        return _not_in_trash(_of(with_id, reference, owner_id))
    # Thousands may have this name, and this is read inside the one writer.
    named = library.by_name(tx, reference, owner_id=owner_id, limit=NAMED_AT_MOST + 1)
    if not named:
        raise NotFound(f"There is no file {reference!r}. Upload it first, or see what there is with GET /media.")
    if len(named) > 1:
        ids = ", ".join(media.id for media in named[:NAMED_AT_MOST])
        count = len(named) if len(named) <= NAMED_AT_MOST else f"more than {NAMED_AT_MOST}"
        raise Conflict(f"There are {count} files named {reference!r}. Use the id of the one you mean: {ids}.")
    return existing(tx, named[0].id, owner_id, lock=lock)


class Library:
    """One person's files. Safe to call from many threads."""

    def __init__(self, desk: Desk, prober: Prober, owner_id: str = LOCAL_USER) -> None:
        self._desk = desk
        self._prober = prober
        self._owner_id = owner_id

    def of(self, owner_id: str) -> Self:
        """The same, for that person."""
        return type(self)(self._desk, self._prober, owner_id)

    def receive(self, name: str) -> "Upload":
        """A new file on its way in, under the display name `name`."""
        media_id, desk = str(uuid4()), self._desk
        room = desk.database.read(lambda tx: quotas.room(tx, desk.settings, self._owner_id))
        return Upload(self, media_id, name, desk.storage.writer(key_of(media_id)), room)

    def add_link(self, path: Path, name: str) -> Media:
        """A file that stays where it is, unchanged. Raises NotMedia, EmptyFile."""
        media_id = str(uuid4())
        return self.admit(media_id, name, self._desk.storage.link(path, key_of(media_id)))

    def get(self, media_id: str) -> Media:
        """Raises NotFound, InTrash, Gone."""
        return self._desk.database.read(lambda tx: existing(tx, media_id, self._owner_id))

    def get_all(self, media_ids: Sequence[str]) -> list[Media]:
        """Each once, in the order given. Raises NotFound, InTrash, Gone when one of them cannot be had."""
        wanted = dict.fromkeys(media_ids)
        return self._desk.database.read(lambda tx: [existing(tx, media_id, self._owner_id) for media_id in wanted])

    def list_media(
        self, *, before: str | None, limit: int, in_trash: bool = False, question: Question = EVERYTHING
    ) -> list[Media]:
        """What answers the question, or the whole trash, the last deleted first.

        `before` is the id of the last one of the page before. Raises InvalidRequest when that is none.
        """

        def read(tx: Connection) -> list[Media]:
            last = None if before is None else library.get(tx, before)
            if before is not None and (last is None or last.owner_id != self._owner_id):
                raise InvalidRequest(f"The query parameter 'cursor' names no file: {before}. Begin again without it.")
            if in_trash:
                return library.list_trash(tx, owner_id=self._owner_id, before=before, limit=limit)
            return list_media(tx, question, owner_id=self._owner_id, before=before, limit=limit)

        return self._desk.database.read(read)

    def rename(self, media_id: str, name: str) -> Media:
        """The file under its new display name. Raises NotFound, InTrash, Gone."""

        def operation(tx: Connection) -> Media:
            media = existing(tx, media_id, self._owner_id, lock=True)
            library.rename(tx, media, name)
            now = self._desk.clock()
            events.append(tx, "media.renamed", now=now, media_id=media_id, owner_id=self._owner_id)
            return replace(media, name=name)

        media = self._desk.database.write(operation)
        self._desk.tell()
        return media

    def put_into_trash(self, media_id: str) -> None:
        """Afterwards the file is used for nothing; it can be restored for a while. Raises NotFound, Gone, Conflict."""

        def operation(tx: Connection) -> Ended:
            _refuse_while_read(tx, existing(tx, media_id, self._owner_id, lock=True))
            now = self._desk.clock()
            library.put_into_trash(tx, media_id, now)
            ended = cancel_derivations(tx, media_id, now=now)
            events.append(tx, "media.trashed", now=now, media_id=media_id, owner_id=self._owner_id)
            return ended

        self._desk.settle(self._desk.database.write(operation))

    def restore(self, media_id: str) -> Media:
        """The file, back from the trash as it was. Raises NotFound, Gone, and Conflict when it is not there."""

        def operation(tx: Connection) -> Media:
            media = _not_deleted(tx, media_id, self._owner_id, lock=True)
            if not library.restore(tx, media_id):
                raise Conflict(f"The file {media.name} ({media_id}) is not in the trash: it can be used as it is.")
            now = self._desk.clock()
            events.append(tx, "media.restored", now=now, media_id=media_id, owner_id=self._owner_id)
            return replace(media, trashed_at=None)

        media = self._desk.database.write(operation)
        self._desk.tell()
        return media

    def delete(self, media_id: str) -> None:
        """Afterwards the file is gone for everybody, and its bytes with it. Raises NotFound, Gone, Conflict."""

        def operation(tx: Connection) -> tuple[Ended, list[tuple[str, str]]]:
            media = _not_deleted(tx, media_id, self._owner_id, lock=True)
            _refuse_while_read(tx, media)
            now = self._desk.clock()
            ended = cancel_derivations(tx, media_id, now=now)
            return ended, delete(tx, media, now=now)

        ended, deleted = self._desk.database.write(operation)
        self._desk.settle(ended)
        purge(self._desk, deleted)

    def admit(self, media_id: str, name: str, stored: StoredObject) -> Media:
        """Probes what was stored and writes its row; what is no media file is removed. Raises NotMedia, EmptyFile."""
        key = key_of(media_id)
        try:
            media = self.probed(media_id, name, stored)
            self._desk.database.write(lambda tx: self._insert(tx, media))
        except Retryable:
            # The row may have been committed all the same; if it was not, the sweep removes the object.
            raise
        except BaseException:
            self._desk.discard(key)
            raise
        self._desk.tell()
        return media

    def _insert(self, tx: Connection, media: Media) -> None:
        quotas.refuse_more_bytes(tx, self._desk.settings, self._owner_id, media.size_bytes)
        insert(tx, media)

    def probed(self, media_id: str, name: str, stored: StoredObject) -> Media:
        """What was stored under the key of that id, looked into but in no table yet. Raises NotMedia, EmptyFile."""
        if stored.size_bytes == 0:
            raise EmptyFile(f"{name} is empty. Choose a file with sound or pictures in it.")
        try:
            probe = self._prober.probe(self._desk.storage.path(key_of(media_id)))
        except NotMedia as error:
            raise NotMedia(f"{name}: {error}") from error
        return Media(
            id=media_id,
            name=name,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            mime_type=formats.mime_type(probe, name),
            storage_key=key_of(media_id),
            probe=probe,
            created_at=self._desk.clock(),
            owner_id=self._owner_id,
        )


def delete(tx: Connection, media: Media, *, now: datetime) -> list[tuple[str, str]]:
    """It is gone for everybody, with its thumbnail and the like, and its owner is told.

    Id and storage key of each of them, whose bytes are purged afterwards.
    """
    library.mark_deleted(tx, media.id, now)
    derived = library.mark_derived_deleted(tx, media.id, now)
    events.append(tx, "media.deleted", now=now, media_id=media.id, owner_id=media.owner_id)
    return [(media.id, media.storage_key), *derived]


def purge(desk: Desk, deleted: Sequence[tuple[str, str]]) -> None:
    """The bytes of deleted files, of which `deleted` has id and storage key, are gone. What cannot be done now, the
    next sweep does."""
    desk.discard(*(key for _, key in deleted))

    def operation(tx: Connection) -> None:
        for media_id, _ in deleted:
            library.mark_purged(tx, media_id)

    desk.database.write(operation)


def _refuse_while_read(tx: Connection, media: Media) -> None:
    if readers := jobs.live_jobs_of_media(tx, media.id):
        raise Conflict(f"{media.name} is being converted by job {readers[0]}. Cancel the job, or wait for it.")


def insert(tx: Connection, media: Media) -> None:
    """A new file is in the library, and everybody is told."""
    library.insert(tx, media)
    events.append(tx, "media.created", now=media.created_at, media_id=media.id, owner_id=media.owner_id)


class Upload:
    """One file on its way in. Nothing of it is kept unless `finish` returns."""

    def __init__(
        self, library: Library, media_id: str, name: str, writer: ObjectWriter, room: quotas.Room | None
    ) -> None:
        self._library = library
        self._media_id = media_id
        self._name = name
        self._writer = writer
        self._room = room
        self._written = 0

    def write(self, piece: bytes) -> None:
        """Raises StorageFull, StorageError, and QuotaExceeded as soon as it is; then `abort` is still to be called."""
        self._written += len(piece)
        if self._room is not None:
            self._room.refuse(self._written)
        self._writer.write(piece)

    def finish(self) -> Media:
        """Bytes and row are durable. Raises EmptyFile, NotMedia, StorageFull; nothing is kept then."""
        try:
            stored = self._writer.commit()
        except BalanzaError:
            self._writer.abort()
            raise
        return self._library.admit(self._media_id, self._name, stored)

    def abort(self) -> None:
        """Nothing was uploaded."""
        self._writer.abort()


def key_of(media_id: str) -> str:
    return f"media-{media_id}"
