"""What every part of dispatch works with, and what each does after its commit."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from balanza.dispatch import signals
from balanza.dispatch.assignment import Move, log_moves
from balanza.dispatch.endings import Ended
from balanza.dispatch.signals import Signals
from balanza.errors import StorageError
from balanza.lifecycle import JobStatus
from balanza.model import Job
from balanza.settings import Settings
from balanza.storage import Storage
from balanza.store.database import Database

log = logging.getLogger("balanza.dispatch")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Observer(Protocol):
    """Who measures jobs; called after the commit, must return at once."""

    def job_leased(self, wait_seconds: float) -> None: ...

    def job_ended(self, status: JobStatus, run_seconds: float) -> None: ...

    def jobs_moved(self, count: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """The database and the storage, the settings, the clock, and who is to be told."""

    database: Database
    storage: Storage
    settings: Settings
    signals: Signals
    clock: Callable[[], datetime] = utc_now
    observer: Observer | None = None

    @property
    def lease_time(self) -> timedelta:
        return timedelta(seconds=self.settings.lease_seconds)

    def tell(self, *topics: str) -> None:
        """Events were committed, and perhaps work for somebody."""
        self.signals.emit(signals.EVENTS, *topics)

    def moved(self, moves: Sequence[Move]) -> None:
        """Jobs were given to others: logged, counted, and their new owners told."""
        log_moves(moves)
        if self.observer and moves:
            self.observer.jobs_moved(len(moves))
        self.tell(*{signals.work_for(move.target) for move in moves})

    def settle(self, ended: Ended) -> None:
        """Attempts were ended without a result: measured, and what they may have stored is removed."""
        self.discard(*ended.output_keys)
        for job in ended.jobs:
            self.ended(job)
        self.moved(ended.moves)

    def ended(self, job: Job) -> None:
        """An attempt ended; measured when the job ended with it."""
        if self.observer and job.started_at and job.completed_at:
            self.observer.job_ended(job.status, (job.completed_at - job.started_at).total_seconds())

    def discard(self, *keys: str) -> None:
        """Removes what attempts without a result may have stored; what cannot be removed now is swept up later."""
        for key in keys:
            try:
                self.storage.delete(key)
            except StorageError:
                log.warning("The stored object %s could not be removed; the next sweep tries again.", key)
