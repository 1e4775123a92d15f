"""Which of the two is at fault when an attempt fails, the job or the worker, and what becomes of a faulty worker.

A job that fails on every worker is at fault itself; nobody is blamed for it. When a job fails on one worker and another
then completes it, the first is at fault. After some such faults in a row it gets no jobs for a while (a circuit
breaker: Nygard, Release It!, 2007); then one at a time, until it completes one or is at fault again.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from balanza.dispatch.assignment import Chooser, Move, redistribute
from balanza.model import Job, Outcome, Reason, Worker
from balanza.settings import Settings
from balanza.store import jobs, workers

log = logging.getLogger("balanza.dispatch")

LONGEST_QUARANTINE = timedelta(hours=1)


def judge(
    tx: Connection, chooser: Chooser, settings: Settings, completed: Sequence[Job], *, now: datetime
) -> list[Move]:
    """To be called when jobs were completed: trusts their workers, blames those that had failed at them.

    The jobs of a worker that comes into quarantine go to others. Locks all workers if any is to be blamed.
    """
    moves = [move for job in completed for move in _blame(tx, chooser, settings, job, now=now)]
    latest = {job.worker_id: job for job in sorted(completed, key=lambda job: job.started_at or now)}
    for job in latest.values():
        _trust(tx, job, now)
    return moves


def _blame(tx: Connection, chooser: Chooser, settings: Settings, completed: Job, *, now: datetime) -> list[Move]:
    failed = _failed_at(tx, completed) if completed.attempts > 1 else {}
    if failed:
        workers.lock_all(tx)
    moves = []
    for worker_id, failed_at in sorted(failed.items()):
        before = workers.get(tx, worker_id)
        if before is None or _is_settled(before, failed_at):
            continue
        worker = workers.add_fault(tx, worker_id, failed_at=failed_at)
        if worker and (worker.faults >= settings.quarantine_after or worker.quarantined_until is not None):
            _quarantine(tx, worker, settings, now)
            moves += redistribute(tx, chooser, worker_id, reason=Reason.QUARANTINED, now=now)
    return moves


def _is_settled(worker: Worker, failed_at: datetime) -> bool:
    """It has paid for that failure, or a success since has made good for it. Attempts that ended in one moment, as when
    the worker's machine lost power, count once."""
    settled = (worker.quarantined_until, worker.succeeded_at, worker.blamed_at)
    return any(at is not None and failed_at <= at for at in settled)


def _trust(tx: Connection, completed: Job, now: datetime) -> None:
    """A job that was begun before the quarantine, and completed in it, does not end it."""
    worker = workers.get(tx, completed.worker_id or "")
    if worker is None or completed.started_at is None:
        return
    if worker.quarantined_until is None or completed.started_at >= worker.quarantined_until:
        if worker.quarantined_until is not None:
            log.info("[BALANCEO] %s sale de la cuarentena: completó un trabajo", worker.id)
        workers.clear_faults(tx, worker, now=now)


def _failed_at(tx: Connection, job: Job) -> dict[str, datetime]:
    """When each other worker failed at the job, or fell silent with it, for the last time."""
    return {
        attempt.worker_id: attempt.ended_at
        for attempt in jobs.attempts_of(tx, job.id)
        if attempt.outcome in {Outcome.FAILED, Outcome.EXPIRED}
        and attempt.ended_at is not None
        and attempt.worker_id != job.worker_id
    }


def _quarantine(tx: Connection, worker: Worker, settings: Settings, now: datetime) -> None:
    lasts = min(LONGEST_QUARANTINE, timedelta(seconds=settings.quarantine_seconds) * 2 ** min(worker.quarantines, 12))
    count = "a job" if worker.faults == 1 else f"{worker.faults} jobs"
    reason = f"It failed at {count} that others completed."
    log.warning("[BALANCEO] %s en cuarentena hasta %s UTC: %s", worker.id, f"{now + lasts:%H:%M:%S}", reason)
    workers.set_quarantine(tx, worker.id, until=now + lasts, reason=reason, now=now)
