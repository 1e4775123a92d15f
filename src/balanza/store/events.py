"""The log of changes: one row per change of state, written in the transaction of that change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text

from balanza.model import Event
from balanza.store.tables import EVENT, events

EventData = Mapping[str, str | int | float | bool | None]

_COLUMNS = tuple(column.name for column in EVENT if column.name != "id")
_INSERT = insert(events)
_INSERT_ONE = _INSERT.returning(events.c.id)
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
    owner_id: str | None = None,
) -> int:
    """The id of the new event. Events with a later id become visible later, or at the same time."""
    _keep_order(tx)
    new = Event(0, now, event_type, job_id, worker_id, media_id, data or {}, owner_id)
    event_id: int = tx.execute(_INSERT_ONE, _values(new)).scalar_one()
    return event_id


def append_all(tx: Connection, new: Sequence[Event]) -> None:
    """Appends these in their order; the ids are given by the database."""
    _keep_order(tx)
    tx.execute(_INSERT, [_values(event) for event in new])


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


def _keep_order(tx: Connection) -> None:
    if tx.dialect.name == "postgresql":
        tx.execute(_IN_ORDER)


def _values(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in _COLUMNS}
