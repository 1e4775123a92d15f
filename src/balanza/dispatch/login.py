"""Logging in: passwords that are tried, sessions that come of it, and who is behind the secret of a request."""

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection

from balanza.dispatch import passwords
from balanza.dispatch.accounts import Accounts, Newcomer, name_of
from balanza.dispatch.desk import utc_now
from balanza.dispatch.secrets import API_TOKEN, DEVICE, SESSION, hash_of, new_secret
from balanza.errors import InvalidRequest, NotFound, Refused, TooManyAttempts, WrongLogin
from balanza.model import ApiToken, Principal, Role, Scope, Session, User
from balanza.store import accounts, credentials
from balanza.store.database import Database

SESSION_FOR = timedelta(days=30)
"""Since it was last used."""
NOTED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session or a token was last used."""
MOST_TOKENS = 100
LONGEST_CLIENT = 200

ATTEMPTS_WITHIN = timedelta(minutes=15)
ATTEMPTS_OF_ACCOUNT = 20
ATTEMPTS_FROM_ADDRESS = 60
"""Several people may be behind one address. One that tried too often is not listened to any more: it cannot lock out
accounts either."""
DEVICE_FOR = timedelta(days=365)
"""Since somebody last logged in from that browser."""
MOST_DEVICES = 100
"""Of one account; a browser that keeps no cookies is a new one each time."""

_NOBODY = passwords.hash_of("the password of nobody")
_WRONG = "The name or the password is wrong. Try again, or ask an administrator for a new password."
_SCOPES = {Role.USER: Scope.CONVERT, Role.ADMIN: Scope.ADMIN}


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a log-in comes from."""

    address: str
    client: str = ""
    """What the browser or program calls itself."""
    device: str = ""
    """The secret by which the browser is known in which somebody logged in before."""


