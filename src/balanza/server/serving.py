"""Stored bytes as a response: whole or in part, conditional, and never run by a browser as a page."""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain

from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response
from starlette.responses import StreamingResponse

from balanza.errors import StorageError
from balanza.model import Media
from balanza.server.archive import archived
from balanza.server.names import content_disposition
from balanza.server.problems import problem
from balanza.server.ranges import NotSatisfiable, Span, is_unchanged, requested_span
from balanza.server.sentences import shown
from balanza.storage import Storage

_POLICY = "sandbox; default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'"
"""Opened as a page of its own, a file can be shown and played by the browser's own viewer and do nothing else."""


def media_response(
    request: Request, media: Media, storage: Storage, *, download: bool, threads: CapacityLimiter
) -> Response:
    """The bytes that the request's Range, If-Range and If-None-Match ask for. Blocking."""
    etag = f'"{media.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": _POLICY,
        "Content-Disposition": content_disposition("attachment" if download else "inline", media.name),
    }
    if is_unchanged(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    asked, if_range = request.headers.get("range"), request.headers.get("if-range")
    try:
        span = requested_span(asked, if_range, etag=etag, size=media.size_bytes)
    except NotSatisfiable:
        return _not_satisfiable(asked, media)
    if span is None:
        span, status = Span(0, media.size_bytes), 200
    else:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{media.size_bytes}"
        status = 206
    headers["Content-Length"] = str(span.length)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media.mime_type)
    pieces = stored_pieces(storage, media.storage_key, span, threads)
    return StreamingResponse(pieces, status, headers, media.mime_type)


def zip_response(files: Sequence[Media], storage: Storage, *, threads: CapacityLimiter) -> Response:
    """The files as one zip to be saved. Blocking. Raises StorageError while an error can still be told."""
    for file in files:
        if storage.size(file.storage_key) != file.size_bytes:
            raise StorageError(f"The stored file {file.name} ({file.id}) cannot be read whole.")
    headers = {
        "Accept-Ranges": "none",
        "Cache-Control": "private, no-store",
        "Content-Disposition": content_disposition("attachment", "balanza.zip"),
    }
    return StreamingResponse(begun(archived(files, storage), threads), 200, headers, "application/zip")


def stored_pieces(storage: Storage, key: str, span: Span, threads: CapacityLimiter) -> AsyncIterator[bytes]:
    """The stored bytes, read in threads. Blocking: the first piece is read here, while an error can still be told."""
    return begun(storage.read(key, span.start, span.length), threads)


def begun(pieces: Iterator[bytes], threads: CapacityLimiter) -> AsyncIterator[bytes]:
    """The same, made in threads but for the first, which is made here. Blocking."""
    first = next(pieces, b"")
    return _in_threads(chain([first], pieces), threads)


async def _in_threads(pieces: Iterator[bytes], threads: CapacityLimiter) -> AsyncIterator[bytes]:
    while (piece := await to_thread.run_sync(next, pieces, None, limiter=threads)) is not None:
        yield piece


def _not_satisfiable(asked: str | None, media: Media) -> Response:
    return problem(
        status=416,
        slug="range-not-satisfiable",
        title="No such range",
        detail=f"{media.name} has {media.size_bytes} bytes; the range {shown(asked)} is not within them.",
        headers={"Content-Range": f"bytes */{media.size_bytes}"},
    )
