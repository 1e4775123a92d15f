"""Assigning pending jobs inside a write transaction: the live counts, the choice, the write, the record of why.

Locks are taken in one order, so that no two transactions wait for each other in a circle: a source, then workers in the
order of their ids, then jobs, then the events.
"""

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from balanza.balancer import capability
from balanza.balancer.policies import select_best_worker
from balanza.balancer.score import load_score
from balanza.balancer.theft import STEALING
from balanza.dispatch.capacity import Predictable, finishes
from balanza.dispatch.measurements import Measurements
from balanza.dispatch.predictions import Predictions
from balanza.model import Candidate, Decision, Job, Needs, Obstacle, Reason, Requirement, WhyNot, Worker
from balanza.settings import PolicyName
from balanza.store import decisions, jobs, requirements, workers

log = logging.getLogger("balanza.dispatch")

REDISTRIBUTED_AT_ONCE = 500
"""How many jobs one transaction moves; each pass of upkeep moves some of the rest."""
CANDIDATES_AT_ONCE = 20_000
"""Fewer jobs in a large fleet: all workers are locked while each job looks at every one, which takes some 50 µs."""

_SPOKEN = {
    Reason.SUBMITTED: "nuevo",
    Reason.RETRIED: "reintento",
    Reason.FAILED: "intento fallido",
    Reason.EXPIRED: "sin señal",
    Reason.RELEASED: "devuelto",
    Reason.STOLEN: "robado por un worker libre",
    Reason.JOINED: "llegó o volvió un worker",
    Reason.DRAINING: "en drenaje",
    Reason.LEFT: "se fue",
    Reason.OFFLINE: "fuera de línea",
    Reason.QUARANTINED: "en cuarentena",
    Reason.UNABLE: "no puede con él",
}


@dataclass(frozen=True, slots=True)
class Move:
    """A pending job that was taken from one queue (None: the general one) and put into another, by a decision."""

    job_id: str
    source: str | None
    decision: Decision
    reason: Reason

    @property
    def target(self) -> str | None:
        return self.decision.worker_id


@dataclass(frozen=True, slots=True)
class Chooser:
    """Chooses by the policy of this server, with what was measured of the workers."""

    policy: PolicyName
    measurements: Measurements
    chance: random.Random
    predictions: Predictions

    def decide(
        self,
        tx: Connection,
        fleet: Sequence[Worker],
        needs: Needs,
        job: Predictable,
        *,
        avoid: Mapping[str, str],
        now: datetime,
    ) -> Decision:
        """Chooses among `fleet`; those in `avoid` (each with the reason, a clause) only when nobody else can."""
        ends: Mapping[str, float] = {}
        if self.policy == "earliest_finish":
            ends = finishes(tx, fleet, self.predictions.speeds(tx, now), job, now)
        first = self._select(fleet, needs, ends, avoid, now)
        return first if first.chosen or not avoid else self._select(fleet, needs, ends, {}, now)

    def candidate(self, worker: Worker, *, cannot: WhyNot | None, now: datetime) -> Candidate:
        """The worker with its live counts and the last sample of it."""
        sample = self.measurements.sample_of(worker, now)
        cpu_load = sample.cpu_load if sample else None
        return Candidate(
            worker_id=worker.id,
            jobs_in_progress=worker.jobs_in_progress,
            cpu_load=cpu_load,
            chosen_at=worker.chosen_at,
            memory_mb=sample.memory_mb if sample else None,
            metrics_source=sample.source if sample else None,
            metrics_age_seconds=sample.age_seconds(now) if sample else None,
            load_score=load_score(worker.jobs_in_progress, cpu_load),
            cannot=cannot,
        )

    def _select(
        self,
        fleet: Sequence[Worker],
        needs: Needs,
        ends: Mapping[str, float],
        avoid: Mapping[str, str],
        now: datetime,
    ) -> Decision:
        able = [self.candidate(one, cannot=_cannot(one, needs, avoid, now), now=now) for one in fleet]
        candidates = [replace(one, finish_seconds=ends.get(one.worker_id)) for one in able] if ends else able
        return select_best_worker(candidates, self.policy, chance=self.chance, told=decisions.CANDIDATES_KEPT)


