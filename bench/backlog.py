"""What a long queue costs."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

from sqlalchemy import Connection

from balanza.dispatch.desk import Desk
from balanza.dispatch.dispatcher import Dispatcher, Submission
from balanza.dispatch.fleet import Fleet
from balanza.dispatch.signals import Signals
from balanza.model import Media, Probe, Stream, StreamKind
from balanza.protocol import Completion, LeaseRequest, Load, Registration
from balanza.settings import Settings
from balanza.storage import LocalStorage
from balanza.store import jobs, library
from balanza.store.database import Database
from bench.rounds import timed

QUEUED = (10, 100_000)
TRIES = 300
FILLED_AT_ONCE = 10_000
WORKER = "worker_a"
SONG = Probe("wav", 1.0, None, (Stream(0, StreamKind.AUDIO, "pcm_s16le", sample_rate_hz=44_100, channels=2),))


def run(folder: Path, rounds: int) -> None:
    """submit, and claim + finish, with 10 and with 100,000 jobs queued (SQLite, every commit flushed, one caller)"""
    costs = {queued: _costs(folder / str(queued), queued, rounds) for queued in QUEUED}
    for queued, (submit, claim) in costs.items():
        print(f"{queued:>7} queued: submit {submit * 1e3:.2f} ms, claim + finish {claim * 1e3:.2f} ms (medians)")
    few, many = (costs[queued] for queued in QUEUED)
    print(f"ratios: submit {many[0] / few[0]:.2f}, claim + finish {many[1] / few[1]:.2f}; aim: at most 2")


def _costs(folder: Path, queued: int, rounds: int) -> tuple[float, float]:
    folder.mkdir()
    # Filled without flushing: only what is measured afterwards has to be durable.
    filling = Database.open(f"sqlite:///{folder / 'balanza.db'}", durable=False)
    desk = _desk(filling, folder)
    _prepare(desk)
    for start in range(0, queued, FILLED_AT_ONCE):
        filling.write(partial(_fill, start, min(start + FILLED_AT_ONCE, queued)))
    filling.close()
    database = Database.open(f"sqlite:///{folder / 'balanza.db'}")
    try:
        return _measure(_desk(database, folder), rounds)
    finally:
        database.close()


def _fill(start: int, end: int, tx: Connection) -> None:
    for number in range(start, end):
        job = jobs.NewJob(
            id=f"queued-{number}",
            source_id="source",
            input_file="song.wav",
            input_size_bytes=1,
            output_format="mp3",
            options={},
            assigned_worker=WORKER,
            max_attempts=3,
            idempotency_key=None,
            request_fingerprint=None,
            created_at=datetime.now(UTC),
        )
        jobs.submit(tx, job)


def _measure(desk: Desk, rounds: int) -> tuple[float, float]:
    dispatcher, fleet = Dispatcher(desk), Fleet(desk)
    submitting, finishing = [], []
    for _ in range(TRIES * rounds):
        submitting.append(timed(lambda: dispatcher.submit(Submission("source", "mp3", {}))))
        finishing.append(timed(lambda: _claim_and_finish(desk, fleet)))
    return median(submitting), median(finishing)


def _claim_and_finish(desk: Desk, fleet: Fleet) -> None:
    grant = fleet.lease(LeaseRequest(worker_id=WORKER, instance="bench"))
    assert grant is not None
    desk.storage.path(grant.output_key).write_bytes(b"result")
    fleet.complete(grant.token, Completion(size_bytes=6, sha256="0" * 64, probe=SONG))


def _prepare(desk: Desk) -> None:
    load = Load(cpu_load=0, memory_mb=0)
    Fleet(desk).register(
        Registration(worker_id=WORKER, instance="bench", slots=1, cpus=1, encoders=frozenset(), load=load)
    )
    source = Media(
        id="source",
        name="song.wav",
        size_bytes=1,
        sha256="0" * 64,
        mime_type="audio/wav",
        storage_key="media-source",
        probe=SONG,
        created_at=datetime.now(UTC),
    )
    desk.database.write(lambda tx: library.insert(tx, source))


def _desk(database: Database, folder: Path) -> Desk:
    return Desk(database, LocalStorage(folder / "storage", durable=False), Settings(data=folder), Signals())
