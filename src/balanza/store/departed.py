"""What is forgotten with an account that is deleted.

Rows that count for the whole fleet stay, the jobs and the files that those read: without names, errors and logs, and
under an owner that nobody is.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Executable,
    Select,
    Table,
    bindparam,
    case,
    delete,
    literal,
    null,
    or_,
    select,
    update,
)

from balanza.lifecycle import JobStatus
from balanza.model import Probe
from balanza.store.account_tables import invitations, sessions, tokens, users
from balanza.store.tables import attempts, events, jobs, media, shares, uploads

_NOTHING = Probe("", None, None, ())
_USER: BindParameter[str] = bindparam("this_user")
_GHOST: BindParameter[str] = bindparam("ghost")
_THESE: BindParameter[list[Any]] = bindparam("these", expanding=True)
_EMPTY = literal("")
_WITH_ERRORS = {"job.failed": JobStatus.FAILED, "job.attempt_failed": JobStatus.PENDING}
"""The events that tell an error, and the state that remains to be told."""


def _emptied(column: Column[Any]) -> ColumnElement[Any]:
    """As a CHECK has it, which ties what is there to a state."""
    return case((column.is_not(None), _EMPTY))


def _some_of(table: Table) -> Select[Any]:
    """The ids of rows that are somebody's."""
    return select(table.c.id).where(table.c.owner_id == _USER).limit(bindparam("most"))


_SOME_UPLOADS, _SOME_JOBS, _SOME_FILES, _SOME_EVENTS = (_some_of(table) for table in (uploads, jobs, media, events))
_FORGET_UPLOADS = delete(uploads).where(uploads.c.id.in_(_THESE)).returning(uploads.c.id, uploads.c.media_id)
_FORGET_JOBS = (
    update(attempts).where(attempts.c.job_id.in_(_THESE)).values(error=_emptied(attempts.c.error), log_tail=null()),
    update(jobs)
    .where(jobs.c.id.in_(_THESE))
    .values(
        owner_id=_GHOST,
        input_file="",
        output_file=_emptied(jobs.c.output_file),
        error=_emptied(jobs.c.error),
        log_tail=null(),
        idempotency_key=null(),
        request_fingerprint=null(),
    ),
)
_FORGET_FILES = (
    update(media)
    .where(media.c.id.in_(_THESE), media.c.deleted_at.is_(None))
    .values(deleted_at=bindparam("at"), trashed_at=null()),
    update(media)
    .where(media.c.id.in_(_THESE))
    .values(owner_id=_GHOST, name="", folded_name="", probe=_NOTHING, sha256="0" * 64),
    delete(shares).where(shares.c.media_id.in_(_THESE)),
)
_FORGET_EVENTS = (
    *(
        update(events).where(events.c.id.in_(_THESE), events.c.type == kind).values(data={"status": status})
        for kind, status in _WITH_ERRORS.items()
    ),
    update(events).where(events.c.id.in_(_THESE)).values(owner_id=_GHOST),
)
_DELETE = (
    delete(sessions).where(sessions.c.user_id == _USER),
    delete(tokens).where(tokens.c.user_id == _USER),
    delete(invitations).where(or_(invitations.c.created_by == _USER, invitations.c.used_by == _USER)),
    delete(users).where(users.c.id == _USER),
)


def forget_uploads(tx: Connection, user_id: str, limit: int) -> tuple[int, list[str]]:
    """How many of somebody's uploads are gone now, and the ids of those that were not complete. Others go after them:
    what an upload is just becoming has its row before."""
    these = list(tx.execute(_SOME_UPLOADS, {"this_user": user_id, "most": limit}).scalars())
    gone = tx.execute(_FORGET_UPLOADS, {"these": these}).all() if these else []
    return len(these), [upload_id for upload_id, media_id in gone if media_id is None]


def forget_jobs(tx: Connection, user_id: str, ghost: str, _now: datetime, limit: int) -> int:
    """Of somebody who has no live job any more; they are the ghost's now. How many that were."""
    return _forget(tx, _SOME_JOBS, _FORGET_JOBS, {"this_user": user_id, "most": limit}, {"ghost": ghost})


def forget_files(tx: Connection, user_id: str, ghost: str, now: datetime, limit: int) -> int:
    """Links to them are gone; they themselves are deleted, and the ghost's. How many that were."""
    return _forget(tx, _SOME_FILES, _FORGET_FILES, {"this_user": user_id, "most": limit}, {"ghost": ghost, "at": now})


def forget_events(tx: Connection, user_id: str, ghost: str, _now: datetime, limit: int) -> int:
    """They are the ghost's now. How many that were."""
    return _forget(tx, _SOME_EVENTS, _FORGET_EVENTS, {"this_user": user_id, "most": limit}, {"ghost": ghost})


def _forget(
    tx: Connection, some: Select[Any], statements: tuple[Executable, ...], whose: dict[str, Any], values: dict[str, Any]
) -> int:
    these = list(tx.execute(some, whose).scalars())
    for statement in statements if these else ():
        tx.execute(statement, {"these": these, **values})
    return len(these)


def delete_account(tx: Connection, user_id: str) -> None:
    """With what lets somebody in as this person, and the invitations from and for them. The caller has locked it: a
    session that begins meanwhile would else come between."""
    for statement in _DELETE:
        tx.execute(statement, {"this_user": user_id})