def assign_anew(
    tx: Connection,
    chooser: Chooser,
    pending: Sequence[Job],
    *,
    reason: Reason,
    now: datetime,
    avoid: Mapping[str, str] | None = None,
    source: str | None = None,
) -> list[Move]:
    """Gives each pending job to the worker that is best now, counting those given just before.

    `source` is who was running them until now, if somebody was.

    Workers that failed at a job, or are in `avoid`, get it only when nobody else can take it. In a large fleet only the
    first jobs are given.
    """
    if not pending:
        return []
    fleet = {worker.id: worker for worker in workers.list_workers(tx, lock=True)}
    known = requirements.list_requirements(tx)
    moves = []
    for job in pending[: max(1, CANDIDATES_AT_ONCE // max(1, len(fleet)))]:
        avoided = {**_failures(tx, job), **(avoid or {})}
        decision = chooser.decide(tx, list(fleet.values()), needs_of(known, job), job, avoid=avoided, now=now)
        target = decision.worker_id
        if target == job.assigned_worker or not jobs.assign(tx, [job.id], target, now=now):
            continue
        count(fleet, job, target, now)
        if target is not None:
            workers.mark_chosen(tx, target, now=now)
        before = job.assigned_worker or source
        moves.append(Move(job.id, before, decision, reason))
    decisions.insert(tx, [(move.job_id, move.source, move.decision) for move in moves], reason=reason, now=now)
    return moves


def redistribute(tx: Connection, chooser: Chooser, worker_id: str, *, reason: Reason, now: datetime) -> list[Move]:
    """Takes the jobs out of the own queue of `worker_id` and assigns them anew."""
    workers.lock_all(tx)
    pending = jobs.pending_of(tx, worker_id, REDISTRIBUTED_AT_ONCE)
    return assign_anew(tx, chooser, pending, reason=reason, now=now)


def needs_of(known: Sequence[Requirement], job: Job) -> Needs:
    return requirements.needs_of(known, job.requirement_id, job.scratch_bytes)


def ability_of(tx: Connection, *among: Worker) -> jobs.Ability:
    """Which of the jobs there are one of these workers can run, however it is now.

    Of several the most space counts, whoever has it.
    """
    able = [
        one.id
        for one in requirements.list_requirements(tx)
        if any(capability.can_run(worker, Needs(one.encoders, one.tags)) is None for worker in among)
    ]
    free = [_BOUNDLESS if worker.scratch_free_bytes is None else worker.scratch_free_bytes for worker in among]
    return jobs.Ability(tuple(able), max(free, default=-1))


def log_choice(decision: Decision) -> None:
    """The line of the seed, for each choice."""
    chosen = decision.chosen
    if chosen is None:
        log.info("[BALANCEO] %s: el trabajo espera en la cola general", _why_nobody(decision))
        return
    cpu = "?" if chosen.cpu_load is None else f"{chosen.cpu_load:.2f}"
    log.info("[BALANCEO] Seleccionado %s (jobs: %d, CPU: %s)", chosen.worker_id, chosen.jobs_in_progress, cpu)


def log_moves(moves: Sequence[Move]) -> None:
    for move in moves:
        if move.decision.policy != STEALING:  # a thief was not chosen
            log_choice(move.decision)
        source, target = move.source or "cola general", move.target or "cola general"
        log.info("[BALANCEO] Reasignado %s: %s → %s (%s)", move.job_id, source, target, _SPOKEN[move.reason])


_BOUNDLESS = 2**62


def _cannot(worker: Worker, needs: Needs, avoid: Mapping[str, str], now: datetime) -> WhyNot | None:
    cannot = capability.why_not(worker, needs, now=now)
    if cannot is None and worker.id in avoid:
        return WhyNot(Obstacle.FAILED_BEFORE, avoid[worker.id])
    return cannot


def _failures(tx: Connection, job: Job) -> dict[str, str]:
    """The workers that failed at the job before, each with a clause that says so."""
    failed = jobs.failed_on(tx, job.id) if job.attempts else {}
    return {worker_id: f"failed at this job before (attempt {number})" for worker_id, number in failed.items()}


def count(fleet: dict[str, Worker], job: Job | jobs.NewJob, target: str | None, now: datetime) -> None:
    """Keeps the live counts of `fleet` while several jobs are given one after another."""
    source, seconds = job.assigned_worker, job.predicted_seconds
    if source in fleet:
        taken = fleet[source]
        left = taken.assigned_seconds - seconds
        fleet[source] = replace(taken, assigned_jobs=taken.assigned_jobs - 1, assigned_seconds=left)
    if target is not None:
        given = fleet[target]
        queued = given.assigned_seconds + seconds
        fleet[target] = replace(given, assigned_jobs=given.assigned_jobs + 1, assigned_seconds=queued, chosen_at=now)


def _why_nobody(decision: Decision) -> str:
    obstacles = {one.cannot.obstacle for one in decision.candidates if one.cannot}
    return "Sin workers activos" if obstacles <= {Obstacle.OFFLINE} else "Ningún worker puede con él"
