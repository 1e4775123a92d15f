"""What was learned of how long work takes: one row for each worker, or all, and each kind of work, or all."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, or_, select, text

from balanza.store.order_tables import speeds

_ALL = select(speeds.c.worker_id, speeds.c.work, speeds.c.log_factor, speeds.c.samples)
_OF = _ALL.where(
    or_(speeds.c.worker_id == "", speeds.c.worker_id == bindparam("of")),
    or_(speeds.c.work == "", speeds.c.work == bindparam("kind")),
)
_SAVE = text(
    "INSERT INTO speeds (worker_id, work, log_factor, samples) VALUES (:worker_id, :work, :log_factor, :samples) "
    "ON CONFLICT (worker_id, work) DO UPDATE SET log_factor = excluded.log_factor, samples = excluded.samples"
)
"""Both databases know it; SQLAlchemy has a statement of its own for each."""

Learned = tuple[float, int]
"""The logarithm of a factor, and of how many attempts it was learned."""


def load(tx: Connection) -> dict[tuple[str, str], Learned]:
    """By worker and kind of work; '' is all of them."""
    return {(row.worker_id, row.work): (row.log_factor, row.samples) for row in tx.execute(_ALL)}


def load_of(tx: Connection, worker_id: str, work: str) -> dict[tuple[str, str], Learned]:
    """What a prediction for that worker and kind of work is made of."""
    rows = tx.execute(_OF, {"of": worker_id, "kind": work})
    return {(row.worker_id, row.work): (row.log_factor, row.samples) for row in rows}


def save(tx: Connection, learned: Mapping[tuple[str, str], Learned]) -> None:
    rows = [
        {"worker_id": worker_id, "work": work, "log_factor": log_factor, "samples": samples}
        for (worker_id, work), (log_factor, samples) in sorted(learned.items())
    ]
    if rows:
        tx.execute(_SAVE, rows)
