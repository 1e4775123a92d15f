"""Logging in and out, signing up, and what each person keeps for themselves: password and API tokens."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Path, Query, Request, Response
from pydantic import ConfigDict, Field

from balanza.dispatch.accounts import Newcomer
from balanza.dispatch.login import SESSION_FOR, Caller
from balanza.errors import Refused
from balanza.model import ApiToken, Role, Scope, User
from balanza.server.auth import COOKIE, Asking, AskingPerhaps
from balanza.server.bodies import JsonRoute
from balanza.server.openapi import JSON_BODY, problems
from balanza.server.parts import Parts, PartsDep
from balanza.server.shapes import Shape

router = APIRouter(prefix="/auth", tags=["accounts"], route_class=JsonRoute)

_NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f]+$"

Typed = Annotated[str, Form(min_length=1, max_length=1000)]
Grant = Annotated[Literal["password"] | None, Form(description="As OAuth 2.0 has it (RFC 6749 section 4.3).")]
ByCookie = Annotated[bool, Form(description="For pages: the session's secret goes into a cookie alone.")]
Secret = Annotated[str, Field(min_length=1, max_length=1000)]


class Me(Shape):
    """An account, as its owner sees it."""

    id: str
    name: str | None
    """Null on a server without accounts."""
    role: Role
    has_password: bool
    """False for who logs in through the identity provider alone."""
    quota_bytes: int | None
    """Null: no limit."""
    quota_jobs: int | None
    stored_bytes: int
    """With the trash."""
    live_jobs: int


class Provider(Shape):
    """Where else one can log in: `GET /auth/oidc/login` leads there."""

    name: str


class Whoami(Shape):
    """Who asks, and what the page has to know before anybody has logged in."""

    accounts: bool
    user: Me | None
    scope: Scope | None
    signup: Literal["open", "invitation", "closed"]
    oidc: Provider | None
    public_stats: bool


class LoggedIn(Shape):
    """As OAuth 2.0 has it (RFC 6749 section 5.1)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a kind
    expires_in: int
    """Seconds without any use."""
    scope: Scope


class LoggedInByCookie(Shape):
    user: Me


class InvitationShown(Shape):
    """What an invitation is good for."""

    role: Role
    expires_at: datetime
    first: bool
    """Whether it is the one that the server itself makes, for the first administrator."""


class InvitationTyped(Shape):
    model_config = ConfigDict(extra="forbid")

    token: Secret


class PasswordChange(Shape):
    model_config = ConfigDict(extra="forbid")

    current: Secret
    new: Secret


class TokenRequest(Shape):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "backup of the band", "scope": "convert", "expires_days": 90}]},
    )

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=_NO_CONTROL_CHARACTERS)]
    scope: Scope = Scope.CONVERT
    expires_days: Annotated[int, Field(ge=1, le=3650, strict=True)] | None = None
    """Null: never."""


class TokenOut(Shape):
    """An API token, without its secret."""

    id: str
    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    """To the minute; null when it was never used."""

    @classmethod
    def of(cls, token: ApiToken) -> "TokenOut":
        return cls(**{name: getattr(token, name) for name in cls.model_fields})


class TokenMade(TokenOut):
    token: str
    """Told only now: nobody can be told it again."""

    @classmethod
    def with_secret(cls, token: ApiToken, secret: str) -> "TokenMade":
        return cls(**TokenOut.of(token).model_dump(), token=secret)


class TokenList(Shape):
    tokens: list[TokenOut]


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
def log_in(
    request: Request,
    response: Response,
    parts: PartsDep,
    username: Typed,
    password: Typed,
    grant_type: Grant = None,
    cookie: ByCookie = False,
) -> LoggedIn | LoggedInByCookie:
    """The same answer after the same time, whether the account is unknown or the password wrong."""
    parts.accounts.refuse_without()
    user = parts.login.log_in(username, password, caller_of(request))
    return _logged_in(request, response, parts, user, by_cookie=cookie)


@router.post("/signup", status_code=201, summary="Make an account", responses=problems(*JSON_BODY, 404, 409))
def sign_up(
    request: Request,
    response: Response,
    parts: PartsDep,
    username: Typed,
    password: Typed,
    invitation: Annotated[str | None, Form(max_length=1000, description="The secret of an invitation.")] = None,
    grant_type: Grant = None,
    cookie: ByCookie = False,
) -> LoggedIn | LoggedInByCookie:
    """Whoever signs up is logged in."""
    parts.accounts.refuse_without()
    user = parts.login.sign_up(Newcomer(username, password), invitation, caller_of(request))
    return _logged_in(request, response, parts, user, by_cookie=cookie)


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
    parts.login.end_session(principal, everywhere=everywhere)
    response.delete_cookie(COOKIE, path=cookie_path(parts))


@router.post("/password", status_code=204, summary="Change one's password", responses=problems(*JSON_BODY, 429))
def change_password(request: Request, typed: PasswordChange, parts: PartsDep, principal: Asking) -> None:
    """All other sessions are over then."""
    parts.accounts.refuse_without()
    if principal.session is None:
        raise Refused("An API token cannot change a password. Log in to do that.")
    parts.login.change_password(principal, typed.current, typed.new)


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
    """It opens nothing from now on. A token revokes itself alone."""
    if principal.session is None and parts.desk.settings.has_accounts:
        raise Refused("An API token cannot revoke one. Log in to do that.")
    parts.login.revoke_token(principal, token_id)


def caller_of(request: Request) -> Caller:
    """Where a request comes from; behind trusted proxies, what they say."""
    return Caller(request.client.host if request.client else "", request.headers.get("user-agent", ""))


def start_session(
    request: Request, response: Response, parts: Parts, user: User, *, secure: bool | None = None
) -> None:
    """The browser that asks is logged in from now on. `secure`: over TLS; None: as the request tells."""
    response.set_cookie(
        COOKIE,
        parts.login.start_session(user, caller_of(request)),
        max_age=int(SESSION_FOR.total_seconds()),
        path=cookie_path(parts),
        httponly=True,
        samesite="lax",
        secure=_is_secure(request) if secure is None else secure,
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
        return LoggedInByCookie(user=_me(parts, user.id, user.role))
    secret = parts.login.start_session(user, caller_of(request))
    scope = Scope.ADMIN if user.role is Role.ADMIN else Scope.CONVERT
    return LoggedIn(access_token=secret, expires_in=int(SESSION_FOR.total_seconds()), scope=scope)


def _me(parts: Parts, user_id: str, role: Role) -> Me:
    user, used = parts.accounts.look(user_id)
    settings = parts.desk.settings
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


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https:")
