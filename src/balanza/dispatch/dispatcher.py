"""What people ask of jobs and workers, each as one write transaction."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self
from uuid import uuid4

from sqlalchemy import Connection

from balanza.dispatch import assignment, endings, library, quotas, signals
from balanza.dispatch.assignment import Move
from balanza.dispatch.desk import Desk
from balanza.dispatch.endings import Ended
from balanza.dispatch.leasing import Granted, Leasing
from balanza.dispatch.moving import welcome
from balanza.dispatch.placing import Wanted, submit
from balanza.errors import Conflict, InvalidRequest, MissingStream, NotFound
from balanza.media import formats
from balanza.media.cost import work_of
from balanza.media.needs import needs_of
from balanza.model import LOCAL_USER, USUAL_PRIORITY, Decision, Job, Options, Reason, Worker
from balanza.store import jobs, workers
from balanza.store.jobs import NewJob

MOST_IN_BATCH = 200
"""All of them are placed in one transaction, while nobody else can submit."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A person's request: `source` is a media id, or a name that only one file has."""

    source: str
    output_format: str
    options: Mapping[str, object]
    idempotency_key: str | None = None
    tags: frozenset[str] = frozenset()
    """Only workers that have all of these may run it."""
    priority: int = USUAL_PRIORITY
    """0..100."""


