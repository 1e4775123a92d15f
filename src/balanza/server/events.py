"""The stream of events that pages and programs follow."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from starlette.responses import StreamingResponse

from balanza.server.openapi import content, problems
from balanza.server.parts import LoopPartsDep

router = APIRouter(tags=["events"])

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""The second asks nginx to pass on every event at once."""


@router.get(
    "/events",
    summary="Follow what happens (server-sent events)",
    response_class=Response,
    responses={200: content("text/event-stream", "Events, as long as the connection lasts."), **problems()},
)
async def follow_events(
    loop_parts: LoopPartsDep,
    last_event_id: Annotated[str | None, Header(description="Go on after this event.")] = None,
) -> StreamingResponse:
    """Each event is a hint that something changed: fetch what you show.

    `reset` says that events were missed for good: fetch everything. `job.progress` has no id and tells that the
    progress of jobs or the load of workers changed.
    """
    return StreamingResponse(loop_parts.feed.stream(last_event_id), headers=_HEADERS, media_type="text/event-stream")
