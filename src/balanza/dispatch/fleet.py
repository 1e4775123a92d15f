"""What workers say of themselves and of their leases, each as one write transaction.

Everything about a job is fenced by its lease token: under a token that is no longer live nothing is written, and what
lies in storage under it is removed. Docs: docs/leases.md.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from balanza.dispatch import assignment, signals
from balanza.dispatch.assignment import Move
from balanza.dispatch.completing import complete
from balanza.dispatch.desk import Desk
from balanza.dispatch.endings import Ended, end_attempt, end_leases, together
from balanza.dispatch.leasing import Answer, Leasing, is_registered, not_registered
from balanza.dispatch.messages import lease_lost
from balanza.dispatch.moving import welcome
from balanza.errors import BalanzaError
from balanza.model import Job, Lease, Media, Outcome, Reason, Worker
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
            expires_at = now + self._desk.pace.lease_time
            renewed = jobs.renew(tx, worker_id=worker.id, reports=heartbeat.leases, expires_at=expires_at)
            lost = tuple(report.token for report in heartbeat.leases if report.token not in renewed)
            moves = self._turned(tx, worker, now) if is_turn else []
            pace = self._desk.pace.heartbeat_seconds
            return HeartbeatReply(lost=lost, drain=worker.draining, heartbeat_seconds=pace), moves

        reply, moves = self._desk.database.write(operation)
        self._desk.signals.emit(signals.PROGRESS)
        if moves:
            self._desk.moved(moves)
        return reply

    def ask(self, request: LeaseRequest) -> Answer:
        """As `Leasing.ask`."""
        return self._leasing.ask(request)

    def take_back(self, grant: LeaseGrant) -> None:
        """The worker has gone away before it heard of it: the jobs are pending again, and the attempts do not count."""
        self._leasing.take_back([grant.token, *(one.token for one in grant.companions)])

    def lease(self, request: LeaseRequest) -> LeaseGrant | None:
        """As `ask`, for those who do not ask again by the clock."""
        return self.ask(request).grant

    def complete(self, token: str, completion: Completion) -> Job:
        """As `complete_several`. Raises LeaseLost, Conflict."""
        answer = self.complete_several({token: completion})[token]
        if isinstance(answer, Job):
            return answer
        raise answer

    def complete_several(self, completions: Mapping[str, Completion]) -> dict[str, Job | BalanzaError]:
        """By lease token, as `completing.complete`."""
        return complete(self._desk, completions)

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
