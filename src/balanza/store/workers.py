"""The workers: registered, alive, draining, offline. Their counters are changed by the functions of jobs alone."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Update, bindparam, case, func, insert, not_, select, update

from balanza.model import LEFT, Worker
from balanza.protocol import Load, Registration
from balanza.store import events
from balanza.store.tables import WORKER, workers

_THIS = workers.c.id == bindparam("this_id")
_THIS_INSTANCE = _THIS & (workers.c.instance == bindparam("this_instance"))
_ONLINE = not_(workers.c.offline)
_LISTED = workers.c.removed_at.is_(None)

_INSERT = insert(workers).returning(*WORKER)
_REPLACE = update(workers).where(_THIS).returning(*WORKER)
_ALIVE = update(workers).where(_THIS_INSTANCE, _ONLINE).returning(*WORKER)
_BACK = (
    update(workers).where(_THIS_INSTANCE, workers.c.offline).values(offline=False, removed_at=None).returning(*WORKER)
)
_DRAIN = update(workers).where(_THIS, _LISTED, workers.c.draining != bindparam("wanted")).returning(*WORKER)
_DRAIN_UNTIL = update(workers).where(_THIS, _LISTED).returning(*WORKER)
_OFFLINE = update(workers).where(_THIS, _ONLINE).values(offline=True).returning(*WORKER)
_LEFT = update(workers).where(_THIS, _ONLINE).values(offline=True, instance=LEFT).returning(*WORKER)
_REMOVE = (
    update(workers)
    .where(_THIS, _LISTED, workers.c.offline, workers.c.assigned_jobs == 0, workers.c.running_jobs == 0)
    .values(removed_at=bindparam("at"))
    .returning(*WORKER)
)
_FAULT = update(workers).where(_THIS).values(faults=workers.c.faults + 1).returning(*WORKER)
_CHANGE = update(workers).where(_THIS).returning(*WORKER)
_CHOSEN = update(workers).where(_THIS).values(chosen_at=bindparam("at"))
_COUNT = (
    update(workers)
    .where(_THIS)
    .values(
        assigned_jobs=workers.c.assigned_jobs + bindparam("assigned"),
        # Of an empty queue nothing: a sum of many fractions would not come back to it.
        assigned_seconds=case(
            (workers.c.assigned_jobs + bindparam("assigned") == 0, 0.0),
            else_=workers.c.assigned_seconds + bindparam("seconds"),
        ),
        running_jobs=workers.c.running_jobs + bindparam("running"),
        sharing_jobs=workers.c.sharing_jobs + bindparam("sharing"),
        conversions_failed=workers.c.conversions_failed + bindparam("failed"),
    )
)
_COMPLETED = (
    update(workers)
    .where(_THIS)
    .values(
        running_jobs=workers.c.running_jobs - bindparam("completed"),
        sharing_jobs=workers.c.sharing_jobs - bindparam("sharing"),
        conversions_success=workers.c.conversions_success + bindparam("completed"),
        succeeded_at=bindparam("at"),
    )
)
_GET = select(*WORKER).where(_THIS)
_ALL = select(*WORKER).where(_LISTED).order_by(workers.c.id)
_LEAST_BUSY = (
    select(*WORKER)
    .where(_LISTED, _ONLINE)
    .order_by(workers.c.assigned_jobs + workers.c.running_jobs, workers.c.chosen_at.nulls_first(), workers.c.id)
    .limit(bindparam("most"))
)
_REMOVED = select(1).where(_THIS, not_(_LISTED))
# FOR NO KEY UPDATE: it waits for other writers of the row, not for foreign keys that point at it.
_GET_LOCKED = _GET.with_for_update(key_share=True)
_ALL_LOCKED = _ALL.with_for_update(key_share=True)
_LOCKED = select(workers.c.id).where(_LISTED).order_by(workers.c.id).with_for_update(key_share=True)
_LOCK_THESE = _LOCKED.where(workers.c.id.in_(bindparam("ids", expanding=True)))
_SOME_IDS = select(workers.c.id).where(_LISTED).limit(bindparam("most"))
_ONLINE_COUNT = select(func.count()).select_from(workers).where(_ONLINE)
_SILENT = select(workers.c.id).where(_ONLINE, workers.c.seen_at < bindparam("before")).order_by(workers.c.id)


def register(tx: Connection, registration: Registration, *, now: datetime) -> Worker:
    """The worker, online; an earlier instance under this id is replaced, its counters and its draining are kept."""
    values = {
        "instance": registration.instance,
        "slots": registration.slots,
        "cpus": registration.cpus,
        "memory_total_mb": registration.memory_total_mb,
        "encoders": registration.encoders,
        "tags": registration.tags,
        "metrics_address": registration.metrics_address,
        "registered_at": now,
        "seen_at": now,
        "cpu_load": registration.load.cpu_load,
        "memory_mb": registration.load.memory_mb,
        "scratch_free_bytes": registration.load.scratch_free_bytes,
        "received_bytes_per_second": registration.load.received_bytes_per_second,
        "sent_bytes_per_second": registration.load.sent_bytes_per_second,
        "leaving": False,
        "offline": False,
        "removed_at": None,
    }
    # Two at once under a new id: the second INSERT is refused, and Database.write runs the operation again.
    worker = _one(tx, _REPLACE, {"this_id": registration.worker_id, **values})
    if worker is None:
        worker = Worker(*tx.execute(_INSERT, {"id": registration.worker_id, **values}).one())
    events.append(tx, "worker.registered", now=now, worker_id=worker.id)
    return worker


def heartbeat(
    tx: Connection, *, worker_id: str, instance: str, load: Load, leaving: bool = False, now: datetime
) -> Worker | None:
    """None when `instance` is not the registered one. A worker that was offline is back, with an event."""
    values = {
        "this_id": worker_id,
        "this_instance": instance,
        "seen_at": now,
        "cpu_load": load.cpu_load,
        "memory_mb": load.memory_mb,
        "scratch_free_bytes": load.scratch_free_bytes,
        "received_bytes_per_second": load.received_bytes_per_second,
        "sent_bytes_per_second": load.sent_bytes_per_second,
        "leaving": leaving,
    }
    worker = _one(tx, _ALIVE, values)
    if worker is None and (worker := _one(tx, _BACK, values)):
        events.append(tx, "worker.registered", now=now, worker_id=worker.id, data={"reason": "back"})
    return worker


def get(tx: Connection, worker_id: str, *, lock: bool = False) -> Worker | None:
    """With `lock` nobody else changes it until the transaction ends."""
    row = tx.execute(_GET_LOCKED if lock else _GET, {"this_id": worker_id}).first()
    return None if row is None else Worker(*row)


def list_workers(tx: Connection, *, lock: bool = False) -> list[Worker]:
    """All workers by id, the offline ones too, those removed not. With `lock` nobody else changes them until the end of
    the transaction."""
    return [Worker(*row) for row in tx.execute(_ALL_LOCKED if lock else _ALL)]


def least_busy(tx: Connection, most: int) -> list[Worker]:
    """Of those online the ones with the fewest jobs, of equal ones those chosen longest ago, by id."""
    found = [Worker(*row) for row in tx.execute(_LEAST_BUSY, {"most": most})]
    return sorted(found, key=lambda worker: worker.id)


def lock_all(tx: Connection) -> None:
    """Nobody else changes any worker until the transaction ends. In SQLite nobody could: one transaction writes at a
    time."""
    if tx.dialect.name != "sqlite":
        tx.execute(_LOCKED).all()


def lock(tx: Connection, worker_ids: Iterable[str]) -> None:
    """As `lock_all`, for these workers."""
    if tx.dialect.name != "sqlite":
        tx.execute(_LOCK_THESE, {"ids": sorted(worker_ids)}).all()


def online_count(tx: Connection) -> int:
    return int(tx.execute(_ONLINE_COUNT).scalar_one())


def is_small(tx: Connection, most: int) -> bool:
    """Whether the fleet has at most so many workers."""
    return len(tx.execute(_SOME_IDS, {"most": most + 1}).all()) <= most


def set_draining(
    tx: Connection, worker_id: str, draining: bool, *, now: datetime, until: datetime | None = None
) -> Worker | None:
    """The worker in the wanted state, with one event if that is a change; None when there is no such worker."""
    changed = _one(tx, _DRAIN, {"this_id": worker_id, "wanted": draining, "draining": draining})
    if changed is not None:
        events.append(tx, "worker.draining" if draining else "worker.resumed", now=now, worker_id=worker_id)
    return _one(tx, _DRAIN_UNTIL, {"this_id": worker_id, "drain_until": until})


def add_fault(tx: Connection, worker_id: str, *, failed_at: datetime) -> Worker | None:
    """One more job that it failed at, then, and another worker completed."""
    return _one(tx, _FAULT, {"this_id": worker_id, "blamed_at": failed_at})


def set_quarantine(tx: Connection, worker_id: str, *, until: datetime, reason: str, now: datetime) -> Worker | None:
    """The worker, in one more quarantine; its faults are counted anew."""
    before = get(tx, worker_id)
    if before is None:
        return None
    events.append(tx, "worker.quarantined", now=now, worker_id=worker_id, data={"reason": reason})
    values = {"quarantined_until": until, "quarantine_reason": reason, "faults": 0}
    return _one(tx, _CHANGE, {"this_id": worker_id, "quarantines": before.quarantines + 1, **values})


def clear_faults(tx: Connection, worker: Worker, *, now: datetime) -> None:
    """The worker is trusted again, with an event if it was in quarantine or on probation."""
    if worker.quarantined_until is not None:
        events.append(tx, "worker.trusted", now=now, worker_id=worker.id)
    elif not worker.faults and not worker.quarantines:
        return
    values = {"quarantined_until": None, "quarantine_reason": None, "faults": 0, "quarantines": 0}
    tx.execute(_CHANGE, {"this_id": worker.id, **values})


def set_offline(tx: Connection, worker_id: str, *, now: datetime, reason: str) -> Worker | None:
    """The worker, now offline; None when it already was or is unknown. The reason `left`: it went by itself."""
    has_left = reason == "left"
    worker = _one(tx, _LEFT if has_left else _OFFLINE, {"this_id": worker_id})
    if worker is not None:
        event_type = "worker.left" if has_left else "worker.offline"
        events.append(tx, event_type, now=now, worker_id=worker_id, data={"reason": reason})
    return worker


def remove(tx: Connection, worker_id: str, *, now: datetime) -> Worker | None:
    """The worker, from now on in no list until it comes back; None when it is online, has jobs, or was removed before.

    What it did stays.
    """
    worker = _one(tx, _REMOVE, {"this_id": worker_id, "at": now})
    if worker is not None:
        events.append(tx, "worker.removed", now=now, worker_id=worker_id)
    return worker


def is_removed(tx: Connection, worker_id: str) -> bool:
    return tx.execute(_REMOVED, {"this_id": worker_id}).first() is not None


def mark_chosen(tx: Connection, worker_id: str, *, now: datetime) -> None:
    tx.execute(_CHOSEN, {"this_id": worker_id, "at": now})


def silent_since(tx: Connection, before: datetime) -> list[str]:
    """The ids of the workers not yet offline that were last heard of before that time."""
    return list(tx.execute(_SILENT, {"before": before}).scalars())


def count_completed(tx: Connection, worker_id: str, *, completed: int, sharing: int, now: datetime) -> None:
    """The worker has completed so many of the jobs that it was running, of which `sharing` shared a slot."""
    tx.execute(_COMPLETED, {"this_id": worker_id, "completed": completed, "sharing": sharing, "at": now})


def count(
    tx: Connection,
    worker_id: str | None,
    *,
    assigned: int = 0,
    seconds: float = 0.0,
    running: int = 0,
    sharing: int = 0,
    failed: int = 0,
) -> None:
    """Adds to the counters of a worker, if there is one, in the transaction of the change of its jobs.

    `seconds` is the predicted work of the `assigned` ones.
    """
    if worker_id is not None:
        deltas = {"assigned": assigned, "seconds": seconds, "running": running, "sharing": sharing, "failed": failed}
        tx.execute(_COUNT, {"this_id": worker_id, **deltas})


def count_assigned(tx: Connection, changes: Iterable[tuple[str | None, int, float]]) -> None:
    """Adds to what is in the own queues: by worker (None: nobody's), how many jobs, and their predicted seconds.

    Always in the order of the ids, so that two transactions do not wait for each other in a circle.
    """
    summed: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for worker_id, jobs, seconds in changes:
        if worker_id is not None:
            summed[worker_id][0] += jobs
            summed[worker_id][1] += seconds
    for worker_id, (jobs_more, seconds_more) in sorted(summed.items()):
        count(tx, worker_id, assigned=int(jobs_more), seconds=seconds_more)


def _one(tx: Connection, statement: Update, values: dict[str, Any]) -> Worker | None:
    row = tx.execute(statement, values).first()
    return None if row is None else Worker(*row)
