"""The links under which files are shared. Who has the token of a link can open its file; only its hash is kept."""

from datetime import datetime

import sqlalchemy
from sqlalchemy import Connection, and_, bindparam, delete, exists, or_, select, update

from balanza.model import Media, Share
from balanza.store.account_tables import users
from balanza.store.tables import MEDIA, SHARE, media, shares

_THIS = shares.c.id == bindparam("this_id")
_LIVE = and_(shares.c.revoked_at.is_(None), shares.c.expires_at > bindparam("now"))
_KEPT = and_(media.c.deleted_at.is_(None), media.c.trashed_at.is_(None))

_IS_OUT = exists().where(users.c.id == media.c.owner_id, users.c.disabled_at.is_not(None))

_INSERT = sqlalchemy.insert(shares)
_GET = select(*SHARE).where(_THIS)
_OPEN = (
    select(*SHARE, *MEDIA)
    .join(media, media.c.id == shares.c.media_id)
    .where(shares.c.token_hash == bindparam("this_hash"), _LIVE, _KEPT, ~_IS_OUT)
)
_OF_MEDIA = (
    select(*SHARE)
    .where(shares.c.media_id == bindparam("this_media"))
    .order_by(shares.c.created_at.desc(), shares.c.id.desc())
    .limit(bindparam("most"))
)
_BEFORE_AT = select(shares.c.created_at).where(shares.c.id == bindparam("before")).scalar_subquery()
_OLDER = _OF_MEDIA.where(
    or_(
        shares.c.created_at < _BEFORE_AT,
        and_(shares.c.created_at == _BEFORE_AT, shares.c.id < bindparam("before")),
    )
)
_REVOKE = update(shares).where(_THIS, shares.c.revoked_at.is_(None)).values(revoked_at=bindparam("at"))
_COUNT = (
    update(shares)
    .where(_THIS, _LIVE, or_(shares.c.most_downloads.is_(None), shares.c.downloads < shares.c.most_downloads))
    .values(downloads=shares.c.downloads + 1)
)
_PRUNE = delete(shares).where(
    or_(shares.c.expires_at < bindparam("ended_before"), shares.c.revoked_at < bindparam("ended_before"))
)


def insert(tx: Connection, new: Share) -> None:
    tx.execute(_INSERT, {column.name: getattr(new, column.name) for column in SHARE})


def get(tx: Connection, share_id: str) -> Share | None:
    """The share, even when it has ended."""
    row = tx.execute(_GET, {"this_id": share_id}).first()
    return None if row is None else Share(*row)


def opened(tx: Connection, token_hash: str, now: datetime) -> tuple[Share, Media] | None:
    """What the link leads to; None when it is unknown, expired or revoked, or its file deleted or in the trash, or of
    somebody who is disabled."""
    row = tx.execute(_OPEN, {"this_hash": token_hash, "now": now}).first()
    return None if row is None else (Share(*row[: len(SHARE)]), Media(*row[len(SHARE) :]))


def list_shares(tx: Connection, media_id: str, *, before: str | None, limit: int) -> list[Share]:
    """Of one file, newest first, ended ones too; `before` is the id of the last one of the page before."""
    if before is None:
        rows = tx.execute(_OF_MEDIA, {"this_media": media_id, "most": limit})
    else:
        rows = tx.execute(_OLDER, {"this_media": media_id, "most": limit, "before": before})
    return [Share(*row) for row in rows]


def revoke(tx: Connection, share_id: str, now: datetime) -> bool:
    """False when it is unknown or was revoked before."""
    return tx.execute(_REVOKE, {"this_id": share_id, "at": now}).rowcount == 1


def count_download(tx: Connection, share_id: str, now: datetime) -> bool:
    """Counts one more download, unless the share has ended or allows no more: then False."""
    return tx.execute(_COUNT, {"this_id": share_id, "now": now}).rowcount == 1


def prune(tx: Connection, ended_before: datetime) -> int:
    """Forgets the shares that expired or were revoked before then."""
    return tx.execute(_PRUNE, {"ended_before": ended_before}).rowcount
