"""Where a job stands among the pending ones: its prediction, its share, its place in the order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean

from sqlalchemy import Connection

from balanza.balancer.order import Order, order_key, share_of
from balanza.dispatch import assignment
from balanza.dispatch.desk import Desk
from balanza.media.cost import Work
from balanza.model import Decision, Job, Needs, Reason, Worker
from balanza.store import decisions, fairness, jobs, requirements, workers
from balanza.store.jobs import NewJob

SMALL_FLEET = 100
"""Every worker of it is looked at, and told of in the decision, for each job."""
LOOKED_AT = 32
"""Of a larger one so many, with the fewest jobs, are told apart by all that `least_loaded` goes by: to look at each of
1,000 for each job takes longer than all the rest."""
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A new job, what it asks of a worker, and its work at a first guess."""

    new: NewJob
    needs: Needs
    work: Work


def submit(
    tx: Connection, desk: Desk, wanted: Sequence[Wanted], *, longest_first: bool = False
) -> list[tuple[Job, Decision]]:
    """The jobs, placed, each given to the worker that is best for it, counting those given just before.

    Each with its decision, to be told after the commit. `longest_first`: they are a batch that asks for the least total
    time. Their sources are locked already. Locks all workers.
    """
    now = desk.clock()
    speeds = desk.predictions.speeds(tx, now)
    seconds = [speeds.usual_seconds(one.work.kind, one.work.seconds) for one in wanted]
    mean = fmean(seconds) if longest_first else None
    workers.lock_all(tx)
    most = max(LOOKED_AT, 2 * len(wanted))
    is_whole = desk.settings.policy != "least_loaded" or workers.is_small(tx, max(SMALL_FLEET, most))
    fleet = _by_id(workers.list_workers(tx) if is_whole else workers.least_busy(tx, most))
    kinds = {(one.needs.encoders, one.needs.tags): one.needs for one in wanted}
    ids = {kind: requirements.id_of(tx, needs) for kind, needs in kinds.items()}
    given = []
    for one, predicted in zip(wanted, seconds, strict=True):
        new = _placed(desk.order, one, ids[one.needs.encoders, one.needs.tags], predicted, mean)
        decision = desk.chooser.decide(tx, list(fleet.values()), one.needs, new, avoid={}, now=now)
        if not is_whole and (decision.chosen is None or decision.chosen.cpu_load is None):
            # A busier one may be able, or be heard of.
            fleet, is_whole = _by_id(workers.list_workers(tx)) | fleet, True
            decision = desk.chooser.decide(tx, list(fleet.values()), one.needs, new, avoid={}, now=now)
        assignment.count(fleet, new, decision.worker_id, now)
        given.append((replace(new, assigned_worker=decision.worker_id), decision))
    made = jobs.submit(tx, *(new for new, _ in given))
    for worker_id in sorted({decision.worker_id for _, decision in given if decision.worker_id}):
        workers.mark_chosen(tx, worker_id, now=now)
    decisions.insert(tx, [(new.id, None, decision) for new, decision in given], reason=Reason.SUBMITTED, now=now)
    return [(job, decision) for job, (_, decision) in zip(made, given, strict=True)]


def _by_id(some: Sequence[Worker]) -> dict[str, Worker]:
    return {worker.id: worker for worker in some}


def _placed(order: Order, one: Wanted, requirement_id: int | None, predicted: float, mean: float | None) -> NewJob:
    arrived_at = one.new.created_at.timestamp()
    return replace(
        one.new,
        work=one.work.kind,
        guess_seconds=one.work.seconds,
        predicted_seconds=predicted,
        share=share_of(order, one.new.owner_id),
        order_key=order_key(order, predicted, arrived_at=arrived_at, batch_mean_seconds=mean),
        requirement_id=requirement_id,
        scratch_bytes=one.needs.scratch_bytes,
    )


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
