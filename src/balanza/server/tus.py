"""Uploads that resume: the tus protocol, version 1.0.0 (https://tus.io/protocols/resumable-upload).

Core, creation, expiration and termination. Beyond the protocol, the header Balanza-Media-Id names the file that came of
an upload: in the answer to the PATCH that brought its last byte, and to every HEAD afterwards. What is no media file is
refused by that PATCH with a problem document, and nothing of it is kept. Whoever asks about an upload that has all its
bytes but is no file yet, as the server was ended just then, has it finished first.
"""

import base64
import binascii
from collections.abc import Callable, Coroutine
from email.utils import format_datetime
from typing import Annotated, Any, ClassVar

from anyio import CancelScope, to_thread
from fastapi import APIRouter, Header, HTTPException, Request, Response
from fastapi.routing import APIRoute

from balanza.dispatch.uploads import LARGEST_BYTES, Addition, Standing
from balanza.errors import BalanzaError, CallerError, Conflict, InvalidRequest, Locked
from balanza.server import problems
from balanza.server.auth import Converter
from balanza.server.bodies import arriving
from balanza.server.names import display_name
from balanza.server.openapi import problems as documented
from balanza.server.parts import LoopParts, LoopPartsDep
from balanza.server.sentences import shown
from balanza.storage import PIECE_BYTES

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination"
CONTENT_TYPE = "application/offset+octet-stream"
MEDIA_ID = "Balanza-Media-Id"

STALL_SECONDS = 20.0
"""Shorter than for a whole upload in one request: nothing is lost, and whoever comes again is let in."""
_STALLED = "No more of the file came for a long time. What came is kept: ask with HEAD where to go on."


class OtherVersion(CallerError):
    status: ClassVar[int] = 412
    slug = "other-tus-version"
    title = "Another version of tus"


class OtherContent(CallerError):
    status = 415
    slug = "unsupported-media-type"
    title = "Not a piece of an upload"


