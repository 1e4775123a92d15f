"""Bytes on their way from a request into storage, a piece at a time and never as a whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from balanza.dispatch.library import Library, Upload
from balanza.errors import CallerError, InvalidRequest
from balanza.model import Media
from balanza.server.bodies import arriving
from balanza.server.names import decode_header_name, display_name, part_filename
from balanza.storage import PIECE_BYTES, ObjectWriter

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

STALL_SECONDS = 120.0
"""Longer than any network that still works keeps a sender waiting."""
_STALLED = "No more of the file came for a long time, so nothing of it was kept. Send it again."


class Sink(Protocol[T_co]):
    """Where the bytes of a request go. Blocking; nothing is kept unless `finish` returns."""

    def write(self, piece: bytes) -> None: ...

    def finish(self) -> T_co: ...

    def abort(self) -> None: ...


async def pour(
    request: Request, open_sink: Callable[[], Sink[T]], limiter: CapacityLimiter, *, finishing: CapacityLimiter
) -> T:
    """Writes the body of `request` into a sink, in threads. When the client goes away or stalls nothing is kept."""
    sink = await to_thread.run_sync(open_sink, limiter=limiter)
    finished = False
    try:
        gathered = bytearray()
        async for chunk in arriving(request, stall_seconds=STALL_SECONDS, stalled=_STALLED):
            gathered += chunk
            if len(gathered) >= PIECE_BYTES:
                piece, gathered = bytes(gathered), bytearray()
                await to_thread.run_sync(sink.write, piece, limiter=limiter)
        await to_thread.run_sync(sink.write, bytes(gathered), limiter=limiter)
        result = await to_thread.run_sync(sink.finish, limiter=finishing)
        finished = True
    finally:
        if not finished:
            sink.abort()
    return result


def sink_for(request: Request, library: Library, name: str | None) -> Callable[[], Sink[Media]]:
    """What reads this upload: a form with one file in it, or the bare bytes of a file. Raises InvalidRequest."""
    content_type, parameters = parse_options_header(request.headers.get("content-type"))
    if content_type == b"multipart/form-data":
        boundary = parameters.get(b"boundary")
        if not boundary:
            raise InvalidRequest("The Content-Type multipart/form-data lacks its boundary.")
        return lambda: FormUpload(library, boundary)
    asked = request.headers.get("x-filename")
    given = decode_header_name(asked) if asked else name
    if not given:
        raise InvalidRequest("The file has no name. Give it in the header X-Filename, percent-encoded, or as ?name=.")
    return lambda: library.receive(display_name(given))


class CommittingSink:
    """Writes one stored object that has no row of its own yet."""

    def __init__(self, writer: ObjectWriter) -> None:
        self.write = writer.write
        self.finish = writer.commit
        self.abort = writer.abort


class FormUpload:
    """The one file in a multipart form; its other fields are passed over."""

    def __init__(self, library: Library, boundary: bytes) -> None:
        self._library = library
        self._upload: Upload | None = None
        self._in_file = False
        self._ended = False
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        with _readable():
            self._parser = MultipartParser(boundary, self._callbacks())

    def write(self, piece: bytes) -> None:
        """Raises CallerError for what is no form, InvalidRequest for a second file."""
        with _readable():
            self._parser.write(piece)

    def finish(self) -> Media:
        if not self._ended:
            raise CallerError("The multipart body stops before its closing boundary. Send the file again.")
        if self._upload is None:
            raise InvalidRequest("There is no file in the form. Choose one, or with curl: -F file=@song.mp3.")
        return self._upload.finish()

    def abort(self) -> None:
        if self._upload is not None:
            self._upload.abort()

    def _callbacks(self) -> "MultipartCallbacks":
        return {
            "on_header_begin": self._begin_header,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_content,
            "on_part_data": self._take_content,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_header(self) -> None:
        self._header.clear()
        self._value.clear()

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)

    def _begin_content(self) -> None:
        """A part is a file when it has a file name; a browser sends an empty one when nobody chose a file."""
        name = part_filename(self._disposition)
        self._disposition = b""
        if not name:
            return
        if self._upload is not None:
            raise InvalidRequest("There is more than one file in the form. Send one file with each request.")
        self._upload = self._library.receive(display_name(name))
        self._in_file = True

    def _take_content(self, data: bytes, start: int, end: int) -> None:
        if self._in_file and self._upload is not None:
            self._upload.write(data[start:end])

    def _end_part(self) -> None:
        self._in_file = False

    def _end(self) -> None:
        self._ended = True


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except FormParserError as error:
        raise CallerError(f"The multipart body cannot be read: {error}.") from error
