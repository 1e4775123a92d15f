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
    bindparam,
    case,
    delete,
    false,
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
_FILES = select(media.c.id).where(media.c.owner_id == _USER)
_JOBS = select(jobs.c.id).where(jobs.c.owner_id == _USER)
_EMPTY = literal("")
_WITH_ERRORS = {"job.failed": JobStatus.FAILED, "job.attempt_failed": JobStatus.PENDING}
"""The events that tell an error, and the state that remains to be told."""


def _emptied(column: Column[Any]) -> ColumnElement[Any]:
    """As a CHECK has it, which ties what is there to a state."""
    return case((column.is_not(None), _EMPTY))


_UPLOADS = delete(uploads).where(uploads.c.owner_id == _USER).returning(uploads.c.id, uploads.c.media_id)
# In this order: what an upload is just becoming has its row before that of the upload goes.
_FORGET = (
    delete(shares).where(shares.c.media_id.in_(_FILES)),
    update(media)
    .where(media.c.owner_id == _USER, media.c.deleted_at.is_(None))
    .values(deleted_at=bindparam("at"), trashed_at=null()),
    update(attempts).where(attempts.c.job_id.in_(_JOBS)).values(error=_emptied(attempts.c.error), log_tail=null()),
    update(jobs)
    .where(jobs.c.owner_id == _USER)
    .values(
        owner_id=_GHOST,
        input_file="",
        output_file=_emptied(jobs.c.output_file),
        error=_emptied(jobs.c.error),
        log_tail=null(),
        idempotency_key=null(),
        request_fingerprint=null(),
    ),
    update(media)
    .where(media.c.owner_id == _USER)
    .values(owner_id=_GHOST, name="", folded_name="", probe=_NOTHING, sha256="0" * 64),
    *(
        update(events).where(events.c.owner_id == _USER, events.c.type == kind).values(data={"status": status})
        for kind, status in _WITH_ERRORS.items()
    ),
    update(events).where(events.c.owner_id == _USER).values(owner_id=_GHOST),
)
_TO_PURGE = select(media.c.id, media.c.storage_key).where(media.c.owner_id == _GHOST, media.c.purged == false())
_DELETE = (
    delete(sessions).where(sessions.c.user_id == _USER),
    delete(tokens).where(tokens.c.user_id == _USER),
    delete(invitations).where(or_(invitations.c.created_by == _USER, invitations.c.used_by == _USER)),
    delete(users).where(users.c.id == _USER),
)


def forget_belongings(
    tx: Connection, user_id: str, ghost: str, now: datetime
) -> tuple[list[tuple[str, str]], list[str]]:
    """All that is somebody's, who has no live job any more; afterwards it is `ghost`'s.

    Id and storage key of each file whose bytes still have to go, and the ids of the uploads that were not complete.
    """
    unfinished = [row.id for row in tx.execute(_UPLOADS, {"this_user": user_id}) if row.media_id is None]
    for statement in _FORGET:
        tx.execute(statement, {"this_user": user_id, "ghost": ghost, "at": now})
    return [(media_id, key) for media_id, key in tx.execute(_TO_PURGE, {"ghost": ghost})], unfinished


def delete_account(tx: Connection, user_id: str) -> None:
    """With what lets somebody in as this person, and the invitations from and for them."""
    for statement in _DELETE:
        tx.execute(statement, {"this_user": user_id})
