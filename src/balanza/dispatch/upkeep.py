"""What time does to jobs and workers: leases end, silent workers go offline, what is left over is removed."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from balanza.dispatch.assignment import Move, redistribute
from balanza.dispatch.desk import Desk
from balanza.dispatch.fleet import Ended, end_leases
from balanza.model import Outcome
from balanza.store import events, jobs, library, workers

log = logging.getLogger("balanza.dispatch")

SWEEP_EVERY = timedelta(hours=1)
ORPHAN_AFTER = timedelta(hours=24)
"""An object without a row is removed at this age: longer than any upload or conversion takes to be written down."""
KEYS_AT_ONCE = 500


class Upkeep:
    """Runs beside the requests, once a second.

    After a start it first waits one lease time: workers that kept on converting while the server was away must have
    the chance to say so.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._patient_until = desk.clock() + desk.lease_time
        self._sweep_at = desk.clock()

    def run_once(self) -> None:
        now = self._desk.clock()
        if now >= self._patient_until:
            self._expire_leases(now)
            self._mark_offline(now)
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            self._sweep(now)

    def _expire_leases(self, now: datetime) -> None:
        for token in self._desk.database.read(lambda tx: jobs.expired(tx, now)):
            self._expire(token, now)

    def _expire(self, token: str, now: datetime) -> None:
        ended = self._desk.database.write(lambda tx: _expire(tx, token, now))
        self._desk.settle(*ended)

    def _mark_offline(self, now: datetime) -> None:
        before = now - timedelta(seconds=self._desk.settings.offline_after_seconds)
        for worker_id in self._desk.database.read(lambda tx: workers.silent_since(tx, before)):
            self._give_up(worker_id, before, now)

    def _give_up(self, worker_id: str, before: datetime, now: datetime) -> None:
        moves = self._desk.database.write(lambda tx: _go_offline(tx, worker_id, before, now))
        if moves is not None:
            log.warning("[%s] sin señal: fuera de línea", worker_id)
            self._desk.moved(moves)

    def _sweep(self, now: datetime) -> None:
        """Removes old events, the bytes of deleted files, and objects that never got a row."""
        self._desk.database.write(lambda tx: events.prune(tx, self._desk.settings.events_kept))
        for media_id, key in self._desk.database.read(lambda tx: library.deleted_keys(tx, KEYS_AT_ONCE)):
            self._purge(media_id, key)
        old = (key for key, written_at in self._desk.storage.objects() if now - written_at > ORPHAN_AFTER)
        for keys in _chunks(old):
            self._desk.discard(*self._orphans(keys))

    def _purge(self, media_id: str, key: str) -> None:
        self._desk.discard(key)
        self._desk.database.write(lambda tx: library.mark_purged(tx, media_id))

    def _orphans(self, keys: list[str]) -> set[str]:
        return set(keys) - self._desk.database.read(lambda tx: library.known_keys(tx, keys))


def _expire(tx: Connection, token: str, now: datetime) -> Ended:
    workers.list_workers(tx, lock=True)
    lease = jobs.held(tx, token)
    if lease is None or lease.expires_at > now:
        return [], []
    return end_leases(tx, [token], Outcome.EXPIRED, f"{lease.job.worker_id} fell silent; its lease ended.", now)


def _go_offline(tx: Connection, worker_id: str, before: datetime, now: datetime) -> list[Move] | None:
    """None when the worker has been heard of meanwhile."""
    workers.list_workers(tx, lock=True)
    worker = workers.get(tx, worker_id)
    if worker is None or worker.offline or worker.seen_at >= before:
        return None
    workers.set_offline(tx, worker_id, now=now, reason="silent")
    return redistribute(tx, worker_id, reason="fuera de línea", now=now)


def _chunks(keys: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(keys, KEYS_AT_ONCE)):
        yield chunk
