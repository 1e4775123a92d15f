"""What a pending job waits for, from the fleet as it is now."""

from collections.abc import Sequence
from datetime import datetime

from balanza.balancer.capability import can_run, why_not
from balanza.model import Job, Needs, Obstacle, Waiting, WhyNot, Worker

SLOT = "slot"
WORKER = "worker"

_NEAREST_FIRST = (
    Obstacle.PROBATION,
    Obstacle.QUARANTINED,
    Obstacle.DRAINING,
    Obstacle.SCRATCH,
    Obstacle.TAG,
    Obstacle.ENCODER,
)
"""What passes by itself, then what a person can undo, then what is lacking, the most nearly able worker first."""
_ITS_OWN = frozenset({Obstacle.PROBATION, Obstacle.QUARANTINED, Obstacle.DRAINING})
"""One worker's own obstacle. What is lacking, everybody lacks."""
_GONE = frozenset({Obstacle.OFFLINE, Obstacle.LEAVING})

NAMED_AT_MOST = 4


def waits_for(job: Job, needs: Needs, fleet: Sequence[Worker], *, now: datetime) -> Waiting:
    """The nearest thing that lets the pending `job` start; the sentence names every worker that is in question.

    `worker_id` is the worker it waits for, None when any will do or nobody can run it. It does not say for how long.
    """
    own = next((worker for worker in fleet if worker.id == job.assigned_worker), None)
    if own is not None and _will_take(own, needs, now):
        return _for_its_turn(own)
    obstacles = {worker.id: why_not(worker, needs, now=now) for worker in fleet}
    if None in obstacles.values():
        return Waiting(SLOT, None, "It waits for the first worker with a free slot.")
    present = {name: found for name, found in obstacles.items() if found and found.obstacle not in _GONE}
    if not present:
        return _for_any_worker(fleet)
    return _for_an_obstacle(present, _absent_but_able(needs, fleet, obstacles))


def _will_take(own: Worker, needs: Needs, now: datetime) -> bool:
    """On probation too: the job in its own queue is one of those that it gets one after the other."""
    found = why_not(own, needs, now=now)
    return found is None or (found.obstacle is Obstacle.PROBATION and can_run(own, needs) is None)


def _for_its_turn(own: Worker) -> Waiting:
    if own.running_jobs < own.slots:
        return Waiting(SLOT, own.id, f"{own.id} is about to take it.")
    return Waiting(SLOT, own.id, f"It waits for its turn with {own.id}, which runs {_jobs(own.running_jobs)}.")


def _for_any_worker(fleet: Sequence[Worker]) -> Waiting:
    if not fleet:
        return Waiting(WORKER, None, "There is no worker yet; start one with balanza worker.")
    return Waiting(WORKER, None, "No worker is online; start one with balanza worker.")


def _for_an_obstacle(present: dict[str, WhyNot], absent: dict[str, WhyNot]) -> Waiting:
    ranked = sorted(present, key=lambda name: (_NEAREST_FIRST.index(present[name].obstacle), name))
    first = ranked[0]
    obstacle = present[first].obstacle
    clauses = [f"{name} {present[name].clause}" for name in ranked] + [
        f"{name} {absent[name].clause}" for name in absent
    ]
    return Waiting(obstacle, first if obstacle in _ITS_OWN else None, f"No worker can take it: {_listed(clauses)}.")


def _absent_but_able(needs: Needs, fleet: Sequence[Worker], obstacles: dict[str, WhyNot | None]) -> dict[str, WhyNot]:
    """Those that could run it, were they here."""
    able = sorted(worker.id for worker in fleet if can_run(worker, needs) is None)
    return {name: found for name in able if (found := obstacles[name]) and found.obstacle in _GONE}


def _listed(clauses: Sequence[str]) -> str:
    named, more = clauses[:NAMED_AT_MOST], len(clauses) - NAMED_AT_MOST
    return "; ".join(named) + (f"; and {more} more" if more > 0 else "")


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
