"""What every part of dispatch works with, and what each does after its commit."""

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from balanza.balancer.order import Order, is_guards_turn
from balanza.dispatch import signals
from balanza.dispatch.askers import Askers
from balanza.dispatch.assignment import Chooser, Move, log_choice, log_moves
from balanza.dispatch.endings import Ended
from balanza.dispatch.forecasts import Forecasts
from balanza.dispatch.measurements import Measurements
from balanza.dispatch.pace import Pace
from balanza.dispatch.planning import Planner
from balanza.dispatch.predictions import Predictions
from balanza.dispatch.signals import Signals
from balanza.errors import StorageError
from balanza.lifecycle import JobStatus
from balanza.model import Decision, Job, Reason
from balanza.settings import Settings
from balanza.storage import Storage, delete_whole
from balanza.store.database import Database

log = logging.getLogger("balanza.dispatch")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Observer(Protocol):
    """Who measures jobs; called after the commit, must return at once."""

    def job_leased(self, wait_seconds: float) -> None: ...

    def job_ended(self, status: JobStatus, run_seconds: float) -> None: ...

    def job_decided(self, policy: str) -> None: ...

    def jobs_moved(self, reason: Reason, count: int) -> None: ...


class Dispatches:
    """How often this server has given workers something since that was the oldest job, as far as that matters.

    It stands still at the guard's turn until the guard has had it: what is given meanwhile, to others that asked at
    the same moment or in a pause, must not let it pass. Safe to call from many threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def add(self, *, oldest: bool) -> None:
        with self._lock:
            if oldest:
                self.count = 0
            elif not is_guards_turn(self.count):
                self.count += 1


@dataclass(frozen=True, slots=True)
class Desk:
    """The database and the storage, the settings, the clock, and who is to be told."""

    database: Database
    storage: Storage
    settings: Settings
    signals: Signals
    clock: Callable[[], datetime] = utc_now
    observer: Observer | None = None
    chance: random.Random = field(default_factory=random.Random)
    predictions: Predictions = field(default_factory=Predictions)
    dispatches: Dispatches = field(default_factory=Dispatches)
    askers: Askers = field(default_factory=Askers)
    pace: Pace = field(init=False)
    chooser: Chooser = field(init=False)
    forecasts: Forecasts = field(init=False)
    planner: Planner = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pace", Pace(self.settings))
        measurements = Measurements(self.settings, self.pace)
        chooser = Chooser(self.settings.policy, measurements, self.chance, self.predictions)
        object.__setattr__(self, "chooser", chooser)
        object.__setattr__(self, "forecasts", Forecasts(self.predictions))
        object.__setattr__(self, "planner", Planner(self.order))

    @property
    def order(self) -> Order:
        return Order(self.settings.order)

    @property
    def measurements(self) -> Measurements:
        return self.chooser.measurements

    def tell(self, *topics: str) -> None:
        """Events were committed, and perhaps work for somebody."""
        self.signals.emit(signals.EVENTS, *topics)

    def decided(self, made: Sequence[tuple[Job, Decision]]) -> None:
        """New jobs were each given to a worker, or to nobody: logged, counted, and whom it concerns told."""
        for _, decision in made:
            log_choice(decision)
            if self.observer:
                self.observer.job_decided(decision.policy)
        if made:
            self.tell(*{topic for job, decision in made for topic in self._work_for(job.assigned_worker, decision)})

    def moved(self, moves: Sequence[Move]) -> None:
        """Jobs were given to others: logged, counted, and their new owners told."""
        log_moves(moves)
        if self.observer:
            for reason, count in Counter(move.reason for move in moves).items():
                self.observer.jobs_moved(reason, count)
        self.tell(*{topic for move in moves for topic in self._work_for(move.target, move.decision)})

    def _work_for(self, worker_id: str | None, decision: Decision) -> set[str]:
        """Whoever gets a job behind others cannot start it: then whoever is idle may steal it."""
        is_behind = decision.chosen is not None and decision.chosen.jobs_in_progress > 0
        return {signals.work_for(worker_id)} | ({signals.ANY_WORK} if is_behind else set())

    def settle(self, ended: Ended) -> None:
        """Attempts were ended without a result: measured, and what they may have stored is removed."""
        self.discard(*ended.output_keys)
        for job in ended.jobs:
            self.ended(job)
        self.moved(ended.moves)

    def ended(self, job: Job) -> None:
        """An attempt ended; measured when the job ended with it."""
        if self.observer and job.kind.is_listed and job.started_at and job.completed_at:
            self.observer.job_ended(job.status, (job.completed_at - job.started_at).total_seconds())

    def discard(self, *keys: str) -> None:
        """Removes what attempts without a result may have stored; what cannot be removed now is swept up later."""
        for key in keys:
            try:
                delete_whole(self.storage, key)
            except StorageError:
                log.warning("The stored object %s could not be removed; the next sweep tries again.", key)
