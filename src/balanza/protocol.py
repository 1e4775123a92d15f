"""What server and workers say to each other, as they say it on the wire.

A worker registers once, then heartbeats every second and asks for leases in a long poll. Every call about a job is
fenced by its lease token; the answer to a stale one is `LeaseLost`.
"""

from pydantic import BaseModel, ConfigDict, Field

from balanza.model import OptionValue, Probe

MIB = 1024 * 1024


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


WorkerId = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")


class Load(Message):
    """What a worker measured of itself: its own process tree, children included."""

    cpu_load: float = Field(ge=0, le=1)
    """Over the cores it may use: 1 is all of them."""
    memory_mb: float = Field(ge=0)


class Registration(Message):
    """A worker says that it is here. A later registration under the same id replaces it."""

    worker_id: str = WorkerId
    instance: str
    slots: int = Field(ge=1)
    cpus: float = Field(gt=0)
    encoders: frozenset[str]
    metrics_address: str | None = None
    load: Load


class Registered(Message):
    heartbeat_seconds: float
    lease_seconds: float
    storage_folder: str | None
    """Where the server keeps its files, if in a local folder; reading `storage_marker` there proves it is shared."""
    storage_marker: str | None


class LeaseReport(Message):
    """How one running attempt is getting on."""

    token: str
    progress: float = Field(ge=0, le=100)
    speed: float | None = None
    eta_seconds: float | None = None


class Heartbeat(Message):
    worker_id: str = WorkerId
    instance: str
    load: Load
    leases: tuple[LeaseReport, ...] = ()
    """Every lease it holds: those named are renewed, others are left to expire."""


class HeartbeatReply(Message):
    lost: tuple[str, ...] = ()
    """Tokens of leases that are no longer its own: cancelled, expired or replaced. Kill those conversions."""
    drain: bool = False
    """Take nothing new."""


class LeaseRequest(Message):
    worker_id: str = WorkerId
    instance: str
    wait_seconds: float = Field(default=0, ge=0, le=30)


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
    output_format: str
    options: dict[str, OptionValue]
    source: Source
    output_key: str
    was_assigned: bool


class Completion(Message):
    """The result lies in storage under the lease's output key; publish it."""

    size_bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    probe: Probe
    log_tail: str = ""


class Failure(Message):
    error: str
    log_tail: str = ""


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
