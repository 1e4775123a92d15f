"""What time does to jobs and workers: leases end, silent workers go offline, what is left over is removed."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from balanza.dispatch import library as files
from balanza.dispatch import moving, signals, uploads
from balanza.dispatch.assignment import Chooser, Move, redistribute
from balanza.dispatch.derived import delete_old_previews
from balanza.dispatch.desk import Desk
from balanza.dispatch.endings import Ended, end_leases
from balanza.dispatch.history import Recorder
from balanza.dispatch.placing import put_in_order
from balanza.model import Outcome, Reason
from balanza.store import credentials, decisions, events, fairness, jobs, library, shares, workers

log = logging.getLogger("balanza.dispatch")

SWEEP_EVERY = timedelta(hours=1)
ORPHAN_AFTER = timedelta(hours=24)
"""An object without a row is removed at this age: longer than any upload or conversion takes to be written down."""
SHARES_KEPT = timedelta(days=7)
"""A link that has ended is listed for so long, for whoever wonders what became of it."""
KEYS_AT_ONCE = 500
PURGED_AT_ONCE = 50
"""In one pass, which must be over before leases are: also where a storage takes a tenth of a second for each."""


class Upkeep:
    """Runs beside the requests, once a second.

    After a start, and after a time in which it did not run (a laptop asleep, a database out of reach), it first waits
    one lease time: workers that kept on converting meanwhile must have the chance to say so.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ran_at = desk.clock()
        self._patient_since = self._ran_at
        desk.pace.set(desk.database.read(workers.online_count))
        self._sweep_at = self._ran_at
        self._recorder = Recorder(desk)

    def run_once(self) -> None:
        now = self._desk.clock()
        pace = self._desk.pace
        pace.set(self._desk.database.read(workers.online_count))
        if now - self._ran_at > pace.lease_time / 2:
            self._patient_since = now
        self._ran_at = now
        if now >= self._patient_since + pace.lease_time:
            _each(self._desk.database.read(lambda tx: jobs.expired(tx, now)), self._expire)
            before = now - pace.offline_after
            _each(self._desk.database.read(lambda tx: workers.silent_since(tx, before)), self._give_up)
        _each(self._desk.database.read(lambda tx: _overdue(tx, now)), self._hand_back)
        _each(self._desk.database.read(lambda tx: moving.stuck(tx, now=now)), self._unstick)
        if self._desk.database.read(lambda tx: moving.tried_before(tx, now=now)):
            self._desk.moved(self._desk.database.write(lambda tx: moving.place_tried(tx, self._desk.chooser, now=now)))
        if self._desk.database.read(fairness.is_uncounted):  # a server of an older version submits on this database
            put_in_order(self._desk)
            self._desk.tell(signals.ANY_WORK)
        if self._desk.database.read(jobs.any_pending):
            # Time alone may let somebody take it: its own worker hangs, a quarantine ends, or another server got it.
            self._desk.signals.emit(signals.ANY_WORK)
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            self._sweep(now)
        if deleted := self._desk.database.read(lambda tx: library.deleted_keys(tx, PURGED_AT_ONCE)):
            files.purge(self._desk, deleted)
        self._recorder.run_once(now)

    def _expire(self, token: str) -> None:
        self._desk.settle(self._desk.database.write(lambda tx: _expire(tx, self._desk.chooser, token, self._ran_at)))

    def _give_up(self, worker_id: str) -> None:
        before = self._ran_at - self._desk.pace.offline_after
        moves = self._desk.database.write(
            lambda tx: _go_offline(tx, self._desk.chooser, worker_id, before, self._ran_at)
        )
        if moves is not None:
            log.warning("[%s] sin señal: fuera de línea", worker_id)
            self._desk.moved(moves)

    def _hand_back(self, worker_id: str) -> None:
        """The grace of a draining worker is over, if it has not been resumed in this moment."""
        chooser, now = self._desk.chooser, self._ran_at

        def operation(tx: Connection) -> Ended:
            workers.lock_all(tx)
            tokens = jobs.tokens_of(tx, worker_id) if worker_id in _overdue(tx, now) else []
            return end_leases(tx, chooser, tokens, Outcome.RELEASED, now=now)

        self._desk.settle(self._desk.database.write(operation))

    def _unstick(self, worker_id: str) -> None:
        """What more than one transaction moves, what came to a worker in the moment it was lost, and what it can no
        longer run."""
        moves = self._desk.database.write(
            lambda tx: moving.unstick(tx, self._desk.chooser, worker_id, now=self._ran_at)
        )
        self._desk.moved(moves)

    def _sweep(self, now: datetime) -> None:
        """Removes old events and links, what was in the trash for long, and bytes that never belonged to a file."""
        self._desk.database.write(lambda tx: events.prune(tx, self._desk.settings.events_kept))
        self._desk.database.write(lambda tx: decisions.prune(tx, self._desk.settings.decisions_kept))
        self._desk.database.write(lambda tx: shares.prune(tx, now - SHARES_KEPT))
        self._desk.database.write(lambda tx: credentials.prune(tx, now))
        if emptied := self._desk.database.write(lambda tx: self._empty_trash(tx, now)):
            log.info("%s of the trash deleted", emptied)
            self._desk.tell()
        self._desk.database.write(lambda tx: delete_old_previews(tx, now))
        uploads.sweep(self._desk, now)
        old = (key for key, written_at in self._desk.storage.objects() if now - written_at > ORPHAN_AFTER)
        for keys in _chunks(old):
            self._desk.discard(*self._orphans(keys))

    def _empty_trash(self, tx: Connection, now: datetime) -> int:
        """Deletes what was there long enough; how many that were. No live job reads any of them."""
        until = now - timedelta(days=self._desk.settings.trash_days)
        old = library.trashed_until(tx, until, KEYS_AT_ONCE)
        for media in old:
            files.delete(tx, media, now=now)
        return len(old)

    def _orphans(self, keys: list[str]) -> set[str]:
        return set(keys) - self._desk.database.read(lambda tx: library.known_keys(tx, keys))


def _each(items: Iterable[str], act: Callable[[str], None]) -> None:
    """One that cannot be dealt with now must not keep the others from it; the next pass tries again."""
    for item in items:
        try:
            act(item)
        except Exception:
            log.exception("Upkeep of %s failed; trying again", item)


def _overdue(tx: Connection, now: datetime) -> list[str]:
    """The draining workers whose grace is over and that still run something."""
    return [
        one.id for one in workers.list_workers(tx) if one.drain_until and one.drain_until <= now and one.running_jobs
    ]


def _expire(tx: Connection, chooser: Chooser, token: str, now: datetime) -> Ended:
    workers.lock_all(tx)
    lease = jobs.held(tx, token)
    if lease is None or lease.expires_at > now:
        return Ended()
    why = f"{lease.job.worker_id} fell silent; its lease ended."
    return end_leases(tx, chooser, [token], Outcome.EXPIRED, why=why, now=now)


def _go_offline(tx: Connection, chooser: Chooser, worker_id: str, before: datetime, now: datetime) -> list[Move] | None:
    """None when the worker has been heard of meanwhile."""
    workers.lock_all(tx)
    worker = workers.get(tx, worker_id)
    if worker is None or worker.offline or worker.seen_at >= before:
        return None
    workers.set_offline(tx, worker_id, now=now, reason="silent")
    return redistribute(tx, chooser, worker_id, reason=Reason.OFFLINE, now=now)


def _chunks(keys: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(keys, KEYS_AT_ONCE)):
        yield chunk
