"""The planning step before a lease: which of all pending jobs a worker should run next. Reads only. Docs: balancing.md.

The rules are pure (`balancer.order`, `pausing`, `lookahead`); here they meet the rows.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from math import ceil

from sqlalchemy import Connection

from balanza.balancer import capability, lookahead, pausing, rebalance
from balanza.balancer.order import Head, Order, Rule, in_order, is_guards_turn, rule_of
from balanza.balancer.prediction import Speeds
from balanza.balancer.theft import STEAL_AFTER_SECONDS
from balanza.dispatch.assignment import needs_of
from balanza.dispatch.capacity import slots_of
from balanza.model import Job, JobKind, Worker
from balanza.store import fairness, next_jobs, requirements, workers
from balanza.store.next_jobs import Taker
from balanza.store.queues import Ability

STEAL_AFTER = timedelta(seconds=STEAL_AFTER_SECONDS)
ANY_TIME = datetime.max.replace(tzinfo=UTC)
"""Later than every job, by whatever clock it came: that of a server goes back sometimes, and that of another one may be
ahead."""
TINY_SECONDS = 0.3
"""Predicted to take less, jobs of one kind are done by one process."""
_FULLEST = 4
"""So many of the longest own queues are looked into when several jobs are equally next."""


class Prospect(Enum):
    """What a worker that asks for a job can expect when there is none now."""

    SOON = "soon"
    """Others have jobs that they are about to start."""
    LEFT = "left"
    """It leaves what there is to faster workers for a while."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Plan:
    """The job that is to be leased, why it is the next, and those that are done with it."""

    job: Job
    rule: Rule
    predicted_seconds: float
    """On this worker."""
    companions: tuple[Job, ...] = ()

    @property
    def jobs(self) -> tuple[Job, ...]:
        return (self.job, *self.companions)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a worker asks for: by a free slot, or beside a conversion that it would pause."""

    worker: Worker
    ability: Ability
    most: int
    pauses: Job | None = None
    """The one that would be paused; None: the slot is free."""
    remaining_seconds: float = 0.0
    """Of it."""


class Planner:
    """Of one server."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._lock = threading.Lock()
        self._patience = lookahead.Patience()

    def plan(self, tx: Connection, asked: Asked, speeds: Speeds, *, dispatches: int, now: datetime) -> Plan | Prospect:
        """What the worker should run next; the prospect when there is nothing for it now."""
        worker = asked.worker
        taker = Taker(worker.id, asked.ability, now - STEAL_AFTER)
        if asked.pauses is not None:
            if self._order is Order.LPT:  # for the least time until all are done the longest must go on
                return Prospect.NONE
            return self._beside(tx, asked, asked.pauses, taker, speeds, now) or Prospect.NONE
        found = self._guarded(tx, taker, dispatches) or self._first(tx, taker)
        if found is None:
            return self._prospect(tx, taker)
        if self._looks_ahead(tx, worker, found[0], speeds):
            chosen = self._looked_ahead(tx, asked, taker, speeds, found, now)
            if chosen is None and self._leaves(worker.id, found[0], speeds, now):
                return Prospect.LEFT
            found = chosen or found
        job, rule = found
        seconds = speeds.seconds_on(worker.id, job.work, job.guess_seconds)
        companions = self._companions(tx, asked, taker, speeds, job) if rule is not Rule.OLDEST else ()
        return Plan(job, rule, seconds, companions)

    def _guarded(self, tx: Connection, taker: Taker, dispatches: int) -> tuple[Job, Rule] | None:
        """On the guard's turn the oldest job."""
        if not is_guards_turn(dispatches):
            return None
        oldest = next_jobs.oldest(tx, taker)
        return (oldest, Rule.OLDEST) if oldest else None

    def _first(self, tx: Connection, taker: Taker) -> tuple[Job, Rule] | None:
        """Whose turn it is; of several equally next one that need not be moved, or that would start last otherwise."""
        found = next_jobs.heads(tx, taker, 2)
        return self._chosen(tx, taker, found, 0) if found else None

    def _chosen(self, tx: Connection, taker: Taker, heads: Sequence[tuple[Job, float]], index: int) -> tuple[Job, Rule]:
        job = heads[index][0]
        rule = rule_of(self._order, _head(*heads[index]), [_head(*one) for one in heads])
        if rule is Rule.SHORTEST and job.order_key != job.predicted_seconds:
            rule = Rule.LONGEST  # of its batch, which asks for the least total time
        return (job if job.assigned_worker == taker.worker_id else _nearest(tx, taker, job)), rule

    def _beside(
        self, tx: Connection, asked: Asked, paused: Job, taker: Taker, speeds: Speeds, now: datetime
    ) -> Plan | None:
        """Of each share's first jobs, in their order, the one that a conversion may be paused for.

        Not what nobody has predicted, an older version's: it may be a film.
        """
        asked = replace(asked, remaining_seconds=_likely_remainder(paused, asked.remaining_seconds, speeds))
        heads = next_jobs.heads(tx, taker, pausing.SHARES_LOOKED_AT)
        held = fairness.slots_held(tx) if any(job.share != paused.share for job, _ in heads) else Counter()
        for index, (job, _) in enumerate(heads):
            if job.predicted_seconds <= 0:
                continue
            seconds = speeds.seconds_on(taker.worker_id, job.work, job.guess_seconds)
            is_short = pausing.is_short_beside(seconds, asked.remaining_seconds)
            if is_short or _is_owed_a_slot(job, seconds, asked, held, now):
                chosen, rule = self._chosen(tx, taker, heads, index)
                companions = self._companions(tx, asked, taker, speeds, chosen)
                return Plan(chosen, rule if is_short else Rule.FAIR_SHARE, seconds, companions)
        return None

    def _looks_ahead(self, tx: Connection, worker: Worker, job: Job, speeds: Speeds) -> bool:
        if not speeds.are_uneven:
            return False
        if speeds.seconds_on(worker.id, job.work, job.guess_seconds) <= lookahead.WORTH_SECONDS:
            return False
        return self._order is Order.LPT or fairness.pending_count(tx) <= lookahead.MOST_PENDING

    def _looked_ahead(
        self,
        tx: Connection,
        asked: Asked,
        taker: Taker,
        speeds: Speeds,
        found: tuple[Job, Rule],
        now: datetime,
    ) -> tuple[Job, Rule] | None:
        """Another job when faster workers will end the first ones sooner; None when they will end them all."""
        if found[0].attempts:  # the others may be those who failed at it
            return found
        ordered = [found[0], *(job for job in _in_order(tx, taker) if job.id != found[0].id)]
        able = _able_for_all(tx, ordered, asked.worker)
        slots = slots_of(tx, able, speeds, now)
        if not lookahead.is_uneven(slots):
            return found
        chosen = lookahead.first_for(taker.worker_id, slots, [job.predicted_seconds for job in ordered])
        if chosen is None:
            return None
        if not chosen:
            return found
        # Instead of the oldest: the guard has not had its turn yet.
        rule = rule_of(self._order, _head(ordered[chosen]), ()) if found[1] is Rule.OLDEST else found[1]
        return ordered[chosen], rule

    def _leaves(self, worker_id: str, job: Job, speeds: Speeds, now: datetime) -> bool:
        """Whether it still leaves the job to faster workers."""
        seconds = speeds.seconds_on(worker_id, job.work, job.guess_seconds)
        with self._lock:
            return self._patience.left_seconds(worker_id, job.id, seconds, now.timestamp()) > 0

    def _companions(self, tx: Connection, asked: Asked, taker: Taker, speeds: Speeds, job: Job) -> tuple[Job, ...]:
        """The next jobs of the same kind and options, each tiny: an ffmpeg process does them all."""
        if asked.most == 1 or not _is_tiny(job, speeds):
            return ()
        slots = sum(one.slots for one in workers.list_workers(tx) if not one.offline)
        most = min(asked.most, ceil(fairness.pending_count(tx) / max(1, slots)))  # something is left for the others
        following = next_jobs.after(tx, taker, job, 2 * most) if most > 1 else []
        alike = [one for one in following if _is_alike(one, job) and _is_tiny(one, speeds)]
        # What need not be moved is as good: they all end within seconds.
        return tuple(sorted(alike, key=lambda one: one.assigned_worker not in {None, asked.worker.id})[: most - 1])

    def _prospect(self, tx: Connection, taker: Taker) -> Prospect:
        """Whether others are about to start what it could run; one that hangs does not."""
        later = Taker(taker.worker_id, taker.ability, ANY_TIME)
        return Prospect.SOON if next_jobs.heads(tx, later, 1) else Prospect.NONE


