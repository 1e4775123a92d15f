"""The web pages and their files, from the package itself: nothing comes from any other address."""

import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

import balanza
from balanza.server.guard import PAGE_POLICY

FOLDER = Path(balanza.__file__).parent / "web"

PAGES = {"/": "player.html", "/player.html": "player.html", "/dashboard.html": "dashboard.html", "/docs": "docs.html"}

_HEADERS = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
"""Browsers keep the files and ask each time whether they changed: after an upgrade nobody mixes two versions."""

# The system's table may lack these or say otherwise; modules of another type are not run (nosniff).
for suffix, media_type in {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}.items():
    mimetypes.add_type(media_type, suffix)


class _WebFiles(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response


def install(app: FastAPI) -> None:
    """Serves the pages and, under /web/, what they load."""
    files = _WebFiles(directory=FOLDER)
    for address, name in PAGES.items():
        app.add_route(address, _page(files, name), include_in_schema=False)
    app.mount("/web", files)


def _page(files: StaticFiles, name: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await files.get_response(name, request.scope)

    return answer
