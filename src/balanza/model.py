"""The nouns, frozen: what the store returns and everything above it speaks of. Times are aware datetimes in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from balanza.lifecycle import JobStatus

OptionValue = str | int | float | bool
Options = Mapping[str, OptionValue]
"""The options of a conversion under their public names, validated and normalised by `media.formats`."""

GENERAL_QUEUE = "conversion:queue"


def own_queue(worker_id: str) -> str:
    """The name of the queue of the pending jobs assigned to `worker_id`."""
    return f"{GENERAL_QUEUE}:{worker_id}"


def result_key(job_id: str, attempt: int) -> str:
    """Where in storage that attempt, and no other, writes its result."""
    return f"result-{job_id}-{attempt}"


class StreamKind(StrEnum):
    AUDIO = "audio"
    VIDEO = "video"
    SUBTITLE = "subtitle"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a media file, as probed. What the container does not say is None."""

    index: int
    kind: StreamKind
    codec: str
    bit_rate_bps: int | None = None
    duration_seconds: float | None = None
    language: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    pixel_format: str | None = None
    sample_rate_hz: int | None = None
    sample_format: str | None = None
    """How the decoder gives its samples, in FFmpeg's words: `s16`, `s32`, `fltp`, …"""
    channels: int | None = None
    is_cover: bool = False
    """A still picture attached to the file (cover art), not a film."""
    is_text: bool = False
    """Subtitles made of text, which can be written as text in another container."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a media file contains. `container` is FFmpeg's demuxer name, e.g. `mov,mp4,m4a,3gp,3g2,mj2`."""

    container: str
    duration_seconds: float | None
    bit_rate_bps: int | None
    streams: tuple[Stream, ...]
    chapters: int = 0

    @property
    def audio(self) -> tuple[Stream, ...]:
        return tuple(s for s in self.streams if s.kind is StreamKind.AUDIO)

    @property
    def video(self) -> tuple[Stream, ...]:
        """Moving pictures: cover art is not among them."""
        return tuple(s for s in self.streams if s.kind is StreamKind.VIDEO and not s.is_cover)

    @property
    def covers(self) -> tuple[Stream, ...]:
        return tuple(s for s in self.streams if s.is_cover)

    @property
    def subtitles(self) -> tuple[Stream, ...]:
        return tuple(s for s in self.streams if s.kind is StreamKind.SUBTITLE)


