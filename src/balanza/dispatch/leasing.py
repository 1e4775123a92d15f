"""How a worker gets a job: planned where nothing is locked, then moved and leased in one write transaction."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from balanza.balancer.order import Order, Rule
from balanza.dispatch import assignment
from balanza.dispatch.askers import Promise
from balanza.dispatch.assignment import Move
from balanza.dispatch.desk import Desk
from balanza.dispatch.endings import Ended, end_leases
from balanza.dispatch.messages import grant_of
from balanza.dispatch.moving import take
from balanza.dispatch.planning import Asked, Plan, Prospect
from balanza.errors import Retryable, WorkerReplaced, WorkerUnknown
from balanza.model import Job, Lease, Outcome, Worker
from balanza.protocol import LeaseGrant, LeaseRequest
from balanza.store import fairness, jobs, workers
from balanza.store.jobs import NewLease

log = logging.getLogger("balanza.dispatch")

LOOK_AGAIN_SECONDS = 30.0
"""Longer than any long poll: while something is pending upkeep rings once a second, also for what another server on the
same database was asked for."""
_TRIES = 5
"""Several workers, or slots of one, may plan for the same job: one gets it, the others look again."""


LOOK_AGAIN_SOON_SECONDS = 0.25


class Answer(NamedTuple):
    """To a worker that asked for a job."""

    grant: LeaseGrant | None
    look_again_seconds: float


class Granted(NamedTuple):
    """What a transaction has leased, to be told after its commit."""

    plan: Plan
    leases: list[Lease]
    moves: list[Move]
    pauses: str | None = None


class Leasing:
    """Safe to call from many threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def ask(self, request: LeaseRequest) -> Answer:
        """The job that the worker should run next, of all pending ones (`planning`); the guard's turn apart.

        It is moved into the worker's own queue if it is in another's, and leased. Does not wait: without a job, or a
        slot for it, the answer says when to ask again at the latest. Raises WorkerReplaced, WorkerUnknown.
        """
        if request.pauses is not None and self._desk.order is not Order.LPT:
            self._desk.forecasts.note_offer(request.worker_id, self._desk.clock())
        for _ in range(_TRIES):
            plan = self._desk.database.read(lambda tx: self._plan(tx, request))
            if not isinstance(plan, Plan):
                return Answer(None, self._look_again_seconds(plan))
            granted = self._desk.database.write(partial(self._lease, request=request, plan=plan))
            if granted is not None:
                return Answer(self._told(granted), 0)
        return Answer(None, LOOK_AGAIN_SOON_SECONDS)  # others were quicker

    def lease_within(self, tx: Connection, promise: Promise, worker_id: str) -> Granted | None:
        """In the transaction that made a job for this worker: leases what it should run next, if it waits for a job."""
        request = promise.make(worker_id)
        if request is None:
            return None
        try:
            plan = self._plan(tx, request)
            return self._lease(tx, request=request, plan=plan) if isinstance(plan, Plan) else None
        except WorkerReplaced:  # whoever waits is an earlier process of this worker, and will be told so
            return None

    def keep(self, promise: Promise, granted: Granted) -> None:
        """To be called after that commit. What nobody hears of is pending again, and the attempt does not count."""
        if not promise.keep(self._told(granted)):
            try:
                self.take_back([lease.token for lease in granted.leases])
            except Retryable:  # whoever submitted is to hear of the job all the same
                log.warning("A lease that nobody heard of could not be taken back now; it ends by itself.")

    def take_back(self, tokens: Sequence[str]) -> None:
        """What was leased to a worker that has gone away before it heard of it."""

        def operation(tx: Connection) -> Ended:
            return end_leases(tx, self._desk.chooser, tokens, Outcome.RELEASED, now=self._desk.clock())

        self._desk.settle(self._desk.database.write(operation))

    def _look_again_seconds(self, prospect: Prospect) -> float:
        if prospect is Prospect.NONE:
            return LOOK_AGAIN_SECONDS
        return LOOK_AGAIN_SOON_SECONDS if prospect is Prospect.LEFT else self._desk.pace.look_again_seconds

    def _plan(self, tx: Connection, request: LeaseRequest) -> Plan | Prospect:
        """Most who ask find nothing, and those are many: so it is looked for where nothing is locked."""
        worker, now = workers.get(tx, request.worker_id), self._desk.clock()
        if worker is None or not is_registered(worker, request.instance):
            raise not_registered(tx, request.worker_id)
        asked = _asked(tx, worker, request, now)
        if asked is None or not jobs.any_runnable(tx, asked.ability):
            return Prospect.NONE
        speeds = self._desk.predictions.speeds(tx, now)
        return self._desk.planner.plan(tx, asked, speeds, dispatches=self._desk.dispatches.count, now=now)

    def _lease(self, tx: Connection, *, request: LeaseRequest, plan: Plan) -> Granted | None:
        """What was planned, as far as nobody else has changed it since; nothing without its first job."""
        owners = {request.worker_id, *(job.assigned_worker for job in plan.jobs if job.assigned_worker)}
        locked = {worker_id: workers.get(tx, worker_id, lock=True) for worker_id in sorted(owners)}
        worker, now = locked[request.worker_id], self._desk.clock()
        if worker is None or not is_registered(worker, request.instance):
            raise not_registered(tx, request.worker_id)
        if not _may_start(tx, worker, request, now):
            return None
        # Jobs, then shares, then events: in any other order two workers could wait for each other in a circle. (Where
        # a job was made before in this transaction, all workers are locked, and nobody else is here.)
        lying = jobs.lock_pending(tx, [job.id for job in plan.jobs])
        there = [job for job in plan.jobs if job.id in lying and lying[job.id] == job.assigned_worker]
        if plan.job not in there:
            return None
        if request.pauses is not None:  # what it says of that comes too late for whoever is next to ask
            jobs.pause(tx, request.pauses, worker_id=worker.id)
        fairness.lock(tx, (job.share for job in there))
        moves = [move for job in there if (move := self._brought(tx, worker, job, plan.rule, now))]
        leases = self._leased(tx, request, there, plan, now)
        return Granted(plan, leases, moves, request.pauses) if leases else None

    def _brought(self, tx: Connection, worker: Worker, job: Job, rule: Rule, now: datetime) -> Move | None:
        """The job comes to where this worker may lease it: how, if it is told."""
        if job.assigned_worker not in {None, worker.id}:
            return take(tx, self._desk.chooser, worker, job, rule, now=now)
        if job.assigned_worker is None and worker.assigned_jobs:
            # Its own queue comes before the general one: what is next is put at its head.
            jobs.assign(tx, [job.id], worker.id, now=now)
        return None

    def _leased(
        self, tx: Connection, request: LeaseRequest, there: Sequence[Job], plan: Plan, now: datetime
    ) -> list[Lease]:
        alone = None if plan.companions else plan.predicted_seconds
        wanted = [
            NewLease(
                job.id,
                secrets.token_urlsafe(24),
                shares_slot=request.pauses is not None or job is not plan.job,
                predicted_seconds=alone,
            )
            for job in there
        ]
        return jobs.lease(tx, wanted, worker_id=request.worker_id, now=now, expires_at=now + self._desk.pace.lease_time)

    def _told(self, granted: Granted) -> LeaseGrant:
        """To be called after the commit. What is done together is one dispatch."""
        self._desk.dispatches.add(oldest=granted.plan.rule is Rule.OLDEST)
        for lease in granted.leases:
            if self._desk.observer and lease.job.kind.is_listed and lease.job.started_at:
                self._desk.observer.job_leased((lease.job.started_at - lease.job.created_at).total_seconds())
        self._desk.moved(granted.moves)
        first, *others = map(grant_of, granted.leases)
        return first.model_copy(update={"pauses": granted.pauses, "companions": tuple(others)})


