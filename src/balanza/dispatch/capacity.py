"""When which slot of the fleet will be free, as far as predictions tell."""

from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from balanza.balancer import capability, pausing
from balanza.balancer.lookahead import Slot
from balanza.balancer.prediction import Speeds
from balanza.dispatch.predictions import TRANSFER, transfer_guess
from balanza.model import Job, Needs, Obstacle, Worker
from balanza.store import jobs


class Predictable(Protocol):
    """A job as far as it is known before it runs."""

    @property
    def work(self) -> str: ...

    @property
    def guess_seconds(self) -> float: ...

    @property
    def input_size_bytes(self) -> int: ...


def slots_of(
    tx: Connection, fleet: Sequence[Worker], speeds: Speeds, now: datetime, *, may_pause: Container[str] = ()
) -> list[Slot]:
    """Of every worker that takes jobs now. What runs on those in `may_pause` may be paused for short jobs."""
    running: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs.running(tx):
        if job.worker_id:
            running[job.worker_id].append(job)
    slots = []
    for worker in fleet:
        if not _takes_jobs(worker, now):
            continue
        slowness = speeds.slowness(worker.id)
        taken = [job for job in running[worker.id] if not job.shares_slot]
        beside = [remaining_seconds(job, speeds, now) for job in running[worker.id] if job.shares_slot]
        for job in taken:
            paused_for = beside.pop() if job.paused and beside else 0.0
            slot = Slot(worker.id, paused_for + remaining_seconds(job, speeds, now), slowness)
            slots.append(_with_pause(slot, job, paused_for, now) if worker.id in may_pause else slot)
        slots += [Slot(worker.id, 0.0, slowness)] * max(0, worker.slots - len(taken))
    return slots


def _with_pause(slot: Slot, job: Job, paused_for: float, now: datetime) -> Slot:
    """With when the job that runs in it may be paused: once more, after the seconds that it is paused for now."""
    elapsed = (now - job.started_at).total_seconds() if job.started_at else 0.0
    budget = pausing.budget_seconds(paused_seconds=job.paused_seconds, elapsed_seconds=elapsed)
    owed = max(0.0, paused_for - budget)
    return replace(slot, pause_in_seconds=paused_for + owed, pause_budget_seconds=budget - paused_for + owed)


def finishes(
    tx: Connection, fleet: Sequence[Worker], speeds: Speeds, job: Predictable, now: datetime
) -> dict[str, float]:
    """In how many seconds each worker would complete the job: the work ahead of it, its transfer, itself."""
    ahead: defaultdict[str, float] = defaultdict(float)
    for running in jobs.running(tx):
        if running.worker_id:
            ahead[running.worker_id] += remaining_seconds(running, speeds, now)
    ends = {}
    for worker in fleet:
        waits = worker.assigned_jobs or not worker.has_free_slot
        queued = ahead[worker.id] + worker.assigned_seconds * speeds.slowness(worker.id)
        start = queued / worker.slots if waits else 0.0
        ends[worker.id] = (
            start + _transfer(speeds, worker.id, job) + speeds.seconds_on(worker.id, job.work, job.guess_seconds)
        )
    return ends


def _transfer(speeds: Speeds, worker_id: str, job: Predictable) -> float:
    """Nothing where none was ever measured: there files are shared."""
    if (worker_id, TRANSFER) not in speeds.learned:
        return 0.0
    return speeds.seconds_on(worker_id, TRANSFER, transfer_guess(job.input_size_bytes))


def remaining_seconds(job: Job, speeds: Speeds, now: datetime) -> float:
    """How long a running job will still run: by what its conversion says, before it says something by prediction."""
    if job.eta_seconds is not None:
        return job.eta_seconds
    if job.worker_id is None or job.started_at is None:
        return 0.0
    predicted = speeds.seconds_on(job.worker_id, job.work, job.guess_seconds)
    return max(0.0, predicted - (now - job.started_at).total_seconds() + job.paused_seconds)


def _takes_jobs(worker: Worker, now: datetime) -> bool:
    found = capability.why_not(worker, Needs(), now=now)
    return found is None or found.obstacle is Obstacle.PROBATION