class Login:
    """Safe to call from many threads."""

    def __init__(self, database: Database, accounts_: Accounts, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._accounts = accounts_
        self._clock = clock

    def log_in(self, name: str, password: str, caller: Caller) -> User:
        """Raises WrongLogin, after the same time and in the same words whatever was wrong, and TooManyAttempts."""
        try:
            name = name_of(name)
        except InvalidRequest:
            name = ""
        account, address = self._tried(name, caller), f"address {network_of(caller.address)}"
        self._count({address: ATTEMPTS_FROM_ADDRESS, account: ATTEMPTS_OF_ACCOUNT})
        user = self._database.read(lambda tx: accounts.by_name(tx, name)) if name else None
        right = _with_password(user, password)
        self._database.write(lambda tx: _forgive(tx, account, address))
        return right

    def keep_device(self, user: User, caller: Caller) -> str:
        """The secret by which this browser is known from now on. What others try elsewhere does not keep this person
        from logging in here."""
        secret = caller.device or new_secret(DEVICE)
        name, until = user.name or "", self._clock() + DEVICE_FOR
        self._database.write(
            lambda tx: credentials.keep_device(tx, _devices(name), _device(name, secret), until, MOST_DEVICES)
        )
        return secret

    def confirm(self, user_id: str, password: str) -> User:
        """Whoever is logged in types their password again. Raises as `log_in`; log-ins that others try do not count."""
        person = f"person {user_id}"
        self._count({person: ATTEMPTS_OF_ACCOUNT})
        right = _with_password(self._database.read(lambda tx: accounts.get(tx, user_id)), password)
        self._database.write(lambda tx: credentials.forget_logins(tx, person))
        return right

    def sign_up(self, newcomer: Newcomer, invitation: str | None, caller: Caller) -> User:
        """As `Accounts.sign_up`, from one address so often and no more. Raises TooManyAttempts."""
        address = f"sign-up {network_of(caller.address)}"
        self._count({address: ATTEMPTS_FROM_ADDRESS})
        user = self._accounts.sign_up(newcomer, invitation)
        if invitation is not None:
            self._database.write(lambda tx: credentials.uncount_login(tx, address))
        return user

    def start_session(self, user: User, caller: Caller, *, instead_of: str = "") -> str:
        """A new session's secret, which nobody is ever told again. `instead_of` is that of one which is over then.

        Raises WrongLogin when the account has been disabled or deleted since the password was tried.
        """
        secret, now = new_secret(SESSION), self._clock()
        new = Session(hash_of(secret), user.id, now, now, now + SESSION_FOR, caller.client[:LONGEST_CLIENT])

        def operation(tx: Connection) -> None:
            current = accounts.get(tx, user.id, lock=True)
            if current is None or current.disabled_at is not None:
                raise WrongLogin(_WRONG)
            if instead_of:
                credentials.end_session(tx, hash_of(instead_of))
            credentials.insert_session(tx, new)

        self._database.write(operation)
        return secret

    def end_session(self, principal: Principal, *, everywhere: bool = False) -> None:
        """This one, or all of theirs; API tokens stay good."""

        def operation(tx: Connection) -> None:
            if everywhere:
                credentials.end_sessions(tx, principal.user_id)
            elif principal.session is not None:
                credentials.end_session(tx, principal.session)

        self._database.write(operation)

    def change_password(self, principal: Principal, current: str, new: str) -> None:
        """All other sessions are over then. Raises as `log_in`, and InvalidRequest for a new one that will not do."""
        user = self.confirm(principal.user_id, current)
        self._accounts.set_password(user, new, but=principal.session or "")

    def principal_of(self, secret: str) -> Principal | None:
        """Who shows this secret of a session or an API token; None when it opens nothing."""
        find = self._by_token if secret.startswith(API_TOKEN) else self._by_session
        return find(hash_of(secret))

    def make_token(
        self, principal: Principal, name: str, scope: Scope, expires: timedelta | None
    ) -> tuple[ApiToken, str]:
        """A token, and its secret, which nobody is ever told again. Raises Refused for more than one may oneself."""
        if not _SCOPES[principal.role].covers(scope) or not principal.scope.covers(scope):
            raise Refused(f"A token of yours can have no more rights than you: {principal.scope} at most.")
        secret, now = new_secret(API_TOKEN), self._clock()
        new = ApiToken(
            id=str(uuid4()),
            token_hash=hash_of(secret),
            user_id=principal.user_id,
            name=name,
            scope=scope,
            created_at=now,
            expires_at=None if expires is None else now + expires,
        )

        def operation(tx: Connection) -> None:
            if len(credentials.tokens_of(tx, principal.user_id)) >= MOST_TOKENS:
                raise Refused(f"You have {MOST_TOKENS} tokens already. Revoke one that is no longer needed.")
            credentials.insert_token(tx, new)

        self._database.write(operation)
        return new, secret

    def tokens(self, principal: Principal) -> list[ApiToken]:
        """Newest first, those too that have expired."""
        return self._database.read(lambda tx: credentials.tokens_of(tx, principal.user_id))

    def revoke_token(self, principal: Principal, token_id: str) -> None:
        """Raises NotFound."""
        if not self._database.write(lambda tx: credentials.revoke_token(tx, token_id, principal.user_id)):
            raise NotFound(f"You have no token {token_id}. GET /auth/tokens lists yours.")

    def _tried(self, name: str, caller: Caller) -> str:
        """As what a log-in counts: as one from a browser that this person logged in from before, or else, together with
        all that strangers try, as one to this account (OWASP, device cookies)."""
        device, now = _device(name, caller.device), self._clock()
        if caller.device and self._database.read(lambda tx: credentials.is_device(tx, device, now)):
            return f"from {device}"
        return f"account {hash_of(name)}"

    def _count(self, limits: dict[str, int]) -> None:
        """Before the password is looked at: so many at the same moment cannot all be tried.

        Nothing more is counted after the first of which there are too many. Raises TooManyAttempts.
        """
        now = self._clock()

        def operation(tx: Connection) -> datetime | None:
            for what, limit in limits.items():
                count, until = credentials.count_login(tx, what, now, now + ATTEMPTS_WITHIN)
                if count > limit:
                    return until
            return None

        if (until := self._database.write(operation)) is not None:
            seconds = max(1, math.ceil((until - now).total_seconds()))
            raise TooManyAttempts(
                f"Too many tries failed. Wait {math.ceil(seconds / 60)} minutes, then try again.",
                retry_after_seconds=seconds,
            )

    def _by_session(self, secret_hash: str) -> Principal | None:
        now = self._clock()
        found = self._database.read(lambda tx: credentials.session_of(tx, secret_hash, now))
        if found is None:
            return None
        session, user = found
        if now - session.used_at > NOTED_EVERY:
            self._database.write(lambda tx: credentials.use_session(tx, secret_hash, now, now + SESSION_FOR))
        return Principal(user.id, user.role, _SCOPES[user.role], user.name, secret_hash)

    def _by_token(self, secret_hash: str) -> Principal | None:
        now = self._clock()
        found = self._database.read(lambda tx: credentials.token_of(tx, secret_hash, now))
        if found is None:
            return None
        token, user = found
        if token.used_at is None or now - token.used_at > NOTED_EVERY:
            self._database.write(lambda tx: credentials.use_token(tx, secret_hash, now))
        most = _SCOPES[user.role]
        return Principal(user.id, user.role, token.scope if most.covers(token.scope) else most, user.name)


def network_of(address: str) -> str:
    """What is limited as one: of IPv6 the /64 that one customer has at least; whatever else it is, not too long."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return hash_of(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


def _device(name: str, secret: str) -> str:
    """One browser, for one account: several people may share it."""
    return f"{_devices(name)}{hash_of(secret)}"


def _devices(name: str) -> str:
    """With what those of one account begin."""
    return f"device {hash_of(name)} "


def _with_password(user: User | None, password: str) -> User:
    """Whose password it is. Raises WrongLogin, after the same time whatever is wrong."""
    kept = user.password_hash if user is not None and user.disabled_at is None else None
    is_right = passwords.is_right(password, kept or _NOBODY)
    if user is None or kept is None or not is_right:
        raise WrongLogin(_WRONG)
    return user


def _forgive(tx: Connection, account: str, address: str) -> None:
    """Of the address this one alone: who has an account of their own could else try others' for ever."""
    credentials.forget_logins(tx, account)
    credentials.uncount_login(tx, address)
