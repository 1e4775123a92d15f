"""What workers say of themselves and of their leases, each as one write transaction.

Everything about a job is fenced by its lease token: under a token that is no longer live nothing is written, and what
lies in storage under it is removed. Docs: docs/leases.md.
"""

from datetime import datetime

from sqlalchemy import Connection

from balanza.dispatch import assignment, signals
from balanza.dispatch.assignment import Move
from balanza.dispatch.desk import Desk
from balanza.dispatch.endings import Ended, end_attempt, end_leases, together
from balanza.dispatch.leasing import Answer, Leasing, is_registered, not_registered
from balanza.dispatch.messages import lease_lost, result_of
from balanza.dispatch.moving import welcome
from balanza.dispatch.predictions import learn
from balanza.dispatch.trust import judge
from balanza.errors import Conflict
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


class Fleet:
    """Safe to call from many threads; every method returns after its transaction is durable."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._leasing = Leasing(desk)

    def register(self, registration: Registration) -> Registered:
        """The worker is live. What an earlier process of the same id was running goes to others at once."""
        worker_id = registration.worker_id

        def operation(tx: Connection) -> Ended:
            now = self._desk.clock()
            workers.lock_all(tx)
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
                workers.lock_all(tx)
            worker = workers.heartbeat(
                tx,
                worker_id=heartbeat.worker_id,
                instance=heartbeat.instance,
                load=heartbeat.load,
                leaving=heartbeat.leaving,
                now=now,
            )
            if worker is None:
                raise not_registered(tx, heartbeat.worker_id)
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
        """As `Leasing.ask`."""
        return self._leasing.ask(request)

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
                workers.lock_all(tx)  # somebody may be to blame
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
                learn(tx, job, attempt, completion.run_seconds)
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
            workers.lock_all(tx)
            if not is_registered(workers.get(tx, worker_id), instance):
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


def _is_turn(worker: Worker | None, heartbeat: Heartbeat) -> bool:
    """The worker was taken for lost and is back, or it begins to leave."""
    if worker is None or worker.instance != heartbeat.instance:
        return False
    return worker.offline or (heartbeat.leaving and not worker.leaving)
