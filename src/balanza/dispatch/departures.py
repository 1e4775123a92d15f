"""Whoever is disabled: their jobs end. They need no server: whoever runs one may do so beside it.

Each step is a transaction of its own; one that did not come to its end is taken up when the same is asked again.
"""

from datetime import datetime

from sqlalchemy import Connection

from balanza.store import jobs, workers
from balanza.store.database import Database

_JOBS_AT_ONCE = 100


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
