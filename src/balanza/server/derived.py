"""Thumbnails, waveforms, captions and previews of files: made by a worker when they are first asked for, then kept."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field

from balanza.dispatch.derived import Preview
from balanza.errors import NotFound
from balanza.lifecycle import JobStatus
from balanza.media.derivations import STREAM, derivation_of
from balanza.model import JobKind, Options, piece_key
from balanza.server.auth import Reader
from balanza.server.fleet import MOST_PIECES
from balanza.server.library import MediaId
from balanza.server.openapi import Responses, content, problems
from balanza.server.parts import LoopParts, LoopPartsDep, Parts
from balanza.server.ranges import Span
from balanza.server.serving import media_response, stored_pieces
from balanza.server.shapes import Shape

router = APIRouter(tags=["library"])

MOST_STREAMS = 10_000
_KEPT = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Cookie, Authorization"}
"""What lies under an id never changes, and so neither does what was made of it. A browser that somebody else uses now
asks again."""

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


class PreviewProgress(Shape):
    """A preview on its way."""

    status: JobStatus
    progress: float = Field(description="Percent of the file that is converted.")
    playlist: str | None = Field(
        description="Its address relative to this one, once there is something to play; another one when a worker had "
        "to begin anew."
    )


_PLAYLIST = "playlist.m3u8"
_RUN_OF = "result-"
Run = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,64}$", description="The attempt that makes it.")]
PieceNumber = Annotated[int, Path(ge=0, lt=MOST_PIECES)]


@router.get("/media/{media_id}/preview", summary="Ask for a preview", responses=problems(404, 410))
def read_preview(media_id: MediaId, parts: Reader, response: Response) -> PreviewProgress:
    """Of a file that the browser cannot play as it is. The first question has a worker make it, before all other work;
    it can be played while it is being made (HTTP Live Streaming). 404 says that it cannot be made of this file."""
    response.headers["Cache-Control"] = "no-store"
    preview = parts.derivations.preview(media_id)
    key = preview.key
    playable = key is not None and parts.desk.storage.size(key) is not None
    playlist = f"preview/{key.removeprefix(_RUN_OF)}/{_PLAYLIST}" if key and playable else None
    return PreviewProgress(status=preview.status, progress=preview.progress, playlist=playlist)


@router.get(
    f"/media/{{media_id}}/preview/{{run}}/{_PLAYLIST}",
    summary="Read the playlist of a preview",
    response_class=Response,
    responses={
        200: content("application/vnd.apple.mpegurl", "What there is so far, or all of it."),
        **problems(404, 410),
    },
)
def read_playlist(media_id: MediaId, run: Run, parts: Reader) -> Response:
    key = _key_of(parts.derivations.known_preview(media_id), run)
    if parts.desk.storage.size(key) is None:
        raise _over()
    text = b"".join(parts.desk.storage.read(key))
    return Response(text, headers={"Cache-Control": "no-store"}, media_type=derivation_of(JobKind.PREVIEW).mime_type)


@router.get(
    "/media/{media_id}/preview/{run}/{number}.mp4",
    summary="Read a piece of a preview",
    response_class=Response,
    responses={
        200: content("video/mp4", "A piece of fragmented MP4; 0 is what all others need."),
        **problems(404, 410),
    },
)
def read_piece(media_id: MediaId, run: Run, number: PieceNumber, parts: Reader, loop_parts: LoopPartsDep) -> Response:
    key = piece_key(_key_of(parts.derivations.known_preview(media_id), run), number)
    size = parts.desk.storage.size(key)
    if size is None:
        raise _over()
    pieces = stored_pieces(parts.desk.storage, key, Span(0, size), loop_parts.file_threads)
    headers = {"Content-Length": str(size), **_KEPT}
    return StreamingResponse(pieces, headers=headers, media_type="video/mp4")


def _key_of(preview: Preview | None, run: str) -> str:
    """Where it lies, if that run is the one that makes it or has made it."""
    if preview is None or preview.key != _RUN_OF + run:
        raise _over()
    return f"{_RUN_OF}{run}"


def _over() -> NotFound:
    return NotFound("There is no such preview, or not any more: it is being made anew. Ask for it again.")


def _derived(
    request: Request, media_id: str, kind: JobKind, options: Options, parts: Parts, loop_parts: LoopParts
) -> Response:
    made = parts.derivations.get(media_id, kind, options)
    if made is None:
        return JSONResponse({"status": "pending"}, 202, {"Cache-Control": "no-store"})
    response = media_response(request, made, parts.desk.storage, download=False, threads=loop_parts.file_threads)
    response.headers.update(_KEPT)
    return response
