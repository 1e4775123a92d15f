"""The log of changes: one row per change of state, written in the transaction of that change."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text

from balanza.model import Event
from balanza.store.tables import EVENT, events

EventData = Mapping[str, str | int | float | bool | None]

_INSERT = insert(events).returning(events.c.id)
_AFTER = select(*EVENT).where(events.c.id > bindparam("after")).order_by(events.c.id).limit(bindparam("most"))
_BOUNDS = select(
    select(func.min(events.c.id)).scalar_subquery(),
    select(func.max(events.c.id)).scalar_subquery(),
)
_PRUNE = delete(events).where(events.c.id <= bindparam("last"))

# PostgreSQL draws ids before it commits, so a reader could see 8, go on from there and never see 7, committed later.
# Whoever appends holds this lock until its commit: ids become visible in order. SQLite has one writer anyway.
_IN_ORDER = text("SELECT pg_advisory_xact_lock(7032516348)")


def append(
    tx: Connection,
    event_type: str,
    *,
    now: datetime,
    job_id: str | None = None,
    worker_id: str | None = None,
    media_id: str | None = None,
    data: EventData | None = None,
) -> int:
    """The id of the new event. Later ids become visible later."""
    return append_all(tx, [Event(0, now, event_type, job_id, worker_id, media_id, data or {})])


def append_all(tx: Connection, new: list[Event]) -> int:
    """Appends in the given order, whatever their ids say; the last id."""
    if tx.dialect.name == "postgresql":
        tx.execute(_IN_ORDER)
    last = 0
    for event in new:
        last = tx.execute(_INSERT, {column.name: getattr(event, column.name) for column in EVENT[1:]}).scalar_one()
    return last


def after(tx: Connection, event_id: int, limit: int) -> list[Event]:
    """The events that follow `event_id`, oldest first."""
    return [Event(*row) for row in tx.execute(_AFTER, {"after": event_id, "most": limit})]


def bounds(tx: Connection) -> tuple[int, int]:
    """The oldest and the newest id that are kept; (0, 0) when there is none."""
    oldest, newest = tx.execute(_BOUNDS).one()
    return oldest or 0, newest or 0


def prune(tx: Connection, keep: int) -> int:
    """Removes all but about the newest `keep` events (ids have gaps); how many went."""
    _, newest = bounds(tx)
    return tx.execute(_PRUNE, {"last": newest - keep}).rowcount