@dataclass(frozen=True, slots=True)
class Media:
    """A file in the library: a source that was uploaded, or a result."""

    id: str
    name: str
    """The display name; never used as a path."""
    size_bytes: int
    sha256: str
    mime_type: str
    storage_key: str
    probe: Probe
    created_at: datetime
    job_id: str | None = None
    """The job whose result this is; None for an upload."""
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A link under which one file can be opened by whoever has it."""

    id: str
    token_hash: str
    """SHA-256 of the token in the link, which is kept nowhere."""
    media_id: str
    created_at: datetime
    expires_at: datetime
    password_hash: str | None = None
    most_downloads: int | None = None
    downloads: int = 0
    revoked_at: datetime | None = None

    @property
    def is_used_up(self) -> bool:
        """All downloads that it allows were taken; it can still be played."""
        return self.most_downloads is not None and self.downloads >= self.most_downloads


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


LEFT = "(left)"
"""The instance of a worker that has left by itself: no process's, so that nothing it sent before is heard after it."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that runs conversions, as the store knows it. Measured values are those of its last heartbeat."""

    id: str
    instance: str
    """One registration of the process; a restarted worker has another one."""
    slots: int
    cpus: float
    memory_total_mb: float | None
    encoders: frozenset[str]
    tags: frozenset[str]
    """Words that its owner gave it, such as `gpu`; a job can ask for them."""
    metrics_address: str | None
    registered_at: datetime
    seen_at: datetime
    cpu_load: float | None
    """0..1 of the cores it may use, over its whole process tree."""
    memory_mb: float | None
    scratch_free_bytes: int | None
    draining: bool
    """Told to by a person; it stays so until told otherwise."""
    drain_until: datetime | None
    """What it still runs then is handed back; None: it may finish."""
    leaving: bool
    """It goes by itself: it takes nothing new, finishes what it can, and leaves."""
    offline: bool
    chosen_at: datetime | None
    """When it was last chosen for a job; ties go to the one chosen longest ago."""
    assigned_jobs: int
    """Pending jobs in its own queue."""
    running_jobs: int
    conversions_success: int
    conversions_failed: int
    faults: int
    """How many jobs it failed at, since its last success, that others then completed."""
    succeeded_at: datetime | None
    """When it completed a job last: what it failed at before is forgiven."""
    blamed_at: datetime | None
    """When the attempt ended that was counted last as a fault: those that ended with it are the same mishap."""
    quarantines: int
    """How many in a row."""
    quarantined_until: datetime | None
    """Until then it gets no job; afterwards one at a time, until it completes one."""
    quarantine_reason: str | None

    @property
    def has_left(self) -> bool:
        """It went by itself, and is not missed."""
        return self.instance == LEFT

    @property
    def jobs_in_progress(self) -> int:
        """Running plus assigned: what a new job would wait behind."""
        return self.assigned_jobs + self.running_jobs


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


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a worker must have to run a job. Few jobs differ in it, so each is kept once."""

    id: int
    encoders: frozenset[str]
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Needs:
    """What one job asks of a worker."""

    encoders: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    scratch_bytes: int = 0


class Obstacle(StrEnum):
    """Why a worker cannot take a job at all."""

    OFFLINE = "offline"
    LEAVING = "leaving"
    DRAINING = "draining"
    QUARANTINED = "quarantined"
    PROBATION = "probation"
    ENCODER = "encoder"
    TAG = "tag"
    SCRATCH = "scratch"
    FAILED_BEFORE = "failed_before"


@dataclass(frozen=True, slots=True)
class WhyNot:
    """An obstacle, and the clause that follows the worker's name: `is offline`, `has no encoder libx265`."""

    obstacle: Obstacle
    clause: str


class MetricsSource(StrEnum):
    """Who measured."""

    PROMETHEUS = "prometheus"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of a worker. What was not measured is None, never zero."""

    source: MetricsSource
    measured_at: datetime
    cpu_load: float | None
    memory_mb: float | None
    jobs_in_progress: int | None = None
    """As it was then; decisions count live."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker as the balancer sees it. Unknown is None, never zero."""

    worker_id: str
    jobs_in_progress: int
    """Live: running plus assigned."""
    cpu_load: float | None
    chosen_at: datetime | None
    memory_mb: float | None = None
    metrics_source: MetricsSource | None = None
    metrics_age_seconds: float | None = None
    load_score: int = 0
    cannot: WhyNot | None = None
    """Why it cannot take the job at all; None when it can."""
    why_not: str | None = None
    """In a decision: why this one was not chosen, as a clause; None for the chosen one."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Which worker was chosen for a job (None: nobody could take it), by which policy, and from which candidates."""

    policy: str
    chosen: Candidate | None
    candidates: tuple[Candidate, ...]
    """By id; the chosen one among them."""

    @property
    def worker_id(self) -> str | None:
        return self.chosen.worker_id if self.chosen else None


class Reason(StrEnum):
    """What a decision was made for."""

    SUBMITTED = "submitted"
    RETRIED = "retried"
    FAILED = "failed"
    EXPIRED = "expired"
    RELEASED = "released"
    STOLEN = "stolen"
    JOINED = "joined"
    DRAINING = "draining"
    LEFT = "left"
    OFFLINE = "offline"
    QUARANTINED = "quarantined"
    UNABLE = "unable"
    """Its worker can no longer run it."""


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision as it was kept with its job."""

    id: int
    at: datetime
    job_id: str
    reason: Reason
    source: str | None
    """The worker whose own queue it was in before; None: a new job, or one of the general queue."""
    decision: Decision


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a pending job waits for."""

    code: str
    """`slot`: for its turn with `worker_id`; `worker`: for any worker at all; otherwise the obstacle in its way."""
    worker_id: str | None
    sentence: str
