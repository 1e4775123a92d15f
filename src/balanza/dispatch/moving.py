"""Moving pending jobs to workers that could start them sooner: an idle one steals, a new one gets its share."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from balanza.balancer import capability, rebalance
from balanza.balancer.order import Rule
from balanza.balancer.theft import theft
from balanza.dispatch.assignment import (
    REDISTRIBUTED_AT_ONCE,
    Chooser,
    Move,
    ability_of,
    assign_anew,
    needs_of,
    redistribute,
)
from balanza.model import Decision, Job, Needs, Obstacle, Reason, WhyNot, Worker
from balanza.store import decisions, jobs, requirements, workers

CANDIDATES_TOLD = 50
"""In a larger fleet the decision of a thief tells of itself and of its victim alone."""


def take(tx: Connection, chooser: Chooser, thief: Worker, job: Job, rule: Rule, *, now: datetime) -> Move | None:
    """Moves the pending job from the own queue of another into the thief's own; None when it has gone elsewhere.

    The caller has locked both workers.
    """
    if job.assigned_worker is None or not jobs.assign(tx, [job.id], thief.id, now=now):
        return None
    victim = workers.get(tx, job.assigned_worker)
    if victim is None:
        return None
    fleet = workers.list_workers(tx) if workers.is_small(tx, CANDIDATES_TOLD) else [thief, victim]
    decision = replace(_theft(chooser, fleet, thief, victim, now), rule=rule.value)
    return _recorded(tx, job, decision, Reason.STOLEN, now)


def welcome(tx: Connection, chooser: Chooser, newcomer_id: str, *, now: datetime) -> list[Move]:
    """Fills the free slots of a worker that has just come, or come back, from the fullest own queues of the others.

    What it cannot run itself in its own queue goes to others. One that can take nothing now, as it is drained or in
    quarantine, gets nothing, and on probation one job.
    """
    fleet = workers.list_workers(tx, lock=True)
    newcomer = next((worker for worker in fleet if worker.id == newcomer_id), None)
    if newcomer is None:
        return []
    moves = evict(tx, chooser, newcomer, now=now)
    if _status(newcomer, now):
        return moves
    ability = ability_of(tx, newcomer)
    taking = replace(newcomer, slots=1) if capability.on_probation(newcomer, now) else newcomer
    for victim_id in rebalance.share_for_newcomer(taking, fleet):
        job = jobs.stealable(tx, victim_id, thief_id=newcomer_id, ability=ability)
        if job is not None and jobs.assign(tx, [job.id], newcomer_id, now=now):
            victim = next(worker for worker in fleet if worker.id == victim_id)
            moves.append(_recorded(tx, job, _theft(chooser, fleet, newcomer, victim, now), Reason.JOINED, now))
    return moves


def evict(tx: Connection, chooser: Chooser, worker: Worker, *, now: datetime) -> list[Move]:
    """The jobs in the worker's own queue that it can no longer run, its scratch space full for one, go to others."""
    stuck_jobs = jobs.unrunnable_of(tx, worker.id, ability_of(tx, worker), REDISTRIBUTED_AT_ONCE)
    return assign_anew(tx, chooser, stuck_jobs, reason=Reason.UNABLE, now=now)


def stuck(tx: Connection, *, now: datetime) -> list[str]:
    """The workers that can take nothing now and still have jobs in their own queue, or cannot run the first of them."""
    known = requirements.list_requirements(tx)
    found = []
    for worker in workers.list_workers(tx):
        if not worker.assigned_jobs:
            continue
        first = jobs.pending_of(tx, worker.id, 1)
        if _status(worker, now) or (first and capability.can_run(worker, needs_of(known, first[0]))):
            found.append(worker.id)
    return found


def unstick(tx: Connection, chooser: Chooser, worker_id: str, *, now: datetime) -> list[Move]:
    """What of the worker's own queue it cannot start goes to others: all of it, or what it cannot run."""
    fleet = workers.list_workers(tx, lock=True)
    worker = next((one for one in fleet if one.id == worker_id), None)
    if worker is None:
        return []
    obstacle = _status(worker, now)
    if obstacle is None:
        return evict(tx, chooser, worker, now=now)
    return redistribute(tx, chooser, worker_id, reason=_REASONS[obstacle.obstacle], now=now)


def tried_before(tx: Connection, *, now: datetime) -> list[Job]:
    """Jobs in the general queue that somebody failed at and somebody could take now.

    No worker takes a job there that it has failed at itself.
    """
    able = [one for one in workers.list_workers(tx) if capability.why_not(one, Needs(), now=now) is None]
    return jobs.tried_in_general(tx, ability_of(tx, *able), REDISTRIBUTED_AT_ONCE)


def place_tried(tx: Connection, chooser: Chooser, *, now: datetime) -> list[Move]:
    """Gives each of them to a worker, to one that has failed at it if there is no other."""
    workers.lock_all(tx)
    return assign_anew(tx, chooser, tried_before(tx, now=now), reason=Reason.RETRIED, now=now)


_REASONS = {
    Obstacle.OFFLINE: Reason.OFFLINE,
    Obstacle.LEAVING: Reason.LEFT,
    Obstacle.DRAINING: Reason.DRAINING,
    Obstacle.QUARANTINED: Reason.QUARANTINED,
}


def _status(worker: Worker, now: datetime) -> WhyNot | None:
    """Why it can take nothing, whatever the job; that it is busy is no reason."""
    return capability.why_not(replace(worker, assigned_jobs=0, running_jobs=0), Needs(), now=now)


def _theft(chooser: Chooser, fleet: list[Worker], thief: Worker, victim: Worker, now: datetime) -> Decision:
    """The decision in which the thief chose itself."""
    candidates = [chooser.candidate(one, cannot=_status(one, now), now=now) for one in fleet]
    return theft(candidates, thief_id=thief.id, victim_id=victim.id)


def _recorded(tx: Connection, job: Job, decision: Decision, reason: Reason, now: datetime) -> Move:
    decisions.insert(tx, [(job.id, job.assigned_worker, decision)], reason=reason, now=now)
    return Move(job.id, job.assigned_worker, decision, reason)
