"""The media files: sources and results. A row is never removed, so that a job can always name its source.

One is in the library, or in the trash, or deleted.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, and_, bindparam, false, not_, null, or_, select, text, true, update

from balanza.lifecycle import JobStatus
from balanza.model import Media, result_key, whole_key
from balanza.store.search import LISTED, folded, searched
from balanza.store.tables import IN_TRASH, MEDIA, TO_PURGE, jobs, media

_KEPT = media.c.deleted_at.is_(None)
_IN_TRASH = text(IN_TRASH)
_OWN = media.c.owner_id == bindparam("owner")
_THIS = media.c.id == bindparam("this_id")
# Below the variables that a statement may have: 32,766 on SQLite, 65,535 on PostgreSQL.
_AT_ONCE = 1000

_INSERT = sqlalchemy.insert(media)
_GET = select(*MEDIA).where(_THIS)
# FOR NO KEY UPDATE: it waits for other writers of the row, not for foreign keys that point at it.
_GET_LOCKED = _GET.with_for_update(key_share=True)
_BY_NAME = (
    select(*MEDIA)
    .where(media.c.name == bindparam("this_name"), _OWN, LISTED)
    .order_by(media.c.seq)
    .limit(bindparam("most"))
)
_CURSOR = select(media.c.seq).where(media.c.id == bindparam("before")).scalar_subquery()
_TRASH = (
    select(*MEDIA)
    .where(_OWN, _IN_TRASH)
    .order_by(media.c.trashed_at.desc(), media.c.seq.desc())
    .limit(bindparam("most"))
)
_TRASHED_AT = select(media.c.trashed_at).where(media.c.id == bindparam("before")).scalar_subquery()
_OLDER_TRASH = _TRASH.where(
    or_(media.c.trashed_at < _TRASHED_AT, and_(media.c.trashed_at == _TRASHED_AT, media.c.seq < _CURSOR))
)
_PUT_INTO_TRASH = update(media).where(_THIS, LISTED).values(trashed_at=bindparam("at"))
_RESTORE = update(media).where(_THIS, _IN_TRASH).values(trashed_at=null())
_OLD_TRASH = (
    select(*MEDIA)
    .where(_IN_TRASH, media.c.trashed_at <= bindparam("until"))
    .order_by(media.c.trashed_at)
    .limit(bindparam("most"))
    .with_for_update(key_share=True)
)
_RENAME = update(media).where(_THIS, LISTED).values(name=bindparam("new_name"), folded_name=bindparam("folded"))
_DELETE = update(media).where(_THIS, _KEPT).values(deleted_at=bindparam("at"))
_OF_SOURCE = media.c.derived_from == bindparam("source")
_DELETE_DERIVED = update(media).where(_OF_SOURCE, _KEPT).values(deleted_at=bindparam("at"))
_DERIVED_KEYS = select(media.c.id, media.c.storage_key).where(_OF_SOURCE)
_TO_PURGE = (
    select(media.c.id, media.c.storage_key).where(text(TO_PURGE)).order_by(media.c.deleted_at).limit(bindparam("most"))
)
_PURGED = update(media).where(_THIS, not_(_KEPT)).values(purged=true())
_KNOWN = select(media.c.storage_key).where(
    media.c.storage_key.in_(bindparam("keys", expanding=True)), media.c.purged == false()
)
_RUNNING = select(jobs.c.id, jobs.c.leases).where(jobs.c.status == JobStatus.PROCESSING)


def insert(tx: Connection, *new: Media) -> None:
    tx.execute(_INSERT, [_values(one) for one in new])


def _values(new: Media) -> dict[str, Any]:
    return {column.name: getattr(new, column.name) for column in MEDIA} | searched(new.name, new.probe)


def rename(tx: Connection, media_: Media, name: str) -> bool:
    """False when it is not in the library."""
    found = tx.execute(_RENAME, {"this_id": media_.id, "new_name": name, "folded": folded(name)})
    return found.rowcount == 1


def get(tx: Connection, media_id: str, *, lock: bool = False) -> Media | None:
    """The media, even when it is in the trash or has been deleted.

    With `lock` nobody else changes it until the transaction ends.
    """
    row = tx.execute(_GET_LOCKED if lock else _GET, {"this_id": media_id}).first()
    return None if row is None else Media(*row)


def by_name(tx: Connection, name: str, *, owner_id: str, limit: int = 6) -> list[Media]:
    """The oldest of those in somebody's library that bear exactly this name, oldest first."""
    values = {"this_name": name, "owner": owner_id, "most": limit}
    return [Media(*row) for row in tx.execute(_BY_NAME, values)]


def put_into_trash(tx: Connection, media_id: str, now: datetime) -> bool:
    """False when it is not in the library."""
    return tx.execute(_PUT_INTO_TRASH, {"this_id": media_id, "at": now}).rowcount == 1


def restore(tx: Connection, media_id: str) -> bool:
    """Takes it out of the trash and back into the library. False when it is not in the trash."""
    return tx.execute(_RESTORE, {"this_id": media_id}).rowcount == 1


def list_trash(tx: Connection, *, owner_id: str, before: str | None, limit: int) -> list[Media]:
    """Those in somebody's trash, the last put there first; `before` is the id of the last one of the page before."""
    values = {"owner": owner_id, "most": limit}
    rows = tx.execute(_TRASH, values) if before is None else tx.execute(_OLDER_TRASH, {**values, "before": before})
    return [Media(*row) for row in rows]


def trashed_until(tx: Connection, until: datetime, limit: int) -> list[Media]:
    """Those in anybody's trash since then or longer, longest first; nobody restores them until the transaction
    ends."""
    return [Media(*row) for row in tx.execute(_OLD_TRASH, {"until": until, "most": limit})]


def mark_deleted(tx: Connection, media_id: str, now: datetime) -> bool:
    """From the library or the trash. False when it is unknown or was deleted before.

    Its bytes go later: see `deleted_keys`.
    """
    return tx.execute(_DELETE, {"this_id": media_id, "at": now}).rowcount == 1


def mark_derived_deleted(tx: Connection, source_id: str, now: datetime) -> list[tuple[str, str]]:
    """What was made of this media, its thumbnail and the like, is deleted too; id and storage key of each."""
    tx.execute(_DELETE_DERIVED, {"source": source_id, "at": now})
    return [(media_id, key) for media_id, key in tx.execute(_DERIVED_KEYS, {"source": source_id})]


def deleted_keys(tx: Connection, limit: int) -> list[tuple[str, str]]:
    """The id and storage key of deleted media whose bytes still have to go, longest deleted first."""
    return [(media_id, key) for media_id, key in tx.execute(_TO_PURGE, {"most": limit})]


def mark_purged(tx: Connection, media_id: str) -> None:
    """The bytes of this deleted media are gone."""
    tx.execute(_PURGED, {"this_id": media_id})


def known_keys(tx: Connection, keys: Sequence[str]) -> set[str]:
    """Those of `keys` that some media or some running attempt owns, whole or as a piece; nobody will ever ask for the
    others again."""
    wholes = {whole_key(key) for key in keys}
    known = {result_key(job_id, attempt) for job_id, attempt in tx.execute(_RUNNING)} & wholes
    for some in slices(list(wholes)):
        known |= set(tx.execute(_KNOWN, {"keys": some}).scalars())
    return {key for key in keys if whole_key(key) in known}


def slices(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """`values` in pieces that one statement can take."""
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))
