"""Which of the two is at fault when an attempt fails, the job or the worker, and what becomes of a faulty worker.

A job that fails on every worker is at fault itself; nobody is blamed for it. When a job fails on one worker and another
then completes it, the first is at fault. After some such faults in a row it gets no jobs for a while (a circuit
breaker: Nygard, Release It!, 2007); then one at a time, until it completes one or is at fault again.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from balanza.dispatch.assignment import Chooser, Move, redistribute
from balanza.model import Job, Outcome, Reason, Worker
from balanza.settings import Settings
from balanza.store import jobs, workers

LONGEST_QUARANTINE = timedelta(hours=1)


def judge(tx: Connection, chooser: Chooser, settings: Settings, completed: Job, *, now: datetime) -> list[Move]:
    """To be called when a job was completed: trusts its worker, blames those that had failed at it.

    The jobs of a worker that comes into quarantine go to others. Locks all workers if any is to be blamed.
    """
    failed = _failed_at(tx, completed) if completed.attempts > 1 else {}
    if failed:
        workers.list_workers(tx, lock=True)
    moves = []
    for worker_id, failed_at in sorted(failed.items()):
        before = workers.get(tx, worker_id)
        if before is None or (before.quarantined_until is not None and failed_at <= before.quarantined_until):
            continue  # it has paid for that already
        worker = workers.add_fault(tx, worker_id)
        if worker and (worker.faults >= settings.quarantine_after or worker.quarantined_until is not None):
            _quarantine(tx, worker, settings, now)
            moves += redistribute(tx, chooser, worker_id, reason=Reason.QUARANTINED, now=now)
    trusted = workers.get(tx, completed.worker_id or "")
    if trusted:
        workers.clear_faults(tx, trusted, now=now)
    return moves


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
    workers.set_quarantine(tx, worker.id, until=now + lasts, reason=reason, now=now)
