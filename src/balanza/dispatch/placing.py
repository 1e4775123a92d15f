"""Where a job stands among the pending ones: its prediction, its share, its place in the order."""

from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from balanza.balancer.order import Order, order_key, share_of
from balanza.dispatch.desk import Desk
from balanza.media.cost import Work
from balanza.model import Decision, Job, Needs, Reason
from balanza.store import decisions, fairness, jobs, requirements, workers
from balanza.store.jobs import NewJob

_AT_ONCE = 1000


def placed(tx: Connection, desk: Desk, new: NewJob, work: Work, *, batch_mean_seconds: float | None = None) -> NewJob:
    """The job with its prediction and its place; `batch_mean_seconds` when its batch asks for the least total time."""
    predicted = desk.predictions.speeds(tx, new.created_at).usual_seconds(work.kind, work.seconds)
    arrived_at = new.created_at.timestamp()
    return replace(
        new,
        work=work.kind,
        guess_seconds=work.seconds,
        predicted_seconds=predicted,
        share=share_of(desk.order, new.owner_id),
        order_key=order_key(desk.order, predicted, arrived_at=arrived_at, batch_mean_seconds=batch_mean_seconds),
    )


def submit(
    tx: Connection, desk: Desk, new: NewJob, needs: Needs, work: Work, *, batch_mean_seconds: float | None = None
) -> tuple[Job, Decision]:
    """The job, placed, and given to the worker that is best for it; and the decision, to be told after the commit.

    The source is locked already. Locks all workers.
    """
    fleet, now = workers.list_workers(tx, lock=True), new.created_at
    new = placed(tx, desk, new, work, batch_mean_seconds=batch_mean_seconds)
    decision = desk.chooser.decide(tx, fleet, needs, new, avoid={}, now=now)
    job = jobs.submit(
        tx,
        replace(
            new,
            requirement_id=requirements.id_of(tx, needs),
            scratch_bytes=needs.scratch_bytes,
            assigned_worker=decision.worker_id,
        ),
    )
    if decision.worker_id is not None:
        workers.mark_chosen(tx, decision.worker_id, now=now)
    decisions.insert_decision(tx, job.id, decision, reason=Reason.SUBMITTED, source=None, now=now)
    return job, decision


def put_in_order(desk: Desk) -> int:
    """Places what is pending from an older version, or from another order, anew; to be called when a server starts.

    How many jobs that were. What a batch asked for is kept where owners share fairly.
    """
    count, after = 0, 0
    while moved := desk.database.write(partial(_some_in_order, order=desk.order, after=after)):
        count += sum(changed for _, changed in moved)
        after = moved[-1][0]
    desk.database.write(fairness.recount)
    return count


def _some_in_order(tx: Connection, *, order: Order, after: int) -> list[tuple[int, bool]]:
    return [(job.seq, _replaced(tx, job, order)) for job in jobs.pending_after(tx, after, _AT_ONCE)]


def _replaced(tx: Connection, job: Job, order: Order) -> bool:
    share = share_of(order, job.owner_id)
    key = order_key(order, job.predicted_seconds, arrived_at=job.created_at.timestamp())
    keeps_place = order is Order.BALANCED and job.batch_id is not None
    if job.share == share and (keeps_place or job.order_key == key):
        return False
    jobs.replace_in_order(tx, job.id, share=share, order_key=key)
    return True
