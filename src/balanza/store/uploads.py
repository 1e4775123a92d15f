"""Files that come in over several requests: what is known of each beside its bytes, which lie in the storage."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy
from sqlalchemy import Connection, bindparam, delete, select, update

from balanza.model import LOCAL_USER
from balanza.store.library import slices
from balanza.store.tables import uploads


@dataclass(frozen=True, slots=True)
class Resumable:
    """A file that was begun to be uploaded. How much of it is there, the storage knows."""

    id: str
    name: str
    """As it will be shown."""
    size_bytes: int
    metadata: str
    """As the client gave it."""
    created_at: datetime
    expires_at: datetime
    media_id: str | None = None
    """The file that came of it, once all bytes are there."""
    owner_id: str = LOCAL_USER


_COLUMNS = tuple(uploads.c[field.name] for field in fields(Resumable))
_THIS = uploads.c.id == bindparam("this_id")

_INSERT = sqlalchemy.insert(uploads)
_GET = select(*_COLUMNS).where(_THIS)
_EXTEND = update(uploads).where(_THIS, uploads.c.media_id.is_(None)).values(expires_at=bindparam("until"))
_FINISH = update(uploads).where(_THIS, uploads.c.media_id.is_(None)).values(media_id=bindparam("as_media"))
_DELETE = delete(uploads).where(_THIS)
_EXPIRED = (
    select(uploads.c.id)
    .where(uploads.c.expires_at <= bindparam("now"))
    .order_by(uploads.c.expires_at)
    .limit(bindparam("most"))
)
_KNOWN = select(uploads.c.id).where(uploads.c.id.in_(bindparam("ids", expanding=True)))


def insert(tx: Connection, new: Resumable) -> None:
    tx.execute(_INSERT, {field.name: getattr(new, field.name) for field in fields(new)})


def get(tx: Connection, upload_id: str) -> Resumable | None:
    row = tx.execute(_GET, {"this_id": upload_id}).first()
    return None if row is None else Resumable(*row)


def extend(tx: Connection, upload_id: str, until: datetime) -> bool:
    """False when it is unknown or finished: then it stays as it is."""
    return tx.execute(_EXTEND, {"this_id": upload_id, "until": until}).rowcount == 1


def finish(tx: Connection, upload_id: str, media_id: str) -> bool:
    """The upload became that file. False when it is unknown or was finished before."""
    return tx.execute(_FINISH, {"this_id": upload_id, "as_media": media_id}).rowcount == 1


def remove(tx: Connection, upload_id: str) -> bool:
    """False when it is unknown. Its bytes go after it."""
    return tx.execute(_DELETE, {"this_id": upload_id}).rowcount == 1


def expired(tx: Connection, now: datetime, limit: int) -> list[str]:
    """The ids of those whose time is over, longest first."""
    return list(tx.execute(_EXPIRED, {"now": now, "most": limit}).scalars())


def known(tx: Connection, upload_ids: Sequence[str]) -> set[str]:
    """Those of `upload_ids` that there are."""
    return {found for some in slices(upload_ids) for found in tx.execute(_KNOWN, {"ids": some}).scalars()}
