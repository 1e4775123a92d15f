"""Errors of the databases, said as errors of ours. What remains untranslated is a bug."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from balanza.errors import BalanzaError, Retryable, StorageError, StorageFull

CLOSED = "The database is closed: the program is ending. Try again when it runs."

_FULL = "The disk that holds the database is full; nothing of the request was kept. Make room and try again."
_BROKEN = "The database file is damaged, or no SQLite database at all: {}. Restore it from a backup."

_SQLITE: dict[int, tuple[type[BalanzaError], str]] = {
    sqlite3.SQLITE_FULL: (StorageFull, _FULL),
    sqlite3.SQLITE_BUSY: (Retryable, "Another program is writing to the database file: {}. Try again in a moment."),
    sqlite3.SQLITE_LOCKED: (Retryable, "Another program is using the database file: {}. Try again in a moment."),
    sqlite3.SQLITE_CANTOPEN: (Retryable, "The database file cannot be opened: {}. Check its folder and try again."),
    sqlite3.SQLITE_IOERR: (Retryable, "The database file cannot be read or written: {}. Check the disk and try again."),
    sqlite3.SQLITE_READONLY: (StorageError, "The database file cannot be written: {}. Check its permissions."),
    sqlite3.SQLITE_CORRUPT: (StorageError, _BROKEN),
    sqlite3.SQLITE_NOTADB: (StorageError, _BROKEN),
}

_CONTENDED = "The database was busy with the same rows: {}. Try again in a moment."
_UNREACHABLE = "The database does not answer: {}. Check that it is running and try again."
_POSTGRESQL: dict[str, tuple[type[BalanzaError], str]] = {
    "53100": (StorageFull, _FULL),
    "40001": (Retryable, _CONTENDED),
    "40P01": (Retryable, _CONTENDED),
    "55P03": (Retryable, _CONTENDED),
    "57014": (Retryable, "The database took too long: {}. Try again in a moment."),
    "25006": (StorageError, "The database takes no writes: {}. Check that it is not a standby."),
}
_POSTGRESQL_AWAY = ("08", "53", "57P")
"""Classes of codes: connection failure, lack of resources (too many clients), shutting down or starting up."""


@contextmanager
def in_our_words() -> Iterator[None]:
    """Failures of the database come out as errors of ours."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        ours = translated(error)
        if ours is error:
            raise
        raise ours from error


def translated(error: BaseException) -> BaseException:
    """Ours for a failure of the database; the error itself for anything else."""
    if isinstance(error, exc.TimeoutError):
        return Retryable("All connections to the database are in use. Try again in a moment.")
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        # The primary code: an extended one carries it in its lowest byte.
        found = _SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    elif isinstance(error, exc.DBAPIError):
        found = _POSTGRESQL.get(sqlstate(error)) or ((Retryable, _UNREACHABLE) if _is_away(error) else None)
    else:
        found = None
    if found is None:
        return error
    kind, sentence = found
    return kind(sentence.format(str(cause).strip().partition("\n")[0].rstrip(".")))


def sqlstate(error: exc.DBAPIError) -> str:
    """PostgreSQL's code of the error; empty when there is none."""
    return getattr(error.orig, "sqlstate", None) or ""


def _is_away(error: exc.DBAPIError) -> bool:
    """The server cannot be reached: then there is no code, or one that says why."""
    state = sqlstate(error)
    unsaid = isinstance(error, exc.OperationalError) and not state
    return error.connection_invalidated or unsaid or state.startswith(_POSTGRESQL_AWAY)
