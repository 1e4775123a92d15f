"""The workers as people see them: how loaded they are; drain and resume."""

from typing import Annotated

from fastapi import APIRouter, Path

from balanza.dispatch.load import FleetStats, WorkerStats, fleet_stats, get_worker_stats
from balanza.protocol import WORKER_ID
from balanza.server.openapi import problems
from balanza.server.parts import PartsDep

router = APIRouter(tags=["workers"])

WorkerId = Annotated[str, Path(pattern=WORKER_ID, description="Such as worker_a.")]


@router.get("/workers/stats", summary="How loaded each worker is", responses=problems())
def read_worker_stats(parts: PartsDep) -> FleetStats:
    """Offline workers are listed too; what is not known of them is null."""
    return parts.desk.database.read(fleet_stats)


@router.post("/workers/{worker_id}/drain", summary="Drain a worker", responses=problems(404))
def drain_worker(worker_id: WorkerId, parts: PartsDep) -> WorkerStats:
    """It takes nothing new, its pending jobs go to others, and it finishes what it runs."""
    return get_worker_stats(parts.dispatcher.drain(worker_id))


@router.post("/workers/{worker_id}/resume", summary="Let a drained worker work again", responses=problems(404))
def resume_worker(worker_id: WorkerId, parts: PartsDep) -> WorkerStats:
    return get_worker_stats(parts.dispatcher.resume(worker_id))
