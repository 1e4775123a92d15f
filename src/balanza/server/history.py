"""The last hour of the fleet, and who ran what when."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from balanza.dispatch.history import KEPT, History, Timeline, read_history, read_timeline
from balanza.server.auth import Admin
from balanza.server.openapi import problems
from balanza.store.points import Measure

router = APIRouter(tags=["workers"])

Minutes = Annotated[float, Query(gt=0, le=KEPT.total_seconds() / 60, description="How far back.")]


@router.get("/workers/history", summary="How loaded the fleet was over the last hour", responses=problems())
def read_worker_history(
    parts: Admin,
    minutes: Minutes = 60,
    measure: Annotated[Measure, Query(description="What of each worker.")] = Measure.CPU_LOAD,
) -> History:
    """One point per 5 s; of very large fleets every second, third, … of them."""
    now = parts.desk.clock()
    return parts.desk.database.read(lambda tx: read_history(tx, measure, timedelta(minutes=minutes), now))


@router.get("/workers/timeline", summary="Who ran what when", responses=problems())
def read_worker_timeline(parts: Admin, minutes: Minutes = 15) -> Timeline:
    """The attempts that ran during the last minutes, the newest 2,000 at most."""
    now = parts.desk.clock()
    return parts.desk.database.read(
        lambda tx: read_timeline(tx, timedelta(minutes=minutes), now, parts.asked_by.user_id)
    )
