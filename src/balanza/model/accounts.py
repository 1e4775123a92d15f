"""People: who they are, what they may do, and how much of the server is theirs."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LOCAL_USER = "local"
"""The id of the one user of a server without accounts. With accounts it is that of the first administrator, to whom
all that was there before belongs."""


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a request may do; each may also do what those before it may."""

    READ = "read"
    CONVERT = "convert"
    ADMIN = "admin"

    def covers(self, needed: "Scope") -> bool:
        order = tuple(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: str
    name: str | None
    """What is typed to log in, in lower case; None for the one user of a server without accounts."""
    role: Role
    created_at: datetime
    password_hash: str | None = None
    """None: logs in through the identity provider alone, or not at all."""
    subject: str | None = None
    """Who this is to the identity provider: its issuer, a space, and the `sub` it gave."""
    disabled_at: datetime | None = None
    quota_bytes: int | None = None
    """How much may be stored; None: as much as the server lets everybody."""
    quota_jobs: int | None = None
    """How many jobs may be pending or running; None: as many as the server lets everybody."""


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is logged in. Its secret is kept as its SHA-256 alone."""

    token_hash: str
    user_id: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    client: str
    """What the browser calls itself, shortened."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What a program shows instead of a password. Its secret is kept as its SHA-256 alone."""

    id: str
    token_hash: str
    user_id: str
    name: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link with which one person makes an account. Its secret is kept as its SHA-256 alone."""

    id: str
    token_hash: str
    role: Role
    created_by: str | None
    """Whose invitation it is; None: made by the server at its start, for the first administrator."""
    created_at: datetime
    expires_at: datetime
    used_by: str | None = None
    """The account that came of it."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what the request may do."""

    user_id: str
    role: Role
    scope: Scope
    name: str | None = None
    session: str | None = None
    """The hash of the session's secret, when a browser asks."""


LOCAL = Principal(LOCAL_USER, Role.ADMIN, Scope.ADMIN)
"""Whoever asks a server without accounts."""
