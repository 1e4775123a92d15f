"""SQLite: one connection that writes, on the thread of the writer, and read-only connections beside it.

When two connections checkpoint, SQLite before 3.51.3 can corrupt its write-ahead log: the writer's alone does it.
"""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError

from balanza.errors import StartupError
from balanza.store import schema
from balanza.store.failures import in_our_words, translated
from balanza.store.writer import Writer

T = TypeVar("T")

_OLDEST_VERSION = (3, 35, 0)
"""The first one with RETURNING."""
_BUSY_SECONDS = 5.0
_READERS, _MORE_READERS = 8, 56
"""Kept open, and opened beyond that when more threads read at once: a server answers from 40."""
_NO_CHECKPOINTS = "wal_autocheckpoint=0"
_LOG_BYTES = 64 * 1024 * 1024
"""A write-ahead log that a long read let grow beyond this is cut back to it."""


class Sqlite:
    """A database in one file. Safe to call from many threads, but not from inside an operation."""

    def __init__(self, url: URL, *, durable: bool, checkpoints: bool = True) -> None:
        _check(url)
        own = ["synchronous=FULL" if durable else "synchronous=OFF", *([] if checkpoints else [_NO_CHECKPOINTS])]
        with ExitStack() as closing:
            self._writing = _engine(url, "journal_mode=WAL", *own, f"journal_size_limit={_LOG_BYTES}")
            closing.callback(self._writing.dispose)
            try:
                connection = self._writing.connect()
                closing.callback(connection.close)
                schema.bring_up_to_date(connection)
            except (DBAPIError, sqlite3.Error) as error:
                raise StartupError(f"The database {url.database} cannot be used. {translated(error)}") from error
            self._writer = Writer(connection)
            closing.callback(self._writer.close)
            self._reading = _engine(url, "query_only=ON", _NO_CHECKPOINTS)
            closing.callback(self._reading.dispose)
            self._closing = closing.pop_all()

    def write(self, operation: Callable[[Connection], T]) -> T:
        """What `operation` returned, once it is committed. Raises what it raised; then nothing of it is kept."""
        return self._writer.write(operation)

    def read(self, operation: Callable[[Connection], T]) -> T:
        """What `operation` returned; all that it read is of one moment."""
        with in_our_words(), self._reading.begin() as connection:
            connection.exec_driver_sql("BEGIN")
            return operation(connection)

    def close(self) -> None:
        """Carries out the writes that wait, answers them, and takes no more."""
        self._closing.close()


class _Compiler(SQLiteCompiler):
    """Lets a query name the index that it is to use: `INDEXED BY …`."""

    def get_from_hint_text(self, _: object, text: str | None) -> str | None:
        return text


def _engine(url: URL, *pragmas: str) -> Engine:
    """The driver begins no transactions of its own; whoever uses a connection says BEGIN."""
    engine = create_engine(
        url,
        connect_args={"isolation_level": None, "timeout": _BUSY_SECONDS, "check_same_thread": False},
        pool_size=_READERS,
        max_overflow=_MORE_READERS,
        hide_parameters=True,
    )
    engine.dialect.statement_compiler = _Compiler

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _: object) -> None:
        for pragma in ("foreign_keys=ON", *pragmas):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _check(url: URL) -> None:
    """Raises StartupError where SQLite could only say less."""
    if sqlite3.sqlite_version_info < _OLDEST_VERSION:
        raise StartupError(f"SQLite {sqlite3.sqlite_version} is too old: Balanza needs 3.35 or later.")
    if not url.database or url.database == ":memory:":
        raise StartupError("The database cannot be in memory alone: name a file, as in sqlite:///data/balanza.db.")
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"The folder {folder} for the database cannot be made: {error.strerror}.") from error
