"""Thumbnails, waveforms and captions of files: made by a worker when they are first asked for, then kept."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse

from balanza.media.derivations import STREAM
from balanza.model import JobKind, Options
from balanza.server.auth import Reader
from balanza.server.library import MediaId
from balanza.server.openapi import Responses, content, problems
from balanza.server.parts import LoopParts, LoopPartsDep, Parts
from balanza.server.serving import media_response

router = APIRouter(tags=["library"])

MOST_STREAMS = 10_000
_KEPT_FOR = "private, max-age=31536000, immutable"
"""What lies under an id never changes, and so neither does what was made of it."""

StreamIndex = Annotated[int, Path(ge=0, le=MOST_STREAMS, description="The index of the subtitles among the streams.")]


def _responses(media_type: str, description: str) -> Responses:
    pending = {"description": "It is being made; the event `media.derived` tells when it is there."}
    return {
        200: content(media_type, description),
        202: pending,
        304: {"description": "Unchanged since If-None-Match."},
        **problems(404, 410),
    }


@router.get(
    "/media/{media_id}/thumbnail",
    summary="Read a small picture of a film",
    response_class=Response,
    responses=_responses("image/jpeg", "A picture at most 320 pixels wide."),
)
def read_thumbnail(request: Request, media_id: MediaId, parts: Reader, loop_parts: LoopPartsDep) -> Response:
    """The first question has a worker make it. 404 says that it cannot be made of this file."""
    return _derived(request, media_id, JobKind.THUMBNAIL, {}, parts, loop_parts)


@router.get(
    "/media/{media_id}/waveform",
    summary="Read the waveform of a file's sound",
    response_class=Response,
    responses=_responses("application/octet-stream", "The peaks of at most 1,000 equal parts, a byte each."),
)
def read_waveform(request: Request, media_id: MediaId, parts: Reader, loop_parts: LoopPartsDep) -> Response:
    """0 is silence, 255 full scale. The first question has a worker make it."""
    return _derived(request, media_id, JobKind.WAVEFORM, {}, parts, loop_parts)


@router.get(
    "/media/{media_id}/captions/{stream}",
    summary="Read subtitles as captions for a browser",
    response_class=Response,
    responses=_responses("text/vtt", "The subtitles as WebVTT."),
)
def read_captions(
    request: Request, media_id: MediaId, stream: StreamIndex, parts: Reader, loop_parts: LoopPartsDep
) -> Response:
    """Of subtitles made of text, with the index that `/media/{media_id}/info` gives their stream."""
    return _derived(request, media_id, JobKind.CAPTIONS, {STREAM: stream}, parts, loop_parts)


def _derived(
    request: Request, media_id: str, kind: JobKind, options: Options, parts: Parts, loop_parts: LoopParts
) -> Response:
    made = parts.derivations.get(media_id, kind, options)
    if made is None:
        return JSONResponse({"status": "pending"}, 202, {"Cache-Control": "no-store"})
    response = media_response(request, made, parts.desk.storage, download=False, threads=loop_parts.file_threads)
    response.headers["Cache-Control"] = _KEPT_FOR
    return response
