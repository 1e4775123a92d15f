"""The decisions: why each job went to the worker it went to."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from balanza.dispatch.dispatcher import existing
from balanza.server.auth import Admin, Reader
from balanza.server.decision_shapes import DecisionOut, DecisionPage, JobDecisions
from balanza.server.jobs import LAST_SEQ, JobId
from balanza.server.openapi import problems
from balanza.server.waiting import waits_of
from balanza.store import decisions

router = APIRouter(tags=["decisions"])


@router.get("/jobs/{job_id}/decision", summary="Why a job is where it is", responses=problems(404))
def explain_job(job_id: JobId, parts: Reader) -> JobDecisions:
    """The last decision and those before it, each with every worker's load and why it was not chosen."""

    def read(tx: Connection) -> JobDecisions:
        job = existing(tx, job_id, parts.asked_by.user_id)
        waiting = waits_of(tx, [job], parts.desk.clock()).get(job_id)
        return JobDecisions.of(job, decisions.of_job(tx, job_id), waiting, parts.numbers)

    return parts.desk.database.read(read)


@router.get("/decisions", summary="List the decisions, newest first", responses=problems())
def list_decisions(
    parts: Admin,
    limit: Annotated[int, Query(ge=1, le=500, description="How many at most.")] = 100,
    cursor: Annotated[int | None, Query(ge=0, le=LAST_SEQ, description="`next_cursor` of the page before.")] = None,
) -> DecisionPage:
    """Those of live jobs, and the newest of the others."""
    before = None if cursor is None else parts.numbers.meant(cursor)
    found = parts.desk.database.read(
        lambda tx: decisions.list_decisions(tx, owner_id=None, before_id=before, limit=limit + 1)
    )
    shown = found[:limit]
    more = str(parts.numbers.shown(shown[-1].id)) if len(found) > limit else None
    return DecisionPage(decisions=[DecisionOut.of(record, parts.numbers) for record in shown], next_cursor=more)
