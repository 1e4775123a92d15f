"""What lets people and programs in: sessions, API tokens, invitations; and the log-ins that failed lately.

Of each secret only the SHA-256 is kept: who reads the database cannot log in with what is there.
"""

from datetime import datetime

import sqlalchemy
from sqlalchemy import BindParameter, Connection, and_, bindparam, delete, or_, select, text, update

from balanza.model import ApiToken, Invitation, Session, User
from balanza.store.account_tables import (
    INVITATION,
    SESSION,
    TOKEN,
    USER,
    invitations,
    login_failures,
    sessions,
    tokens,
    users,
)

_THIS_HASH: BindParameter[str] = bindparam("this_hash")
_IS_ENABLED = users.c.disabled_at.is_(None)

_INSERT_SESSION = sqlalchemy.insert(sessions)
_SESSION = (
    select(*SESSION, *USER)
    .join(users, users.c.id == sessions.c.user_id)
    .where(sessions.c.token_hash == _THIS_HASH, sessions.c.expires_at > bindparam("now"), _IS_ENABLED)
)
_USE_SESSION = (
    update(sessions)
    .where(sessions.c.token_hash == _THIS_HASH)
    .values(used_at=bindparam("now"), expires_at=bindparam("until"))
)
_END_SESSION = delete(sessions).where(sessions.c.token_hash == _THIS_HASH)
_END_SESSIONS = delete(sessions).where(
    sessions.c.user_id == bindparam("this_user"), sessions.c.token_hash != bindparam("but")
)
_PRUNE_SESSIONS = delete(sessions).where(sessions.c.expires_at <= bindparam("now"))

_INSERT_TOKEN = sqlalchemy.insert(tokens)
_TOKEN = (
    select(*TOKEN, *USER)
    .join(users, users.c.id == tokens.c.user_id)
    .where(
        tokens.c.token_hash == _THIS_HASH,
        or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > bindparam("now")),
        _IS_ENABLED,
    )
)
_USE_TOKEN = update(tokens).where(tokens.c.token_hash == _THIS_HASH).values(used_at=bindparam("now"))
_TOKENS_OF = (
    select(*TOKEN).where(tokens.c.user_id == bindparam("this_user")).order_by(tokens.c.created_at.desc(), tokens.c.id)
)
_REVOKE = delete(tokens).where(tokens.c.id == bindparam("this_id"), tokens.c.user_id == bindparam("this_user"))
_REVOKE_ALL = delete(tokens).where(tokens.c.user_id == bindparam("this_user"))

_INSERT_INVITATION = sqlalchemy.insert(invitations)
_IS_OPEN = and_(invitations.c.used_by.is_(None), invitations.c.expires_at > bindparam("now"))
_INVITATION = select(*INVITATION).where(invitations.c.token_hash == _THIS_HASH, _IS_OPEN)
_USE_INVITATION = (
    update(invitations)
    .where(invitations.c.id == bindparam("this_id"), invitations.c.used_by.is_(None))
    .values(used_by=bindparam("this_user"))
)
_INVITATIONS = (
    select(*INVITATION)
    .where(invitations.c.created_by.is_not(None))
    .order_by(invitations.c.created_at.desc(), invitations.c.id)
)
_TAKE_BACK = delete(invitations).where(invitations.c.id == bindparam("this_id"), invitations.c.used_by.is_(None))
_TAKE_BACK_FIRST = delete(invitations).where(invitations.c.created_by.is_(None), invitations.c.used_by.is_(None))
_TAKE_BACK_OF = delete(invitations).where(
    invitations.c.created_by == bindparam("this_user"), invitations.c.used_by.is_(None)
)
_PRUNE_INVITATIONS = delete(invitations).where(invitations.c.expires_at <= bindparam("now"))

# One statement, so that log-ins at the same moment are all counted.
_COUNT = (
    text(
        "INSERT INTO login_failures (what, count, until) VALUES (:what, 1, :until) ON CONFLICT (what) DO UPDATE SET "
        "count = CASE WHEN login_failures.until <= :now THEN 1 ELSE login_failures.count + 1 END, "
        "until = CASE WHEN login_failures.until <= :now THEN excluded.until ELSE login_failures.until END "
        "RETURNING count, until"
    )
    .bindparams(
        bindparam("now", type_=login_failures.c.until.type), bindparam("until", type_=login_failures.c.until.type)
    )
    .columns(count=login_failures.c["count"].type, until=login_failures.c.until.type)
)
_UNCOUNT = (
    update(login_failures)
    .where(login_failures.c.what == bindparam("this_what"), login_failures.c["count"] > 0)
    .values(count=login_failures.c["count"] - 1)
)
_KEEP_DEVICE = text(
    "INSERT INTO login_failures (what, count, until) VALUES (:what, 0, :until) "
    "ON CONFLICT (what) DO UPDATE SET until = excluded.until"
).bindparams(bindparam("until", type_=login_failures.c.until.type))
_OF_ACCOUNT = login_failures.c.what.startswith(bindparam("prefix"))
_NEWEST_DEVICES = (
    select(login_failures.c.what)
    .where(_OF_ACCOUNT)
    .order_by(login_failures.c.until.desc(), login_failures.c.what)
    .limit(bindparam("most"))
)
_FORGET_DEVICES = delete(login_failures).where(_OF_ACCOUNT, login_failures.c.what.not_in(_NEWEST_DEVICES))
_DEVICE = select(login_failures.c.what).where(
    login_failures.c.what == bindparam("this_what"), login_failures.c.until > bindparam("now")
)
_FORGET = delete(login_failures).where(login_failures.c.what == bindparam("this_what"))
_PRUNE_FAILURES = delete(login_failures).where(login_failures.c.until <= bindparam("now"))


