"""Logging in through an identity provider: the attempts that are under way, and the account of who comes back."""

import hmac
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from balanza.dispatch.accounts import LONGEST_NAME, Accounts, Newcomer
from balanza.dispatch.secrets import SECRET_BYTES, hash_of
from balanza.errors import AccountDisabled, Conflict, NotFound
from balanza.model import User

ATTEMPT_SECONDS = 600.0
"""How long somebody may take to log in at the provider."""
MOST_ATTEMPTS = 10_000
"""Under way at once; each has less than 1 kB, and whoever asks for more forgets the oldest."""

_NAMELESS = "user"
_ROOM = 20
"""Characters of a name that are left for what makes it unique, and for those that casefolding adds."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One log-in, from the page to the provider and back."""

    state: str
    """Names the attempt in the addresses."""
    nonce: str
    """Comes back inside the ID token, which is good for this attempt alone then."""
    code_verifier: str
    """What only we can show to whoever gave out the code (RFC 7636)."""
    redirect_uri: str
    invitation: str | None
    secret_hash: str
    """Of what the browser's cookie holds: whoever comes back is who went."""
    begun: float
    page: str | None = None
    """Where the browser is sent afterwards."""


class Attempts:
    """Safe to call from many threads. They are in memory alone: after a restart people begin again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: dict[str, Attempt] = {}
        """By their state, the oldest first."""

    def begin(self, redirect_uri: str, invitation: str | None, page: str | None = None) -> tuple[Attempt, str]:
        """A new attempt, and the secret for the browser's cookie."""
        secret, now = _random(), self._clock()
        new = Attempt(_random(), _random(), _random(), redirect_uri, invitation, hash_of(secret), now, page)
        with self._lock:
            self._forget_old(now)
            self._under_way[new.state] = new
        return new, secret

    def take(self, state: str, secret: str) -> Attempt | None:
        """The attempt of that state, once and in time, for whoever began it."""
        with self._lock:
            found = self._under_way.get(state)
            if found is None or not hmac.compare_digest(found.secret_hash, hash_of(secret)):
                return None
            del self._under_way[state]
        return found if self._clock() - found.begun <= ATTEMPT_SECONDS else None

    def _forget_old(self, now: float) -> None:
        while self._under_way:
            state, oldest = next(iter(self._under_way.items()))
            if now - oldest.begun <= ATTEMPT_SECONDS and len(self._under_way) < MOST_ATTEMPTS:
                return
            del self._under_way[state]


def admit(accounts: Accounts, subject: str, wishes: Callable[[], Iterable[str]], invitation: str | None) -> User:
    """The account of whom the provider calls `subject`, made now when there is none.

    An account that is there already is never taken over, whatever its name: who comes for the first time gets the first
    of the `wishes` that can be a name, with a number when it is taken. They are asked for only then.

    Raises AccountDisabled; as `Accounts.sign_up` for who has none: Refused without the invitation that is needed,
    NotFound when it is no good.
    """
    user = accounts.of_subject(subject) or _sign_up(accounts, subject, wishes(), invitation)
    if user.disabled_at is not None:
        raise AccountDisabled(f"The account {user.name} is disabled. Ask an administrator of this server.")
    return user


def names_for(wishes: Iterable[str]) -> Iterator[str]:
    """Names that an account might have, best first: the last one is hardly taken."""
    name = next(filter(None, map(_usable, wishes)), _NAMELESS)
    yield name
    yield from (f"{name}-{number}" for number in range(2, 10))
    yield f"{name}-{secrets.token_hex(6)}"


def _sign_up(accounts: Accounts, subject: str, wishes: Iterable[str], invitation: str | None) -> User:
    for name in names_for(wishes):
        try:
            return accounts.sign_up(Newcomer(name, subject=subject), invitation)
        except (Conflict, NotFound) as error:
            # The name is taken, or the invitation used: perhaps by the same person, who came back twice at once.
            if (user := accounts.of_subject(subject)) is not None:
                return user
            if isinstance(error, NotFound):
                raise
    raise Conflict("No name could be found for the new account. Try again.")


def _usable(wish: str) -> str:
    """What is left of a wish when what no name may have is gone."""
    words = unicodedata.normalize("NFKC", wish).casefold().split()
    return "".join(c for c in "-".join(words) if c.isprintable())[: LONGEST_NAME - _ROOM]


def _random() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)
