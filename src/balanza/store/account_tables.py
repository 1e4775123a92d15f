"""The tables of accounts: users, and the secrets with which they are let in. Every secret is kept as a hash alone."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, String, Table, Text

from balanza.model import ApiToken, Invitation, Role, Scope, Session, User
from balanza.store.metadata import metadata
from balanza.store.tables import columns_of
from balanza.store.types import Instant, Prose, word

users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Prose, unique=True),
    Column("role", word(Role, "role"), nullable=False),
    Column("password_hash", Text),
    Column("subject", Text, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("quota_bytes", BigInteger),
    Column("quota_jobs", Integer),
    CheckConstraint("quota_bytes >= 0 AND quota_jobs >= 0", name="quota"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("client", Prose, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("name", Prose, nullable=False),
    Column("scope", word(Scope, "scope"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("used_at", Instant),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("role", word(Role, "role"), nullable=False),
    Column("created_by", ForeignKey("users.id")),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_by", ForeignKey("users.id")),
)

# Log-ins that failed lately, by account, by browser and by address, and the browsers that somebody once logged in from;
# a row of `until` long past means nothing any more.
login_failures = Table(
    "login_failures",
    metadata,
    Column("what", String(160), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("until", Instant, nullable=False, index=True),
)

USER = columns_of(User, users)
SESSION = columns_of(Session, sessions)
TOKEN = columns_of(ApiToken, tokens)
INVITATION = columns_of(Invitation, invitations)
