"""Completing jobs: the result of each is published in the transaction that ends its attempt."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from balanza.lifecycle import Action, JobStatus
from balanza.model import Attempt, Event, Job, Media, Outcome
from balanza.store import events, library, workers
from balanza.store.leases import count_end
from balanza.store.library import slices
from balanza.store.tables import ATTEMPT, JOB, attempts, jobs
from balanza.store.transitions import (
    NO_LEASE,
    THIS_TOKEN,
    Moved,
    change_of_state,
    end_attempts,
    ending,
    event_of,
    has_status,
)

_LIVE = (
    select(*JOB, *ATTEMPT, attempts.c.token)
    .join(attempts, attempts.c.token == jobs.c.lease_token)
    .where(jobs.c.lease_token.in_(bindparam("tokens", expanding=True)), has_status(JobStatus.PROCESSING))
    .order_by(jobs.c.seq)
    .with_for_update(of=jobs)
)
_COMPLETE = change_of_state(Action.COMPLETE, THIS_TOKEN, progress=100.0, **NO_LEASE)


@dataclass(frozen=True, slots=True)
class Done:
    """An attempt that has made its result, by the word of its worker."""

    token: str
    result: Media
    log_tail: str = ""
    paused_seconds: float = 0.0
    transfer_seconds: float | None = None


def complete(tx: Connection, done: Sequence[Done], *, now: datetime) -> dict[str, tuple[Job, Attempt]]:
    """By token, the jobs, completed, each with its one result, and the attempts that made them.

    Under a token that is not live nothing is kept.
    """
    said = {one.token: one for one in done}
    rows = [row for some in slices(list(said)) for row in tx.execute(_LIVE, {"tokens": some})]
    if not rows:
        return {}
    tx.execute(_COMPLETE, [_values(said[row.token], now) for row in rows])
    completed = {row.token: _completed(row, said[row.token], now) for row in rows}
    library.insert(tx, *(replace(said[token].result, job_id=job.id) for token, (job, _) in completed.items()))
    end_attempts(tx, [_ending(*one, now) for one in completed.values()])
    _count(tx, [job for job, _ in completed.values()], now)
    events.append_all(tx, [event for one in completed.values() for event in _told(*one, now)])
    return completed


def _values(done: Done, now: datetime) -> dict[str, Any]:
    return {
        "this_token": done.token,
        "paused_seconds": done.paused_seconds,
        "result_id": done.result.id,
        "output_file": done.result.name,
        "output_size_bytes": done.result.size_bytes,
        "completed_at": now,
        "log_tail": done.log_tail or None,
    }


def _completed(row: Any, done: Done, now: datetime) -> tuple[Job, Attempt]:
    """What becomes of the rows: reading them back takes longer than writing them."""
    values = _values(done, now)
    del values["this_token"]
    job = replace(
        Job(*row[: len(JOB)]),
        status=JobStatus.COMPLETED,
        progress=100.0,
        speed=None,
        eta_seconds=None,
        paused=False,
        **values,
    )
    attempt = replace(
        Attempt(*row[len(JOB) : -1]),
        ended_at=now,
        outcome=Outcome.COMPLETED,
        log_tail=job.log_tail,
        paused_seconds=done.paused_seconds,
        transfer_seconds=done.transfer_seconds,
    )
    return job, attempt


def _ending(job: Job, attempt: Attempt, now: datetime) -> dict[str, Any]:
    seconds, log_tail = attempt.transfer_seconds, attempt.log_tail or ""
    moved = Moved(job, attempt.number)
    return ending(moved, Outcome.COMPLETED, now=now, log_tail=log_tail, transfer_seconds=seconds)


def _count(tx: Connection, completed: Iterable[Job], now: datetime) -> None:
    """Always in the order of the ids of the workers."""
    by_worker: defaultdict[str, list[Job]] = defaultdict(list)
    for job in completed:
        by_worker[job.worker_id or ""].append(job)
    for worker_id, theirs in sorted(by_worker.items()):
        listed = [job for job in theirs if job.kind.is_listed]
        for job in theirs:
            if not job.kind.is_listed:  # no success of the worker: nobody asked for it
                count_end(tx, job)
        if listed:
            sharing = sum(job.shares_slot for job in listed)
            workers.count_completed(tx, worker_id, completed=len(listed), sharing=sharing, now=now)


def _told(job: Job, attempt: Attempt, now: datetime) -> list[Event]:
    if not job.kind.is_listed:
        told = {"kind": job.kind.value, **job.options}
        return [Event(0, now, "media.derived", None, None, job.source_id, told, job.owner_id)]
    created = Event(0, now, "media.created", job.id, None, job.result_id, owner_id=job.owner_id)
    return [created, event_of("job.completed", job, job.worker_id, now=now, attempt=attempt.number)]
