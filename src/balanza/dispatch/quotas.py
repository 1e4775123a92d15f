"""How much of the server one person may take: bytes stored, and jobs pending or running."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from balanza.errors import LoginNeeded, QuotaExceeded
from balanza.settings import Settings
from balanza.store import accounts, jobs, workers
from balanza.store.database import Database

_MEBIBYTE = 2**20
_JOBS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Room:
    """How much somebody may store, and has stored."""

    quota_bytes: int
    stored_bytes: int

    def refuse(self, more: int) -> None:
        """Raises QuotaExceeded when `more` bytes would be too many."""
        if self.stored_bytes + more > self.quota_bytes:
            raise QuotaExceeded(
                f"You may store {self.quota_bytes // _MEBIBYTE} MiB on this server and have "
                f"{self.stored_bytes // _MEBIBYTE} MiB, with the trash. Delete files for ever that you no longer need, "
                "or ask an administrator for more."
            )


def room(tx: Connection, settings: Settings, owner_id: str, *, lock: bool = False) -> Room | None:
    """None: as much as there is. With `lock` nobody takes of it until the transaction ends."""
    quota_bytes, _ = _quotas(tx, settings, owner_id, lock=lock)
    return None if quota_bytes is None else Room(quota_bytes, accounts.usage_of(tx, owner_id).stored_bytes)


def refuse_more_bytes(tx: Connection, settings: Settings, owner_id: str, more: int) -> None:
    """Raises QuotaExceeded when `more` bytes would be too many. Results are kept all the same, for the work is done;
    `keep` sees to it that no more of them come."""
    if left := room(tx, settings, owner_id, lock=True):
        left.refuse(more)


def refuse_more_jobs(tx: Connection, settings: Settings, owner_id: str, more: int = 1) -> None:
    """Raises QuotaExceeded when so many more would be too many, or when nothing more may be stored."""
    _, quota_jobs = _quotas(tx, settings, owner_id, lock=True)
    if quota_jobs is not None and accounts.usage_of(tx, owner_id).live_jobs + more > quota_jobs:
        raise QuotaExceeded(
            f"You may have {quota_jobs} jobs at a time on this server, pending and running. Wait until one has ended, "
            "or cancel one."
        )
    refuse_more_bytes(tx, settings, owner_id, 1)


def keep(database: Database, settings: Settings, owner_id: str, now: datetime) -> None:
    """Whoever has more stored than they may, through a result, has no conversion pending any more: a small file could
    else be asked for so often in a large format that it fills the disk. What runs may end."""

    def cancel_some(tx: Connection) -> int:
        workers.lock_all(tx)
        pending = jobs.pending_conversions_of(tx, owner_id, _JOBS_AT_ONCE)
        for job_id in pending:
            jobs.cancel(tx, job_id, now=now)
        return len(pending)

    may_have_one = settings.has_accounts or settings.quota_bytes is not None
    if may_have_one and database.read(lambda tx: _is_exceeded(tx, settings, owner_id)):
        while database.write(cancel_some) == _JOBS_AT_ONCE:
            pass


def _is_exceeded(tx: Connection, settings: Settings, owner_id: str) -> bool:
    user = accounts.get(tx, owner_id) if settings.has_accounts else None
    quota_bytes = settings.quota_bytes if user is None or user.quota_bytes is None else user.quota_bytes
    return quota_bytes is not None and accounts.usage_of(tx, owner_id).stored_bytes > quota_bytes


def _quotas(tx: Connection, settings: Settings, owner_id: str, *, lock: bool) -> tuple[int | None, int | None]:
    """Of bytes and of jobs. With `lock` the account is held until the transaction ends: two at once see each other."""
    if not settings.has_accounts:
        return settings.quota_bytes, settings.quota_jobs
    user = accounts.get(tx, owner_id, lock=lock)
    if user is None or user.disabled_at is not None:
        # It was not yet when the request was let in: with the lock nothing new comes once the others are gone.
        raise LoginNeeded("This session or token is not valid, or not any more. Log in again.")
    return (
        settings.quota_bytes if user.quota_bytes is None else user.quota_bytes,
        settings.quota_jobs if user.quota_jobs is None else user.quota_jobs,
    )
