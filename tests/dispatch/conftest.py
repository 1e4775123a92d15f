"""A desk on each of the real databases and a real storage folder, with a clock that the test moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from balanza.dispatch.desk import Desk
from balanza.dispatch.dispatcher import Dispatcher, Submission
from balanza.dispatch.fleet import Fleet
from balanza.dispatch.leasing import Answer
from balanza.dispatch.load import FleetStats, fleet_stats
from balanza.dispatch.signals import Signals
from balanza.dispatch.upkeep import Upkeep
from balanza.model import Attempt, DecisionRecord, Job, Media, Probe, Stream, StreamKind, Worker
from balanza.protocol import (
    Completion,
    Failure,
    Heartbeat,
    HeartbeatReply,
    LeaseGrant,
    LeaseReport,
    LeaseRequest,
    Load,
    Registration,
)
from balanza.settings import Settings
from balanza.storage import LocalStorage
from balanza.store import decisions, jobs, library, workers
from balanza.store.database import Database
from balanza.store.search import list_media

SONG = Probe(
    container="wav",
    duration_seconds=3.0,
    bit_rate_bps=1_411_200,
    streams=(Stream(0, StreamKind.AUDIO, "pcm_s16le", duration_seconds=3.0, sample_rate_hz=44_100, channels=2),),
)


class Clock:
    """Time stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class World:
    """The whole of dispatch, and short ways to say what people and workers do."""

    desk: Desk
    clock: Clock
    heard: list[str] = field(default_factory=list)
    source: str = ""
    """Some file."""

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(self.desk)
        self.fleet = Fleet(self.desk)
        self.upkeep = Upkeep(self.desk)
        self.desk.signals.subscribe(self.heard.append)

    def song(self, name: str = "song.wav", *, probe: Probe = SONG) -> Media:
        count = len(self.desk.database.read(lambda tx: list_media(tx, owner_id="local", before=None, limit=100)))
        media_id = f"source-{count}"
        writer = self.desk.storage.writer(f"media-{media_id}")
        writer.write(b"sound")
        stored = writer.commit()
        media = Media(
            id=media_id,
            name=name,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            mime_type="audio/wav",
            storage_key=f"media-{media_id}",
            probe=probe,
            created_at=self.clock.now,
        )
        self.desk.database.write(lambda tx: library.insert(tx, media))
        return media

    def submit(self, source: str | None = None, *, tags: Sequence[str] = (), **options: object) -> Job:
        return self.dispatcher.submit(Submission(source or self.song().id, "mp3", options, tags=frozenset(tags)))

    def submit_to(self, letter: str, count: int = 1) -> list[Job]:
        """Jobs in the own queue of that worker, whoever is less loaded."""
        made = [self.submit() for _ in range(count)]
        ids = [job.id for job in made]
        self.desk.database.write(lambda tx: jobs.assign(tx, ids, f"worker_{letter}", now=self.clock.now))
        return [self.job(job_id) for job_id in ids]

    def join(
        self,
        *letters: str,
        slots: int = 1,
        cpu: float = 0.0,
        instance: str = "first",
        encoders: Sequence[str] = ("libmp3lame",),
        tags: Sequence[str] = (),
        room: int | None = None,
    ) -> None:
        for letter in letters:
            self.fleet.register(
                Registration(
                    worker_id=f"worker_{letter}",
                    instance=instance,
                    slots=slots,
                    cpus=2,
                    encoders=frozenset(encoders),
                    tags=frozenset(tags),
                    load=Load(cpu_load=cpu, memory_mb=100, scratch_free_bytes=room),
                )
            )

    def beat(
        self,
        letter: str,
        *reports: LeaseReport,
        cpu: float = 0.0,
        instance: str = "first",
        leaving: bool = False,
        room: int | None = None,
    ) -> HeartbeatReply:
        load = Load(cpu_load=cpu, memory_mb=100, scratch_free_bytes=room)
        return self.fleet.heartbeat(
            Heartbeat(worker_id=f"worker_{letter}", instance=instance, load=load, leases=reports, leaving=leaving)
        )

    def lease(self, letter: str, instance: str = "first") -> LeaseGrant | None:
        return self.fleet.lease(LeaseRequest(worker_id=f"worker_{letter}", instance=instance))

    def ask(self, letter: str) -> Answer:
        return self.fleet.ask(LeaseRequest(worker_id=f"worker_{letter}", instance="first"))

    def granted(self, letter: str) -> LeaseGrant:
        grant = self.lease(letter)
        assert grant is not None
        return grant

    def fail_once(self, letter: str, error: str = "It broke.") -> Job:
        return self.fleet.fail(self.granted(letter).token, Failure(error=error, log_tail="last words"))

    def finish(self, grant: LeaseGrant) -> Job:
        return self.fleet.complete(grant.token, self.write_result(grant))

    def write_result(self, grant: LeaseGrant) -> Completion:
        writer = self.desk.storage.writer(grant.output_key)
        writer.write(b"result of " + grant.output_key.encode())
        stored = writer.commit()
        return Completion(size_bytes=stored.size_bytes, sha256=stored.sha256, probe=SONG)

    def job(self, job_id: str) -> Job:
        job = self.desk.database.read(lambda tx: jobs.get(tx, job_id))
        assert job is not None
        return job

    def worker(self, letter: str) -> Worker:
        worker = self.desk.database.read(lambda tx: workers.get(tx, f"worker_{letter}"))
        assert worker is not None
        return worker

    def stats(self) -> FleetStats:
        return self.desk.database.read(lambda tx: fleet_stats(tx, self.desk.measurements, self.clock.now))

    def decisions(self, job_id: str) -> list[DecisionRecord]:
        return self.desk.database.read(lambda tx: decisions.of_job(tx, job_id))

    def queue(self, letter: str) -> list[str]:
        """The ids of the jobs in that worker's own queue."""
        pending = self.desk.database.read(lambda tx: jobs.pending_of(tx, f"worker_{letter}", 1000))
        return [job.id for job in pending]

    def attempts(self, job_id: str) -> list[Attempt]:
        return self.desk.database.read(lambda tx: jobs.attempts_of(tx, job_id))

    def stored(self) -> set[str]:
        return {key for key, _ in self.desk.storage.objects()}

    def let_pass(self, seconds: float, *beating: str) -> None:
        """Time passes second by second; the workers named go on beating, and upkeep runs."""
        for _ in range(int(seconds)):
            self.clock.pass_seconds(1)
            for letter in beating:
                self.beat(letter)
            self.upkeep.run_once()


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    clock = Clock()
    storage = LocalStorage(tmp_path / "storage", durable=False)
    desk = Desk(database, storage, Settings(data=tmp_path, events_kept=1000), Signals(), clock=clock)
    return World(desk, clock)
