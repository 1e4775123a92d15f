"""The database: where the truth is, and the only way to it."""

from collections.abc import Callable
from pathlib import Path
from threading import local
from typing import Protocol, TypeVar

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

from balanza.errors import Retryable, StartupError
from balanza.store.failures import CLOSED
from balanza.store.postgresql import Postgresql
from balanza.store.sqlite import Sqlite

T = TypeVar("T")


class _Kind(Protocol):
    """What each kind of database does in its own way."""

    def write(self, operation: Callable[[Connection], T]) -> T: ...
    def read(self, operation: Callable[[Connection], T]) -> T: ...
    def close(self) -> None: ...


class Database:
    """One SQL database. Safe to call from many threads."""

    def __init__(self, kind: _Kind) -> None:
        self._kind = kind
        self._here = local()
        self._closed = False

    @classmethod
    def open(cls, where: str | Path, *, durable: bool = True, checkpoints: bool = True) -> "Database":
        """The database at a URL, or in a file of SQLite, with the schema of this version; a new file is made.

        Without `durable` what SQLite commits survives the end of the program, but not that of the machine. Without
        `checkpoints` it is for a short look beside the server, which alone cuts SQLite's write-ahead log.

        Raises:
            StartupError: it cannot be reached, is of a newer version, or of a kind that we do not know.
        """
        try:
            # A path is not made part of a text: `?` and `%` mean something in a URL.
            parsed = URL.create("sqlite", database=str(where)) if isinstance(where, Path) else make_url(where)
        except ArgumentError as error:
            raise StartupError(f"{where!r} is no database URL. Use sqlite:///FILE or postgresql+psycopg://…") from error
        kind = parsed.get_backend_name()
        if kind == "sqlite":
            return cls(Sqlite(parsed, durable=durable, checkpoints=checkpoints))
        if kind in ("postgresql", "postgres"):
            return cls(Postgresql(parsed.set(drivername="postgresql+psycopg")))
        raise StartupError(f"{kind} is not supported. Use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.")

    def write(self, operation: Callable[[Connection], T]) -> T:
        """What `operation` returned, in a transaction that is committed when this returns.

        Raises what the operation raised; then nothing of it is kept. It may be run more than once, and on another
        thread, so that all it does must be done to the transaction it is given.

        Raises:
            Retryable: the database cannot be reached, or is too busy; nothing was changed. (When the connection to a
                server breaks during the commit itself, nobody can tell: so every operation must bear being repeated.)
            StorageFull: there is no room; nothing was changed.
        """
        self._refuse()
        return self._kind.write(lambda tx: self._run(operation, tx))

    def read(self, operation: Callable[[Connection], T]) -> T:
        """What `operation` returned, in a read-only transaction in which all is of one moment. Raises as `write`."""
        self._refuse()
        return self._kind.read(lambda tx: self._run(operation, tx))

    def close(self) -> None:
        """What was asked before is carried out and answered, what is asked afterwards refused with Retryable."""
        self._closed = True
        self._kind.close()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, operation: Callable[[Connection], T], tx: Connection) -> T:
        self._here.inside = True
        try:
            return operation(tx)
        finally:
            self._here.inside = False

    def _refuse(self) -> None:
        """Refuses calls after the end, and inside an operation, which would wait for itself to end."""
        if self._closed:
            raise Retryable(CLOSED)
        if getattr(self._here, "inside", False):
            raise RuntimeError("Database.write and read must not be called inside an operation: use its transaction.")
