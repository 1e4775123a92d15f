"""Whether the server runs, whether it can work, and what it measures."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Response

from balanza.errors import BalanzaError, Retryable
from balanza.server.auth import Monitor
from balanza.server.metrics import CONTENT_TYPE
from balanza.server.openapi import content, problems
from balanza.server.parts import PartsDep
from balanza.server.shapes import Health
from balanza.storage import Storage
from balanza.store import events, library
from balanza.store.database import Database

router = APIRouter(tags=["server"])

TRIAL = "ready"
"""The key of an object that is stored and removed again, and the id of no media."""


@router.get("/health", summary="Does the server run?")
async def read_health() -> Health:
    return Health(ok=True)


@router.get("/ready", summary="Can database and storage be read and written?", responses=problems())
def read_readiness(parts: PartsDep) -> Health:
    """Something is really written to both, and nothing of it stays."""
    with _unavailable():
        _try_database(parts.desk.database)
        _try_storage(parts.desk.storage)
    return Health(ok=True)


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: content("text/plain", "In Prometheus's text format."), **problems()},
)
def read_metrics(parts: Monitor) -> Response:
    return Response(parts.metrics.exposition(), media_type=CONTENT_TYPE)


@contextmanager
def _unavailable() -> Iterator[None]:
    """Whatever is wrong, it is the server that is not ready; the sentence names the database or the storage."""
    try:
        yield
    except BalanzaError as error:
        raise Retryable(error.sentence) from error


def _try_database(database: Database) -> None:
    database.read(events.bounds)
    # A statement that changes no row: BEGIN alone passes where writing is not allowed.
    database.write(lambda tx: library.mark_purged(tx, TRIAL))


def _try_storage(storage: Storage) -> None:
    writer = storage.writer(TRIAL)
    try:
        writer.write(b"ready")
        writer.commit()
    except BalanzaError:
        writer.abort()
        raise
    storage.delete(TRIAL)
