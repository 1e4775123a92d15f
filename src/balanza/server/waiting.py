"""What pending jobs wait for and when they are expected, from the fleet as it is in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from balanza.balancer.waiting import waits_for
from balanza.dispatch.desk import Desk
from balanza.lifecycle import JobStatus
from balanza.model import Job, Waiting
from balanza.store import requirements, workers


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a job has before it. What nobody can tell is None."""

    waiting: Waiting | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None


UNKNOWN = Outlook()
ITS_TURN = "slot"
"""What a pending job waits for that some worker can run. Of any other nobody can tell when it starts."""
_FORESEEABLE_SECONDS = timedelta(days=3650).total_seconds()


def outlooks_of(tx: Connection, desk: Desk, found: Sequence[Job]) -> Mapping[str, Outlook]:
    """By job id."""
    now = desk.clock()
    waiting, expected = waits_of(tx, found, now), desk.forecasts.of(tx, found, now)
    outlooks = {}
    for job in found:
        one, waits = expected.get(job.id), waiting.get(job.id)
        if one is None or (waits is not None and waits.code != ITS_TURN):
            outlooks[job.id] = Outlook(waits)
            continue
        start_at = _after(now, one.start_seconds) if waits else None
        outlooks[job.id] = Outlook(waits, start_at, _after(now, one.end_seconds))
    return outlooks


def _after(now: datetime, seconds: float) -> datetime | None:
    """A file may claim to last for ages, and a worker that it needs them: the calendar ends before."""
    return now + timedelta(seconds=seconds) if seconds < _FORESEEABLE_SECONDS else None


def waits_of(tx: Connection, found: Sequence[Job], now: datetime) -> Mapping[str, Waiting]:
    """By job id, for the pending ones among those found. However many they are, the fleet is read once."""
    pending = [job for job in found if job.status is JobStatus.PENDING]
    if not pending:
        return {}
    fleet, known = workers.list_workers(tx), requirements.list_requirements(tx)
    said: dict[tuple[str | None, int | None, int], Waiting] = {}
    for job in pending:
        alike = _alike(job)
        if alike not in said:
            needs = requirements.needs_of(known, job.requirement_id, job.scratch_bytes)
            said[alike] = waits_for(job, needs, fleet, now=now)
    return {job.id: said[_alike(job)] for job in pending}


def _alike(job: Job) -> tuple[str | None, int | None, int]:
    """Jobs alike in these wait for the same. A large fleet takes a while to look at; a long list is of few kinds."""
    return job.assigned_worker, job.requirement_id, job.scratch_bytes
