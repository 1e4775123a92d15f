"""Secrets that are shown once: made at random, kept as their SHA-256."""

import hashlib
import secrets

SECRET_BYTES = 32
"""256 bits: nobody guesses them, so that a fast hash will do."""

SESSION = "bas_"
API_TOKEN = "bal_"  # noqa: S105 - how one begins
INVITATION = "bai_"
DEVICE = "bad_"
"""What each kind begins with, so that whoever finds one lying about knows what it is."""


def new_secret(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
