"""Sharing: links under which one file can be played and downloaded by whoever has them, without any account.

Who has a link has its token: 128 random bits, shown once, of which only the SHA-256 is kept. What has been unlocked
with a password, and how often that was tried, is kept in memory alone.

The limit of downloads counts copies that are taken as downloads. It is no lock: who may play a file can also keep what
is played.
"""

import hashlib
import math
import secrets
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Self
from uuid import uuid4

from sqlalchemy import Connection

from balanza.dispatch import passwords
from balanza.dispatch.desk import Desk
from balanza.dispatch.library import existing
from balanza.errors import InvalidRequest, NotFound, PasswordNeeded, TooManyAttempts, UsedUp, WrongPassword
from balanza.model import LOCAL_USER, Media, Share
from balanza.store import events, library, shares

SHORTEST_SECONDS = 60
LONGEST_SECONDS = 30 * 24 * 3600

TOKEN_BYTES = 16
ATTEMPTS = 10
"""So many wrong passwords may be tried on one link within `ATTEMPTS_WITHIN`."""
ATTEMPTS_WITHIN = timedelta(minutes=1)
UNLOCKED_FOR = timedelta(hours=1)
"""Since it was last used: a film that is being played stays unlocked."""
MOST_KEYS = 10_000
"""Beyond it the one used longest ago is forgotten: its reader types the password again."""

_NOTHING_THERE = "This link leads nowhere: it is mistyped, or it has ended. Ask whoever sent it for a new one."
"""The same, whatever the reason: a link that has ended tells nothing about what it led to."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long and for whom a file is shared."""

    expires_seconds: int
    password: str | None = None
    most_downloads: int | None = None


class Sharing:
    """The links of one person, and those that anybody has. Safe to call from many threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._owner_id = LOCAL_USER
        self._attempts = _Attempts()
        self._keys = _Keys()

    def of(self, owner_id: str) -> Self:
        """The same, for that person; attempts and keys are shared."""
        same = copy(self)
        same._owner_id = owner_id
        return same

    # --- For those who share

    def share(self, media_id: str, terms: Terms) -> tuple[Share, str]:
        """A new link to that file, and its token, which nobody is ever told again. Raises NotFound, Gone."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        now = self._desk.clock()
        new = Share(
            id=str(uuid4()),
            token_hash=_hash(token),
            media_id=media_id,
            created_at=now,
            expires_at=now + timedelta(seconds=terms.expires_seconds),
            password_hash=None if terms.password is None else passwords.hash_of(terms.password),
            most_downloads=terms.most_downloads,
        )

        def operation(tx: Connection) -> None:
            existing(tx, media_id, self._owner_id)
            shares.insert(tx, new)
            events.append(tx, "share.created", now=now, media_id=media_id, owner_id=self._owner_id)

        self._desk.database.write(operation)
        return new, token

    def list_shares(self, media_id: str, *, before: str | None, limit: int) -> tuple[Media, Sequence[Share]]:
        """The file and its links, newest first, those too that have ended not long ago.

        Raises NotFound, Gone, and InvalidRequest when `before` is none of them.
        """

        def operation(tx: Connection) -> tuple[Media, Sequence[Share]]:
            media = existing(tx, media_id, self._owner_id)
            last = None if before is None else shares.get(tx, before)
            if before is not None and (last is None or last.media_id != media_id):
                raise InvalidRequest(f"The query parameter 'cursor' names no link: {before}. Begin again without it.")
            return media, shares.list_shares(tx, media_id, before=before, limit=limit)

        return self._desk.database.read(operation)

    def revoke(self, share_id: str) -> None:
        """Afterwards the link opens nothing, whether it did before or not. Raises NotFound."""

        def operation(tx: Connection) -> None:
            share = shares.get(tx, share_id)
            media = None if share is None else library.get(tx, share.media_id)
            if media is None or media.owner_id != self._owner_id:
                raise NotFound(f"There is no link with the id {share_id}. GET /shares lists those of a file.")
            now = self._desk.clock()
            if shares.revoke(tx, share_id, now):
                events.append(tx, "share.revoked", now=now, media_id=media.id, owner_id=self._owner_id)

        self._desk.database.write(operation)

    # --- For those who have a link

    def look(self, token: str) -> tuple[Share, Media]:
        """What the link leads to, be it locked or not. Raises NotFound, the same for all that opens nothing."""
        found = self._opened(token)
        if found is None:
            raise NotFound(_NOTHING_THERE)
        return found

    def leads_somewhere(self, token: str) -> bool:
        """Whether `look` finds something."""
        return self._opened(token) is not None

    def _opened(self, token: str) -> tuple[Share, Media] | None:
        token_hash, now = _hash(token), self._desk.clock()
        return self._desk.database.read(lambda tx: shares.opened(tx, token_hash, now))

    def is_locked(self, share: Share, key: str | None) -> bool:
        """Whether it asks for a password and `key` is none that `unlock` gave for it."""
        return share.password_hash is not None and not self._keys.opens(share, key, self._desk.clock())

    def open(self, token: str, key: str | None) -> tuple[Share, Media]:
        """What the link leads to. Raises NotFound, and PasswordNeeded without a key to what is locked."""
        share, media = self.look(token)
        if self.is_locked(share, key):
            raise PasswordNeeded("This link asks for a password. Open its page and type it there.")
        return share, media

    def unlock(self, token: str, password: str) -> str | None:
        """A key to what the link leads to; None when it needs none.

        Raises NotFound, WrongPassword, and TooManyAttempts, be the password right or not.
        """
        share, _ = self.look(token)
        if share.password_hash is None:
            return None
        tried_at = self._desk.clock()
        self._attempts.count(share.id, tried_at)
        if not passwords.is_right(password, share.password_hash):
            raise WrongPassword("This is not the password of this link. Try again, or ask whoever sent the link.")
        self._attempts.uncount(share.id, tried_at)
        return self._keys.new(share, self._desk.clock())

    def take_download(self, share: Share) -> None:
        """Counts one download, be others taken at the same moment or not. Raises UsedUp, and NotFound when it ended."""
        now = self._desk.clock()
        if not self._desk.database.write(lambda tx: shares.count_download(tx, share.id, now)):
            raise NotFound(_NOTHING_THERE) if share.most_downloads is None else _used_up(share)

    def refuse_used_up(self, share: Share) -> None:
        """Counts nothing. Raises UsedUp when no download is left."""
        if share.is_used_up:
            raise _used_up(share)


