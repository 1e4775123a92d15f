"""The stream of events that pages and programs follow."""

import time
from collections.abc import AsyncIterator
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header, Request, Response
from starlette.responses import StreamingResponse

from balanza.server.auth import Reader, secret_of
from balanza.server.openapi import content, problems
from balanza.server.parts import LoopPartsDep, Parts

router = APIRouter(tags=["events"])

LOOK_AGAIN_SECONDS = 10.0
"""How long a session that was ended elsewhere, or may do less now, goes on listening. In silence it is until the next
event."""

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""The second asks nginx to pass on every event at once."""


@router.get(
    "/events",
    summary="Follow what happens (server-sent events)",
    response_class=Response,
    responses={200: content("text/event-stream", "Events, as long as the connection lasts."), **problems()},
)
async def follow_events(
    request: Request,
    parts: Reader,
    loop_parts: LoopPartsDep,
    last_event_id: Annotated[str | None, Header(description="Go on after this event.")] = None,
) -> StreamingResponse:
    """Each event is a hint that something changed: fetch what you show.

    `reset` says that events were missed for good: fetch everything. `job.progress` has no id and tells that the
    progress of jobs or the load of workers changed. `job.cancelled` has the `reason` `quota` when what its owner
    stores exceeded the quota.
    """
    told = _while_allowed(loop_parts.feed.stream(last_event_id, parts.asked_by), request, parts)
    return StreamingResponse(told, headers=_HEADERS, media_type="text/event-stream")


async def _while_allowed(told: AsyncIterator[bytes], request: Request, parts: Parts) -> AsyncIterator[bytes]:
    """Ends when the session or token with which it began is good for nothing any more, or for something else."""
    secret = secret_of(request) if parts.desk.settings.has_accounts else None
    looked_at = time.monotonic()
    async for piece in told:
        if secret is not None and time.monotonic() - looked_at > LOOK_AGAIN_SECONDS:
            looked_at = time.monotonic()
            if await to_thread.run_sync(parts.login.principal_of, secret) != parts.asked_by:
                return
        yield piece