class Dispatcher:
    """One person's jobs, and the workers. Safe to call from many threads; every method returns after its transaction
    is durable."""

    def __init__(self, desk: Desk, owner_id: str = LOCAL_USER) -> None:
        self._desk = desk
        self._owner_id = owner_id
        self._leasing = Leasing(desk)

    def of(self, owner_id: str) -> Self:
        """The same, for that person."""
        return type(self)(self._desk, owner_id)

    def submit(self, submission: Submission) -> Job:
        """A new pending job, assigned to a worker by the policy of this server, or to nobody when none can run it.

        When that worker waits for a job it is leased at once what it should run next. With an idempotency key that was
        used before it is the job of then. Raises NotFound, Gone, Conflict (an ambiguous name), UnknownFormat,
        InvalidOption, MissingStream, QuotaExceeded, and InvalidRequest when the key was used for a different request.
        """
        submission, options = _parsed(submission)

        def operation(tx: Connection) -> tuple[Job, list[tuple[Job, Decision]], Granted | None]:
            if repeated := _repeated(tx, submission.idempotency_key, _fingerprint(submission), self._owner_id):
                return repeated, [], None
            wanted = self._wanted(tx, submission, options)
            quotas.refuse_more_jobs(tx, self._desk.settings, self._owner_id)
            made = submit(tx, self._desk, [wanted])
            job = made[0][0]
            worker_id = job.assigned_worker
            return job, made, self._leasing.lease_within(tx, promise, worker_id) if worker_id else None

        with self._desk.askers.promising() as promise:
            job, made, granted = self._desk.database.write(operation)
            if granted is not None:
                self._leasing.keep(promise, granted)
        self._desk.decided(made)
        return job

    def submit_batch(self, sources: Sequence[str], alike: Submission, *, longest_first: bool) -> list[Job]:
        """New jobs that only differ in their source, all of them or none, under one batch id.

        `longest_first`: they ask for the least total time. With an idempotency key that was used before they are the
        jobs of then. Raises what `submit` does, and InvalidRequest when there are none, or more than MOST_IN_BATCH.
        """
        if not 0 < len(sources) <= MOST_IN_BATCH:
            raise InvalidRequest(f"A batch has 1 to {MOST_IN_BATCH} files; this one has {len(sources)}.")
        alike, options = _parsed(alike)
        batch_id, fingerprint = str(uuid4()), _fingerprint(alike, *sources, "makespan" if longest_first else "slowdown")

        def operation(tx: Connection) -> tuple[list[Job], list[tuple[Job, Decision]]]:
            if repeated := _repeated(tx, alike.idempotency_key, fingerprint, self._owner_id):
                return jobs.batch_from(tx, repeated, len(sources)), []
            # Sources are locked in one order, so that two batches of the same files do not wait for each other.
            kinds = {
                one: self._wanted(tx, replace(alike, source=one), options, named=True) for one in sorted(set(sources))
            }
            quotas.refuse_more_jobs(tx, self._desk.settings, self._owner_id, len(sources))
            wanted = [_in_batch(kinds[one], batch_id) for one in sources]
            wanted[0] = _keyed(wanted[0], alike.idempotency_key, fingerprint)
            made = submit(tx, self._desk, wanted, longest_first=longest_first)
            return [job for job, _ in made], made

        found, made = self._desk.database.write(operation)
        self._desk.decided(made)
        return found

    def cancel(self, job_id: str) -> Job:
        """The job, cancelled; a running conversion is killed at the next heartbeat. Raises NotFound, Conflict."""

        def operation(tx: Connection) -> Ended:
            workers.lock_all(tx)
            before = existing(tx, job_id, self._owner_id)
            ended = endings.cancel(tx, [job_id], now=self._desk.clock())
            if not ended.jobs:
                raise Conflict(f"Job {job_id} is {before.status} and cannot be cancelled any more.")
            return ended

        ended = self._desk.database.write(operation)
        self._desk.settle(ended)
        return ended.jobs[0]

    def retry(self, job_id: str) -> Job:
        """The job, pending again with a new set of attempts.

        Raises NotFound, Gone (its source), Conflict, QuotaExceeded.
        """

        def operation(tx: Connection) -> list[Move]:
            before = existing(tx, job_id, self._owner_id)
            library.existing(tx, before.source_id, self._owner_id, lock=True)
            quotas.refuse_more_jobs(tx, self._desk.settings, self._owner_id)
            workers.lock_all(tx)
            now = self._desk.clock()
            job = jobs.retry(tx, job_id, more_attempts=self._desk.settings.max_attempts, now=now)
            if job is None:
                raise Conflict(f"Job {job_id} is {before.status}; only a failed or cancelled job can be tried again.")
            return assignment.assign_anew(tx, self._desk.chooser, [job], reason=Reason.RETRIED, now=now)

        moves = self._desk.database.write(operation)
        self._desk.moved(moves)
        return self._desk.database.read(lambda tx: existing(tx, job_id, self._owner_id))

    def drain(self, worker_id: str, grace_seconds: float | None = None) -> Worker:
        """The worker takes nothing new, and its pending jobs go to others. Raises NotFound.

        What it still runs after `grace_seconds` is handed back; without them it may finish.
        """

        def operation(tx: Connection) -> tuple[Worker, list[Move]]:
            workers.lock_all(tx)
            now = self._desk.clock()
            until = None if grace_seconds is None else now + timedelta(seconds=grace_seconds)
            worker = _found(workers.set_draining(tx, worker_id, True, now=now, until=until), worker_id)
            return worker, assignment.redistribute(tx, self._desk.chooser, worker_id, reason=Reason.DRAINING, now=now)

        worker, moves = self._desk.database.write(operation)
        self._desk.moved(moves)
        return worker

    def resume(self, worker_id: str) -> Worker:
        """The worker takes jobs again, whether it was draining or in quarantine. Raises NotFound."""

        def operation(tx: Connection) -> tuple[Worker, list[Move]]:
            workers.lock_all(tx)
            now = self._desk.clock()
            worker = _found(workers.set_draining(tx, worker_id, False, now=now), worker_id)
            workers.clear_faults(tx, worker, now=now)
            moves = welcome(tx, self._desk.chooser, worker_id, now=now)
            return _found(workers.get(tx, worker_id), worker_id), moves

        worker, moves = self._desk.database.write(operation)
        self._desk.moved(moves)
        self._desk.tell(signals.ANY_WORK)
        return worker

    def remove_worker(self, worker_id: str) -> None:
        """The worker is in no list any more until it registers again. Raises NotFound, Conflict.

        One that is online, or still has jobs, stays.
        """

        def operation(tx: Connection) -> None:
            worker = _found(workers.get(tx, worker_id, lock=True), worker_id)
            if workers.remove(tx, worker_id, now=self._desk.clock()) is None and not workers.is_removed(tx, worker_id):
                raise Conflict(_why_it_stays(worker))

        self._desk.database.write(operation)
        self._desk.tell()

    def _wanted(self, tx: Connection, submission: Submission, options: Options, *, named: bool = False) -> Wanted:
        """Locks the source. `named`: one of several, so every refusal says which."""
        source = library.find(tx, submission.source, self._owner_id, lock=True)
        known = {"size_bytes": source.size_bytes}
        try:
            if named:
                formats.check_source(submission.output_format, options, source.probe, called=source.name)
            needs = needs_of(submission.output_format, options, source.probe, tags=submission.tags, **known)
            work = work_of(submission.output_format, options, source.probe, **known)
        except MissingStream as error:
            raise MissingStream(f"{source.name}: {error}") from error
        new = NewJob(
            id=str(uuid4()),
            source_id=source.id,
            input_file=source.name,
            input_size_bytes=source.size_bytes,
            output_format=submission.output_format,
            options=options,
            max_attempts=self._desk.settings.max_attempts,
            idempotency_key=submission.idempotency_key,
            request_fingerprint=_fingerprint(submission) if submission.idempotency_key else None,
            created_at=self._desk.clock(),
            owner_id=self._owner_id,
            priority=submission.priority,
        )
        return Wanted(new, needs, work)


