"""Keeps out strangers and what foreign pages send, and tells browsers what may be done with our answers.

Without accounts the only protection is that nobody but this computer's user can reach the server. Two ways around the
loopback address are closed here: a foreign page whose name was made to resolve to it (DNS rebinding: its Host header is
not a loopback name), and a foreign page that posts to it (cross-site requests: browsers name the origin). With accounts
the server may have any name, for a page under another name has no cookie of ours; posts of foreign pages are refused
all the same.

In a private network, such as that of docker compose, workers and Prometheus reach the server by a name of its own.
Such names are allowed one by one; whoever can reach the server's port there can use it.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from balanza.errors import Refused
from balanza.server import problems
from balanza.settings import is_loopback

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Of the API's page: Swagger UI gives innerHTML plain strings in many places, whatever policies it may make."""

PAGE_POLICY = f"{DOCS_POLICY}; require-trusted-types-for 'script'; trusted-types 'none'"
"""Of all others: text never becomes markup or code there, and no script can make an exception."""

_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"

_HEADERS = {
    "content-security-policy": _DATA_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    # What says nothing of its own is somebody's, behind a cookie too: no proxy keeps it for the next one (RFC 9111
    # section 4.2.2 would let it), and no browser shows it after the log-out.
    "cache-control": "no-store",
}

LINKS = "/s/"
_OF_LINKS = {"cache-control": "no-store", "x-robots-tag": "noindex, nofollow"}
"""What a shared link answers, its errors too, is for whoever has the link: no cache keeps it, no search lists it."""

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::[0-9]{0,5})?", re.ASCII)


class Guard:
    """Refuses what does not come from this computer's user, and adds the security headers to every answer.

    Requests to one of the `allowed` names, as `allowed_names` gives them, come from a private network and may pass too;
    None allows all. `own_origin` is that of our pages where a proxy hides it.
    """

    def __init__(
        self, app: ASGIApp, allowed: frozenset[str] | None = frozenset(), own_origin: str | None = None
    ) -> None:
        self._app = app
        self._allowed = allowed
        self._own_origin = own_origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def add_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(LINKS):
                    headers.update(_OF_LINKS)
            await send(message)

        headers = Headers(scope=scope)
        refusal = why_not(scope["method"], scope["scheme"], headers, self._allowed, self._own_origin)
        if refusal is None:
            await self._app(scope, receive, add_headers)
        else:
            await problems.of_error(Refused(refusal))(scope, receive, add_headers)


def why_not(
    method: str,
    scheme: str,
    headers: Headers,
    allowed: frozenset[str] | None = frozenset(),
    own_origin: str | None = None,
) -> str | None:
    """Why this request is refused, as a sentence; None when it may pass."""
    hosts = headers.getlist("host")
    host = hosts[0] if len(hosts) == 1 else ""
    match = _HOST.fullmatch(host)
    name = match["name"].strip("[]").lower() if match else ""
    if allowed is not None and name not in allowed and not is_loopback(name):
        return (
            f"The address {host!r} is not one of this computer's own. Open http://127.0.0.1 with the server's port, "
            "or start the server with its name in BALANZA_ALLOWED_HOSTS."
        )
    return None if method in SAFE_METHODS else _why_not_from(headers, f"{scheme}://{host}", own_origin)


def _why_not_from(headers: Headers, here: str, own_origin: str | None) -> str | None:
    """Browsers send Origin with everything that changes state; programs send neither header and may pass."""
    origins = headers.getlist("origin")
    ours = {here.lower(), own_origin}
    if headers.getlist("sec-fetch-site") == ["same-origin"]:
        # Of a form in a page that sends no referrer, as ours do, Firefox tells no origin (Fetch, section 3.2).
        ours.add("null")
    if any(origin.lower() not in ours for origin in origins):
        return (
            f"A page from {origins[0]} may not change anything here. Use the page of this server, {own_origin or here}."
        )
    if not origins and headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return f"Another site may not change anything here. Use the page of this server, {own_origin or here}."
    return None
