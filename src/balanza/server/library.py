"""The files: upload, list, look at, read, put into the trash and take back, delete."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ConfigDict, Field, StringConstraints

from balanza.server.auth import Converter, Reader
from balanza.server.bodies import JsonRoute
from balanza.server.names import display_name
from balanza.server.openapi import JSON_BODY, content, problems
from balanza.server.parts import LoopPartsDep
from balanza.server.serving import media_response, zip_response
from balanza.server.shapes import MediaInfo, MediaOut, MediaPage, Shape, Uploaded
from balanza.server.upload import pour, sink_for
from balanza.store.search import Kind, Question, Sort

router = APIRouter(tags=["library"])


names = APIRouter(tags=["library"], route_class=JsonRoute)
"""Apart from the others because uploads have no bound."""


class NewName(Shape):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Alegrías (en directo).wav"}]})

    name: Annotated[str, Field(min_length=1, max_length=255)]


_ID = r"^[A-Za-z0-9_-]{1,64}$"
MediaId = Annotated[str, Path(pattern=_ID, description="A media id.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]

_FORM = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}
_UPLOAD_BODY = {
    "requestBody": {
        "required": True,
        "description": "A form with one file, or the bytes of the file with its name in X-Filename or ?name=.",
        "content": {
            "multipart/form-data": {"schema": _FORM},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    "parameters": [
        {
            "in": "header",
            "name": "X-Filename",
            "description": "The file's name, percent-encoded UTF-8; for a body that is the bare file.",
            "schema": {"type": "string"},
        }
    ],
}


@router.post(
    "/upload",
    status_code=201,
    summary="Upload a file",
    response_model=Uploaded,
    responses=problems(400, 408, 507),
    openapi_extra=_UPLOAD_BODY,
)
async def upload(
    request: Request,
    parts: Converter,
    loop_parts: LoopPartsDep,
    name: Annotated[str | None, Query(description="The file's name, for a body that is the bare file.")] = None,
) -> Uploaded:
    """Answers when the file is durable. Files of the same name are kept apart by their id."""
    sink = sink_for(request, parts.library, name)
    return Uploaded.of(await pour(request, sink, loop_parts.file_threads, finishing=loop_parts.admitting_threads))


@router.get("/media", summary="List the files, or those in the trash", responses=problems())
def list_media(
    parts: Reader,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(pattern=_ID, description="`next_cursor` of the page before.")] = None,
    trash: Annotated[bool, Query(description="All in the trash, the last deleted first.")] = False,
    search: Annotated[
        str, Query(max_length=255, description="A part of the name; case and accents do not matter.")
    ] = "",
    kind: Kind | None = None,
    sort: Sort = Sort.NEWEST,
) -> MediaPage:
    """The next page is asked for with the same other parameters."""
    question = Question(search, kind, sort)
    found = parts.library.list_media(before=cursor, limit=limit + 1, in_trash=trash, question=question)
    shown = found[:limit]
    more = shown[-1].id if len(found) > limit else None
    return MediaPage(media=[MediaOut.of(media) for media in shown], next_cursor=more)


@router.get(
    "/media/zip",
    summary="Read several files as one zip",
    response_class=Response,
    responses={200: content("application/zip", "A zip with the files, stored as they are."), **problems(404, 410)},
)
def read_zip(
    parts: Reader,
    loop_parts: LoopPartsDep,
    ids: Annotated[
        list[Annotated[str, StringConstraints(pattern=_ID)]],
        Query(alias="id", min_length=1, max_length=500, description="A media id; repeat it for each file."),
    ],
) -> Response:
    """It is made while it is sent, so its size is not known before, and it has no ranges.

    A file that can no longer be read ends the answer before its end, so that nobody takes a part for the whole.
    """
    return zip_response(parts.library.get_all(ids), parts.desk.storage, threads=loop_parts.file_threads)


@router.head(
    "/media/{media_id}",
    operation_id="head_media",
    summary="Ask about a file's bytes",
    response_class=Response,
    responses={200: {"description": "Its type, size and ETag."}, **problems(404, 410, 416)},
)
@router.get(
    "/media/{media_id}",
    operation_id="read_media",
    summary="Read a file's bytes",
    response_class=Response,
    responses={
        200: content("*/*", "The whole file."),
        206: content("*/*", "The part that Range asks for."),
        304: {"description": "Unchanged since If-None-Match."},
        **problems(404, 410, 416),
    },
)
def read_media(
    request: Request,
    media_id: MediaId,
    parts: Reader,
    loop_parts: LoopPartsDep,
    download: Annotated[bool, Query(description="Ask the browser to save it.")] = False,
) -> Response:
    """Takes Range, If-Range and If-None-Match; the ETag is the SHA-256 of the file."""
    media = parts.library.get(media_id)
    return media_response(request, media, parts.desk.storage, download=download, threads=loop_parts.file_threads)


@router.get("/media/{media_id}/info", summary="Look at a file", responses=problems(404, 410))
def inspect_media(media_id: MediaId, parts: Reader) -> MediaInfo:
    """What the probe found: container, duration, streams."""
    return MediaInfo.of(parts.library.get(media_id))


@names.patch("/media/{media_id}", summary="Rename a file", responses=problems(404, 410, *JSON_BODY))
def rename_media(media_id: MediaId, wanted: NewName, parts: Converter) -> MediaOut:
    """Folders and control characters are taken out of the name. Jobs keep the name that their source had."""
    return MediaOut.of(parts.library.rename(media_id, display_name(wanted.name)))


@router.post("/media/{media_id}/restore", summary="Take a file back from the trash", responses=problems(404, 409, 410))
def restore_media(media_id: MediaId, parts: Converter) -> MediaOut:
    """Afterwards it is as it was before it was deleted; links to it that have not ended work again."""
    return MediaOut.of(parts.library.restore(media_id))


@router.delete("/media/{media_id}", status_code=204, summary="Delete a file", responses=problems(404, 409, 410))
def delete_media(
    media_id: MediaId,
    parts: Converter,
    forever: Annotated[bool, Query(description="At once and for ever, from the library or from the trash.")] = False,
) -> None:
    """It goes into the trash, where it is kept for some days. Not possible while a pending or running job reads it."""
    if forever:
        parts.library.delete(media_id)
    else:
        parts.library.put_into_trash(media_id)
