"""Jobs on the wire. Fields may be added, none may change."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, JsonValue

from balanza import wording
from balanza.dispatch.dispatcher import MOST_IN_BATCH
from balanza.lifecycle import JobStatus
from balanza.model import (
    USUAL_PRIORITY,
    Attempt,
    DecisionRecord,
    Job,
    OptionValue,
    Outcome,
    Reason,
    Waiting,
    WhyNot,
)
from balanza.protocol import MOST_TAGS, Tag
from balanza.server.shapes import Shape, with_example
from balanza.server.waiting import UNKNOWN, Outlook
from balanza.wording import Value

_JOB_ID = "05d46dee-10bb-4c4b-b7d4-ceb9f493b143"


def _not_too_many(tags: list[str]) -> list[str]:
    if len(tags) > MOST_TAGS:
        raise ValueError(f"at most {MOST_TAGS} tags can be asked for, not {len(tags)}")
    return tags


Tags = Annotated[list[Tag], AfterValidator(_not_too_many), Field(json_schema_extra={"maxItems": MOST_TAGS})]
Priority = Annotated[int, Field(ge=0, le=100)]
SourceName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]


class ConvertRequest(Shape):
    """What to convert, and into what. GET /formats names the formats and their options."""

    model_config = ConfigDict(
        extra="forbid",
        **with_example(input_file="song.wav", output_format="mp3", options={"quality": "best"}, tags=[]),
    )

    input_file: SourceName
    """A media id, or a name that only one file has."""
    output_format: Annotated[str, Field(min_length=1, max_length=20)]
    options: dict[str, JsonValue] = Field(default_factory=dict, max_length=50)
    tags: Tags = Field(default_factory=list)
    """Such as `gpu`: only a worker that was given all of these runs it."""
    priority: Priority = USUAL_PRIORITY
    """0..100: whatever has a higher one goes first. More than 50 is for administrators."""


class BatchRequest(Shape):
    """What to convert together, all into the same."""

    model_config = ConfigDict(
        extra="forbid",
        **with_example(input_files=["one.wav", "two.wav"], output_format="mp3", goal="makespan"),
    )

    input_files: Annotated[list[SourceName], Field(min_length=1, max_length=MOST_IN_BATCH)]
    """Media ids, or names that only one file has."""
    output_format: Annotated[str, Field(min_length=1, max_length=20)]
    options: dict[str, JsonValue] = Field(default_factory=dict, max_length=50)
    tags: Tags = Field(default_factory=list)
    priority: Priority = USUAL_PRIORITY
    goal: Literal["slowdown", "makespan"] = "slowdown"
    """`makespan`: that all are done as soon as possible, the longest first. `slowdown`: that none waits for long beside
    its own length, the shortest first."""


class Submitted(Shape):
    """A job was made."""

    model_config = with_example(ok=True, job_id=_JOB_ID, status="pending", assigned_worker="worker_a")

    ok: Literal[True] = True
    job_id: str
    status: JobStatus
    assigned_worker: str | None
    """Whose own queue it is in; null in the general queue, when no worker is live."""

    @classmethod
    def of(cls, job: Job) -> "Submitted":
        return cls(job_id=job.id, status=job.status, assigned_worker=job.assigned_worker)


class SubmittedBatch(Shape):
    """Jobs were made, all of them or none."""

    ok: Literal[True] = True
    batch_id: str
    jobs: list[Submitted]


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
    error_code: str | None
    """Which sentence `error` is, such as `stalled`, to say it in another language; not every one has a code."""
    error_values: dict[str, Value]
    """What stands in it, such as `{"seconds": 60}`."""
    log_tail: str | None
    """The last lines that FFmpeg wrote."""
    waits_for: WaitingOut | None
    """Null unless it is pending."""
    priority: int
    """0..100."""
    batch_id: str | None
    """Of the jobs that were submitted together."""
    predicted_seconds: float
    """How long it was predicted to run, on a usual worker of this fleet."""
    expected_start_at: datetime | None
    """When it will start as far as is foreseen; null when it has started, or nobody can tell."""
    expected_end_at: datetime | None
    paused: bool
    """It stands still while its worker does a short job."""
    paused_seconds: float

    @classmethod
    def of(cls, job: Job, outlook: Outlook = UNKNOWN) -> "JobOut":
        return cls(**_job_fields(job, outlook))


class AttemptOut(Shape):
    """One try at a job: by whom, when, and how it ended."""

    number: int
    worker_id: str
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None
    error: str | None
    log_tail: str | None
    predicted_seconds: float | None
    """How long it was to run on its worker."""
    run_seconds: float | None
    """How long it ran, without pauses and transfers; null while it runs."""
    paused_seconds: float
    transfer_seconds: float | None
    """How long its source and result were on their way; null where files are shared."""

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
        outlook: Outlook,
    ) -> "JobDetail":
        return cls(
            **_job_fields(job, outlook),
            tags=sorted(tags),
            history=[AttemptOut.of(attempt) for attempt in attempts],
            moves=[MoveOut.of(record) for record in decisions if record.reason is not Reason.SUBMITTED],
        )


class JobPage(Shape):
    jobs: list[JobOut]
    next_cursor: str | None


_SAME_NAME = frozenset(JobOut.model_fields) & frozenset(Job.__dataclass_fields__)


def _job_fields(job: Job, outlook: Outlook) -> dict[str, Any]:
    failure = wording.failure(job.error)
    return {name: getattr(job, name) for name in _SAME_NAME} | {
        "job_id": job.id,
        "input_id": job.source_id,
        "output_id": job.result_id,
        "error_code": failure.code,
        "error_values": dict(failure.values),
        "duration_seconds": _duration_seconds(job),
        "waits_for": WaitingOut.of(outlook.waiting),
        "expected_start_at": outlook.start_at,
        "expected_end_at": outlook.end_at,
        "predicted_seconds": round(job.predicted_seconds, 3),
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
