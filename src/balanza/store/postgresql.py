"""PostgreSQL: a pool of connections; what loses against a concurrent transaction is tried again."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from balanza.errors import StartupError
from balanza.store import schema
from balanza.store.failures import sqlstate, translated

T = TypeVar("T")

_CONNECTIONS, _MORE_CONNECTIONS = 10, 30
_CONNECT_SECONDS = 5
_TRIES = 6
_PAUSE_SECONDS = 0.01
"""Doubled at each try: the last one waits at most 0.32 s."""
_LOST_RACES = frozenset({"40001", "40P01", "23505"})
"""Serialization failure, deadlock, and unique violation: run again, the operation sees the row that was there first."""


class Postgresql:
    """A database on a server. Safe to call from many threads, but not from inside an operation."""

    def __init__(self, url: URL) -> None:
        self._writers = create_engine(
            url,
            connect_args={"connect_timeout": _CONNECT_SECONDS},
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
            pool_pre_ping=True,
        )
        self._readers = self._writers.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        try:
            with self._writers.connect() as connection:
                schema.bring_up_to_date(connection)
        except DBAPIError as error:
            self.close()
            name = url.render_as_string(hide_password=True)
            raise StartupError(f"The database {name} cannot be used. {translated(error)}") from error

    def write(self, operation: Callable[[Connection], T]) -> T:
        """What `operation` returned, once it is committed. Raises what it raised; then nothing of it is kept.

        The operation is run again from its beginning when it lost against another one.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                with self._writers.begin() as connection:
                    return operation(connection)
            except SQLAlchemyError as error:
                if attempt == _TRIES or not _lost_a_race(error):
                    raise translated(error) from error
            # Drawn, so that the two that met do not meet again.
            time.sleep(random.uniform(0, _PAUSE_SECONDS * 2 ** (attempt - 1)))  # noqa: S311
        raise AssertionError("the last attempt returns or raises")

    def read(self, operation: Callable[[Connection], T]) -> T:
        """What `operation` returned; all that it read is of one moment."""
        try:
            with self._readers.begin() as connection:
                return operation(connection)
        except SQLAlchemyError as error:
            raise translated(error) from error

    def close(self) -> None:
        self._writers.dispose()


def _lost_a_race(error: SQLAlchemyError) -> bool:
    return isinstance(error, DBAPIError) and sqlstate(error) in _LOST_RACES
