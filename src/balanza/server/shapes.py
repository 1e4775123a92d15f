"""The public API on the wire. Fields may be added, none may change."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from balanza import wording
from balanza.lifecycle import JobStatus
from balanza.model import (
    Attempt,
    DecisionRecord,
    Job,
    Media,
    OptionValue,
    Outcome,
    Reason,
    Stream,
    StreamKind,
    Waiting,
    WhyNot,
)
from balanza.protocol import MOST_TAGS, Instance, Tag, WorkerId
from balanza.wording import Value

_NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f]+$"


_MEDIA_ID = "a61c1994-367c-42c1-9316-4807672356e6"
_JOB_ID = "05d46dee-10bb-4c4b-b7d4-ceb9f493b143"


def _with_example(**fields: JsonValue) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class Uploaded(Shape):
    """The file is durable: in storage and in the library."""

    model_config = _with_example(
        ok=True, id=_MEDIA_ID, name="song.wav", size_bytes=16044, sha256="e1c43d8b80e84c87…53465130"
    )

    ok: Literal[True] = True
    id: str
    name: str
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, media: Media) -> "Uploaded":
        return cls(id=media.id, name=media.name, size_bytes=media.size_bytes, sha256=media.sha256)


class MediaOut(Shape):
    """A file in the library."""

    id: str
    name: str
    size_bytes: int
    sha256: str
    mime_type: str
    kind: Literal["audio", "video"]
    codecs: list[str]
    """Of its moving pictures and its sound."""
    duration_seconds: float | None
    job_id: str | None
    """The job whose result it is; null for an upload."""
    created_at: datetime
    trashed_at: datetime | None
    """Since when it is in the trash; null for a file of the library."""

    @classmethod
    def of(cls, media: Media) -> "MediaOut":
        return cls(**_media_fields(media))


class StreamOut(Shape):
    index: int
    kind: StreamKind
    codec: str
    bit_rate_bps: int | None
    duration_seconds: float | None
    language: str | None
    width: int | None
    height: int | None
    fps: float | None
    pixel_format: str | None
    sample_rate_hz: int | None
    channels: int | None
    is_cover: bool
    is_text: bool
    """Subtitles made of text."""

    @classmethod
    def of(cls, stream: Stream) -> "StreamOut":
        return cls(**{name: getattr(stream, name) for name in cls.model_fields})


class MediaInfo(MediaOut):
    """A file in the library with what the probe found in it."""

    container: str
    bit_rate_bps: int | None
    chapters: int
    streams: list[StreamOut]

    @classmethod
    def of(cls, media: Media) -> "MediaInfo":
        probe = media.probe
        return cls(
            **_media_fields(media),
            container=probe.container,
            bit_rate_bps=probe.bit_rate_bps,
            chapters=probe.chapters,
            streams=[StreamOut.of(stream) for stream in probe.streams],
        )


class MediaPage(Shape):
    media: list[MediaOut]
    next_cursor: str | None


def _not_too_many(tags: list[str]) -> list[str]:
    if len(tags) > MOST_TAGS:
        raise ValueError(f"at most {MOST_TAGS} tags can be asked for, not {len(tags)}")
    return tags


class ConvertRequest(Shape):
    """What to convert, and into what. GET /formats names the formats and their options."""

    model_config = ConfigDict(
        extra="forbid",
        **_with_example(input_file="song.wav", output_format="mp3", options={"quality": "best"}, tags=[]),
    )

    input_file: Annotated[str, Field(min_length=1, max_length=255, pattern=_NO_CONTROL_CHARACTERS)]
    """A media id, or a name that only one file has."""
    output_format: Annotated[str, Field(min_length=1, max_length=20)]
    options: dict[str, JsonValue] = Field(default_factory=dict, max_length=50)
    tags: Annotated[list[Tag], AfterValidator(_not_too_many), Field(json_schema_extra={"maxItems": MOST_TAGS})] = []
    """Such as `gpu`: only a worker that was given all of these runs it."""


class Submitted(Shape):
    """A job was made."""

    model_config = _with_example(ok=True, job_id=_JOB_ID, status="pending", assigned_worker="worker_a")

    ok: Literal[True] = True
    job_id: str
    status: JobStatus
    assigned_worker: str | None
    """Whose own queue it is in; null in the general queue, when no worker is live."""

    @classmethod
    def of(cls, job: Job) -> "Submitted":
        return cls(job_id=job.id, status=job.status, assigned_worker=job.assigned_worker)


class ObstacleOut(Shape):
    """What stands between a worker and a job."""

    worker_id: str
    clause: str
    """It follows the worker's name: `has no tag gpu`."""
    code: str | None
    """Which clause it is; null for one that has no code."""
    values: dict[str, Value]

    @classmethod
    def of(cls, worker_id: str, found: WhyNot) -> "ObstacleOut":
        said = wording.clause(found.clause)
        return cls(worker_id=worker_id, clause=found.clause, code=said.code, values=dict(said.values))