class TusRoute(APIRoute):
    """A route that takes and answers requests of our version of the protocol alone."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_versioned(request: Request) -> Response:
            try:
                _refuse_other_version(request)
                response = await handle(request)
            except BalanzaError as error:
                response = await problems.answer_error(request, error)
                if isinstance(error, (Conflict, Locked)):
                    # All of a piece that begins elsewhere would come in vain before the sender hears of it; browsers
                    # send one again by themselves when a connection breaks.
                    response.headers["Connection"] = "close"
            if response.status_code == OtherVersion.status:
                response.headers["Tus-Version"] = VERSION
            response.headers["Tus-Resumable"] = VERSION
            return response

        return handle_versioned


router = APIRouter(tags=["resumable uploads"], route_class=TusRoute)

Digits = Annotated[str | None, Header(description="A number of bytes.")]


@router.options("/files", status_code=204, operation_id="tus_options", summary="What of tus this server can do")
@router.options("/files/{upload_id}", include_in_schema=False)
def describe() -> Response:
    headers = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(LARGEST_BYTES)}
    return Response(status_code=204, headers=headers)


@router.post(
    "/files",
    status_code=201,
    operation_id="tus_create",
    summary="Begin an upload that can resume",
    response_class=Response,
    responses={201: {"description": "Its address is in Location."}, **documented(413, 507)},
)
def begin(
    parts: Converter,
    upload_length: Digits = None,
    upload_metadata: Annotated[str, Header(description="`filename` and its value in base64, after tus.")] = "",
) -> Response:
    """The name is in Upload-Metadata as `filename`; the size must be known from the start, in Upload-Length."""
    if upload_length is None:
        raise InvalidRequest("The header Upload-Length is missing: this server must know the size from the start.")
    size_bytes = _number("Upload-Length", upload_length)
    upload = parts.uploads.begin(_name_in(upload_metadata), size_bytes, upload_metadata)
    return Response(status_code=201, headers={"Location": f"files/{upload.id}", **_expiry(Standing(upload, 0))})


@router.head(
    "/files/{upload_id}",
    operation_id="tus_head",
    summary="Ask where an upload is to go on",
    response_class=Response,
    responses={200: {"description": "How far it is: Upload-Offset of Upload-Length."}, **documented(404, 410, 423)},
)
async def look(upload_id: str, parts: Converter, loop_parts: LoopPartsDep) -> Response:
    standing = await to_thread.run_sync(parts.uploads.look, upload_id)
    if standing.is_complete and not standing.is_finished:
        standing = await to_thread.run_sync(parts.uploads.finish, upload_id, limiter=loop_parts.admitting_threads)
    headers = _progress(standing) | {"Upload-Length": str(standing.upload.size_bytes), "Cache-Control": "no-store"}
    if standing.upload.metadata:
        headers["Upload-Metadata"] = standing.upload.metadata
    return Response(headers=headers)


@router.patch(
    "/files/{upload_id}",
    status_code=204,
    operation_id="tus_patch",
    summary="Go on with an upload",
    responses=documented(404, 408, 409, 410, 413, 415, 423, 507),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The bytes from Upload-Offset on, as many as one likes.",
            "content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def append(
    request: Request, upload_id: str, parts: Converter, loop_parts: LoopPartsDep, upload_offset: Digits = None
) -> Response:
    """Answers when what came is durable; with the last byte, when the file is in the library.

    Whatever ends the request, what came is kept.
    """
    if request.headers.get("content-type") != CONTENT_TYPE:
        raise OtherContent(f"A piece of an upload has the Content-Type {CONTENT_TYPE}.")
    if upload_offset is None:
        raise InvalidRequest("The header Upload-Offset is missing: it says where the bytes that were sent begin.")
    offset = _number("Upload-Offset", upload_offset)
    addition = await to_thread.run_sync(parts.uploads.append, upload_id, offset, limiter=loop_parts.file_threads)
    await _pour(request, addition, loop_parts)
    standing = await to_thread.run_sync(parts.uploads.look, upload_id)
    if standing.is_complete:
        standing = await to_thread.run_sync(parts.uploads.finish, upload_id, limiter=loop_parts.admitting_threads)
    return Response(status_code=204, headers=_progress(standing))


@router.delete(
    "/files/{upload_id}",
    status_code=204,
    operation_id="tus_delete",
    summary="Give up an upload",
    responses=documented(404, 410),
)
def remove(upload_id: str, parts: Converter) -> None:
    """Its bytes are removed. The file of an upload that was finished stays in the library."""
    parts.uploads.remove(upload_id)


@router.post("/files/{upload_id}", include_in_schema=False)
async def act_as(
    request: Request, upload_id: str, parts: Converter, loop_parts: LoopPartsDep, upload_offset: Digits = None
) -> Response:
    """For clients behind proxies that let only GET and POST pass."""
    meant = request.headers.get("x-http-method-override", "").upper()
    if meant == "PATCH":
        return await append(request, upload_id, parts, loop_parts, upload_offset)
    if meant == "HEAD":
        return await look(upload_id, parts, loop_parts)
    if meant == "DELETE":
        await to_thread.run_sync(parts.uploads.remove, upload_id)
        return Response(status_code=204)
    raise HTTPException(405)


async def _pour(request: Request, addition: Addition, loop_parts: LoopParts) -> None:
    """Writes the body of `request` in threads, a piece at a time; also what had come when it breaks off."""
    gathered = bytearray()
    try:
        async for chunk in arriving(request, stall_seconds=STALL_SECONDS, stalled=_STALLED):
            gathered += chunk
            if len(gathered) >= PIECE_BYTES:
                piece, gathered = bytes(gathered), bytearray()
                await to_thread.run_sync(addition.write, piece, limiter=loop_parts.file_threads)
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(addition.close, bytes(gathered), limiter=loop_parts.file_threads)


def _refuse_other_version(request: Request) -> None:
    spoken = request.headers.get("tus-resumable")
    if request.method != "OPTIONS" and spoken != VERSION:
        said = f"not {shown(spoken)}" if spoken else "and the request names none in Tus-Resumable"
        raise OtherVersion(f"This server speaks version {VERSION} of tus, {said}.")


def _number(header: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise InvalidRequest(f"The header {header} should be a number of bytes; it is {shown(value)}.")
    return int(value)


def _name_in(metadata: str) -> str:
    """The file name in Upload-Metadata: pairs with commas between, each a key, a space, and a value in base64."""
    pairs = dict(pair.strip().partition(" ")[::2] for pair in metadata.split(","))
    if not pairs.get("filename"):
        raise InvalidRequest(
            "The file has no name. Give it in Upload-Metadata: `filename`, a space, the name in base64."
        )
    try:
        return display_name(base64.b64decode(pairs["filename"], validate=True).decode())
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("The filename in Upload-Metadata is not UTF-8 in base64.") from error


def _progress(standing: Standing) -> dict[str, str]:
    headers = {"Upload-Offset": str(standing.offset), **_expiry(standing)}
    if standing.upload.media_id:
        headers[MEDIA_ID] = standing.upload.media_id
    return headers


def _expiry(standing: Standing) -> dict[str, str]:
    if standing.is_finished:
        return {}
    return {"Upload-Expires": format_datetime(standing.upload.expires_at, usegmt=True)}
