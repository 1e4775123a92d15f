"""Assigning pending jobs inside a write transaction: the live counts, the choice, the write, the log line.

Locks are taken in one order, so that no two transactions wait for each other in a circle: a source, then workers in the
order of their ids, then jobs, then the events.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from balanza.balancer.policies import select_best_worker
from balanza.model import Candidate, Decision, Job, Worker
from balanza.store import jobs, workers

log = logging.getLogger("balanza.dispatch")

REDISTRIBUTED_AT_ONCE = 500
"""How many jobs one transaction moves; each pass of upkeep moves some of the rest."""


@dataclass(frozen=True, slots=True)
class Move:
    """A pending job that was taken from one queue (None: the general one) and put into another, by a decision."""

    job_id: str
    source: str | None
    decision: Decision
    reason: str

    @property
    def target(self) -> str | None:
        return self.decision.worker_id


def choose(tx: Connection, *, avoid: str | None = None) -> Decision:
    """Chooses among the workers as they are in this transaction; `avoid` only when there is nobody else."""
    return _decide(workers.list_workers(tx, lock=True), avoid)


def assign_anew(tx: Connection, pending: Sequence[Job], *, avoid: str | None, reason: str, now: datetime) -> list[Move]:
    """Gives each pending job to the worker that is best now, counting those given just before."""
    fleet = {worker.id: worker for worker in workers.list_workers(tx, lock=True)}
    moves = []
    for job in pending:
        decision = _decide(list(fleet.values()), avoid)
        target = decision.worker_id
        if target == job.assigned_worker or not jobs.assign(tx, [job.id], target, now=now):
            continue
        if target is not None:
            given = fleet[target]
            fleet[target] = replace(given, assigned_jobs=given.assigned_jobs + 1, chosen_at=now)
            workers.mark_chosen(tx, target, now=now)
        moves.append(Move(job.id, job.assigned_worker, decision, reason))
    return moves


def redistribute(tx: Connection, worker_id: str, *, reason: str, now: datetime) -> list[Move]:
    """Takes the jobs out of the own queue of `worker_id` and assigns them anew."""
    workers.list_workers(tx, lock=True)
    pending = jobs.pending_of(tx, worker_id, REDISTRIBUTED_AT_ONCE)
    return assign_anew(tx, pending, avoid=worker_id, reason=reason, now=now)


def log_choice(decision: Decision) -> None:
    """The line of the seed, for each choice."""
    chosen = decision.chosen
    if chosen is None:
        log.info("[BALANCEO] Sin workers activos: el trabajo espera en la cola general")
        return
    cpu = "?" if chosen.cpu_load is None else f"{chosen.cpu_load:.2f}"
    log.info("[BALANCEO] Seleccionado %s (jobs: %d, CPU: %s)", chosen.worker_id, chosen.jobs_in_progress, cpu)


def log_moves(moves: Sequence[Move]) -> None:
    for move in moves:
        log_choice(move.decision)
        source, target = move.source or "cola general", move.target or "cola general"
        log.info("[BALANCEO] Reasignado %s: %s → %s (%s)", move.job_id, source, target, move.reason)


def _decide(fleet: Sequence[Worker], avoid: str | None) -> Decision:
    candidates = [_candidate(worker) for worker in fleet]
    decision = select_best_worker([candidate for candidate in candidates if candidate.worker_id != avoid])
    return decision if decision.chosen or avoid is None else select_best_worker(candidates)


def _candidate(worker: Worker) -> Candidate:
    return Candidate(
        worker_id=worker.id,
        jobs_in_progress=worker.jobs_in_progress,
        cpu_load=worker.cpu_load,
        chosen_at=worker.chosen_at,
        why_not=_why_not(worker),
    )


def _why_not(worker: Worker) -> str | None:
    if worker.offline:
        return "offline"
    return "draining" if worker.draining else None
