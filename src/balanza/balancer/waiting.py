"""What a pending job waits for, from the fleet as it is now."""

from collections.abc import Sequence
from datetime import datetime
from heapq import nsmallest

from balanza.balancer.capability import can_run, why_not
from balanza.model import Job, Needs, Obstacle, Waiting, WhyNot, Worker

SLOT = "slot"
WORKER = "worker"

_RANK = {
    obstacle: rank
    for rank, obstacle in enumerate(
        (
            Obstacle.PROBATION,
            Obstacle.QUARANTINED,
            Obstacle.DRAINING,
            Obstacle.SCRATCH,
            Obstacle.TAG,
            Obstacle.ENCODER,
        )
    )
}
"""What passes by itself, then what a person can undo, then what is lacking, the most nearly able worker first. Who is
offline or leaving is not here to be waited for; it is named when it could run the job."""
_ITS_OWN = frozenset({Obstacle.PROBATION, Obstacle.QUARANTINED, Obstacle.DRAINING})
"""One worker's own obstacle. What is lacking, everybody lacks."""

_Obstructed = tuple[Worker, WhyNot]

NAMED_AT_MOST = 4


def waits_for(job: Job, needs: Needs, fleet: Sequence[Worker], *, now: datetime) -> Waiting:
    """The nearest thing that lets the pending `job` start; the sentence names every worker that is in question.

    `worker_id` is the worker it waits for, None when any will do or nobody can run it. It does not say for how long.
    """
    own = next((worker for worker in fleet if worker.id == job.assigned_worker), None)
    if own is not None and _will_take(own, needs, now):
        return _for_its_turn(own)
    obstacles: list[_Obstructed] = []
    for worker in fleet:
        found = why_not(worker, needs, now=now)
        if found is None:
            return Waiting(SLOT, None, "It waits for the first worker with a free slot.")
        obstacles.append((worker, found))
    return _for_an_obstacle(obstacles, needs) or _for_any_worker(fleet)


def _will_take(own: Worker, needs: Needs, now: datetime) -> bool:
    """On probation too: the job in its own queue is one of those that it gets one after the other."""
    found = why_not(own, needs, now=now)
    return found is None or (found.obstacle is Obstacle.PROBATION and can_run(own, needs) is None)


def _for_its_turn(own: Worker) -> Waiting:
    if own.jobs_in_progress <= own.slots:
        return Waiting(SLOT, own.id, f"{own.id} is about to take it.")
    return Waiting(SLOT, own.id, f"It waits for its turn with {own.id}, which runs {_jobs(own.running_jobs)}.")


def _for_any_worker(fleet: Sequence[Worker]) -> Waiting:
    if not fleet:
        return Waiting(WORKER, None, "There is no worker yet; start one with balanza worker.")
    return Waiting(WORKER, None, "No worker is online; start one with balanza worker.")


def _for_an_obstacle(obstacles: Sequence[_Obstructed], needs: Needs) -> Waiting | None:
    """None when nobody is here who could be waited for."""
    ranked = nsmallest(NAMED_AT_MOST, (one for one in obstacles if one[1].obstacle in _RANK), key=_rank)
    if not ranked:
        return None
    absent = [one for one in obstacles if one[1].obstacle not in _RANK and can_run(one[0], needs) is None]
    named = (ranked + sorted(absent, key=lambda one: one[0].id))[:NAMED_AT_MOST]
    more = sum(found.obstacle in _RANK for _, found in obstacles) + len(absent) - len(named)
    listed = "; ".join(f"{worker.id} {found.clause}" for worker, found in named)
    sentence = f"No worker can take it: {listed}{f'; and {more} more' if more else ''}."
    nearest, found = ranked[0]
    own = nearest.id if found.obstacle in _ITS_OWN else None
    return Waiting(found.obstacle, own, sentence, tuple((worker.id, one) for worker, one in named), more)


def _rank(one: _Obstructed) -> tuple[int, str]:
    worker, found = one
    return _RANK[found.obstacle], worker.id


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
