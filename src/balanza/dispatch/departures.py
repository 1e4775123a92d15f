"""Whoever is disabled, whose jobs end, or deleted, with all that is theirs.

No server is needed, and one may run meanwhile. Each step is a transaction of its own; one that did not come to its end
is taken up when the same is asked again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection

from balanza.dispatch.endings import Ended, cancel_found
from balanza.store import departed, jobs
from balanza.store.database import Database


@dataclass(frozen=True, slots=True)
class Left:
    """Whose bytes are still stored. Whoever does not remove them leaves that to the sweep of the server."""

    files: tuple[tuple[str, str], ...]
    """Id and storage key of each."""
    uploads: tuple[str, ...]
    """The ids of those that were not complete."""


def cancel_jobs(database: Database, user_id: str, settle: Callable[[Ended], None], now: datetime) -> None:
    """All of theirs that are pending or run, thumbnails and the like too; workers hear it with their next heartbeat.

    New ones cannot come: see `quotas`.
    """

    def find(tx: Connection, limit: int) -> list[str]:
        return jobs.live_jobs_of_owner(tx, user_id, limit)

    cancel_found(database, find, settle, now=now)


def forget(database: Database, user_id: str, now: datetime) -> Left:
    """Files, links, uploads, jobs and the account itself are gone. It was disabled, and its jobs were cancelled. Its
    name is free."""
    ghost = f"gone-{uuid4()}"
    files, uploads = database.write(lambda tx: departed.forget_belongings(tx, user_id, ghost, now))
    database.write(lambda tx: departed.delete_account(tx, user_id))
    return Left(tuple(files), tuple(uploads))
