"""What workers say of themselves and of their leases, each as one write transaction.

Everything about a job is fenced by its lease token: under a token that is no longer live nothing is written, and what
lies in storage under it is removed. Docs: docs/leases.md.
"""

import secrets
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from balanza.dispatch import assignment, signals
from balanza.dispatch.assignment import Move
from balanza.dispatch.desk import Desk
from balanza.dispatch.endings import Ended, end_attempt, end_leases, together
from balanza.dispatch.messages import grant_of, lease_lost, result_of
from balanza.dispatch.moving import take, welcome
from balanza.dispatch.planning import Asked, Plan, Planner, Prospect
from balanza.dispatch.predictions import learn
from balanza.dispatch.trust import judge
from balanza.errors import Conflict, WorkerReplaced, WorkerUnknown
from balanza.lifecycle import JobStatus
from balanza.model import Job, Lease, Media, Outcome, Reason, Worker, result_key
from balanza.protocol import (
    Completion,
    Failure,
    Heartbeat,
    HeartbeatReply,
    LeaseGrant,
    LeaseRequest,
    Registered,
    Registration,
)
from balanza.storage import LocalStorage, ObjectWriter
from balanza.store import jobs, workers

LOOK_AGAIN_SECONDS = 1.0
"""Work that another server on the same database was asked for makes no signal here."""
LOOK_AGAIN_SOON_SECONDS = 0.25
"""While others have jobs that they are about to start: one that hangs does not, which makes no signal."""


_TRIES = 5
"""Several workers, or slots of one, may plan for the same job: one gets it, the others look again."""


class Answer(NamedTuple):
    """To a worker that asked for a job."""

    grant: LeaseGrant | None
    look_again_seconds: float


