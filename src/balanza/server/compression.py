"""Long lists of JSON are sent compressed: a dashboard that opens reads a hundred kilobytes of them otherwise."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

COMPRESSED = frozenset({"/decisions", "/jobs", "/media", "/workers/history", "/workers/stats", "/workers/timeline"})
"""None of them repeats a secret beside what somebody else wrote (the BREACH attack), and none streams."""
LEAST_BYTES = 1000
LEVEL = 5


class Compressed:
    """Passes everything else on as it is: files, ranges and event streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, minimum_size=LEAST_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_list = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] in COMPRESSED
        await (self._compressing if is_list else self._app)(scope, receive, send)
