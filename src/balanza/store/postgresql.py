"""PostgreSQL: a pool of connections; what loses against a concurrent transaction is tried again."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError

from balanza.errors import StartupError
from balanza.store import schema
from balanza.store.failures import in_our_words, sqlstate, translated

T = TypeVar("T")

_CONNECTIONS, _MORE_CONNECTIONS = 10, 30
_CONNECT_SECONDS = 5
_PAUSES_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16)
"""At most this long before each further try."""
_LOST_RACES = frozenset({"40001", "40P01", "23505"})
"""Serialization failure, deadlock, and unique violation: run again, the operation sees the row that was there first."""


class Postgresql:
    """A database on a server. Safe to call from many threads, but not from inside an operation."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url,
            connect_args={"connect_timeout": _CONNECT_SECONDS},
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
            pool_pre_ping=True,
        )
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            try:
                with self._engine.connect() as connection:
                    schema.bring_up_to_date(connection)
            except DBAPIError as error:
                name = url.render_as_string(hide_password=True)
                raise StartupError(f"The database {name} cannot be used. {translated(error)}") from error
            on_failure.pop_all()

    def write(self, operation: Callable[[Connection], T]) -> T:
        """What `operation` returned, once it is committed. Raises what it raised; then nothing of it is kept.

        It is run again from its beginning when it lost against another one.
        """
        with in_our_words():
            for pause_seconds in _PAUSES_SECONDS:
                try:
                    return self._write_once(operation)
                except DBAPIError as error:
                    if sqlstate(error) not in _LOST_RACES:
                        raise
                # Drawn, so that the two that met do not meet again.
                time.sleep(random.uniform(0, pause_seconds))  # noqa: S311
            return self._write_once(operation)

    def read(self, operation: Callable[[Connection], T]) -> T:
        """What `operation` returned; all that it read is of one moment."""
        with in_our_words(), self._reading.begin() as connection:
            return operation(connection)

    def close(self) -> None:
        self._engine.dispose()

    def _write_once(self, operation: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return operation(connection)
