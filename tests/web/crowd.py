"""A fleet of any size in the database of a running server, with an hour behind it; and one that goes on changing."""

import math
import random
import threading
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, update

from balanza.dispatch import signals
from balanza.dispatch.history import EVERY
from balanza.model import Candidate, Decision, MetricsSource, Probe, Reason, Stream, StreamKind
from balanza.store import decisions, events, point_tables, tables
from tests.server.stand import Stand

TITLES = (
    "Alegrías de Cádiz.wav",
    "paseo-por-la-playa.mp4",
    "holiday.mkv",
    "voice memo 12.m4a",
    "entrevista sala 3.flac",
)
FORMATS = ("mp3", "flac", "opus", "mp4", "webm")
TITLE, FAR = timedelta(minutes=14), timedelta(days=1)
"""How long ago the first job began; and how long the leases hold, as nobody renews them."""


@dataclass(frozen=True)
class Crowd:
    """How many of what."""

    workers: int = 8
    jobs: int = 120
    minutes: int = 60
    seed: int = 7


def settle(stand: Stand, crowd: Crowd) -> None:
    """Puts the fleet into the database: the first worker is drained, the second in quarantine, the third offline."""
    now = stand.parts.desk.clock()
    stand.parts.desk.database.write(lambda tx: _settle(tx, crowd, now))
    stand.parts.desk.tell()


def name_of(number: int) -> str:
    return f"worker_{number + 1:03}"


def _settle(tx: Connection, crowd: Crowd, now: datetime) -> None:
    chance = random.Random(crowd.seed)
    tx.execute(insert(tables.media), _source(now))
    jobs = [_job(number, crowd, chance, now) for number in range(crowd.jobs)]
    tx.execute(insert(tables.workers), [_worker(number, jobs, chance, now) for number in range(crowd.workers)])
    tx.execute(insert(tables.jobs), jobs)
    tx.execute(insert(tables.attempts), [_attempt(job, chance) for job in jobs if job["worker_id"]])
    for job in jobs[-40:]:
        _decide(tx, job, crowd, chance)
    moments = [_moment(now, back) for back in range(crowd.minutes * 12, 0, -1)]
    tx.execute(delete(point_tables.fleet_points))  # the server has begun its own
    tx.execute(
        insert(point_tables.fleet_points),
        [_fleet_point(at, index / len(moments), jobs) for index, at in enumerate(moments)],
    )
    loads = (
        _load_point(at, number, index, chance) for index, at in enumerate(moments) for number in range(crowd.workers)
    )
    tx.execute(insert(point_tables.load_points), list(loads))


def _moment(now: datetime, back: int) -> datetime:
    seconds = int(now.timestamp()) // 5 * 5 - back * EVERY.seconds
    return datetime.fromtimestamp(seconds, tz=now.tzinfo)


def _source(now: datetime) -> dict[str, Any]:
    sound = Stream(0, StreamKind.AUDIO, "pcm_s16le", sample_rate_hz=44_100, channels=2)
    probe = Probe(container="wav", duration_seconds=200.0, bit_rate_bps=None, streams=(sound,))
    return {
        "id": "source", "name": "source.wav", "size_bytes": 5, "sha256": "0" * 64, "mime_type": "audio/wav",
        "storage_key": "source", "probe": probe, "created_at": now,
    }  # fmt: skip


def _worker(number: int, jobs: list[dict[str, Any]], chance: random.Random, now: datetime) -> dict[str, Any]:
    name = name_of(number)
    mine = [job for job in jobs if name in (job["worker_id"], job["assigned_worker"])]
    is_offline, is_suspect = number == 2, number == 1
    return {
        "id": name, "instance": uuid.uuid4().hex, "slots": 2, "cpus": 4, "encoders": frozenset({"flac"}),
        "registered_at": now - timedelta(hours=5), "seen_at": now - timedelta(hours=2) if is_offline else now + FAR,
        "cpu_load": round(chance.random(), 2), "memory_mb": round(300 + 2000 * chance.random()),
        "memory_total_mb": 8000.0, "received_bytes_per_second": 1.2e6, "sent_bytes_per_second": 340_000.0,
        "draining": number == 0, "offline": is_offline,
        "quarantined_until": now + timedelta(minutes=9) if is_suspect else None,
        "quarantine_reason": "It failed at 3 jobs that others completed." if is_suspect else None,
        "assigned_jobs": sum(job["status"] == "pending" and job["assigned_worker"] == name for job in mine),
        "running_jobs": sum(job["status"] == "processing" and job["worker_id"] == name for job in mine),
        "conversions_success": sum(job["status"] == "completed" for job in mine),
        "conversions_failed": sum(job["status"] == "failed" for job in mine),
    }  # fmt: skip


