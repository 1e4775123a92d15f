"""Jobs, their attempts and leases, and what happened to them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from balanza.lifecycle import JobStatus
from balanza.model.accounts import LOCAL_USER
from balanza.model.kinds import JobKind
from balanza.model.media import Media

OptionValue = str | int | float | bool
Options = Mapping[str, OptionValue]
"""The options of a conversion under their public names, validated and normalised by `media.formats`."""

USUAL_PRIORITY = 50

GENERAL_QUEUE = "conversion:queue"


def own_queue(worker_id: str) -> str:
    """The name of the queue of the pending jobs assigned to `worker_id`."""
    return f"{GENERAL_QUEUE}:{worker_id}"


def result_key(job_id: str, attempt: int) -> str:
    """Where in storage that attempt, and no other, writes its result."""
    return f"result-{job_id}-{attempt}"


_PIECE = re.compile(r"-p[0-9]+$")


def piece_key(key: str, number: int) -> str:
    """Where the piece of that number lies, of the object under `key` that is stored in pieces."""
    return f"{key}-p{number}"


def whole_key(key: str) -> str:
    """The key of the object that this is a piece of; of no piece, its own."""
    return _PIECE.sub("", key)


@dataclass(frozen=True, slots=True)
class Job:
    """One requested conversion of one source into one output format."""

    id: str
    seq: int
    """The order of arrival, over all jobs of this store; the cursor of lists."""
    status: JobStatus
    source_id: str
    input_file: str
    """The source's name when the job was submitted."""
    input_size_bytes: int
    output_format: str
    options: Options
    requirement_id: int | None
    """The `Requirement` that a worker must satisfy to run it; None: any worker can."""
    scratch_bytes: int
    """About how much scratch space an attempt takes, at most."""
    assigned_worker: str | None
    assigned_at: datetime | None
    """When it came into the queue in which it waits, or from which it was taken."""
    worker_id: str | None
    """The worker of the current or, when there is none, of the last attempt."""
    progress: float
    """0..100."""
    speed: float | None
    """Media seconds converted per second."""
    eta_seconds: float | None
    attempts: int
    """How many attempts count; those that a draining worker handed back do not."""
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    """When it ended, whatever the outcome."""
    result_id: str | None
    output_file: str | None
    output_size_bytes: int | None
    error: str | None
    log_tail: str | None
    """The last lines FFmpeg wrote in the attempt that ended last."""
    owner_id: str = LOCAL_USER
    """Whose job it is."""
    kind: JobKind = JobKind.CONVERT
    priority: int = USUAL_PRIORITY
    """0..100; the highest come first."""
    work: str = ""
    """Its kind of work, by which predictions are learned (`media.cost`)."""
    guess_seconds: float = 0.0
    """How long it would run, by what its source is and by nothing learned."""
    predicted_seconds: float = 0.0
    """How long it will run on a usual worker, as was predicted when it was submitted."""
    share: str = ""
    """Between shares work is dealt fairly: its owner's, or everybody's."""
    order_key: float = 0.0
    """Of one share and priority the least comes first, of equal ones the one that arrived first."""
    batch_id: str | None = None
    """Of the jobs that were submitted together."""
    shares_slot: bool = False
    """It runs in a slot that another job holds: that one is paused for it, or both are done by one process."""
    paused: bool = False
    """Its conversion stands still while a short job runs."""
    paused_seconds: float = 0.0
    """How long its attempt has stood still."""


class Outcome(StrEnum):
    """How an attempt ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    RELEASED = "released"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a job: by whom, when, and how it ended (None while it runs)."""

    job_id: str
    number: int
    worker_id: str
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    error: str | None
    log_tail: str | None
    predicted_seconds: float | None = None
    """How long it was to run on its worker; None: nobody said."""
    paused_seconds: float = 0.0
    transfer_seconds: float | None = None
    """How long its source and result were on their way; None: no time worth measuring."""

    @property
    def run_seconds(self) -> float | None:
        """How long its conversion took, without pauses and without bringing bytes to and fro; None while it runs."""
        if self.ended_at is None:
            return None
        spent = (self.ended_at - self.started_at).total_seconds()
        return max(0.0, spent - self.paused_seconds - (self.transfer_seconds or 0.0))


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's exclusive, expiring right to run one attempt of `job`, proved by `token`."""

    token: str
    job: Job
    source: Media
    attempt: int
    """The number of the attempt in the job's history, from 1."""
    output_key: str
    """`result_key` of this attempt."""
    expires_at: datetime
    was_assigned: bool
    """True when it came from the worker's own queue, False from the general queue."""


@dataclass(frozen=True, slots=True)
class Event:
    """A change of state, in the order it was committed. A hint: the rows hold the truth."""

    id: int
    at: datetime
    type: str
    """`<noun>.<past participle>`, e.g. `job.completed`."""
    job_id: str | None = None
    worker_id: str | None = None
    media_id: str | None = None
    data: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    owner_id: str | None = None
    """Whose job or file it is about; None: about the fleet."""
