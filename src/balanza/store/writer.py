"""The one writer of a SQLite database: a thread that carries out the operations of all others, with group commit.

A commit to disk costs far more than an operation. So the writer takes all the operations that wait, carries out each
in a savepoint of its own, commits once, and only then answers.
"""

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from balanza.errors import Retryable
from balanza.store.failures import CLOSED, translated

T = TypeVar("T")

_GROUP = 128
"""Operations per commit: enough to make its cost small, few enough that the first does not wait long for the last."""


class _Waiting:
    """An operation, what came of it, and whoever waits for that."""

    __slots__ = ("answer", "failure", "operation", "value")

    def __init__(self, operation: Callable[[Connection], Any]) -> None:
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


class Writer:
    """Safe to call from many threads. The connection is its own from now on; it is closed with it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Savepoints go to the driver: those of SQLAlchemy take as long as an operation.
        self._raw = cast(sqlite3.Connection, connection.connection.driver_connection)
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
                raise Retryable(CLOSED)
            self._queue.put(waiting)
        value: T = waiting.answer.result()
        return value

    def close(self) -> None:
        """Carries out what waits, answers it, and takes no more."""
        with self._entrance:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _write_until_closed(self) -> None:
        is_open = True
        while is_open:
            group, is_open = self._next_group()
            if group:
                self._write(group)

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        """Waits for an operation and takes those that wait behind it; False when no more will come."""
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
            self._take_back_what_is_open()
            with self._connection.begin():
                self._raw.execute("BEGIN IMMEDIATE")
                for waiting in group:
                    self._carry_out(waiting)
        except BaseException as error:  # noqa: BLE001 - the top of the loop: the callers get it, the thread lives on
            # First of all: whoever is not answered waits for ever.
            for waiting in group:
                waiting.reject(error)
            with suppress(Exception):  # the next group tries again, and hears why when that fails too
                self._take_back_what_is_open()
        else:
            for waiting in group:
                waiting.resolve()

    def _take_back_what_is_open(self) -> None:
        """A COMMIT or ROLLBACK that fails may leave its transaction open: no other can begin before it has ended."""
        if self._raw.in_transaction:
            self._raw.execute("ROLLBACK")

    def _carry_out(self, waiting: _Waiting) -> None:
        self._raw.execute("SAVEPOINT operation")
        try:
            waiting.value = waiting.operation(self._connection)
        except BaseException as error:
            # On some errors of the disk SQLite itself takes back all of the transaction: the group is lost.
            if not self._raw.in_transaction:
                raise
            waiting.failure = error
            self._raw.execute("ROLLBACK TO operation")
        self._raw.execute("RELEASE operation")
