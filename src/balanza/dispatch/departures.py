"""Whoever is disabled, whose jobs end, or deleted, with all that is theirs.

No server is needed, and one may run meanwhile. Each step is a transaction of its own; one that did not come to its end
is taken up when the same is asked again.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import uuid4

from sqlalchemy import Connection

from balanza.dispatch.endings import Ended, cancel_found
from balanza.errors import Conflict, NotFound
from balanza.store import accounts, departed, jobs
from balanza.store.database import Database

ROWS_AT_ONCE = 1000
"""In one transaction: others write in between."""

_ForgetSome = Callable[[Connection, str, str, datetime, int], int]


def cancel_jobs(database: Database, user_id: str, settle: Callable[[Ended], None], now: datetime) -> None:
    """All of theirs that are pending or run, thumbnails and the like too; workers hear it with their next heartbeat.

    New ones cannot come: see `quotas`.
    """

    def find(tx: Connection, limit: int) -> list[str]:
        return jobs.live_jobs_of_owner(tx, user_id, limit)

    cancel_found(database, find, settle, now=now)


def forget(database: Database, user_id: str, now: datetime) -> list[str]:
    """Files, links, uploads, jobs and the account itself are gone, and its name is free. It was disabled, and its jobs
    were cancelled. The bytes of files are left to upkeep.

    The ids of the uploads that were not complete: whoever does not discard them leaves them to the sweep. Raises
    NotFound, and Conflict when the account has been enabled meanwhile.
    """
    ghost = f"gone-{uuid4()}"
    unfinished: list[str] = []

    def uploads(tx: Connection) -> tuple[int, list[str]]:
        gone = departed.forget_uploads(tx, user_id, ROWS_AT_ONCE)
        _refuse_unless_disabled(tx, user_id)
        return gone

    count = ROWS_AT_ONCE
    while count == ROWS_AT_ONCE:
        count, ids = database.write(uploads)
        unfinished += ids
    for forget_some in (departed.forget_jobs, departed.forget_files, departed.forget_events):
        while database.write(partial(_forget, forget_some, user_id, ghost, now)) == ROWS_AT_ONCE:
            pass

    def account(tx: Connection) -> None:
        _refuse_unless_disabled(tx, user_id)
        departed.delete_account(tx, user_id)

    database.write(account)
    return unfinished


def _forget(forget_some: _ForgetSome, user_id: str, ghost: str, now: datetime, tx: Connection) -> int:
    count = forget_some(tx, user_id, ghost, now, ROWS_AT_ONCE)
    # After the rows, which are locked before accounts everywhere.
    _refuse_unless_disabled(tx, user_id)
    return count


def _refuse_unless_disabled(tx: Connection, user_id: str) -> None:
    """Until the transaction ends the account stays so."""
    user = accounts.get(tx, user_id, lock=True)
    if user is None:
        raise NotFound("This account has been deleted already.")
    if user.disabled_at is None:
        raise Conflict(f"{user.name} has been enabled again meanwhile: not all of the account is deleted.")