def _used_up(share: Share) -> UsedUp:
    return UsedUp(
        f"The downloads that this link allows ({share.most_downloads}) are used up. It can still be played here; "
        "to download it, ask whoever sent the link for a new one."
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


class _Attempts:
    """When passwords were tried within the last minute, for each link."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._at: dict[str, deque[datetime]] = {}

    def count(self, share_id: str, now: datetime) -> None:
        """One more. Raises TooManyAttempts, and then it is not counted."""
        with self._lock:
            self._forget(now - ATTEMPTS_WITHIN)
            mine = self._at.setdefault(share_id, deque())
            if len(mine) >= ATTEMPTS:
                seconds = max(1, math.ceil((mine[0] + ATTEMPTS_WITHIN - now).total_seconds()))
                raise TooManyAttempts(
                    f"Too many passwords were tried on this link. Wait {seconds} seconds, then try again.",
                    retry_after_seconds=seconds,
                )
            mine.append(now)

    def uncount(self, share_id: str, tried_at: datetime) -> None:
        """That one was right: however many people come with the password, they do not keep each other out."""
        with self._lock, suppress(KeyError, ValueError):
            self._at[share_id].remove(tried_at)

    def _forget(self, until: datetime) -> None:
        for share_id, times in list(self._at.items()):
            while times and times[0] <= until:
                times.popleft()
            if not times:
                del self._at[share_id]


class _Keys:
    """What was unlocked: which key opens which link, and when it was last used."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._used: dict[tuple[str, str], datetime] = {}
        """By link and key, longest unused first."""

    def new(self, share: Share, now: datetime) -> str:
        key = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            if len(self._used) >= MOST_KEYS:
                del self._used[next(iter(self._used))]
            self._used[share.id, key] = now
        return key

    def opens(self, share: Share, key: str | None, now: datetime) -> bool:
        if key is None:
            return False
        with self._lock:
            used_at = self._used.pop((share.id, key), None)
            if used_at is None or now - used_at > UNLOCKED_FOR:
                return False
            self._used[share.id, key] = now
            return True
