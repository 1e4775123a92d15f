"""Whoever is disabled, whose jobs end, or deleted, with all that is theirs.

No server is needed, and one may run meanwhile. Each step is a transaction of its own; one that did not come to its end
is taken up when the same is asked again.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection

from balanza.store import departed, jobs, workers
from balanza.store.database import Database

_JOBS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Left:
    """Whose bytes are still stored. Whoever does not remove them leaves that to the sweep of the server."""

    files: tuple[tuple[str, str], ...]
    """Id and storage key of each."""
    uploads: tuple[str, ...]
    """The ids of those that were not complete."""


def cancel_jobs(database: Database, user_id: str, now: datetime) -> None:
    """All of theirs that are pending or run, thumbnails and the like too; workers hear it with their next heartbeat.

    New ones cannot come: see `quotas`. What an attempt had stored already, the sweep removes.
    """

    def cancel_some(tx: Connection) -> int:
        workers.lock_all(tx)
        live = jobs.live_jobs_of_owner(tx, user_id, _JOBS_AT_ONCE)
        for job_id in live:
            jobs.cancel(tx, job_id, now=now)
        return len(live)

    while database.write(cancel_some) == _JOBS_AT_ONCE:
        pass


def forget(database: Database, user_id: str, now: datetime) -> Left:
    """Files, links, uploads, jobs and the account itself, which is disabled already, are gone. Its name is free."""
    cancel_jobs(database, user_id, now)
    ghost = f"gone-{uuid4()}"
    files, uploads = database.write(lambda tx: departed.forget_belongings(tx, user_id, ghost, now))
    database.write(lambda tx: departed.delete_account(tx, user_id))
    return Left(tuple(files), tuple(uploads))
