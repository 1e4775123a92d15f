"""Passwords: only their hashes are kept, and few are hashed at once."""

import unicodedata
from threading import BoundedSemaphore

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

_ARGON2 = PasswordHash([Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)])
"""Argon2id with 19 MiB, two passes and one lane: what OWASP's Password Storage Cheat Sheet asks for at least. It takes
some 50 ms."""
_TURNS = BoundedSemaphore(2)
"""Each hash takes a core and 19 MiB: whoever sends many must wait, and not the server with him."""


def hash_of(password: str) -> str:
    """What to keep of a password; it differs each time."""
    with _TURNS:
        return _ARGON2.hash(_same_everywhere(password))


def is_right(password: str, kept: str) -> bool:
    """Takes as long for a wrong one as for the right one."""
    with _TURNS:
        return _ARGON2.verify(_same_everywhere(password), kept)


def _same_everywhere(password: str) -> str:
    """Keyboards write `é` in more than one way (NIST SP 800-63B, section 5.1.1.2: NFKC)."""
    return unicodedata.normalize("NFKC", password)
