"""The accounts: who has one, how people come by one, and what administrators change about them."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection

from balanza.dispatch import departures, passwords
from balanza.dispatch.desk import utc_now
from balanza.dispatch.endings import Ended
from balanza.dispatch.secrets import INVITATION, hash_of, new_secret
from balanza.errors import Conflict, InvalidRequest, NotFound, Refused
from balanza.model import LOCAL_USER, Invitation, Role, User
from balanza.settings import Settings
from balanza.store import accounts, credentials
from balanza.store.accounts import Usage
from balanza.store.database import Database

LONGEST_NAME = 100
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
FIRST_INVITATION_FOR = timedelta(hours=24)

_NO_INVITATION = "This invitation is not valid: it was used, taken back, or is too old. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who an account is to be for. Without a password it is one that logs in through the identity provider alone."""

    name: str
    password: str | None = None
    subject: str | None = None


def _leave(_ended: Ended) -> None:
    """Where no server runs: what attempts may have stored is left to the sweep of one."""


class Accounts:
    """Safe to call from many threads."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
        settle: Callable[[Ended], None] = _leave,
    ) -> None:
        """`settle` is told which jobs ended with somebody's account."""
        self._database = database
        self._settings = settings
        self._clock = clock
        self._settle = settle

    def refuse_without(self) -> None:
        """Raises Refused on a server without accounts."""
        if not self._settings.has_accounts:
            raise Refused("This server has no accounts: nobody has to log in. BALANZA_AUTH=on turns them on.")

    # --- How people come by an account

    def invite(self, role: Role, expires: timedelta, created_by: str | None) -> tuple[Invitation, str]:
        """An invitation, and its secret, which nobody is ever told again. Raises Refused when sign-up is closed."""
        self.refuse_without()
        if created_by is not None and self._settings.signup == "closed":
            raise Refused("Nobody can be invited: sign-up is closed on this server (BALANZA_SIGNUP).")
        secret, now = new_secret(INVITATION), self._clock()
        new = Invitation(str(uuid4()), hash_of(secret), role, created_by, now, now + expires)
        self._database.write(lambda tx: credentials.insert_invitation(tx, new))
        return new, secret

    def invite_first(self) -> str | None:
        """The secret of an invitation for the first administrator; None when there is one.

        Those that were made so before are no longer good.
        """

        def take_back(tx: Connection) -> bool:
            credentials.take_back_first_invitations(tx)
            return bool(accounts.administrators(tx))

        if self._database.write(take_back):
            return None
        return self.invite(Role.ADMIN, FIRST_INVITATION_FOR, None)[1]

    def look_at_invitation(self, secret: str) -> Invitation:
        """Raises NotFound when it is good for nothing."""
        return self._database.read(lambda tx: self._invitation(tx, secret))

    def invitations(self) -> list[Invitation]:
        """Those that people made and that are not over, used ones too."""
        return self._database.read(credentials.list_invitations)

    def take_back_invitation(self, invitation_id: str) -> None:
        """Raises NotFound, also when it was used."""
        if not self._database.write(lambda tx: credentials.take_back_invitation(tx, invitation_id)):
            raise NotFound(f"There is no open invitation {invitation_id}. GET /invitations lists those there are.")

    def sign_up(self, newcomer: Newcomer, invitation: str | None) -> User:
        """The new account, with the role that the invitation gives.

        Raises Refused when one is needed, NotFound when it is no good, InvalidRequest, Conflict when the name is taken.
        """
        if invitation is None and self._settings.signup != "open":
            raise Refused("An account is made with an invitation here. Ask an administrator of this server for one.")
        if invitation is not None:
            # Before a password is hashed for whoever comes with none that is good.
            self.look_at_invitation(invitation)
        new = self._new_user(newcomer, Role.USER)

        def operation(tx: Connection) -> User:
            if invitation is None:
                return _insert(tx, new)
            found = self._invitation(tx, invitation)
            user = _insert(tx, replace(new, role=found.role))
            if not credentials.use_invitation(tx, found.id, user.id):
                raise NotFound(_NO_INVITATION)
            return user

        return self._database.write(operation)

    def add(self, newcomer: Newcomer, role: Role) -> User:
        """An account without an invitation, by whoever runs the server. Raises InvalidRequest, Conflict."""
        new = self._new_user(newcomer, role)
        return self._database.write(lambda tx: _insert(tx, new))

    # --- What is changed about them

    def list_users(self) -> list[tuple[User, Usage]]:
        """The oldest first, each with what they have on the server."""

        def read(tx: Connection) -> list[tuple[User, Usage]]:
            used = accounts.usage(tx)
            return [(user, used.get(user.id, Usage())) for user in accounts.list_users(tx)]

        return self._database.read(read)

    def look(self, user_id: str) -> tuple[User | None, Usage]:
        """The account, None without accounts, and what they have on the server."""
        return self._database.read(lambda tx: (accounts.get(tx, user_id), accounts.usage_of(tx, user_id)))

    def of_subject(self, subject: str) -> User | None:
        """The account of whom the identity provider calls so, even when it is disabled."""
        return self._database.read(lambda tx: accounts.by_subject(tx, subject))

    def named(self, name: str) -> User:
        """Raises NotFound."""
        found = self._database.read(lambda tx: accounts.by_name(tx, name_of(name)))
        if found is None:
            raise NotFound(f"There is no account {name!r}. `balanza user list` shows those there are.")
        return found

    def change(
        self,
        user_id: str,
        *,
        role: Role | None = None,
        disabled: bool | None = None,
        quotas: dict[str, int | None] | None = None,
    ) -> tuple[User, Usage]:
        """The account as it is now. Whoever is disabled is out at once, and their tokens with them; their jobs are
        cancelled.

        Raises NotFound, and Conflict when no administrator would be left.
        """

        def operation(tx: Connection) -> tuple[User, Usage]:
            # All of them are held: of two who demote each other at the same moment one is too late.
            accounts.administrators(tx, lock=True)
            before = accounts.get(tx, user_id, lock=True)
            if before is None:
                raise NotFound(f"There is no account with the id {user_id}. GET /users lists those there are.")
            values: dict[str, str | int | datetime | None] = {**(quotas or {})}
            if role is not None:
                values["role"] = role
            if disabled is not None and disabled != (before.disabled_at is not None):
                values["disabled_at"] = self._clock() if disabled else None
            if values:
                accounts.change(tx, user_id, **values)
            if not accounts.administrators(tx):
                raise Conflict(f"{before.name} is the only administrator. Make somebody else one first.")
            if disabled or role is Role.USER:
                credentials.take_back_invitations_of(tx, user_id)
            if disabled:
                credentials.end_sessions(tx, user_id)
                credentials.revoke_tokens(tx, user_id)
            after = accounts.get(tx, user_id)
            return after or before, accounts.usage_of(tx, user_id)

        changed = self._database.write(operation)
        if disabled:
            departures.cancel_jobs(self._database, user_id, self._settle, self._clock())
            return self._database.read(lambda tx: (changed[0], accounts.usage_of(tx, user_id)))
        return changed

    def remove(self, user_id: str) -> list[str]:
        """The account is gone with all that was theirs, and nobody gets it back; upkeep removes the bytes of files. The
        ids of the uploads that were not complete, which the caller may discard.

        Raises NotFound, and Conflict when no administrator would be left.
        """
        self.change(user_id, disabled=True)
        return departures.forget(self._database, user_id, self._clock())

    def set_password(self, user: User, password: str, *, but: str = "") -> None:
        """Afterwards all sessions but the one of that hash are over. Raises InvalidRequest."""
        password_hash = _hash_of(password, user.name or "")

        def operation(tx: Connection) -> None:
            accounts.change(tx, user.id, password_hash=password_hash)
            credentials.end_sessions(tx, user.id, but=but)

        self._database.write(operation)

    def _invitation(self, tx: Connection, secret: str) -> Invitation:
        """Raises NotFound. That for the first administrator is good for nobody else, and the only one once sign-up is
        closed."""
        found = credentials.invitation_of(tx, hash_of(secret), self._clock())
        is_first = found is not None and found.created_by is None
        if found is None or (accounts.administrators(tx) if is_first else self._settings.signup == "closed"):
            raise NotFound(_NO_INVITATION)
        return found

    def _new_user(self, newcomer: Newcomer, role: Role) -> User:
        name = name_of(newcomer.name)
        password_hash = None if newcomer.password is None else _hash_of(newcomer.password, name)
        return User(str(uuid4()), name, role, self._clock(), password_hash, newcomer.subject)