def _likely_remainder(paused: Job, told_seconds: float, speeds: Speeds) -> float:
    """By prediction as well, where enough was seen of that kind of work."""
    if not speeds.knows(paused.work):
        return told_seconds
    done = paused.progress / 100
    whole = speeds.seconds_on(paused.worker_id or "", paused.work, paused.guess_seconds)
    return pausing.likely_remainder(told_seconds, (1 - done) * whole, done=done)


def _is_owed_a_slot(job: Job, seconds: float, asked: Asked, held: Mapping[str, int], now: datetime) -> bool:
    """Whether its owner holds so many slots fewer than that of the conversion that the job need not be short."""
    paused, left = asked.pauses, asked.remaining_seconds
    if paused is None or paused.started_at is None or job.share == paused.share or job.priority < paused.priority:
        return False
    elapsed = (now - paused.started_at).total_seconds()
    most = pausing.longest_pause(paused_seconds=paused.paused_seconds, elapsed_seconds=elapsed)
    own, other = held.get(job.share, 0), held.get(paused.share, 0)
    return pausing.is_owed_a_slot(seconds, left, held=own, held_by_other=other, pause_seconds=most)


def _nearest(tx: Connection, taker: Taker, job: Job) -> Job:
    """Of the jobs whose turn it is as much: one in the worker's own queue, then in the general one, then in the fullest
    own queue of another, where it would start last."""
    for queue in (taker.worker_id, None):
        if found := next_jobs.tied(tx, taker, job, queue):
            return found
    fleet = workers.list_workers(tx)
    asker = next(one for one in fleet if one.id == taker.worker_id)
    for victim in rebalance.victims(asker, fleet)[:_FULLEST]:
        if found := next_jobs.tied(tx, taker, job, victim.id):
            return found
    return job


