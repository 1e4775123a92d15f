"""Logging in through an identity provider (OpenID Connect): off to it, and back."""

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from balanza.dispatch import oidc
from balanza.dispatch.oidc import ATTEMPT_SECONDS, Attempt
from balanza.errors import BalanzaError, NotFound, ProviderDenied, ProviderFailed
from balanza.server.accounts import cookie_path, start_session
from balanza.server.openapi import problems
from balanza.server.parts import LoopPartsDep, Parts, PartsDep

if TYPE_CHECKING:
    from balanza.server.provider import Provider

log = logging.getLogger("balanza.server")

router = APIRouter(prefix="/auth/oidc", tags=["accounts"], default_response_class=RedirectResponse)

# Relative, since a proxy may have put us anywhere.
_PAGES = "../../"
_HOME = "player.html"
_PAGE = re.compile(r"(player|dashboard|settings|users)\.html")
"""Those that somebody may come from: never an address that somebody else wrote into a link."""

_COOKIE = "balanza_oidc_"
"""And the first characters of the state: log-ins in two tabs do not disturb each other."""
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")

_NOT_CONFIGURED = "There is no identity provider here. Log in with name and password, in the page at /login.html."
_NOT_FROM_HERE = "This log-in was not begun in this browser, or more than ten minutes ago, or it is done already."

Text = Annotated[str | None, Query()]


@router.get("/login", status_code=303, summary="Log in through the identity provider", responses=problems(404))
async def begin(
    request: Request,
    parts: PartsDep,
    loop_parts: LoopPartsDep,
    invitation: Annotated[str | None, Query(max_length=1000, description="Decides the role of a new account.")] = None,
    asked_page: Annotated[
        str | None,
        Query(alias="next", max_length=1000, description="The page to come back to, one of ours: `settings.html`."),
    ] = None,
) -> Response:
    """For browsers: leads to the provider, or to the log-in page with `#problem=` when that cannot be reached."""
    provider = _provider_of(parts)
    page = asked_page if asked_page and _PAGE.fullmatch(asked_page) else None

    def work() -> Response:
        attempt, secret = parts.attempts.begin(_redirect_uri(request, parts), invitation, page)
        response = _to(provider.address_for(attempt))
        response.set_cookie(
            _cookie_of(attempt.state),
            secret,
            max_age=int(ATTEMPT_SECONDS),
            path=cookie_path(parts),
            httponly=True,
            samesite="lax",
            secure=_is_secure(attempt),
        )
        return response

    return await to_thread.run_sync(_or_told, work, page, limiter=loop_parts.provider_threads)


@router.get("/callback", status_code=303, summary="Come back from the identity provider", responses=problems(404))
async def come_back(
    request: Request,
    parts: PartsDep,
    loop_parts: LoopPartsDep,
    state: Text = None,
    code: Text = None,
    error: Text = None,
    iss: Text = None,
) -> Response:
    """For browsers: whoever is let in has a session then.

    Leads to the page that the log-in began from, or to the log-in page with `#problem=`.
    """
    provider = _provider_of(parts)
    attempt = _attempt_of(request, parts, state)

    def work() -> Response:
        if attempt is None:
            raise ProviderFailed(_NOT_FROM_HERE)
        if code is None:
            raise _refusal(error)
        found = provider.identity_of(code, attempt, iss)
        user = oidc.admit(parts.accounts, found.subject, lambda: provider.names_of(found), attempt.invitation)
        response = _to(_PAGES + (attempt.page or _HOME))
        start_session(request, response, parts, user, secure=_is_secure(attempt))
        return response

    page = attempt.page if attempt else None
    response = await to_thread.run_sync(_or_told, work, page, limiter=loop_parts.provider_threads)
    if state is not None and _STATE.fullmatch(state):
        response.delete_cookie(_cookie_of(state), path=cookie_path(parts))
    return response


def _provider_of(parts: Parts) -> "Provider":
    parts.accounts.refuse_without()
    if parts.provider is None:
        raise NotFound(_NOT_CONFIGURED)
    return parts.provider


def _redirect_uri(request: Request, parts: Parts) -> str:
    """Where the provider sends people back to. It knows this address and refuses others."""
    here = parts.desk.settings.public_url or str(request.base_url)
    return f"{here.rstrip('/')}/auth/oidc/callback"


def _is_secure(attempt: Attempt) -> bool:
    return attempt.redirect_uri.startswith("https:")


def _attempt_of(request: Request, parts: Parts, state: str | None) -> Attempt | None:
    """The one that this browser began. It is over then, whatever comes of it."""
    return parts.attempts.take(state, request.cookies.get(_cookie_of(state), "")) if state else None


def _cookie_of(state: str) -> str:
    return _COOKIE + state[:8]


def _refusal(error: str | None) -> ProviderFailed:
    """OAuth 2.0 (RFC 6749) section 4.1.2.1."""
    if error == "access_denied":
        return ProviderDenied("The provider let nobody in.")
    return ProviderFailed(f"The provider sent somebody back with the error {error!r}.")


def _to(address: str) -> Response:
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})


def _or_told(work: Callable[[], Response], page: str | None) -> Response:
    """Whoever is on their way sees the log-in page say what is wrong, in their language; the log says it exactly. From
    there the next try leads to the same `page`."""
    try:
        return work()
    except BalanzaError as error:
        log.warning("Log-in through the identity provider: %s", error.sentence)
        said = {"problem": error.slug} | ({"next": page} if page else {})
        return _to(f"{_PAGES}login.html#{urlencode(said)}")
