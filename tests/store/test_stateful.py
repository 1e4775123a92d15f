"""Any sequence of calls: the store agrees with a model of a few lines, and the invariants hold after every step."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Connection

from balanza.lifecycle import Action, JobStatus, sources_of
from balanza.protocol import LeaseReport
from balanza.store import jobs
from balanza.store.database import Database
from tests.store import invariants
from tests.store.scene import Scene, empty

WORKERS = ("worker_a", "worker_b")
SOME_WORKER = st.sampled_from(WORKERS)
SOMEBODY_OR_NOBODY = st.sampled_from([*WORKERS, None])
SOME = st.integers(min_value=0)
"""Which one: taken modulo how many there are."""


class StoreMachine(RuleBasedStateMachine):
    """`status` is what each job should be, `tokens` every lease ever given, live or not, with its job."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene(self.database)
        self.status: dict[str, JobStatus] = {}
        self.tokens: list[tuple[str, str]] = []
        self.live: dict[str, str] = {}
        for worker_id in WORKERS:
            self.scene.worker(worker_id)

    def teardown(self) -> None:
        empty(self.database)

    def _job(self, some: int) -> str:
        return list(self.status)[some % len(self.status)]

    def _end(self, token: str, job_id: str, happened: bool) -> bool:
        """Whether the end of the lease should have happened, after it did or did not; it is over in any case."""
        assert happened == (self.live.get(job_id) == token)
        if happened:
            del self.live[job_id]
        return happened

    @rule(worker_id=SOMEBODY_OR_NOBODY, max_attempts=st.integers(1, 2))
    def submit(self, worker_id: str | None, max_attempts: int) -> None:
        job_id = f"job {len(self.status)}"
        self.scene.submit(job_id, worker_id, max_attempts=max_attempts)
        self.status[job_id] = JobStatus.PENDING

    @rule(worker_id=SOME_WORKER)
    def lease(self, worker_id: str) -> None:
        token = f"token-{len(self.tokens)}"
        possible = self.scene.see(_something_for, worker_id)
        lease = self.scene.lease(worker_id, token)
        assert (lease is not None) == possible
        if lease:
            assert self.status[lease.job.id] is JobStatus.PENDING
            self.status[lease.job.id] = JobStatus.PROCESSING
            self.tokens.append((token, lease.job.id))
            self.live[lease.job.id] = token

    @precondition(lambda self: self.tokens)
    @rule(some=SOME, how=st.sampled_from(["complete", "fail", "release", "expire"]))
    def end_a_lease(self, some: int, how: str) -> None:
        token, job_id = self.tokens[some % len(self.tokens)]
        if how == "expire":
            self.scene.now += timedelta(seconds=60)
        if how == "complete":
            job = self.scene.complete(token, result_id=f"result of {token}")
        else:
            job = getattr(self.scene, how)(token)
        if self._end(token, job_id, job is not None) and job:
            expected = {"complete": {JobStatus.COMPLETED}, "release": {JobStatus.PENDING}}
            assert job.status in expected.get(how, {JobStatus.PENDING, JobStatus.FAILED})
            assert (job.status is JobStatus.FAILED) == (how in ("fail", "expire") and job.attempts == job.max_attempts)
            self.status[job_id] = job.status

    @precondition(lambda self: self.tokens)
    @rule(some=SOME, worker_id=SOME_WORKER, progress=st.floats(0, 100))
    def renew(self, some: int, worker_id: str, progress: float) -> None:
        token, job_id = self.tokens[some % len(self.tokens)]
        renewed = self.scene.renew(LeaseReport(token=token, progress=progress), worker_id=worker_id)
        holds = self.live.get(job_id) == token and self.scene.job(job_id).worker_id == worker_id
        assert renewed == ({token} if holds else set())

    @precondition(lambda self: self.status)
    @rule(some=SOME)
    def cancel(self, some: int) -> None:
        job_id = self._job(some)
        cancelled = self.scene.cancel(job_id)
        assert (cancelled is not None) == (self.status[job_id] in sources_of(Action.CANCEL))
        if cancelled:
            self.live.pop(job_id, None)
            self.status[job_id] = JobStatus.CANCELLED

    @precondition(lambda self: self.status)
    @rule(some=SOME)
    def retry(self, some: int) -> None:
        job_id = self._job(some)
        retried = self.scene.retry(job_id, more_attempts=1)
        assert (retried is not None) == (self.status[job_id] in sources_of(Action.RETRY))
        if retried:
            self.status[job_id] = JobStatus.PENDING

    @precondition(lambda self: self.status)
    @rule(some=st.lists(SOME, max_size=4), worker_id=SOMEBODY_OR_NOBODY)
    def assign(self, some: list[int], worker_id: str | None) -> None:
        moved = self.scene.assign([self._job(number) for number in some], worker_id)
        assert all(self.status[job_id] is JobStatus.PENDING for job_id in moved)

    @rule(worker_id=SOME_WORKER)
    def register_again(self, worker_id: str) -> None:
        self.scene.worker(worker_id, instance="restarted")

    @invariant()
    def every_job_is_what_it_should_be(self) -> None:
        stored = self.scene.see(
            jobs.list_jobs, owner_id="local", status=None, worker_id=None, before_seq=None, limit=1000
        )
        assert {job.id: job.status for job in stored} == self.status
        invariants.check(self.database)


# What differs between the databases is SQL, which fewer examples reach as well.
@pytest.mark.parametrize(("database", "examples"), [("sqlite", 20), ("postgresql", 6)], indirect=["database"])
def test_the_store_agrees_with_its_model_whatever_is_called(database: Database, examples: int) -> None:
    run_state_machine_as_test(
        type("Machine", (StoreMachine,), {"database": database}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def _something_for(tx: Connection, worker_id: str) -> bool:
    """A job is pending in the worker's own queue, or in the general one and the worker has not failed at it."""
    general = [job.id for job in jobs.pending_of(tx, None, 1000)]
    return bool(jobs.pending_of(tx, worker_id, 1)) or any(
        worker_id not in jobs.failed_on(tx, job_id) for job_id in general
    )