def _able_for_all(tx: Connection, pending: Sequence[Job], asker: Worker) -> list[Worker]:
    """The asker, and those to whom each of these jobs can be left."""
    known = requirements.list_requirements(tx)
    needs = {(job.requirement_id, job.scratch_bytes): needs_of(known, job) for job in pending}.values()
    return [
        worker
        for worker in workers.list_workers(tx)
        if worker.id == asker.id or not any(capability.can_run(worker, one) for one in needs)
    ]


def _in_order(tx: Connection, taker: Taker) -> list[Job]:
    served = fairness.served_seconds(tx)
    pending = {job.id: job for job in next_jobs.some_of_all(tx, taker, lookahead.MOST_PENDING)}
    heads = [_head(job, served.get(job.share, 0.0)) for job in pending.values()]
    return [pending[job_id] for job_id in in_order(heads, {job.id: job.predicted_seconds for job in pending.values()})]


def _is_tiny(job: Job, speeds: Speeds) -> bool:
    """By what is known now, and only of work that was seen before: what is done together tells little of each."""
    if job.kind is not JobKind.CONVERT or job.attempts or not job.work or not speeds.knows(job.work):
        return False
    return speeds.usual_seconds(job.work, job.guess_seconds) < TINY_SECONDS


def _is_alike(one: Job, other: Job) -> bool:
    """One command line does both."""
    return (one.output_format, one.options, one.requirement_id) == (
        other.output_format,
        other.options,
        other.requirement_id,
    )


def _head(job: Job, served_seconds: float = 0.0) -> Head:
    return Head(job.id, job.seq, job.share, job.priority, served_seconds, job.order_key)