class WaitingOut(Shape):
    """What a pending job waits for."""

    code: str
    """`slot`: its turn; `worker`: any worker at all; otherwise what stands in the way: `draining`, `quarantined`,
    `probation`, `scratch`, `tag`, `encoder`."""
    worker_id: str | None
    """The worker it waits for; null when any will do, or none can run it."""
    sentence: str
    sentence_code: str | None
    """Which sentence it is, such as `turn`, to say it in another language."""
    sentence_values: dict[str, Value]
    """What stands in it, such as `{"worker": "worker_a", "count": 2}`."""
    obstacles: list[ObstacleOut]
    """What it lists when no worker can take the job, the most nearly able one first."""
    more: int
    """How many workers besides those are in its way."""

    @classmethod
    def of(cls, waiting: Waiting | None) -> "WaitingOut | None":
        if waiting is None:
            return None
        said = wording.coded(wording.WAITS, waiting.sentence)
        return cls(
            code=waiting.code,
            worker_id=waiting.worker_id,
            sentence=waiting.sentence,
            sentence_code=said.code,
            sentence_values=dict(said.values),
            obstacles=[ObstacleOut.of(worker_id, found) for worker_id, found in waiting.obstacles],
            more=waiting.more,
        )


class JobOut(Shape):
    job_id: str
    status: JobStatus
    input_id: str
    input_file: str
    output_format: str
    options: dict[str, OptionValue]
    assigned_worker: str | None
    worker_id: str | None
    """Who processes it, or processed it last."""
    progress: float
    """0..100."""
    speed: float | None
    eta_seconds: float | None
    attempts: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_seconds: float | None
    """How long the last attempt took, once the job has ended."""
    input_size_bytes: int
    output_size_bytes: int | None
    size_reduction_percent: float | None
    """Below zero when the result is larger than the source."""
    output_id: str | None
    """The media id of the result."""
    output_file: str | None
    error: str | None
    log_tail: str | None
    """The last lines that FFmpeg wrote."""
    waits_for: WaitingOut | None
    """Null unless it is pending."""

    @classmethod
    def of(cls, job: Job, waiting: Waiting | None = None) -> "JobOut":
        return cls(**_job_fields(job, waiting))


class AttemptOut(Shape):
    """One try at a job: by whom, when, and how it ended."""

    number: int
    worker_id: str
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    error: str | None
    log_tail: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptOut":
        return cls(**{name: getattr(attempt, name) for name in cls.model_fields})


class MoveOut(Shape):
    """The job went from one own queue to another; null is the general queue."""

    at: datetime
    reason: Reason
    source: str | None
    target: str | None

    @classmethod
    def of(cls, record: DecisionRecord) -> "MoveOut":
        return cls(at=record.at, reason=record.reason, source=record.source, target=record.decision.worker_id)


class JobDetail(JobOut):
    tags: list[str]
    """What a worker must have been given to run it."""
    history: list[AttemptOut]
    moves: list[MoveOut]
    """Oldest first."""

    @classmethod
    def with_history(
        cls,
        job: Job,
        attempts: list[Attempt],
        decisions: list[DecisionRecord],
        *,
        tags: frozenset[str],
        waiting: Waiting | None,
    ) -> "JobDetail":
        return cls(
            **_job_fields(job, waiting),
            tags=sorted(tags),
            history=[AttemptOut.of(attempt) for attempt in attempts],
            moves=[MoveOut.of(record) for record in decisions if record.reason is not Reason.SUBMITTED],
        )


class JobPage(Shape):
    jobs: list[JobOut]
    next_cursor: str | None


class Health(Shape):
    ok: bool


class Leaving(BaseModel):
    """A worker says goodbye."""

    model_config = ConfigDict(extra="forbid")

    worker_id: str = WorkerId
    instance: str = Instance


def _media_fields(media: Media) -> dict[str, Any]:
    return {
        "id": media.id,
        "name": media.name,
        "size_bytes": media.size_bytes,
        "sha256": media.sha256,
        "mime_type": media.mime_type,
        "kind": "video" if media.probe.video else "audio",
        "codecs": list(dict.fromkeys(stream.codec for stream in (*media.probe.video, *media.probe.audio))),
        "duration_seconds": media.probe.duration_seconds,
        "job_id": media.job_id,
        "created_at": media.created_at,
        "trashed_at": media.trashed_at,
    }


_SAME_NAME = frozenset(JobOut.model_fields) & frozenset(Job.__dataclass_fields__)


def _job_fields(job: Job, waiting: Waiting | None) -> dict[str, Any]:
    return {name: getattr(job, name) for name in _SAME_NAME} | {
        "job_id": job.id,
        "input_id": job.source_id,
        "output_id": job.result_id,
        "duration_seconds": _duration_seconds(job),
        "waits_for": WaitingOut.of(waiting),
        "size_reduction_percent": _size_reduction_percent(job),
    }


def _duration_seconds(job: Job) -> float | None:
    if job.started_at is None or job.completed_at is None:
        return None
    return round((job.completed_at - job.started_at).total_seconds(), 3)


def _size_reduction_percent(job: Job) -> float | None:
    if job.output_size_bytes is None or not job.input_size_bytes:
        return None
    return round(100 * (1 - job.output_size_bytes / job.input_size_bytes), 2)
