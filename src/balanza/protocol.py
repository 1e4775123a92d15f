"""What server and workers say to each other, as they say it on the wire.

A worker registers once, then heartbeats every second and asks for leases in a long poll. Every call about a job is
fenced by its lease token; the answer to a stale one is `LeaseLost`.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from balanza.model import JobKind, OptionValue, Probe
from balanza.wording import Value

MIB = 1024 * 1024

PROTOCOL = 1
"""Counts up with each field that a worker may send, since an older server refuses what it does not know. A newer
server understands an older worker."""
PROTOCOL_HEADER = "Balanza-Protocol"
"""Of the answer to a registration: which one the server speaks. An older worker would refuse it as a field."""

PACE_HEADER = "Balanza-Heartbeat-Seconds"
"""Of the answer to a heartbeat, for the same reason."""


class Message(BaseModel):
    """Bounded in every field: what passes here, every database can keep and every answer can say."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


WORKER_ID = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
WorkerId = Field(pattern=WORKER_ID)
Instance = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
"""Drawn anew by each process of a worker."""

OPAQUE = r"^[A-Za-z0-9_-]{1,64}$"
"""The token of a lease."""

MOST_SLOTS = 1000
MOST_CPUS = 10_000
MOST_ENCODERS = 1000
"""FFmpeg has some 250."""
MOST_LEASES = 2 * MOST_SLOTS
MOST_TOGETHER = 32
"""How many tiny jobs one ffmpeg process does at most."""
MOST_TAGS = 50
TAG = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$"
Tag = Annotated[str, Field(pattern=TAG)]
Tags = Annotated[frozenset[Tag], Field(max_length=MOST_TAGS)]
EncoderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Load(Message):
    """What a worker measured of itself: its own process tree, children included."""

    cpu_load: float = Field(ge=0, le=1)
    """Over the cores it may use: 1 is all of them."""
    memory_mb: float = Field(ge=0, le=1e12)
    scratch_free_bytes: int | None = Field(default=None, ge=0, le=2**62)
    """What its scratch folder has room for."""
    received_bytes_per_second: float | None = Field(default=None, ge=0, le=1e15)
    """Of sources, over the network; None when an older worker does not say."""
    sent_bytes_per_second: float | None = Field(default=None, ge=0, le=1e15)
    """Of results, over the network."""


class Registration(Message):
    """A worker says that it is here. A later registration under the same id replaces it."""

    worker_id: str = WorkerId
    instance: str = Instance
    slots: int = Field(ge=1, le=MOST_SLOTS)
    cpus: float = Field(gt=0, le=MOST_CPUS)
    memory_total_mb: float | None = Field(default=None, gt=0, le=1e12)
    """What it may use."""
    encoders: frozenset[EncoderName] = Field(max_length=MOST_ENCODERS)
    tags: Tags = frozenset()
    metrics_address: str | None = Field(default=None, max_length=255, pattern=r"^[\x21-\x7e]*$")
    load: Load


class Registered(Message):
    heartbeat_seconds: float
    lease_seconds: float
    storage_folder: str | None
    """Where the server keeps its files, if in a local folder; reading `storage_marker` there proves it is shared."""
    storage_marker: str | None


class LeaseReport(Message):
    """How one running attempt is getting on."""

    token: str = Field(pattern=OPAQUE)
    progress: float = Field(ge=0, le=100)
    speed: float | None = None
    eta_seconds: float | None = None
    paused: bool = False
    """Its ffmpeg is stopped while a short job runs in its slot."""
    paused_seconds: float = Field(default=0, ge=0, le=1e9)
    """How long it has been so far, all pauses together."""


class Heartbeat(Message):
    worker_id: str = WorkerId
    instance: str = Instance
    load: Load
    leases: tuple[LeaseReport, ...] = Field(default=(), max_length=MOST_LEASES)
    """Every lease it holds: those named are renewed, others are left to expire."""
    leaving: bool = False
    """It takes nothing new, and leaves when it has finished: its pending jobs are to go to others."""


class HeartbeatReply(Message):
    lost: tuple[str, ...] = ()
    """Tokens of leases that are no longer its own: cancelled, expired or replaced. Kill those conversions."""
    drain: bool = False
    """Take nothing new."""
    heartbeat_seconds: float | None = Field(default=None, exclude=True)
    """Until the next one, in a large fleet longer than `Registered` says; None: as long. It goes in a header."""


class LeaseRequest(Message):
    worker_id: str = WorkerId
    instance: str = Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")
    """Empty, it is that of no worker."""
    wait_seconds: float = Field(default=0, ge=0, le=30)
    pauses: str | None = Field(default=None, pattern=OPAQUE)
    """For a slot that is taken: the lease in it that would be paused for a short job. Only such a job is given."""
    remaining_seconds: float | None = Field(default=None, ge=0, le=1e9)
    """How long the lease that would be paused has still to run."""
    most: int = Field(default=1, ge=1, le=MOST_TOGETHER)
    """How many tiny jobs of one kind may come at once, to share an ffmpeg process."""


class Source(Message):
    media_id: str
    name: str
    size_bytes: int
    sha256: str
    storage_key: str
    probe: Probe


class LeaseGrant(Message):
    token: str
    job_id: str
    attempt: int
    kind: JobKind = JobKind.CONVERT
    output_format: str
    options: dict[str, OptionValue]
    source: Source
    output_key: str
    was_assigned: bool
    pauses: str | None = None
    """The lease of this worker that is paused until this job has ended."""
    companions: tuple["LeaseGrant", ...] = ()
    """More tiny jobs with the same options, to be done in the same ffmpeg process. They have none themselves."""


class Completion(Message):
    """The result lies in storage under the lease's output key; publish it."""

    size_bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    probe: Probe
    log_tail: str = ""
    paused_seconds: float = Field(default=0, ge=0, le=1e9)
    """How long the attempt was paused for short jobs."""
    run_seconds: float | None = Field(default=None, ge=0, le=1e9)
    """Of a job that was done together with others: how long it took by itself, about. None: the whole attempt."""
    transfer_seconds: float | None = Field(default=None, ge=0, le=1e9)
    """How long its source and result travelled between server and worker; None: they share a folder."""


class Completions(Message):
    """Of several leases, by token; each is judged by itself."""

    completions: dict[Annotated[str, Field(pattern=OPAQUE)], Completion] = Field(min_length=1, max_length=MOST_TOGETHER)


class Failure(Message):
    error: str
    log_tail: str = ""
    paused_seconds: float = Field(default=0, ge=0, le=1e9)
    """How long the attempt was paused for short jobs."""


class StoredObject(Message):
    """What the server received as the bytes of a result."""

    size_bytes: int
    sha256: str


class Problem(BaseModel):
    """An error as RFC 9457 writes it; `detail` is the sentence for a person."""

    type: str
    title: str
    status: int
    detail: str
    code: str | None = None
    """Which sentence `detail` is, such as `file_empty`, to say it in another language; not every one has a code."""
    values: dict[str, Value] = {}
    """What stands in it, such as `{"name": "song.wav"}`."""


class Refused(Message):
    """What became of several completions."""

    refused: dict[str, Problem] = {}
    """By token, why it was not published; what is not here is."""
