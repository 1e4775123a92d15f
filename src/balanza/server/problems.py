"""Every error as a problem document (RFC 9457), with a sentence that a person can act on."""

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from balanza import wording
from balanza.errors import BalanzaError, LoginNeeded, Retryable, TooManyAttempts, WrongLogin
from balanza.server import sentences

log = logging.getLogger("balanza.server")

URN = "urn:balanza:problem:"
RETRY_AFTER_SECONDS = "1"

_GOING_DOWN = "The server was ended before this request was done. Send it again once the server is back."


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        """JSON, whatever a caller's own words in it contain: half a surrogate pair becomes a question mark."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def problem(
    *, status: int, slug: str, title: str, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> ProblemResponse:
    content = {"type": URN + slug, "title": title, "status": status, "detail": detail, **_coded(detail), **more}
    return ProblemResponse(content, status_code=status, headers=headers)


def _coded(detail: str) -> dict[str, Any]:
    """The code of the sentence and what stands in it, for those who say it in another language."""
    said = wording.coded(wording.PROBLEMS, detail)
    return {"code": said.code, "values": said.values} if said.code else {}


def of_error(error: BalanzaError) -> ProblemResponse:
    """The document of an error that was raised on purpose."""
    headers = _headers_of(error)
    return problem(
        status=error.status, slug=error.slug, title=error.title, detail=error.sentence.strip(), headers=headers
    )


def _headers_of(error: BalanzaError) -> dict[str, str] | None:
    if isinstance(error, (LoginNeeded, WrongLogin)):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, TooManyAttempts):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {"Retry-After": RETRY_AFTER_SECONDS} if isinstance(error, Retryable) else None


def install(app: FastAPI) -> None:
    """From now on `app` answers every error with a problem document."""
    app.exception_handler(BalanzaError)(answer_error)
    app.exception_handler(RequestValidationError)(_answer_invalid)
    app.exception_handler(HTTPException)(_answer_http)


async def answer_error(request: Request, error: BalanzaError) -> ProblemResponse:
    """The document of an error that was raised on purpose; the log has it too when the fault is ours."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("%s %s: %s", request.method, _loggable(request.url.path), error.sentence)
    return of_error(error)


async def _answer_invalid(request: Request, error: RequestValidationError) -> ProblemResponse:
    refusal = sentences.of_validation(error, request.url.path)
    return problem(status=refusal.status, slug=refusal.slug, title=refusal.title, detail=refusal.detail, **refusal.more)


async def _answer_http(request: Request, error: HTTPException) -> ProblemResponse:
    """What the framework itself refuses: unknown addresses, methods, bodies that cannot be read."""
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed_methods(request) or headers.get("Allow", "")
    allowed = headers.get("Allow", "")
    refusal = sentences.of_http(error, method=request.method, path=request.url.path, allowed=allowed)
    return problem(
        status=refusal.status, slug=refusal.slug, title=refusal.title, detail=refusal.detail, headers=headers
    )


def _allowed_methods(request: Request) -> str:
    """Of all routes at this address: the router itself names only those of the first."""
    routes: Sequence[APIRoute] = request.app.state.routes
    here = (route for route in routes if route.path_regex.match(request.url.path))
    return ", ".join(sorted({method for route in here for method in route.methods or ()}))


class Incidents:
    """The outermost loop around the application: a bug becomes a sentence for the caller and a line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            log.info("%s %s: the client went away", scope.get("method"), _loggable(scope.get("path", "")))
        except asyncio.CancelledError:
            # The server is going down and the time that it gives to requests in progress is over.
            if not started:
                await of_error(Retryable(_GOING_DOWN))(scope, receive, send)
        except Exception:
            # A bug in one request must not show its traceback to the caller, and must not be lost either.
            incident = secrets.token_hex(4)
            log.exception("Incident %s in %s %s", incident, scope.get("method"), _loggable(scope.get("path", "")))
            if started:
                raise
            await _incident(incident)(scope, receive, send)


def _loggable(path: str) -> str:
    """On one line, so that nobody writes lines of their own into the log; and without the token of a shared link: who
    reads the log is not meant to open the file."""
    return re.sub(r"^/s/[^/]+", "/s/…", quote(path))


def _incident(incident: str) -> ProblemResponse:
    return problem(
        status=500,
        slug="bug",
        title="A fault in Balanza",
        detail=f"Something went wrong inside the server. Look for incident {incident} in its log.",
        incident=incident,
    )
