"""What a long queue costs."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

from sqlalchemy import Connection, text

from balanza.dispatch.desk import Desk
from balanza.dispatch.dispatcher import Dispatcher, Submission
from balanza.dispatch.fleet import Fleet
from balanza.dispatch.signals import Signals
from balanza.model import Media, Probe, Stream, StreamKind
from balanza.protocol import Completion, LeaseRequest, Load, Registration
from balanza.settings import Settings
from balanza.storage import LocalStorage
from balanza.store import fairness, library
from balanza.store.database import Database
from balanza.store.tables import jobs
from bench.aims import at_most
from bench.rounds import timed

QUEUED = (10, 100_000, 1_000_000)
TRIES = 100
FILLED_AT_ONCE = 50_000
WORKERS = 4
OWNERS = 8
WORKER = "worker_0"
"""Who asks. What waits for the others has waited so long that it may be taken."""
SONG = Probe("wav", 1.0, None, (Stream(0, StreamKind.AUDIO, "pcm_s16le", sample_rate_hz=44_100, channels=2),))
RESULT = b"result"
LENGTH = "0.1 * exp(6.9 * (n * 2654435761 % 1000003) / 1000003.0)"
"""Of job n in seconds: Knuth's multiplicative hash, so that neighbours differ."""


@dataclass
class Costs:
    """In seconds, of each time it was done."""

    submit: list[float] = field(default_factory=list)
    finish: list[float] = field(default_factory=list)
    """Claim and finish together."""
    finish_cpu: list[float] = field(default_factory=list)
    """Of the processor, without waiting for the disk."""


@dataclass(frozen=True)
class Backlog:
    """A store with so many pending jobs, of several owners, in the own queues of several workers."""

    queued: int
    desk: Desk
    costs: Costs = field(default_factory=Costs)

    def measure(self, tries: int) -> None:
        dispatcher, fleet = Dispatcher(self.desk), Fleet(self.desk)
        for number in range(tries):
            owner = dispatcher.of(f"owner-{number % OWNERS}")
            self.costs.submit.append(timed(partial(owner.submit, Submission(f"source-{number % OWNERS}", "mp3", {}))))
            before = process_time()
            self.costs.finish.append(timed(partial(_claim_and_finish, self.desk, fleet)))
            self.costs.finish_cpu.append(process_time() - before)

    def told(self) -> str:
        submit, finish, cpu = (1e3 * median(one) for one in _of(self.costs))
        return (
            f"{self.queued:>9,} queued: submit {submit:.2f} ms, claim + finish {finish:.2f} ms (at best "
            f"{1e3 * min(self.costs.finish):.2f}), {cpu:.2f} ms of it CPU (medians)"
        )


def run(folder: Path, rounds: int) -> None:
    """submit, and claim + finish, with 10 to 1,000,000 jobs queued (SQLite, every commit flushed, one caller)"""
    with ExitStack() as stack:
        backlogs = [stack.enter_context(_opened(folder / str(queued), queued)) for queued in QUEUED]
        for number in range(rounds):
            for backlog in backlogs if number % 2 else backlogs[::-1]:
                backlog.measure(TRIES)
    for backlog in backlogs:
        print(backlog.told())
    few, many = (_of(backlog.costs) for backlog in (backlogs[0], backlogs[-1]))
    submit, finish, cpu = (median(much) / median(little) for little, much in zip(few, many, strict=True))
    print(f"ratios of most to fewest: submit {submit:.2f}, claim + finish {finish:.2f}; {at_most(finish, 2)}")
    print(f"of claim + finish's CPU: {cpu:.2f}; {at_most(cpu, 2)}")


def _of(costs: Costs) -> tuple[list[float], list[float], list[float]]:
    return costs.submit, costs.finish, costs.finish_cpu


@contextmanager
def _opened(folder: Path, queued: int) -> Iterator[Backlog]:
    folder.mkdir()
    # Filled without flushing: only what is measured afterwards has to be durable.
    with Database.open(folder / "balanza.db", durable=False) as filling:
        desk = _desk(filling, folder)
        _prepare(desk)
        for owner in range(OWNERS):
            Dispatcher(desk, f"owner-{owner}").submit(Submission(f"source-{owner}", "mp3", {}))
        for start in range(OWNERS, queued, FILLED_AT_ONCE):
            filling.write(partial(_copied, start, min(start + FILLED_AT_ONCE, queued)))
        filling.write(_counted)
    with Database.open(folder / "balanza.db") as database:
        yield Backlog(queued, _desk(database, folder))


def _copied(start: int, end: int, tx: Connection) -> None:
    """Jobs of 0.1 to 100 s, in no order: copies of those that were submitted, one owner after the other."""
    own = {
        "seq": "n + 1",
        "id": "'queued-' || n",
        "predicted_seconds": LENGTH,
        "order_key": LENGTH,
        "assigned_worker": f"'worker_' || (n / {OWNERS} % {WORKERS})",
    }
    names = [column.name for column in jobs.c]
    tx.execute(
        text(
            "WITH RECURSIVE numbers(n) AS (SELECT :start UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :end) "
            f"INSERT INTO jobs ({', '.join(names)}) SELECT {', '.join(own.get(name, name) for name in names)} "
            f"FROM numbers JOIN (SELECT seq AS of_owner, * FROM jobs WHERE seq <= {OWNERS}) "
            f"ON of_owner = n % {OWNERS} + 1"
        ),
        {"start": start, "end": end},
    )


def _counted(tx: Connection) -> None:
    """What the store keeps beside its jobs."""
    fairness.recount(tx)
    pending = "FROM jobs WHERE status = 'pending' AND assigned_worker = workers.id"
    tx.execute(
        text(
            f"UPDATE workers SET assigned_jobs = (SELECT count(*) {pending}), "
            f"assigned_seconds = (SELECT coalesce(sum(predicted_seconds), 0) {pending})"
        )
    )


def _claim_and_finish(desk: Desk, fleet: Fleet) -> None:
    grant = fleet.lease(LeaseRequest(worker_id=WORKER, instance="bench"))
    assert grant is not None
    desk.storage.path(grant.output_key).write_bytes(RESULT)
    fleet.complete(grant.token, Completion(size_bytes=len(RESULT), sha256="0" * 64, probe=SONG))


def _prepare(desk: Desk) -> None:
    """Workers with one slot each, and a file of each owner."""
    load = Load(cpu_load=0, memory_mb=0)
    encoders = frozenset({"libmp3lame"})
    for number in range(WORKERS):
        own = {"worker_id": f"worker_{number}", "instance": "bench"}
        Fleet(desk).register(Registration(**own, slots=1, cpus=1, encoders=encoders, load=load))
    for number in range(OWNERS):
        source = Media(
            id=f"source-{number}",
            name="song.wav",
            size_bytes=1,
            sha256="0" * 64,
            mime_type="audio/wav",
            storage_key=f"media-source-{number}",
            probe=SONG,
            created_at=datetime.now(UTC),
            owner_id=f"owner-{number}",
        )
        desk.database.write(partial(_inserted, source))


def _inserted(source: Media, tx: Connection) -> None:
    library.insert(tx, source)


def _desk(database: Database, folder: Path) -> Desk:
    return Desk(database, LocalStorage(folder / "storage", durable=False), Settings(data=folder), Signals())
