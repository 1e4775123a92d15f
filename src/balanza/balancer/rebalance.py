"""Which own queues pending jobs are taken from: own queues are advice, and nobody idles beside a full one."""

from collections.abc import Sequence

from balanza.model import Worker


def share_for_newcomer(newcomer: Worker, fleet: Sequence[Worker]) -> list[str]:
    """From whose own queues the newcomer is given jobs: worker ids, one per job, in the order of the moves.

    Each time the fullest own queue gives, until the newcomer's slots are filled, or a giver's queue would become
    shorter than the newcomer's. So nobody is left worse off than the newcomer; what idles then, steals.
    """
    queues = {worker.id: worker.assigned_jobs for worker in fleet if worker.id != newcomer.id}
    own, free = newcomer.assigned_jobs, newcomer.slots - newcomer.jobs_in_progress
    givers: list[str] = []
    while len(givers) < free and queues:
        fullest = min(queues, key=lambda worker_id: (-queues[worker_id], worker_id))
        if queues[fullest] - 1 < own + len(givers) + 1:
            break
        queues[fullest] -= 1
        givers.append(fullest)
    return givers


def victims(thief: Worker, fleet: Sequence[Worker]) -> list[Worker]:
    """Whose own queues an idle worker looks into: the fullest first, of equally full ones the busiest."""
    others = [worker for worker in fleet if worker.id != thief.id and worker.assigned_jobs > 0]
    return sorted(others, key=lambda worker: (-worker.assigned_jobs, -worker.running_jobs, worker.id))