def name_of(typed: str) -> str:
    """As it is kept: keyboards write the same in more than one way. Raises InvalidRequest when it can be no name."""
    name = unicodedata.normalize("NFKC", typed).strip().casefold()
    # Folding can take composed letters apart, such as Ϊ with another accent, which a small ΐ has in one.
    name = unicodedata.normalize("NFKC", name)
    if not 1 <= len(name) <= LONGEST_NAME or any(c.isspace() or not c.isprintable() for c in name):
        raise InvalidRequest(
            f"{typed[:LONGEST_NAME]!r} cannot be the name of an account. Use 1 to {LONGEST_NAME} characters without "
            "spaces, such as an e-mail address."
        )
    return name


def _hash_of(password: str, name: str) -> str:
    """Raises InvalidRequest for what is easily guessed."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidRequest(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; this one has {len(password)}. "
            "A few words in a row are easy to remember."
        )
    if password.casefold() == name or len(set(password)) < 4:
        raise InvalidRequest("This password is easily guessed. A few words in a row are easy to remember.")
    return passwords.hash_of(password)


def _insert(tx: Connection, new: User) -> User:
    """The first administrator is who used the server before it had accounts: what is there is theirs."""
    if accounts.by_name(tx, new.name or "") is not None:
        raise Conflict(f"The name {new.name} is taken. Choose another.")
    if new.subject is not None and accounts.by_subject(tx, new.subject) is not None:
        raise Conflict("Whom the identity provider calls so has an account already.")
    if new.role is Role.ADMIN and accounts.get(tx, LOCAL_USER) is None:
        new = replace(new, id=LOCAL_USER)
    accounts.insert(tx, new)
    return new