def _job(number: int, crowd: Crowd, chance: random.Random, now: datetime) -> dict[str, Any]:
    """The oldest have ended, the newest wait, between them are those that run: one on every worker but the third."""
    worker = name_of(number % crowd.workers)
    waiting = min(crowd.jobs // 10, 200)
    status = "completed"
    if number >= crowd.jobs - waiting:
        status = "pending"
    elif number >= crowd.jobs - waiting - crowd.workers:
        status = "processing" if number % crowd.workers not in (0, 2) else "completed"
    elif chance.random() < 0.06:
        status = chance.choice(["failed", "cancelled"])
    began = now - TITLE * (1 - number / crowd.jobs)
    ended = min(now, began + timedelta(seconds=5 + 80 * chance.random()))
    is_run, is_over = status != "pending", status in {"completed", "failed", "cancelled"}
    is_done = status == "completed"
    return {
        "id": str(uuid.UUID(int=chance.getrandbits(128))), "status": status, "source_id": "source",
        "input_file": chance.choice(TITLES), "input_size_bytes": 5, "output_format": chance.choice(FORMATS),
        "options": {}, "assigned_worker": worker if is_run or chance.random() < 0.7 else None,
        "worker_id": worker if is_run else None, "max_attempts": 3, "created_at": began,
        "started_at": began if is_run else None, "completed_at": ended if is_over else None,
        "attempts": int(is_run), "leases": int(is_run),
        "progress": 100.0 if is_done else 100 * chance.random() * is_run,
        "lease_token": f"token-{number}" if status == "processing" else None,
        "lease_expires_at": now + FAR if status == "processing" else None,
        "result_id": f"result-{number}" if is_done else None, "output_file": "song.mp3" if is_done else None,
        "output_size_bytes": 3 if is_done else None, "error": "It broke." if status == "failed" else None,
    }  # fmt: skip


def _attempt(job: Mapping[str, Any], chance: random.Random) -> dict[str, Any]:
    return {
        "job_id": job["id"], "number": 2 if chance.random() < 0.05 else 1, "worker_id": job["worker_id"],
        "token": job["lease_token"] or job["id"], "started_at": job["started_at"], "ended_at": job["completed_at"],
        "outcome": job["status"] if job["completed_at"] else None,
    }  # fmt: skip


def _decide(tx: Connection, job: Mapping[str, Any], crowd: Crowd, chance: random.Random) -> None:
    is_stolen = job["worker_id"] is not None and chance.random() < 0.3
    name = job["worker_id"] or job["assigned_worker"]
    candidates = tuple(_candidate(name_of(number), number % 3, name) for number in range(min(crowd.workers, 100)))
    chosen = next((one for one in candidates if one.worker_id == name), None)
    decision = Decision("stealing" if is_stolen else "least_loaded", chosen, candidates)
    reason, source = (Reason.STOLEN, name_of(3)) if is_stolen else (Reason.SUBMITTED, None)
    decisions.insert(tx, [(job["id"], source, decision)], reason=reason, now=job["created_at"])


def _candidate(worker_id: str, jobs: int, chosen: str | None) -> Candidate:
    return Candidate(
        worker_id=worker_id,
        jobs_in_progress=jobs,
        cpu_load=0.25,
        chosen_at=None,
        memory_mb=500.0,
        metrics_source=MetricsSource.HEARTBEAT,
        metrics_age_seconds=0.4,
        load_score=12 + 30 * jobs,
        why_not=None if worker_id == chosen else f"had {jobs} jobs, {chosen} 0",
    )


def _fleet_point(at: datetime, part: float, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    """`part` of the way, 0..1, to what there is now."""
    now = Counter(job["status"] for job in jobs)
    hill = round(30 * math.sin(math.pi * part))
    return {
        "at": at,
        "pending": hill + round(part * now["pending"]),
        "processing": round(min(1.0, 5 * part) * now["processing"]),
        "completed": round(part**2 * now["completed"]),
        "failed": round(part * now["failed"]),
    }


def _load_point(at: datetime, number: int, index: int, chance: random.Random) -> dict[str, Any]:
    level = 0.5 + 0.3 * math.sin(index / (40 + 7 * (number % 5)) + number) + 0.06 * chance.random()
    return {
        "at": at, "worker_id": name_of(number), "cpu_load": round(level, 2), "memory_mb": 500.0 + 40 * number,
        "running_jobs": number % 3, "assigned_jobs": 0,
    }  # fmt: skip


@contextmanager
def changing(stand: Stand, crowd: Crowd, every_seconds: float = 0.1) -> Iterator[None]:
    """Until the end of the block a tenth of the workers changes at each step, and the page is told as by heartbeats."""
    ending = threading.Event()
    chance = random.Random(1)
    by_worker: BindParameter[str] = bindparam("this_id")
    load = update(tables.workers).where(tables.workers.c.id == by_worker)
    run = update(tables.jobs).where(tables.jobs.c.worker_id == by_worker, tables.jobs.c.status == "processing")

    def change(tx: Connection) -> None:
        for number in chance.sample(range(crowd.workers), max(1, crowd.workers // 10)):
            tx.execute(load, {"this_id": name_of(number), "cpu_load": round(chance.random(), 2)})
            tx.execute(run, {"this_id": name_of(number), "progress": 100 * chance.random()})
            events.append(tx, "job.leased", now=stand.parts.desk.clock(), worker_id=name_of(number), job_id="any")

    def go_on() -> None:
        while not ending.wait(every_seconds):
            stand.parts.desk.database.write(change)
            stand.parts.desk.tell()
            stand.parts.desk.signals.emit(signals.PROGRESS)

    thread = threading.Thread(target=go_on, name="crowd")
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
