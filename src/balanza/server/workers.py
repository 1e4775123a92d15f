"""The workers as people see them: how loaded they are; drain, resume and remove."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from balanza.dispatch.load import FleetStats, WorkerStats, fleet_stats, get_worker_stats
from balanza.model import Worker
from balanza.protocol import WORKER_ID
from balanza.server.auth import Admin, StatsReader
from balanza.server.openapi import problems
from balanza.server.parts import Parts

router = APIRouter(tags=["workers"])

MOST_GRACE_SECONDS = 7 * 24 * 3600
WorkerId = Annotated[str, Path(pattern=WORKER_ID, description="Such as worker_a.")]


@router.get("/workers/stats", summary="How loaded each worker is", responses=problems())
def read_worker_stats(parts: StatsReader) -> FleetStats:
    """Offline workers are listed too; what is not known of them is null."""
    desk = parts.desk
    return desk.database.read(lambda tx: fleet_stats(tx, desk.measurements, desk.clock()))


@router.post("/workers/{worker_id}/drain", summary="Drain a worker", responses=problems(404))
def drain_worker(
    worker_id: WorkerId,
    parts: Admin,
    grace_seconds: Annotated[
        float | None, Query(ge=0, le=MOST_GRACE_SECONDS, description="What still runs then is handed back.")
    ] = None,
) -> WorkerStats:
    """It takes nothing new, its pending jobs go to others, and it finishes what it runs."""
    return _stats(parts, parts.dispatcher.drain(worker_id, grace_seconds))


@router.post("/workers/{worker_id}/resume", summary="Let a drained worker work again", responses=problems(404))
def resume_worker(worker_id: WorkerId, parts: Admin) -> WorkerStats:
    """It is trusted again, too, if it was in quarantine."""
    return _stats(parts, parts.dispatcher.resume(worker_id))


@router.delete(
    "/workers/{worker_id}",
    status_code=204,
    summary="Take an offline worker off the lists",
    responses=problems(404, 409),
)
def remove_worker(worker_id: WorkerId, parts: Admin) -> None:
    """Its history stays, and it is back when it registers again. One that is online or has jobs is not removed."""
    parts.dispatcher.remove_worker(worker_id)


def _stats(parts: Parts, worker: Worker) -> WorkerStats:
    return get_worker_stats(worker, parts.desk.measurements, parts.desk.clock())
