"""What is asked and answered about accounts: who one is, log-ins, passwords, invitations, API tokens."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from balanza.model import ApiToken, Role, Scope
from balanza.server.shapes import Shape

_NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f]+$"
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


class Farewell(Shape):
    model_config = ConfigDict(extra="forbid")

    password: Annotated[str, Field(max_length=1000)] = ""
    """Not needed by whoever has none: see `has_password`."""


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
