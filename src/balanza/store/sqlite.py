"""SQLite: one writer connection on a thread of its own with group commit, and read-only connections beside it.

A commit to disk costs far more than an operation. So the writer takes all the operations that wait, carries out each
in a savepoint of its own, commits once, and only then answers. When two connections checkpoint, SQLite before 3.51.3
can corrupt its write-ahead log: the writer alone does it.
"""

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from balanza.errors import Retryable, StartupError
from balanza.store import schema
from balanza.store.failures import translated

T = TypeVar("T")
Operation = Callable[[Connection], Any]

_OLDEST_VERSION = (3, 35, 0)
"""The first one with RETURNING."""
_GROUP = 128
"""Operations per commit: enough to make its cost small, few enough that the first does not wait long for the last."""
_BUSY_SECONDS = 5.0
_READERS, _MORE_READERS = 8, 56
"""Kept open, and opened beyond that when more threads read at once: a server answers from 40."""
_LOG_BYTES = 64 * 1024 * 1024
"""A write-ahead log that a long read let grow beyond this is cut back to it."""


class _Waiting:
    """An operation, what came of it, and whoever waits for that."""

    __slots__ = ("answer", "failure", "operation", "value")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.answer: Future[Any] = Future()
        self.value: Any = None
        self.failure: BaseException | None = None

    def resolve(self) -> None:
        if self.failure is None:
            self.answer.set_result(self.value)
        else:
            self.reject(self.failure)

    def reject(self, failure: BaseException) -> None:
        self.answer.set_exception(translated(failure))


class Sqlite:
    """A database in one file. Safe to call from many threads, but not from inside an operation."""

    def __init__(self, url: URL, *, durable: bool) -> None:
        _check(url)
        synchronous = "FULL" if durable else "OFF"
        self._writer = _engine(
            url, "journal_mode=WAL", f"synchronous={synchronous}", f"journal_size_limit={_LOG_BYTES}"
        )
        self._readers = _engine(url, "query_only=ON", "wal_autocheckpoint=0")
        try:
            self._connection = self._writer.connect()
            schema.bring_up_to_date(self._connection)
        except (DBAPIError, sqlite3.Error) as error:
            raise StartupError(f"The database {url.database} cannot be used. {translated(error)}") from error
        # Savepoints go to the driver: those of SQLAlchemy take as long as an operation.
        self._raw = cast(sqlite3.Connection, self._connection.connection.driver_connection)
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._entrance = Lock()
        self._closed = False
        self._thread = Thread(target=self._write_until_closed, name="sqlite-writer", daemon=True)
        self._thread.start()

    def write(self, operation: Callable[[Connection], T]) -> T:
        """What `operation` returned, once it is committed. Raises what it raised; then nothing of it is kept."""
        waiting = _Waiting(operation)
        with self._entrance:
            if self._closed:
                raise Retryable("The database is closed: the program is ending. Try again when it runs.")
            self._queue.put(waiting)
        value: T = waiting.answer.result()
        return value

    def read(self, operation: Callable[[Connection], T]) -> T:
        """What `operation` returned; all that it read is of one moment."""
        try:
            with self._readers.begin() as connection:
                connection.exec_driver_sql("BEGIN")
                return operation(connection)
        except SQLAlchemyError as error:
            raise translated(error) from error

    def close(self) -> None:
        """Carries out what waits, answers it, and takes no more."""
        with self._entrance:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._readers.dispose()
        self._connection.close()
        self._writer.dispose()

    def _write_until_closed(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                self._write(group)

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        """Waits for an operation and takes those that wait behind it; False when the end of all was among them."""
        group: list[_Waiting] = []
        waiting = self._queue.get()
        while waiting is not None:
            group.append(waiting)
            if len(group) == _GROUP:
                return group, True
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                return group, True
        return group, False

    def _write(self, group: list[_Waiting]) -> None:
        try:
            with self._connection.begin():
                self._raw.execute("BEGIN IMMEDIATE")
                for waiting in group:
                    self._carry_out(waiting)
        except BaseException as error:  # noqa: BLE001 - the top of the loop: the callers get it, the thread lives on
            if self._raw.in_transaction:  # a COMMIT that fails may leave it open
                self._raw.execute("ROLLBACK")
            for waiting in group:
                waiting.reject(error)
        else:
            for waiting in group:
                waiting.resolve()

    def _carry_out(self, waiting: _Waiting) -> None:
        raw = self._raw
        raw.execute("SAVEPOINT operation")
        try:
            waiting.value = waiting.operation(self._connection)
        except BaseException as error:
            # On a full disk or an I/O error SQLite itself rolls back all of the transaction: the group is lost.
            if not raw.in_transaction:
                raise
            waiting.failure = error
            raw.execute("ROLLBACK TO operation")
        raw.execute("RELEASE operation")


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
