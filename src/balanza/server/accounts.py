"""Logging in and out, signing up, and what each person keeps for themselves: password and API tokens."""

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from anyio import to_thread
from fastapi import APIRouter, Form, Path, Query, Request, Response

from balanza.dispatch.accounts import Newcomer
from balanza.dispatch.login import DEVICE_FOR, LONGEST_CLIENT, SESSION_FOR, Caller
from balanza.errors import Refused
from balanza.model import Role, Scope, User
from balanza.server.account_shapes import (
    Farewell,
    InvitationShown,
    InvitationTyped,
    LoggedIn,
    LoggedInByCookie,
    Me,
    PasswordChange,
    Provider,
    TokenList,
    TokenMade,
    TokenOut,
    TokenRequest,
    Whoami,
)
from balanza.server.auth import COOKIE, DEVICE_COOKIE, Asking, AskingPerhaps
from balanza.server.bodies import JsonRoute
from balanza.server.openapi import JSON_BODY, problems
from balanza.server.parts import LoopPartsDep, Parts, PartsDep
from balanza.server.turns import in_turn
from balanza.server.users import remove_account

router = APIRouter(prefix="/auth", tags=["accounts"], route_class=JsonRoute)

Typed = Annotated[str, Form(min_length=1, max_length=1000)]
Grant = Annotated[Literal["password"] | None, Form(description="As OAuth 2.0 has it (RFC 6749 section 4.3).")]
ByCookie = Annotated[bool, Form(description="For pages: the session's secret goes into a cookie alone.")]


@router.get("/me", summary="Who am I, and can one log in here?", responses=problems())
def read_me(parts: PartsDep, principal: AskingPerhaps) -> Whoami:
    """Answers everybody; `user` is null when nobody has logged in."""
    settings = parts.desk.settings
    return Whoami(
        accounts=settings.has_accounts,
        user=None if principal is None else _me(parts, principal.user_id, principal.role),
        scope=None if principal is None else principal.scope,
        signup=settings.signup,
        oidc=Provider(name=settings.oidc_name) if settings.oidc_issuer else None,
        public_stats=settings.has_public_stats,
    )


@router.post("/login", summary="Log in (OAuth 2.0 password flow)", responses=problems(*JSON_BODY, 429))
async def log_in(
    request: Request,
    response: Response,
    parts: PartsDep,
    loop_parts: LoopPartsDep,
    username: Typed,
    password: Typed,
    grant_type: Grant = None,
    cookie: ByCookie = False,
) -> LoggedIn | LoggedInByCookie:
    """The same answer after the same time, whether the account is unknown or the password wrong."""
    parts.accounts.refuse_without()

    def enter() -> LoggedIn | LoggedInByCookie:
        user = parts.login.log_in(username, password, caller_of(request))
        return _logged_in(request, response, parts, user, by_cookie=cookie)

    return await in_turn(loop_parts, enter)


@router.post("/signup", status_code=201, summary="Make an account", responses=problems(*JSON_BODY, 404, 409, 429))
async def sign_up(
    request: Request,
    response: Response,
    parts: PartsDep,
    loop_parts: LoopPartsDep,
    username: Typed,
    password: Typed,
    invitation: Annotated[str | None, Form(max_length=1000, description="The secret of an invitation.")] = None,
    grant_type: Grant = None,
    cookie: ByCookie = False,
) -> LoggedIn | LoggedInByCookie:
    """Whoever signs up is logged in."""
    parts.accounts.refuse_without()

    def enter() -> LoggedIn | LoggedInByCookie:
        user = parts.login.sign_up(Newcomer(username, password), invitation, caller_of(request))
        return _logged_in(request, response, parts, user, by_cookie=cookie)

    return await in_turn(loop_parts, enter)


@router.post("/invitation", summary="Look at an invitation", responses=problems(*JSON_BODY, 404))
def look_at_invitation(typed: InvitationTyped, parts: PartsDep) -> InvitationShown:
    """Before it is used. One that was used, taken back, or is too old is not found."""
    found = parts.accounts.look_at_invitation(typed.token)
    return InvitationShown(role=found.role, expires_at=found.expires_at, first=found.created_by is None)


@router.post("/logout", status_code=204, summary="Log out", responses=problems())
def log_out(
    response: Response,
    parts: PartsDep,
    principal: Asking,
    everywhere: Annotated[bool, Query(description="On all devices; API tokens stay good.")] = False,
) -> None:
    """Of this session. An API token is in no session, and ends no others: revoke it where it was made."""
    if principal.session is None and parts.desk.settings.has_accounts:
        raise Refused("An API token cannot log anybody out. Log in to do that.")
    parts.login.end_session(principal, everywhere=everywhere)
    response.delete_cookie(COOKIE, path=cookie_path(parts))


@router.post("/password", status_code=204, summary="Change one's password", responses=problems(*JSON_BODY, 429))
async def change_password(typed: PasswordChange, parts: PartsDep, loop_parts: LoopPartsDep, principal: Asking) -> None:
    """All other sessions are over then."""
    parts.accounts.refuse_without()
    if principal.session is None:
        raise Refused("An API token cannot change a password. Log in to do that.")
    await in_turn(loop_parts, lambda: parts.login.change_password(principal, typed.current, typed.new))