def insert_session(tx: Connection, new: Session) -> None:
    tx.execute(_INSERT_SESSION, {column.name: getattr(new, column.name) for column in SESSION})


def session_of(tx: Connection, token_hash: str, now: datetime) -> tuple[Session, User] | None:
    """The live session and whose it is; None when it is unknown or over, or the account disabled."""
    row = tx.execute(_SESSION, {"this_hash": token_hash, "now": now}).first()
    return None if row is None else (Session(*row[: len(SESSION)]), User(*row[len(SESSION) :]))


def use_session(tx: Connection, token_hash: str, now: datetime, until: datetime) -> None:
    tx.execute(_USE_SESSION, {"this_hash": token_hash, "now": now, "until": until})


def end_session(tx: Connection, token_hash: str) -> None:
    tx.execute(_END_SESSION, {"this_hash": token_hash})


def end_sessions(tx: Connection, user_id: str, *, but: str = "") -> None:
    """All of somebody's, but for the one of that hash."""
    tx.execute(_END_SESSIONS, {"this_user": user_id, "but": but})


def insert_token(tx: Connection, new: ApiToken) -> None:
    tx.execute(_INSERT_TOKEN, {column.name: getattr(new, column.name) for column in TOKEN})


def token_of(tx: Connection, token_hash: str, now: datetime) -> tuple[ApiToken, User] | None:
    """The live token and whose it is; None when it is unknown, revoked or over, or the account disabled."""
    row = tx.execute(_TOKEN, {"this_hash": token_hash, "now": now}).first()
    return None if row is None else (ApiToken(*row[: len(TOKEN)]), User(*row[len(TOKEN) :]))


def use_token(tx: Connection, token_hash: str, now: datetime) -> None:
    tx.execute(_USE_TOKEN, {"this_hash": token_hash, "now": now})


def tokens_of(tx: Connection, user_id: str) -> list[ApiToken]:
    """Newest first."""
    return [ApiToken(*row) for row in tx.execute(_TOKENS_OF, {"this_user": user_id})]


def revoke_token(tx: Connection, token_id: str, user_id: str) -> bool:
    """False when it is none of theirs."""
    return tx.execute(_REVOKE, {"this_id": token_id, "this_user": user_id}).rowcount == 1


def revoke_tokens(tx: Connection, user_id: str) -> None:
    """All of somebody's."""
    tx.execute(_REVOKE_ALL, {"this_user": user_id})


def insert_invitation(tx: Connection, new: Invitation) -> None:
    tx.execute(_INSERT_INVITATION, {column.name: getattr(new, column.name) for column in INVITATION})


def invitation_of(tx: Connection, token_hash: str, now: datetime) -> Invitation | None:
    """None when it is unknown, used, or over."""
    row = tx.execute(_INVITATION, {"this_hash": token_hash, "now": now}).first()
    return None if row is None else Invitation(*row)


def use_invitation(tx: Connection, invitation_id: str, user_id: str) -> bool:
    """False when somebody else has just used it."""
    return tx.execute(_USE_INVITATION, {"this_id": invitation_id, "this_user": user_id}).rowcount == 1


def list_invitations(tx: Connection) -> list[Invitation]:
    """Those that people made, newest first."""
    return [Invitation(*row) for row in tx.execute(_INVITATIONS)]


def take_back_invitation(tx: Connection, invitation_id: str) -> bool:
    """False when there is none, or it was used."""
    return tx.execute(_TAKE_BACK, {"this_id": invitation_id}).rowcount == 1


def take_back_invitations_of(tx: Connection, user_id: str) -> None:
    """Those that this person made and nobody used."""
    tx.execute(_TAKE_BACK_OF, {"this_user": user_id})


def take_back_first_invitations(tx: Connection) -> None:
    """Those that the server made at its start and nobody used."""
    tx.execute(_TAKE_BACK_FIRST)


def count_login(tx: Connection, what: str, now: datetime, until: datetime) -> tuple[int, datetime]:
    """How many log-ins of that account or address failed or are under way, this one too, and when they are forgotten.

    The first of them says until when.
    """
    count, forgotten_at = tx.execute(_COUNT, {"what": what, "now": now, "until": until}).one()
    return count, forgotten_at


def uncount_login(tx: Connection, what: str) -> None:
    """One of those that were under way was right."""
    tx.execute(_UNCOUNT, {"this_what": what})


def forget_logins(tx: Connection, what: str) -> None:
    tx.execute(_FORGET, {"this_what": what})


def keep_device(tx: Connection, account: str, device: str, until: datetime, most: int) -> None:
    """Somebody has logged in from that browser, the name of which is the account's and more. Of the account the newest
    are kept, so many at the most."""
    tx.execute(_KEEP_DEVICE, {"what": device, "until": until})
    tx.execute(_FORGET_DEVICES, {"prefix": account, "most": most})


def is_device(tx: Connection, what: str, now: datetime) -> bool:
    """Whether it was kept, and until later."""
    return tx.execute(_DEVICE, {"this_what": what, "now": now}).first() is not None


def prune(tx: Connection, now: datetime) -> None:
    """Forgets what is over."""
    for statement in (_PRUNE_SESSIONS, _PRUNE_INVITATIONS, _PRUNE_FAILURES):
        tx.execute(statement, {"now": now})
