"""Whether the server runs, whether it can work, and what it measures."""

from fastapi import APIRouter, Response

from balanza.server.metrics import CONTENT_TYPE
from balanza.server.openapi import content, problems
from balanza.server.parts import PartsDep
from balanza.server.shapes import Health
from balanza.store import events

router = APIRouter(tags=["server"])

UNLIKELY_KEY = "ready"


@router.get("/health", summary="Does the server run?")
async def read_health() -> Health:
    return Health(ok=True)


@router.get("/ready", summary="Do database and storage answer?", responses=problems())
def read_readiness(parts: PartsDep) -> Health:
    parts.desk.database.read(events.bounds)
    parts.desk.storage.size(UNLIKELY_KEY)
    return Health(ok=True)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: content("text/plain", "In Prometheus's text format."), **problems()},
)
def read_metrics(parts: PartsDep) -> Response:
    return Response(parts.metrics.exposition(), media_type=CONTENT_TYPE)