class Fleet:
    """Safe to call from many threads; every method returns after its transaction is durable."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._planner = Planner(desk.order)

    def register(self, registration: Registration) -> Registered:
        """The worker is live. What an earlier process of the same id was running goes to others at once."""
        worker_id = registration.worker_id

        def operation(tx: Connection) -> Ended:
            now = self._desk.clock()
            workers.list_workers(tx, lock=True)
            held = jobs.tokens_of(tx, worker_id)
            why = f"{worker_id} was restarted."
            ended = end_leases(tx, self._desk.chooser, held, Outcome.FAILED, why=why, now=now)
            workers.register(tx, registration, now=now)
            moves = welcome(tx, self._desk.chooser, worker_id, now=now)
            return together([ended, Ended(moves=tuple(moves))])

        self._desk.settle(self._desk.database.write(operation))
        local = self._desk.storage if isinstance(self._desk.storage, LocalStorage) else None
        return Registered(
            heartbeat_seconds=self._desk.settings.heartbeat_seconds,
            lease_seconds=self._desk.settings.lease_seconds,
            storage_folder=str(local.folder) if local else None,
            storage_marker=local.marker if local else None,
        )

    def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatReply:
        """Load and progress are noted and the leases named are renewed. Raises WorkerReplaced, WorkerUnknown."""

        def operation(tx: Connection) -> tuple[HeartbeatReply, list[Move]]:
            now = self._desk.clock()
            is_turn = _is_turn(workers.get(tx, heartbeat.worker_id), heartbeat)
            if is_turn:
                workers.list_workers(tx, lock=True)
            worker = workers.heartbeat(
                tx,
                worker_id=heartbeat.worker_id,
                instance=heartbeat.instance,
                load=heartbeat.load,
                leaving=heartbeat.leaving,
                now=now,
            )
            if worker is None:
                raise _not_registered(tx, heartbeat.worker_id)
            expires_at = now + self._desk.lease_time
            renewed = jobs.renew(tx, worker_id=worker.id, reports=heartbeat.leases, expires_at=expires_at)
            lost = tuple(report.token for report in heartbeat.leases if report.token not in renewed)
            moves = self._turned(tx, worker, now) if is_turn else []
            return HeartbeatReply(lost=lost, drain=worker.draining), moves

        reply, moves = self._desk.database.write(operation)
        self._desk.signals.emit(signals.PROGRESS)
        if moves:
            self._desk.moved(moves)
        return reply

    def ask(self, request: LeaseRequest) -> Answer:
        """The job that the worker should run next, of all pending ones (`planning`); the guard's turn apart.

        It is moved into the worker's own queue if it is in another's, and leased. Does not wait: without a job, or a
        slot for it, the answer says when to ask again at the latest. Raises WorkerReplaced, WorkerUnknown.
        """
        for _ in range(_TRIES):
            plan = self._desk.database.read(lambda tx: self._plan(tx, request))
            if not isinstance(plan, Plan):
                return Answer(None, LOOK_AGAIN_SECONDS if plan is Prospect.NONE else LOOK_AGAIN_SOON_SECONDS)
            leases, moves = self._desk.database.write(partial(self._lease, request=request, plan=plan))
            if leases:
                return self._granted(leases, moves, request.pauses)
        return Answer(None, LOOK_AGAIN_SOON_SECONDS)  # others were quicker

    def lease(self, request: LeaseRequest) -> LeaseGrant | None:
        """As `ask`, for those who do not ask again by the clock."""
        return self.ask(request).grant

    def complete(self, token: str, completion: Completion) -> Job:
        """The result is published and the job completed, both or neither; said again, it answers the same.

        Raises LeaseLost when the lease is no longer live; what came under it is removed. Raises Conflict when the
        storage does not hold what the worker says.
        """
        lease = self._desk.database.read(lambda tx: jobs.held(tx, token))
        if lease is None:
            return self._completed_before(token)
        stored = self._desk.storage.size(lease.output_key)
        if stored != completion.size_bytes:
            self._held(token)  # cancelled a moment ago, the job has taken its bytes with it
            raise Conflict(f"The result of job {lease.job.id} should have {completion.size_bytes} bytes, not {stored}.")
        now = self._desk.clock()
        result = result_of(lease, completion, now)

        def operation(tx: Connection) -> tuple[Job | None, list[Move]]:
            if lease.job.attempts > 1:
                workers.list_workers(tx, lock=True)  # somebody may be to blame
            else:
                workers.get(tx, lease.job.worker_id or "", lock=True)
            job = jobs.complete(
                tx,
                token,
                result=result,
                log_tail=completion.log_tail,
                paused_seconds=completion.paused_seconds,
                transfer_seconds=completion.transfer_seconds,
                now=now,
            )
            if job is not None and (attempt := jobs.attempt_under(tx, token)):
                learn(tx, job, attempt)
            if job is None or not job.kind.is_listed:
                return job, []
            return job, judge(tx, self._desk.chooser, self._desk.settings, job, now=now)

        job, moves = self._desk.database.write(operation)
        if job is None:
            return self._completed_before(token)
        self._desk.predictions.learned()
        self._desk.ended(job)
        self._desk.moved(moves)
        return job

    def fail(self, token: str, failure: Failure) -> Job:
        """The attempt has failed: the job goes to another worker, or has failed for good. Raises LeaseLost."""
        return self._end(token, Outcome.FAILED, failure)

    def release(self, token: str) -> Job:
        """The job is pending again, for another worker, and the attempt does not count. Raises LeaseLost."""
        return self._end(token, Outcome.RELEASED, Failure(error=""))

    def leave(self, worker_id: str, instance: str) -> None:
        """The worker is gone; what it had goes to others at once. Nothing happens when it had been replaced."""

        def operation(tx: Connection) -> Ended:
            now = self._desk.clock()
            workers.list_workers(tx, lock=True)
            if not _is_registered(workers.get(tx, worker_id), instance):
                return Ended()
            workers.set_offline(tx, worker_id, now=now, reason="left")
            held = jobs.tokens_of(tx, worker_id)
            released = end_leases(tx, self._desk.chooser, held, Outcome.RELEASED, now=now)
            moves = assignment.redistribute(tx, self._desk.chooser, worker_id, reason=Reason.LEFT, now=now)
            return together([released, Ended(moves=tuple(moves))])

        self._desk.settle(self._desk.database.write(operation))

    def source_of(self, token: str) -> Media:
        """The source that the holder of the lease may read. Raises LeaseLost."""
        return self._held(token).source

    def result_writer(self, token: str) -> ObjectWriter:
        """Where the holder of the lease writes its result. Raises LeaseLost."""
        return self._desk.storage.writer(self._held(token).output_key)

    def _turned(self, tx: Connection, worker: Worker, now: datetime) -> list[Move]:
        """A worker that is leaving gives its pending jobs to others; one that is back gets some of theirs."""
        if worker.leaving:
            return assignment.redistribute(tx, self._desk.chooser, worker.id, reason=Reason.LEFT, now=now)
        return welcome(tx, self._desk.chooser, worker.id, now=now)

    def _plan(self, tx: Connection, request: LeaseRequest) -> Plan | Prospect:
        """Most who ask find nothing, and those are many: so it is looked for where nothing is locked."""
        worker, now = workers.get(tx, request.worker_id), self._desk.clock()
        if worker is None or not _is_registered(worker, request.instance):
            raise _not_registered(tx, request.worker_id)
        if not jobs.any_pending(tx):
            return Prospect.NONE
        asked = _asked(tx, worker, request, now)
        if asked is None or not jobs.any_runnable(tx, assignment.ability_of(tx, worker)):
            return Prospect.NONE
        speeds = self._desk.predictions.speeds(tx, now)
        return self._planner.plan(tx, asked, speeds, dispatches=self._desk.dispatches.count, now=now)

    def _lease(self, tx: Connection, *, request: LeaseRequest, plan: Plan) -> tuple[list[Lease], list[Move]]:
        """What was planned, as far as nobody else has changed it since; nothing without its first job."""
        owners = {request.worker_id, *(job.assigned_worker for job in plan.jobs if job.assigned_worker)}
        locked = {worker_id: workers.get(tx, worker_id, lock=True) for worker_id in sorted(owners)}
        worker, now = locked[request.worker_id], self._desk.clock()
        if worker is None or not _is_registered(worker, request.instance):
            raise _not_registered(tx, request.worker_id)
        if _asked(tx, worker, request, now) is None:
            return [], []
        leases: list[Lease] = []
        moves: list[Move] = []
        for job in plan.jobs:
            move, is_there = self._brought(tx, worker, job, plan, now)
            lease = self._leased(tx, request, job, plan, is_first=not leases, now=now) if is_there else None
            if lease is None:
                if not leases:
                    return [], []
                continue
            leases.append(lease)
            moves += [move] if move else []
        return leases, moves

    def _brought(self, tx: Connection, worker: Worker, job: Job, plan: Plan, now: datetime) -> tuple[Move | None, bool]:
        """Whether the job is where this worker may lease it, and how it came there."""
        is_elsewhere = job.assigned_worker not in {None, worker.id}
        if not is_elsewhere and (job.assigned_worker or not worker.assigned_jobs):
            return None, True
        current = jobs.get(tx, job.id)
        if current is None or current.status is not JobStatus.PENDING or current.assigned_worker != job.assigned_worker:
            return None, False
        if is_elsewhere:
            move = take(tx, self._desk.chooser, worker, job, plan.rule, now=now)
            return move, move is not None
        # Its own queue comes before the general one: what is next is put at its head.
        return None, bool(jobs.assign(tx, [job.id], worker.id, now=now))

    def _leased(
        self, tx: Connection, request: LeaseRequest, job: Job, plan: Plan, *, is_first: bool, now: datetime
    ) -> Lease | None:
        is_alone = is_first and not plan.companions
        return jobs.lease(
            tx,
            job.id,
            worker_id=request.worker_id,
            token=secrets.token_urlsafe(24),
            now=now,
            expires_at=now + self._desk.lease_time,
            shares_slot=request.pauses is not None or not is_first,
            predicted_seconds=plan.predicted_seconds if is_alone else None,
        )

    def _granted(self, leases: list[Lease], moves: list[Move], pauses: str | None) -> Answer:
        """To be called after the commit."""
        for lease in leases:
            self._desk.dispatches.add()
            if self._desk.observer and lease.job.kind.is_listed and lease.job.started_at:
                self._desk.observer.job_leased((lease.job.started_at - lease.job.created_at).total_seconds())
        self._desk.moved(moves)
        first, *others = map(grant_of, leases)
        return Answer(first.model_copy(update={"pauses": pauses, "companions": tuple(others)}), 0)

    def _held(self, token: str) -> Lease:
        lease = self._desk.database.read(lambda tx: jobs.held(tx, token))
        if lease is None:
            raise lease_lost()
        return lease

    def _completed_before(self, token: str) -> Job:
        """The job, when the attempt under this token has published its result and only the answer was lost.

        Otherwise what the attempt stored is removed. Raises LeaseLost.
        """
        attempt = self._desk.database.read(lambda tx: jobs.attempt_under(tx, token))
        if attempt is None:
            raise lease_lost()
        job = self._desk.database.read(lambda tx: jobs.get(tx, attempt.job_id))
        if job is None or attempt.outcome is not Outcome.COMPLETED:
            self._desk.discard(result_key(attempt.job_id, attempt.number))
            raise lease_lost()
        return job

    def _end(self, token: str, outcome: Outcome, failure: Failure) -> Job:
        lease = self._held(token)
        now, chooser = self._desk.clock(), self._desk.chooser
        ended = self._desk.database.write(lambda tx: end_attempt(tx, chooser, lease, outcome, failure, now=now))
        if ended is None:
            raise lease_lost()
        self._desk.settle(ended)
        return ended.jobs[0]


def _is_registered(worker: Worker | None, instance: str) -> bool:
    return worker is not None and worker.instance == instance


def _is_turn(worker: Worker | None, heartbeat: Heartbeat) -> bool:
    """The worker was taken for lost and is back, or it begins to leave."""
    if worker is None or worker.instance != heartbeat.instance:
        return False
    return worker.offline or (heartbeat.leaving and not worker.leaving)


def _asked(tx: Connection, worker: Worker, request: LeaseRequest, now: datetime) -> Asked | None:
    """What the worker asks for; None when it may be given nothing now. On probation it runs one job at a time."""
    if worker.draining or worker.leaving or worker.offline:
        return None
    if worker.quarantined_until is not None and (worker.quarantined_until > now or worker.running_jobs):
        return None
    if request.pauses is None:
        return Asked(worker, request.most, None) if worker.has_free_slot else None
    paused = jobs.held(tx, request.pauses)
    if worker.has_free_slot or paused is None or paused.job.worker_id != worker.id or paused.job.shares_slot:
        return None
    is_taken = worker.sharing_jobs >= worker.slots
    return None if is_taken else Asked(worker, request.most, request.remaining_seconds or 0.0)


def _not_registered(tx: Connection, worker_id: str) -> WorkerReplaced:
    if workers.get(tx, worker_id) is None:
        return WorkerUnknown(f"No worker is registered as {worker_id}. Register first.")
    return WorkerReplaced(f"Another process is registered as {worker_id} now. Give each worker an id of its own.")
