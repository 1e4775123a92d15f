"""The accounts, and how much of the server belongs to each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, update

from balanza.lifecycle import LIVE
from balanza.model import Role, User
from balanza.store.account_tables import USER, users
from balanza.store.tables import jobs, media, uploads
from balanza.store.transitions import has_status


@dataclass(frozen=True, slots=True)
class Usage:
    """What somebody has on the server."""

    files: int = 0
    """In the library and in the trash."""
    stored_bytes: int = 0
    """Of those files, and of uploads that have begun, as large as they are to become."""
    live_jobs: int = 0
    """Conversions that are pending or running."""


_THIS = users.c.id == bindparam("this_id")
_INSERT = sqlalchemy.insert(users)
_GET = select(*USER).where(_THIS)
_GET_LOCKED = _GET.with_for_update()
_BY_NAME = select(*USER).where(users.c.name == bindparam("this_name"))
_BY_SUBJECT = select(*USER).where(users.c.subject == bindparam("this_subject"))
_ALL = select(*USER).order_by(users.c.created_at, users.c.id)
_ADMINS = select(*USER).where(users.c.role == Role.ADMIN, users.c.disabled_at.is_(None)).order_by(users.c.id)
_ADMINS_LOCKED = _ADMINS.with_for_update()


def _per_owner(table: sqlalchemy.Table, condition: ColumnElement[bool], *values: ColumnElement[Any]) -> Any:
    """One row per owner; of one owner alone when `this_id` is bound."""
    return select(table.c.owner_id, *values).where(condition).group_by(table.c.owner_id)


_IS_KEPT = and_(media.c.deleted_at.is_(None), media.c.derived_from.is_(None))
_FILES = _per_owner(media, _IS_KEPT, func.count(), func.sum(media.c.size_bytes))
_UPLOADS = _per_owner(uploads, uploads.c.media_id.is_(None), func.sum(uploads.c.size_bytes))
_JOBS = _per_owner(jobs, and_(has_status(*LIVE), jobs.c.kind == "convert"), func.count())
_MINE = {
    "files": _FILES.where(media.c.owner_id == bindparam("this_id")),
    "uploads": _UPLOADS.where(uploads.c.owner_id == bindparam("this_id")),
    "jobs": _JOBS.where(jobs.c.owner_id == bindparam("this_id")),
}


def insert(tx: Connection, new: User) -> None:
    """Raises sqlalchemy.exc.IntegrityError when the id, the name or the subject is taken."""
    tx.execute(_INSERT, {column.name: getattr(new, column.name) for column in USER})


def get(tx: Connection, user_id: str, *, lock: bool = False) -> User | None:
    """The account, even when it is disabled. With `lock` nobody else changes it until the transaction ends."""
    row = tx.execute(_GET_LOCKED if lock else _GET, {"this_id": user_id}).first()
    return None if row is None else User(*row)


def by_name(tx: Connection, name: str) -> User | None:
    row = tx.execute(_BY_NAME, {"this_name": name}).first()
    return None if row is None else User(*row)


def by_subject(tx: Connection, subject: str) -> User | None:
    row = tx.execute(_BY_SUBJECT, {"this_subject": subject}).first()
    return None if row is None else User(*row)


def list_users(tx: Connection) -> list[User]:
    """The oldest first."""
    return [User(*row) for row in tx.execute(_ALL)]


def administrators(tx: Connection, *, lock: bool = False) -> list[User]:
    """Those who are not disabled. With `lock` nobody else changes them until the transaction ends."""
    return [User(*row) for row in tx.execute(_ADMINS_LOCKED if lock else _ADMINS)]


def change(tx: Connection, user_id: str, **values: str | int | datetime | None) -> None:
    """Sets these columns."""
    tx.execute(update(users).where(_THIS).values(values), {"this_id": user_id})


def usage_of(tx: Connection, user_id: str) -> Usage:
    found = {name: tx.execute(query, {"this_id": user_id}).first() for name, query in _MINE.items()}
    return _usage(found["files"], found["uploads"], found["jobs"])


def usage(tx: Connection) -> dict[str, Usage]:
    """Of everybody who has anything, by user id."""
    found = [{row[0]: row for row in tx.execute(query)} for query in (_FILES, _UPLOADS, _JOBS)]
    owners = {owner_id for rows in found for owner_id in rows}
    return {owner_id: _usage(*(rows.get(owner_id) for rows in found)) for owner_id in owners}


def _usage(files: Any, waiting: Any, live: Any) -> Usage:
    return Usage(
        files=files[1] if files else 0,
        stored_bytes=int((files[2] if files else 0) + (waiting[1] if waiting else 0)),
        live_jobs=live[1] if live else 0,
    )
