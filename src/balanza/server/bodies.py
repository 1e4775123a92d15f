"""Bodies of requests: JSON of bounded size, and bytes as they come in."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any

from anyio import fail_after
from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

LARGEST_JSON_BYTES = 1024 * 1024
"""Far above any request we know: a completion with a log tail and a hundred streams has 50 kB."""


async def arriving(request: Request, *, stall_seconds: float, stalled: str) -> AsyncIterator[bytes]:
    """The body as it comes in. A client that vanished without a word would otherwise be waited for until the end.

    Raises HTTPException: 408 with the sentence `stalled`, when nothing more came for that long.
    """
    chunks = request.stream()
    while True:
        try:
            with fail_after(stall_seconds):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            raise HTTPException(408, stalled, headers={"Connection": "close"}) from error
        if chunk is None:
            return
        yield chunk


class _BoundedRequest(Request):
    async def stream(self) -> AsyncGenerator[bytes, None]:
        size = 0
        async for piece in super().stream():
            size += len(piece)
            if size > LARGEST_JSON_BYTES:
                raise HTTPException(413, f"The body has more than {LARGEST_JSON_BYTES} bytes. Send less at once.")
            yield piece


class JsonRoute(APIRoute):
    """A route that never holds more than `LARGEST_JSON_BYTES` of a body in memory."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_bounded(request: Request) -> Response:
            return await handle(_BoundedRequest(request.scope, request.receive))

        return handle_bounded
