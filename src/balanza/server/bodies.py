"""JSON bodies of bounded size."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

LARGEST_JSON_BYTES = 1024 * 1024
"""Far above any request we know: a completion with a log tail and a hundred streams has 50 kB."""


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