def _in_batch(wanted: Wanted, batch_id: str) -> Wanted:
    """One more job like it."""
    one = replace(wanted.new, id=str(uuid4()), batch_id=batch_id, idempotency_key=None, request_fingerprint=None)
    return Wanted(one, wanted.needs, wanted.work)


def _keyed(wanted: Wanted, key: str | None, fingerprint: str) -> Wanted:
    """The first job of a batch stands for all of them."""
    return (
        wanted
        if key is None
        else replace(wanted, new=replace(wanted.new, idempotency_key=key, request_fingerprint=fingerprint))
    )


def _parsed(submission: Submission) -> tuple[Submission, Options]:
    """Raises UnknownFormat, InvalidOption."""
    submission = replace(submission, output_format=formats.format_named(submission.output_format).name)
    return submission, formats.parse_options(submission.output_format, submission.options)


def _repeated(tx: Connection, key: str | None, fingerprint: str, owner_id: str) -> Job | None:
    """The job that was made under the same idempotency key. Raises InvalidRequest when it was asked for otherwise."""
    found = jobs.by_idempotency_key(tx, key, owner_id=owner_id) if key is not None else None
    if found is None:
        return None
    job, before = found
    if before != fingerprint:
        raise InvalidRequest(
            f"The Idempotency-Key {key!r} was used for a different request, which made job "
            f"{job.id}. Send a new key with a new request."
        )
    return job


def _fingerprint(submission: Submission, *more: str) -> str:
    request: list[object] = [
        submission.source,
        submission.output_format,
        dict(submission.options),
        sorted(submission.tags),
    ]
    if submission.priority != USUAL_PRIORITY:
        request.append(submission.priority)
    request += more
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()


def existing(tx: Connection, job_id: str, owner_id: str) -> Job:
    """The job of that id. Raises NotFound, also when it is somebody else's."""
    job = jobs.get(tx, job_id)
    if job is None or job.owner_id != owner_id or not job.kind.is_listed:
        raise NotFound(f"There is no job {job_id}. GET /jobs lists the jobs there are.")
    return job


def _why_it_stays(worker: Worker) -> str:
    if not worker.offline:
        return f"{worker.id} is online. Drain it and end it first; then it can be removed."
    return f"{worker.id} still has {worker.jobs_in_progress} jobs. They go to others in a moment: then remove it again."


def _found(worker: Worker | None, worker_id: str) -> Worker:
    if worker is None:
        raise NotFound(f"There is no worker {worker_id}. GET /workers/stats lists the workers there are.")
    return worker
