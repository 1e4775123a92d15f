"""The web pages and their files, from the package itself: nothing comes from any other address."""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from anyio import to_thread
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

import balanza
from balanza.server import shell
from balanza.server.guard import DOCS_POLICY, PAGE_POLICY
from balanza.server.modules import VERSION, Versions, with_preloads, with_version
from balanza.server.ranges import is_unchanged

FOLDER = Path(balanza.__file__).parent / "web"

PAGES = {
    "/": "player.html",
    "/docs": "docs.html",
    **{f"/{name}.html": f"{name}.html" for name in ("player", "dashboard", "login", "settings", "users")},
}
SHARED = "share.html"

_TEXTS = frozenset({"text/html", "text/javascript", "text/css", "image/svg+xml"})
# A coding with the weight 0 is not acceptable (RFC 9110 section 12.4.2).
_ACCEPTED = re.compile(r"(?:^|[ ,])(?:gzip|\*) *(?:; *q=(?!0(?:\.0*)? *(?:,|$))[0-9.]+ *)?(?:,|$)", re.IGNORECASE)

# The system's table may lack these or say otherwise; modules of another type are not run (nosniff).
for suffix, media_type in {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}.items():
    mimetypes.add_type(media_type, suffix)


_versions = Versions(FOLDER)


class _WebFiles(StaticFiles):
    """The pages, and the files that they load, at `/web/NAME` and `/web/VERSION/NAME`."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        version, _, rest = path.partition("/")
        is_versioned = VERSION.fullmatch(version) is not None
        if is_versioned and version != await to_thread.run_sync(_versions.current):
            raise HTTPException(404)  # never the files of another version under the name of this one
        name = rest if is_versioned else path
        response = await super().get_response(name, scope)
        if isinstance(response, FileResponse) and response.media_type in _TEXTS:
            response = await to_thread.run_sync(_text, response, Headers(scope=scope))
        # What has its version in its address never changes. Of the rest browsers ask each time whether it did: after an
        # upgrade nobody mixes two versions.
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_versioned else "no-cache"
        # To nobody else; but a form posted under no-referrer has the Origin "null" (Fetch standard, "append a request
        # Origin header"), and the guard could not tell it from another site's.
        response.headers["Referrer-Policy"] = "no-referrer" if name == SHARED else "same-origin"
        response.headers["Vary"] = "Accept-Encoding"
        if name.endswith(".html"):
            response.headers["Vary"] = "Accept-Encoding, Accept-Language, Cookie"
        response.headers["Content-Security-Policy"] = DOCS_POLICY if name == PAGES["/docs"] else PAGE_POLICY
        return response


def _text(file: FileResponse, asked: Headers) -> Response:
    """Zipped for whoever takes it so, under a tag of its own (RFC 9110 section 8.8.3.3). Blocking."""
    zipped = _ACCEPTED.search(asked.get("accept-encoding", "")) is not None
    if str(file.path).endswith(".html"):
        content, etag = _page_content(str(file.path), _versions.current(), shell.language_of(asked), zipped)
    else:
        content, etag = _content(str(file.path), file.headers["etag"], zipped)
    if is_unchanged(asked.get("if-none-match"), etag):
        return Response(status_code=304, headers={"ETag": etag})
    headers = {"ETag": etag} | ({"Content-Encoding": "gzip"} if zipped else {})
    return Response(content, headers=headers, media_type=file.media_type)


@lru_cache(maxsize=512)
def _content(path: str, version: str, zipped: bool) -> tuple[bytes, str]:
    """What is sent for a file, and its tag. `version` only keeps apart what the file was and what it is."""
    return _sent(Path(path).read_bytes(), zipped)


@lru_cache(maxsize=64)
def _page_content(path: str, version: str, language: str, zipped: bool) -> tuple[bytes, str]:
    page = shell.in_language(Path(path).read_text("utf-8"), language, FOLDER)
    return _sent(with_version(with_preloads(page, FOLDER, language), version).encode(), zipped)


def _sent(content: bytes, zipped: bool) -> tuple[bytes, str]:
    if zipped:
        content = gzip.compress(content, mtime=0)
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


_files = _WebFiles(directory=FOLDER)


def install(app: FastAPI) -> None:
    """Serves the pages and, under /web/, what they load."""
    for address, name in PAGES.items():
        app.add_route(address, _page(name), include_in_schema=False)
    for address in (*(address for address in PAGES if address != "/"), "/s/{token}"):
        app.add_route(f"{address}/", _without_slash, include_in_schema=False)
    app.mount("/web", _files)


async def shared_page(request: Request, *, status: int) -> Response:
    """The same for every link, whole: whoever has the page may not have had it with this status."""
    asked = [(name, value) for name, value in request.scope["headers"] if name != b"if-none-match"]
    response = await _files.get_response(SHARED, {**request.scope, "headers": asked})
    response.status_code = status
    return response


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await _files.get_response(name, request.scope)

    return answer


async def _without_slash(request: Request) -> Response:
    """Below `/docs/` the addresses in the page would lead nowhere. Relative, since a proxy may have put us anywhere."""
    return RedirectResponse(f"../{quote(request.url.path.split('/')[-2])}")
