"""How attempts end without a result: the job goes to another worker, or has failed for good."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from balanza.dispatch.assignment import Chooser, Move, assign_anew
from balanza.lifecycle import JobStatus
from balanza.model import Job, Lease, Outcome, Reason, result_key
from balanza.protocol import Failure
from balanza.store import jobs, workers
from balanza.store.database import Database

CANCELLED_AT_ONCE = 100
"""In one transaction, which holds all workers."""

_REASONS = {
    Outcome.FAILED: Reason.FAILED,
    Outcome.EXPIRED: Reason.EXPIRED,
    Outcome.RELEASED: Reason.RELEASED,
}
_AVOIDED = {
    Outcome.FAILED: "has just failed at it",
    Outcome.EXPIRED: "fell silent with it",
    Outcome.RELEASED: "has just handed it back",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """Attempts that ended without a result: where each was to store it, their jobs, and who has these now."""

    output_keys: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = ()
    moves: tuple[Move, ...] = ()


def end_attempt(
    tx: Connection,
    chooser: Chooser,
    lease: Lease,
    outcome: Outcome,
    failure: Failure,
    *,
    was_lost: bool = False,
    now: datetime,
) -> Ended | None:
    """Ends the attempt; while attempts remain its job is assigned anew, to another worker if there is one.

    Failed and expired attempts count, released ones do not. Its owner was not served by one that was released, or
    that `was_lost` with its worker. None when the lease is no longer live.
    """
    workers.lock_all(tx)
    if outcome is Outcome.RELEASED:
        job = jobs.release(tx, lease.token, paused_seconds=lease.job.paused_seconds, now=now)
    else:
        job = jobs.fail_attempt(
            tx,
            lease.token,
            outcome=outcome,
            error=failure.error,
            log_tail=failure.log_tail,
            was_lost=was_lost,
            paused_seconds=max(failure.paused_seconds, lease.job.paused_seconds),
            now=now,
        )
    if job is None:
        return None
    again = [job] if job.status is JobStatus.PENDING else []
    avoid = {lease.job.worker_id: _AVOIDED[outcome]} if lease.job.worker_id else {}
    moves = assign_anew(tx, chooser, again, avoid=avoid, source=lease.job.worker_id, reason=_REASONS[outcome], now=now)
    return Ended((lease.output_key,), (job,), tuple(moves))


def end_leases(
    tx: Connection, chooser: Chooser, tokens: Sequence[str], outcome: Outcome, *, why: str = "", now: datetime
) -> Ended:
    """Ends the attempts under these tokens, which their worker lost; those that have ended by themselves meanwhile are
    passed over."""
    workers.lock_all(tx)
    leases = [lease for token in tokens if (lease := jobs.held(tx, token))]
    lost = Failure(error=why)
    ended = [end_attempt(tx, chooser, lease, outcome, lost, was_lost=True, now=now) for lease in leases]
    return together(one for one in ended if one is not None)


def cancel_derivations(tx: Connection, media_id: str, *, now: datetime) -> Ended:
    """No thumbnail or the like is made of the file any more, which the caller has locked. May lock all workers."""
    live = jobs.live_derivations_of(tx, media_id)
    if live:
        workers.lock_all(tx)
    return cancel(tx, live, now=now)


def cancel_found(
    database: Database,
    find: Callable[[Connection, int], list[str]],
    settle: Callable[[Ended], None],
    *,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Cancels what `find` finds, at most so many at once, until that is all; after each commit `settle` is called."""

    def operation(tx: Connection) -> tuple[int, Ended]:
        workers.lock_all(tx)
        found = find(tx, CANCELLED_AT_ONCE)
        return len(found), cancel(tx, found, now=now, reason=reason)

    count = CANCELLED_AT_ONCE
    while count == CANCELLED_AT_ONCE:
        count, ended = database.write(operation)
        settle(ended)


def cancel(tx: Connection, job_ids: Iterable[str], *, now: datetime, reason: str | None = None) -> Ended:
    """Those that have ended meanwhile are passed over. The caller has locked all workers."""
    ended = []
    for job_id in job_ids:
        running = [attempt.number for attempt in jobs.attempts_of(tx, job_id) if attempt.ended_at is None]
        job = jobs.cancel(tx, job_id, now=now, reason=reason)
        if job is not None:
            ended.append(Ended(tuple(result_key(job_id, number) for number in running), (job,)))
    return together(ended)


def together(all_ended: Iterable[Ended]) -> Ended:
    """Several endings as one."""
    every = list(all_ended)
    return Ended(
        tuple(key for ended in every for key in ended.output_keys),
        tuple(job for ended in every for job in ended.jobs),
        tuple(move for ended in every for move in ended.moves),
    )
