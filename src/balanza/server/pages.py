"""The web pages and their files, from the package itself: nothing comes from any other address."""

import gzip
import mimetypes
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from anyio import to_thread
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

import balanza
from balanza.server.guard import DOCS_POLICY, PAGE_POLICY
from balanza.server.ranges import is_unchanged

FOLDER = Path(balanza.__file__).parent / "web"

PAGES = {"/": "player.html", "/player.html": "player.html", "/dashboard.html": "dashboard.html", "/docs": "docs.html"}

_TEXTS = frozenset({"text/html", "text/javascript", "text/css", "image/svg+xml"})
# A coding with the weight 0 is not acceptable (RFC 9110 section 12.4.2).
_ACCEPTED = re.compile(r"(?:^|[ ,])(?:gzip|\*) *(?:; *q=(?!0(?:\.0*)? *(?:,|$))[0-9.]+ *)?(?:,|$)", re.IGNORECASE)

# The system's table may lack these or say otherwise; modules of another type are not run (nosniff).
for suffix, media_type in {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}.items():
    mimetypes.add_type(media_type, suffix)


class _WebFiles(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        asked = Headers(scope=scope)
        if isinstance(response, FileResponse) and _is_shorter_zipped(response, asked):
            response = await _zipped(response, asked.get("if-none-match"))
        # Browsers keep the files and ask each time whether they changed: after an upgrade nobody mixes two versions.
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Content-Security-Policy"] = DOCS_POLICY if path == PAGES["/docs"] else PAGE_POLICY
        return response


def _is_shorter_zipped(response: FileResponse, asked: Headers) -> bool:
    return response.media_type in _TEXTS and _ACCEPTED.search(asked.get("accept-encoding", "")) is not None


async def _zipped(plain: FileResponse, known: str | None) -> Response:
    """The same in fewer bytes, under a tag of its own (RFC 9110 section 8.8.3.3)."""
    etag = f'{plain.headers["etag"][:-1]}-gzip"'
    headers = {"ETag": etag, "Content-Encoding": "gzip"}
    if is_unchanged(known, etag):
        return Response(status_code=304, headers={"ETag": etag})
    content = await to_thread.run_sync(_gzip_of, str(plain.path), etag)
    return Response(content, headers=headers, media_type=plain.media_type)


@lru_cache(maxsize=256)
def _gzip_of(path: str, etag: str) -> bytes:
    """`etag` only keeps apart what a file was and what it is."""
    return gzip.compress(Path(path).read_bytes(), mtime=0)


def install(app: FastAPI) -> None:
    """Serves the pages and, under /web/, what they load."""
    files = _WebFiles(directory=FOLDER)
    for address, name in PAGES.items():
        app.add_route(address, _page(files, name), include_in_schema=False)
    for address in (*(address for address in PAGES if address != "/"), "/s/{token}"):
        app.add_route(f"{address}/", _without_slash, include_in_schema=False)
    app.mount("/web", files)


def _page(files: StaticFiles, name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await files.get_response(name, request.scope)

    return answer


async def _without_slash(request: Request) -> Response:
    """Below `/docs/` the addresses in the page would lead nowhere. Relative, since a proxy may have put us anywhere."""
    return RedirectResponse(f"../{quote(request.url.path.split('/')[-2])}")
