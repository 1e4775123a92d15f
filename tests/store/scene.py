"""A database with a source in it, and short words for what the tests do to it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, delete, select

from balanza.model import Event, Job, Lease, Media, Outcome, Probe, Stream, StreamKind, Worker
from balanza.protocol import LeaseReport, Load, Registration
from balanza.store import events, jobs, library, workers
from balanza.store.database import Database
from balanza.store.metadata import metadata

P = ParamSpec("P")
T = TypeVar("T")

START = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
TABLES = metadata.tables
LEASE_TIME = timedelta(seconds=10)
PROBE = Probe(
    container="mp3",
    duration_seconds=3.5,
    bit_rate_bps=None,
    streams=(
        Stream(0, StreamKind.AUDIO, "mp3", sample_rate_hz=44100, channels=2, language="es"),
        Stream(1, StreamKind.VIDEO, "mjpeg", width=300, height=300, fps=0.04, is_cover=True),
    ),
    chapters=2,
)


def a_media(media_id: str, *, name: str = "song.mp3", job_id: str | None = None, at: datetime = START) -> Media:
    return Media(
        id=media_id,
        name=name,
        size_bytes=5_000_000_000,
        sha256="a1" * 32,
        mime_type="audio/mpeg",
        storage_key=f"key-{media_id}",
        probe=PROBE,
        created_at=at,
        job_id=job_id,
    )


def a_registration(worker_id: str, *, instance: str = "first", slots: int = 2) -> Registration:
    return Registration(
        worker_id=worker_id,
        instance=instance,
        slots=slots,
        cpus=1.5,
        memory_total_mb=8000.5,
        encoders=frozenset({"flac", "libmp3lame"}),
        tags=frozenset({"gpu"}),
        metrics_address="127.0.0.1:9101",
        load=Load(cpu_load=0.25, memory_mb=100.5, scratch_free_bytes=5_000_000_000, sent_bytes_per_second=1.5),
    )


def a_job(
    job_id: str, worker_id: str | None = None, *, source_id: str = "song", max_attempts: int = 3, key: str | None = None
) -> jobs.NewJob:
    return jobs.NewJob(
        id=job_id,
        source_id=source_id,
        input_file="song.mp3",
        input_size_bytes=5_000_000_000,
        output_format="flac",
        options={"quality": "best", "normalize": True, "start": 1.5},
        assigned_worker=worker_id,
        max_attempts=max_attempts,
        idempotency_key=key,
        request_fingerprint=key and f"fingerprint of {key}",
        created_at=START,
    )


ANYTHING = jobs.Ability((), 2**62)
"""What a worker can run that has all that any job in these tests needs: none needs anything."""


class Scene:
    """Each method is one transaction. `now` stands still until a test moves it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = START
        self.do(library.insert, a_media("song"))

    def do(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **named: P.kwargs) -> T:
        return self.database.write(lambda tx: function(tx, *args, **named))

    def see(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **named: P.kwargs) -> T:
        return self.database.read(lambda tx: function(tx, *args, **named))

    def worker(self, worker_id: str = "worker_a", *, instance: str = "first", slots: int = 2) -> Worker:
        registration = a_registration(worker_id, instance=instance, slots=slots)
        return self.do(workers.register, registration, now=self.now)

    def submit(
        self, job_id: str = "job", worker_id: str | None = None, *, max_attempts: int = 3, key: str | None = None
    ) -> Job:
        (job,) = self.do(jobs.submit, a_job(job_id, worker_id, max_attempts=max_attempts, key=key))
        return job

    def lease(self, worker_id: str = "worker_a", token: str = "token") -> Lease | None:
        """The first job of its own queue, or else of the general one that it has not failed at."""

        def operation(tx: Connection) -> Lease | None:
            own = jobs.pending_of(tx, worker_id, 1)
            general = (one for one in jobs.pending_of(tx, None, 1000) if worker_id not in jobs.failed_on(tx, one.id))
            first = next(iter(own), None) or next(general, None)
            expires_at = self.now + LEASE_TIME
            wanted = [] if first is None else [jobs.NewLease(first.id, token)]
            taken = jobs.lease(tx, wanted, worker_id=worker_id, now=self.now, expires_at=expires_at)
            return next(iter(taken), None)

        return self.database.write(operation)

    def leased(self, worker_id: str = "worker_a", token: str = "token") -> Lease:
        lease = self.lease(worker_id, token)
        assert lease is not None
        return lease

    def renew(self, *reports: LeaseReport, worker_id: str = "worker_a") -> set[str]:
        return self.do(jobs.renew, worker_id=worker_id, reports=reports, expires_at=self.now + LEASE_TIME)

    def complete(self, token: str = "token", *, result_id: str = "result") -> Job | None:
        result = a_media(result_id, name="song.flac", at=self.now)
        done = jobs.Done(token, result, log_tail="done")
        job, _ = self.do(jobs.complete, [done], now=self.now).get(token, (None, None))
        return job

    def fail(self, token: str = "token", *, outcome: Outcome = Outcome.FAILED, error: str = "It broke.") -> Job | None:
        return self.do(jobs.fail_attempt, token, outcome=outcome, error=error, log_tail="broke", now=self.now)

    def expire(self, token: str = "token") -> Job | None:
        return self.fail(token, outcome=Outcome.EXPIRED, error="The lease ended.")

    def release(self, token: str = "token") -> Job | None:
        return self.do(jobs.release, token, now=self.now)

    def cancel(self, job_id: str = "job") -> Job | None:
        return self.do(jobs.cancel, job_id, now=self.now)

    def retry(self, job_id: str = "job", *, more_attempts: int = 3) -> Job | None:
        return self.do(jobs.retry, job_id, now=self.now, more_attempts=more_attempts)

    def assign(self, job_ids: Sequence[str], worker_id: str | None) -> list[str]:
        return self.do(jobs.assign, job_ids, worker_id, now=self.now)

    def job(self, job_id: str = "job") -> Job:
        job = self.see(jobs.get, job_id)
        assert job is not None
        return job

    def counters(self, worker_id: str = "worker_a") -> tuple[int, int]:
        """Assigned and running."""
        worker = self.see(workers.get, worker_id)
        assert worker is not None
        return worker.assigned_jobs, worker.running_jobs

    def events(self, after: int = 0) -> list[Event]:
        return self.see(events.after, after, 10_000)

    def last_event(self) -> Event:
        return self.events()[-1]

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is stored."""
        return self.database.read(
            lambda tx: {name: [tuple(row) for row in tx.execute(select(table))] for name, table in TABLES.items()}
        )

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        before = self.rows()
        yield
        assert self.rows() == before


def empty(database: Database) -> None:
    """Removes every row. (TRUNCATE takes PostgreSQL longer than the few rows of a test.)"""
    database.write(_empty)


def _empty(tx: Connection) -> None:
    for name in (
        "login_failures",
        "invitations",
        "tokens",
        "sessions",
        "users",
        "events",
        "load_points",
        "fleet_points",
        "shares",
        "uploads",
        "decisions",
        "attempts",
        "jobs",
        "fair_shares",
        "speeds",
        "requirements",
        "media",
        "workers",
    ):
        tx.execute(delete(TABLES[name]))