def is_registered(worker: Worker | None, instance: str) -> bool:
    return worker is not None and worker.instance == instance


def not_registered(tx: Connection, worker_id: str) -> WorkerReplaced:
    if workers.get(tx, worker_id) is None:
        return WorkerUnknown(f"No worker is registered as {worker_id}. Register first.")
    return WorkerReplaced(f"Another process is registered as {worker_id} now. Give each worker an id of its own.")


def _asked(tx: Connection, worker: Worker, request: LeaseRequest, now: datetime) -> Asked | None:
    """What the worker asks for; None when it may be given nothing now."""
    if not _may_start(tx, worker, request, now):
        return None
    most = request.most if worker.quarantined_until is None else 1
    asked = Asked(worker, assignment.ability_of(tx, worker), most)
    if request.pauses is None:
        return asked
    paused = jobs.held(tx, request.pauses)
    if paused is None:
        return None
    return replace(asked, pauses=paused.job, remaining_seconds=request.remaining_seconds or 0.0)


def _may_start(tx: Connection, worker: Worker, request: LeaseRequest, now: datetime) -> bool:
    """Whether it may be given one more job to run. On probation it runs one at a time."""
    if worker.draining or worker.leaving or worker.offline:
        return False
    if worker.quarantined_until is not None and (worker.quarantined_until > now or worker.running_jobs):
        return False
    if request.pauses is None:
        return worker.has_free_slot
    paused = jobs.held(tx, request.pauses)
    if worker.has_free_slot or paused is None or paused.job.worker_id != worker.id or paused.job.shares_slot:
        return False
    return worker.sharing_jobs < worker.slots
