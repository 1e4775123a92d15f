"""Who asks, and whether they may: what endpoints depend on. Each gets the parts of the server as that person sees it.

A browser shows the secret of its session in a cookie, a program that of an API token as `Authorization: Bearer`. What
browsers send by themselves is believed only where it comes from our own pages (OWASP's CSRF Prevention Cheat Sheet,
Fetch Metadata): the guard refuses what another site sends, and here what does not say where it comes from.

Each is one function of the request: what depends on what depends on something is solved anew, level by level, for every
request.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, Request

from balanza.errors import LoginNeeded, Refused
from balanza.model import LOCAL, Principal, Scope
from balanza.server.guard import SAFE_METHODS
from balanza.server.parts import Parts, parts_of

COOKIE = "balanza_session"
DEVICE_COOKIE = "balanza_device"

_LOG_IN = (
    "Log in first: in the page at /login.html, or with an API token as `Authorization: Bearer …`, which the command "
    "line takes from BALANZA_TOKEN."
)
_OVER = "This session or token is not valid, or not any more. Log in again."
_UNKNOWN_WORKER = (
    "Only workers of this server may ask this. Start the worker with the same BALANZA_FLEET_TOKEN as the server; "
    "without one the server has made its own, in the file fleet-token of its data folder."
)


def secret_of(request: Request) -> str | None:
    """The secret that the request shows, of a session or a token."""
    return _bearer(request) or request.cookies.get(COOKIE)


async def principal_of(request: Request) -> Principal:
    """Who asks. Raises LoginNeeded, and Refused for what another site may have made a browser send."""
    parts = parts_of(request)
    if not parts.desk.settings.has_accounts:
        return LOCAL
    secret = secret_of(request)
    if secret is None:
        raise LoginNeeded(_LOG_IN)
    principal = await to_thread.run_sync(parts.login.principal_of, secret)
    if principal is None:
        raise LoginNeeded(_OVER)
    if _bearer(request) is None and request.method not in SAFE_METHODS:
        _refuse_unless_ours(request)
    return principal


Asking = Annotated[Principal, Depends(principal_of)]


async def _perhaps(request: Request) -> Principal | None:
    try:
        return await principal_of(request)
    except LoginNeeded:
        return None


AskingPerhaps = Annotated[Principal | None, Depends(_perhaps)]
"""None when nobody has logged in."""


def _with_scope(needed: Scope) -> Callable[[Request], Awaitable[Parts]]:
    async def parts_as_seen(request: Request) -> Parts:
        principal = await principal_of(request)
        if not principal.scope.covers(needed):
            raise Refused(_too_little(principal, needed))
        return parts_of(request).of(principal)

    return parts_as_seen


Reader = Annotated[Parts, Depends(_with_scope(Scope.READ))]
Converter = Annotated[Parts, Depends(_with_scope(Scope.CONVERT))]
Admin = Annotated[Parts, Depends(_with_scope(Scope.ADMIN))]


async def _stats_parts(request: Request) -> Parts:
    parts = parts_of(request)
    return parts if parts.desk.settings.has_public_stats else await _with_scope(Scope.ADMIN)(request)


StatsReader = Annotated[Parts, Depends(_stats_parts)]
"""Whoever may see how loaded the fleet is."""


async def _worker_parts(request: Request) -> Parts:
    parts = parts_of(request)
    if parts.desk.settings.has_accounts and not _is_of_fleet(parts, request):
        raise LoginNeeded(_UNKNOWN_WORKER)
    return parts


WorkerParts = Annotated[Parts, Depends(_worker_parts)]
"""For workers, who show the fleet's token."""


async def _monitor_parts(request: Request) -> Parts:
    parts = parts_of(request)
    if not parts.desk.settings.has_accounts or _is_of_fleet(parts, request):
        return parts
    return await _with_scope(Scope.ADMIN)(request)


Monitor = Annotated[Parts, Depends(_monitor_parts)]
"""For Prometheus, which shows the fleet's token, and for administrators."""


def _bearer(request: Request) -> str | None:
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() or None if kind.lower() == "bearer" else None


def _is_of_fleet(parts: Parts, request: Request) -> bool:
    token = parts.desk.settings.fleet_token
    shown = _bearer(request)
    return (
        token is not None
        and shown is not None
        and hmac.compare_digest(shown.encode(), token.get_secret_value().encode())
    )


def _refuse_unless_ours(request: Request) -> None:
    """That what they say is true, the guard has seen to. Browsers of the last years say at least one of both."""
    if "origin" not in request.headers and request.headers.get("sec-fetch-site") != "same-origin":
        raise Refused("A session's cookie alone changes nothing here. Programs use an API token instead.")


def _too_little(principal: Principal, needed: Scope) -> str:
    if needed is Scope.ADMIN and principal.role != "admin":
        return "Only administrators of this server may do this."
    return f"This needs an API token with the scope {needed}; the one that was shown has {principal.scope}."