@router.post("/delete", status_code=204, summary="Delete one's own account", responses=problems(409, *JSON_BODY, 429))
async def delete_account(
    typed: Farewell, response: Response, parts: PartsDep, loop_parts: LoopPartsDep, principal: Asking
) -> None:
    """With one's files, conversions and links, at once and for ever; within minutes no bytes are left of them either.
    The last administrator cannot."""
    parts.accounts.refuse_without()
    if principal.session is None:
        raise Refused("An API token cannot delete an account. Log in to do that.")

    def confirm() -> None:
        user, _ = parts.accounts.look(principal.user_id)
        if user is not None and user.password_hash is not None:
            parts.login.confirm(user.id, typed.password)

    await in_turn(loop_parts, confirm)
    await to_thread.run_sync(remove_account, parts, principal.user_id)
    response.delete_cookie(COOKIE, path=cookie_path(parts))


@router.get("/tokens", summary="List one's API tokens", responses=problems())
def list_tokens(parts: PartsDep, principal: Asking) -> TokenList:
    return TokenList(tokens=[TokenOut.of(token) for token in parts.login.tokens(principal)])


@router.post("/tokens", status_code=201, summary="Make an API token", responses=problems(*JSON_BODY))
def make_token(wanted: TokenRequest, response: Response, parts: PartsDep, principal: Asking) -> TokenMade:
    """Its secret is in the answer, and nowhere else. Only who is logged in makes one: a token makes no tokens."""
    parts.accounts.refuse_without()
    if principal.session is None:
        raise Refused("An API token cannot make another one. Log in to do that.")
    expires = None if wanted.expires_days is None else timedelta(days=wanted.expires_days)
    token, secret = parts.login.make_token(principal, wanted.name, wanted.scope, expires)
    response.headers["Cache-Control"] = "no-store"
    return TokenMade.with_secret(token, secret)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke an API token", responses=problems(404))
def revoke_token(
    token_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")], parts: PartsDep, principal: Asking
) -> None:
    """It opens nothing from now on. Only who is logged in revokes one: a token does not."""
    if principal.session is None and parts.desk.settings.has_accounts:
        raise Refused("An API token cannot revoke one. Log in to do that.")
    parts.login.revoke_token(principal, token_id)


def caller_of(request: Request) -> Caller:
    """Where a request comes from; behind trusted proxies, what they say."""
    address = request.client.host if request.client else ""
    device = request.cookies.get(DEVICE_COOKIE, "")
    return Caller(address, request.headers.get("user-agent", ""), device if len(device) <= LONGEST_CLIENT else "")


def start_session(
    request: Request, response: Response, parts: Parts, user: User, *, secure: bool | None = None
) -> None:
    """The browser that asks is logged in from now on, and in no session that it had before.

    `secure`: over TLS; None: as the request tells.
    """
    before = request.cookies.get(COOKIE, "")
    secret = parts.login.start_session(user, caller_of(request), instead_of=before)
    _set_cookie(request, response, parts, COOKIE, secret, SESSION_FOR, secure=secure)


def _set_cookie(
    request: Request,
    response: Response,
    parts: Parts,
    name: str,
    secret: str,
    lasts: timedelta,
    *,
    secure: bool | None = None,
) -> None:
    response.set_cookie(
        name,
        secret,
        max_age=int(lasts.total_seconds()),
        path=cookie_path(parts),
        httponly=True,
        samesite="lax",
        secure=is_secure(request) if secure is None else secure,
    )


def cookie_path(parts: Parts) -> str:
    """Of several programs behind one proxy none gets the others' cookies."""
    return urlsplit(parts.desk.settings.public_url or "").path.rstrip("/") or "/"


def _logged_in(
    request: Request, response: Response, parts: Parts, user: User, *, by_cookie: bool
) -> LoggedIn | LoggedInByCookie:
    response.headers["Cache-Control"] = "no-store"
    if by_cookie:
        start_session(request, response, parts, user)
        device = parts.login.keep_device(user, caller_of(request))
        _set_cookie(request, response, parts, DEVICE_COOKIE, device, DEVICE_FOR)
        return LoggedInByCookie(user=_me(parts, user.id, user.role))
    secret = parts.login.start_session(user, caller_of(request))
    scope = Scope.ADMIN if user.role is Role.ADMIN else Scope.CONVERT
    return LoggedIn(access_token=secret, expires_in=int(SESSION_FOR.total_seconds()), scope=scope)


def _me(parts: Parts, user_id: str, role: Role) -> Me:
    settings = parts.desk.settings
    account, used = parts.accounts.look(user_id)
    # There may be one from when the server had accounts.
    user = account if settings.has_accounts else None
    own_bytes, own_jobs = (None, None) if user is None else (user.quota_bytes, user.quota_jobs)
    return Me(
        id=user_id,
        name=user.name if user else None,
        role=role,
        has_password=user is not None and user.password_hash is not None,
        quota_bytes=settings.quota_bytes if own_bytes is None else own_bytes,
        quota_jobs=settings.quota_jobs if own_jobs is None else own_jobs,
        stored_bytes=used.stored_bytes,
        live_jobs=used.live_jobs,
    )


def is_secure(request: Request) -> bool:
    """Whether the browser came by TLS, perhaps to a proxy that does not say so."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https:")
