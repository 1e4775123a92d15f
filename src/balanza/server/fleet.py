"""What workers ask of the server. Every call about a job is fenced by its lease token; a stale one is answered 409."""

import asyncio
import time
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Path, Request, Response
from starlette.responses import StreamingResponse

from balanza.dispatch import signals
from balanza.dispatch.askers import Askers
from balanza.dispatch.pieces import PieceWriter
from balanza.errors import BalanzaError
from balanza.protocol import (
    PACE_HEADER,
    PROTOCOL,
    PROTOCOL_HEADER,
    Completion,
    Completions,
    Failure,
    Heartbeat,
    HeartbeatReply,
    LeaseGrant,
    LeaseRequest,
    Problem,
    Refused,
    Registered,
    Registration,
    StoredObject,
)
from balanza.server.auth import WorkerParts
from balanza.server.bells import departure, wait_for_bell
from balanza.server.bodies import JsonRoute
from balanza.server.openapi import JSON_BODY, content, problems
from balanza.server.parts import LoopPartsDep
from balanza.server.problems import of_error
from balanza.server.ranges import Span
from balanza.server.serving import stored_pieces
from balanza.server.shapes import Leaving
from balanza.server.upload import CommittingSink, pour

router = APIRouter(prefix="/fleet", tags=["fleet"], route_class=JsonRoute)

PROMISED_SECONDS = 0.05
"""The bell may have rung for something else."""

Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="The token of a live lease.")]


@router.post("/register", summary="Join the fleet", responses=problems(*JSON_BODY))
def register(registration: Registration, parts: WorkerParts, response: Response) -> Registered:
    response.headers[PROTOCOL_HEADER] = str(PROTOCOL)
    return parts.fleet.register(registration)


@router.post("/heartbeat", summary="Say that one is alive, and how far one got", responses=problems(409, *JSON_BODY))
def heartbeat(beat: Heartbeat, parts: WorkerParts, response: Response) -> HeartbeatReply:
    reply = parts.fleet.heartbeat(beat)
    response.headers[PACE_HEADER] = str(reply.heartbeat_seconds)
    return reply


@router.post("/leave", status_code=204, summary="Leave the fleet", responses=problems(*JSON_BODY))
def leave(leaving: Leaving, parts: WorkerParts) -> None:
    parts.fleet.leave(leaving.worker_id, leaving.instance)


@router.post(
    "/lease",
    summary="Take a job, waiting for one",
    response_model=LeaseGrant,
    response_model_exclude_defaults=True,  # a worker of an older version refuses what it does not know
    responses={204: {"description": "Nothing to do."}, **problems(409, *JSON_BODY)},
)
async def lease(
    wanted: LeaseRequest, request: Request, parts: WorkerParts, loop_parts: LoopPartsDep
) -> LeaseGrant | Response:
    """Answers as soon as there is a job for this worker, at the latest after `wait_seconds`."""
    deadline = time.monotonic() + wanted.wait_seconds
    with (
        loop_parts.bells.listen(signals.ANY_WORK, signals.work_for(wanted.worker_id)) as bell,
        departure(request, bell) as departed,
    ):
        while not (departed.done() or loop_parts.bells.closed):
            grant, look_again_seconds = await to_thread.run_sync(parts.fleet.ask, wanted)
            left = deadline - time.monotonic()
            if grant is None and left > 0:
                grant = await _given(parts.desk.askers, wanted, bell, min(left, look_again_seconds))
            if grant is not None:
                if not departed.done():
                    return grant
                await to_thread.run_sync(parts.fleet.take_back, grant)
            if left <= 0:
                break
    return Response(status_code=204)


async def _given(askers: Askers, wanted: LeaseRequest, bell: asyncio.Event, seconds: float) -> LeaseGrant | None:
    """What the transaction that made a job gave the worker, until the bell rings."""
    with askers.open(wanted) as asker:
        await wait_for_bell(bell, seconds)
        askers.close(asker)
        while asker.is_promised:  # it is about to commit, and rings then
            await wait_for_bell(bell, PROMISED_SECONDS)
        return asker.grant


@router.get(
    "/leases/{token}/source",
    summary="Read the source of a leased job",
    response_class=Response,
    responses={200: content("*/*", "The whole file."), **problems(404, 409)},
)
def read_source(token: Token, parts: WorkerParts, loop_parts: LoopPartsDep) -> Response:
    source = parts.fleet.source_of(token)
    span = Span(0, source.size_bytes)
    pieces = stored_pieces(parts.desk.storage, source.storage_key, span, loop_parts.file_threads)
    return StreamingResponse(
        pieces, headers={"Content-Length": str(source.size_bytes)}, media_type="application/octet-stream"
    )


@router.post(
    "/leases/{token}/complete", status_code=204, summary="Publish the result", responses=problems(404, 409, *JSON_BODY)
)
def complete(token: Token, completion: Completion, parts: WorkerParts) -> None:
    parts.fleet.complete(token, completion)


@router.post("/complete", summary="Publish several results", responses=problems(*JSON_BODY))
def complete_several(several: Completions, parts: WorkerParts) -> Refused:
    """Each under the token of its lease. One that is refused, with the problem that it would have been told alone,
    keeps no other from being published."""
    answers = parts.fleet.complete_several(several.completions)
    errors = {token: answer for token, answer in answers.items() if isinstance(answer, BalanzaError)}
    return Refused(
        refused={token: Problem.model_validate_json(bytes(of_error(error).body)) for token, error in errors.items()}
    )


@router.post(
    "/leases/{token}/fail",
    status_code=204,
    summary="Say that the attempt failed",
    responses=problems(404, 409, *JSON_BODY),
)
def fail(token: Token, failure: Failure, parts: WorkerParts) -> None:
    parts.fleet.fail(token, failure)


@router.post("/leases/{token}/release", status_code=204, summary="Hand the job back", responses=problems(404, 409))
def release(token: Token, parts: WorkerParts) -> None:
    """The attempt does not count."""
    parts.fleet.release(token)


results = APIRouter(prefix="/fleet", tags=["fleet"])
"""Apart from the others because results have no bound."""

_BYTES = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
MOST_PIECES = 1_000_000
Number = Annotated[int, Path(ge=0, lt=MOST_PIECES, description="0 is what all others need.")]


@results.put(
    "/leases/{token}/result",
    summary="Store the bytes of the result",
    responses=problems(404, 408, 409, 507),
    openapi_extra=_BYTES,
)
async def store_result(token: Token, request: Request, parts: WorkerParts, loop_parts: LoopPartsDep) -> StoredObject:
    """Nobody sees them before the job is completed."""
    threads = loop_parts.file_threads
    return await pour(request, lambda: CommittingSink(parts.fleet.result_writer(token)), threads, finishing=threads)


@results.put(
    "/leases/{token}/pieces/{number}",
    summary="Store a piece of a preview",
    responses=problems(404, 408, 409, 507),
    openapi_extra=_BYTES,
)
async def store_piece(
    token: Token, number: Number, request: Request, parts: WorkerParts, loop_parts: LoopPartsDep
) -> StoredObject:
    """It can be played once the result, which is the playlist, names it; that is stored anew after each piece."""
    threads = loop_parts.file_threads
    return await pour(request, lambda: PieceWriter(parts.desk, token, number), threads, finishing=threads)
