"""How much of the server one person may take: bytes stored, and jobs pending or running."""

from dataclasses import dataclass

from sqlalchemy import Connection

from balanza.dispatch.desk import Desk
from balanza.dispatch.endings import cancel_found
from balanza.errors import LoginNeeded, QuotaExceeded
from balanza.settings import Settings
from balanza.store import accounts, jobs

CANCELLED_FOR = "quota"
"""What events call the reason."""
_MEBIBYTE = 2**20


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


def refuse_whoever_left(tx: Connection, settings: Settings, owner_id: str) -> None:
    """Raises LoginNeeded when the account is disabled or gone. Until the transaction ends it does not become so: once
    the others are gone nothing new comes."""
    _quotas(tx, settings, owner_id, lock=True)


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


def keep(desk: Desk, owner_id: str) -> None:
    """Whoever has more stored than they may, through a result, has no conversion pending any more: a small file could
    else be asked for so often in a large format that it fills the disk. What runs may end."""

    def find(tx: Connection, limit: int) -> list[str]:
        return jobs.pending_conversions_of(tx, owner_id, limit)

    may_have_one = desk.settings.has_accounts or desk.settings.quota_bytes is not None
    if may_have_one and desk.database.read(lambda tx: _is_exceeded(tx, desk.settings, owner_id)):
        cancel_found(desk.database, find, desk.settle, now=desk.clock(), reason=CANCELLED_FOR)


def _is_exceeded(tx: Connection, settings: Settings, owner_id: str) -> bool:
    try:
        left = room(tx, settings, owner_id)
    except LoginNeeded:
        return False  # disabled in this moment: all that is theirs is cancelled
    return left is not None and left.stored_bytes > left.quota_bytes


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
