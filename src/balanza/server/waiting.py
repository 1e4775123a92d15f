"""What pending jobs wait for, from the fleet as it is in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from balanza.balancer.waiting import waits_for
from balanza.lifecycle import JobStatus
from balanza.model import Job, Waiting
from balanza.store import requirements, workers


def waits_of(tx: Connection, found: Sequence[Job], now: datetime) -> Mapping[str, Waiting]:
    """By job id, for the pending ones among those found. However many they are, the fleet is read once."""
    pending = [job for job in found if job.status is JobStatus.PENDING]
    if not pending:
        return {}
    fleet, known = workers.list_workers(tx), requirements.list_requirements(tx)
    return {
        job.id: waits_for(job, requirements.needs_of(known, job.requirement_id, job.scratch_bytes), fleet, now=now)
        for job in pending
    }
