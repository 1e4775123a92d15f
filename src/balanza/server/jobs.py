"""The jobs: ask for a conversion, list, look at, cancel, retry; and the formats and queues."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from sqlalchemy import Connection

from balanza.balancer.order import most_priority
from balanza.dispatch.dispatcher import Submission, existing
from balanza.dispatch.estimates import Estimate, estimate
from balanza.dispatch.load import QueueStats, queue_stats
from balanza.errors import Refused
from balanza.lifecycle import JobStatus
from balanza.media import formats
from balanza.model import Job, Scope
from balanza.protocol import WORKER_ID
from balanza.server.auth import Admin, Converter, Reader
from balanza.server.bodies import JsonRoute
from balanza.server.job_shapes import (
    BatchRequest,
    ConvertRequest,
    JobDetail,
    JobOut,
    JobPage,
    Submitted,
    SubmittedBatch,
)
from balanza.server.openapi import JSON_BODY, problems
from balanza.server.parts import Parts
from balanza.server.waiting import outlooks_of
from balanza.store import decisions, jobs, requirements

router = APIRouter(tags=["jobs"], route_class=JsonRoute)

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="A job id.")]
LAST_SEQ = 2**63 - 1


IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Requests with the same key make one job. A new request needs a new key.",
    ),
]


@router.post("/convert", status_code=201, summary="Convert a file", responses=problems(403, 404, 409, 410, *JSON_BODY))
def convert(wanted: ConvertRequest, parts: Converter, idempotency_key: IdempotencyKey = None) -> Submitted:
    """Makes a pending job and assigns it to a worker that can run it, by default the least loaded one."""
    submission = Submission(
        source=wanted.input_file,
        output_format=wanted.output_format,
        options=wanted.options,
        idempotency_key=idempotency_key,
        tags=frozenset(wanted.tags),
        priority=_priority(wanted.priority, parts),
    )
    return Submitted.of(parts.dispatcher.submit(submission))


@router.post(
    "/convert/batch",
    status_code=201,
    summary="Convert several files into the same",
    responses=problems(403, 404, 409, 410, *JSON_BODY),
)
def convert_batch(wanted: BatchRequest, parts: Converter, idempotency_key: IdempotencyKey = None) -> SubmittedBatch:
    """Makes a job for each, all or none, and runs them as `goal` asks."""
    alike = Submission(
        source="",
        output_format=wanted.output_format,
        options=wanted.options,
        idempotency_key=idempotency_key,
        tags=frozenset(wanted.tags),
        priority=_priority(wanted.priority, parts),
    )
    made = parts.dispatcher.submit_batch(wanted.input_files, alike, longest_first=wanted.goal == "makespan")
    return SubmittedBatch(batch_id=made[0].batch_id or "", jobs=[Submitted.of(job) for job in made])


@router.post(
    "/convert/estimate",
    summary="Say what a conversion would come to",
    responses=problems(404, 409, 410, *JSON_BODY),
)
def estimate_conversion(wanted: ConvertRequest, parts: Converter) -> Estimate:
    """Its name, about how large, about how long. Nothing is made."""
    submission = Submission(source=wanted.input_file, output_format=wanted.output_format, options=wanted.options)
    return estimate(parts.desk, submission, parts.asked_by.user_id)


@router.get("/jobs", summary="List the jobs, newest first", responses=problems())
def list_jobs(
    parts: Reader,
    status: JobStatus | None = None,
    worker: Annotated[
        str | None, Query(pattern=WORKER_ID, description="Assigned to, or processed by, this worker.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="How many at most.")] = 100,
    cursor: Annotated[int | None, Query(ge=0, le=LAST_SEQ, description="`next_cursor` of the page before.")] = None,
) -> JobPage:

    def read(tx: Connection) -> tuple[list[JobOut], str | None]:
        found = jobs.list_jobs(
            tx,
            owner_id=parts.asked_by.user_id,
            status=status,
            worker_id=worker,
            before_seq=None if cursor is None else parts.numbers.meant(cursor),
            limit=limit + 1,
        )
        outlooks = outlooks_of(tx, parts.desk, found[:limit])
        shown = [JobOut.of(job, outlooks[job.id]) for job in found[:limit]]
        return shown, str(parts.numbers.shown(found[limit - 1].seq)) if len(found) > limit else None

    shown, more = parts.desk.database.read(read)
    return JobPage(jobs=shown, next_cursor=more)


@router.get("/jobs/{job_id}", summary="Look at a job", responses=problems(404))
def inspect_job(job_id: JobId, parts: Reader) -> JobDetail:
    """The job with the history of its attempts and of its moves between workers."""

    def read(tx: Connection) -> JobDetail:
        job = existing(tx, job_id, parts.asked_by.user_id)
        needs = requirements.needs_of(requirements.list_requirements(tx), job.requirement_id, job.scratch_bytes)
        return JobDetail.with_history(
            job,
            jobs.attempts_of(tx, job_id),
            decisions.of_job(tx, job_id),
            tags=needs.tags,
            outlook=outlooks_of(tx, parts.desk, [job])[job_id],
        )

    return parts.desk.database.read(read)


@router.post("/jobs/{job_id}/cancel", summary="Cancel a job", responses=problems(404, 409))
def cancel_job(job_id: JobId, parts: Converter) -> JobOut:
    """A running conversion is killed within about a second."""
    return JobOut.of(parts.dispatcher.cancel(job_id))


@router.post("/jobs/{job_id}/retry", summary="Try a failed or cancelled job again", responses=problems(404, 409, 410))
def retry_job(job_id: JobId, parts: Converter) -> JobOut:
    """Grants a new set of attempts."""
    return _shown(parts, parts.dispatcher.retry(job_id))


@router.get("/formats", summary="List the formats and their options", responses=problems())
def list_formats(parts: Reader) -> dict[str, Any]:
    return formats.describe()


@router.get("/queue/stats", summary="Count what waits, and where", responses=problems())
def read_queue_stats(parts: Admin) -> QueueStats:
    return parts.desk.database.read(lambda tx: queue_stats(tx, parts.desk.clock()))


def _shown(parts: Parts, job: Job) -> JobOut:
    outlooks = parts.desk.database.read(lambda tx: outlooks_of(tx, parts.desk, [job]))
    return JobOut.of(job, outlooks[job.id])


def _priority(wanted: int, parts: Parts) -> int:
    """Raises Refused when it is more than this person may ask for."""
    asked_by = parts.asked_by
    most = most_priority(asked_by.user_id, is_admin=asked_by.scope.covers(Scope.ADMIN))
    if wanted > most:
        raise Refused(f"Only administrators can ask for a priority above {most}; ask for {most} or less.")
    return wanted
