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
_LOCK_SECONDS = 10
"""Many times as long as any transaction of ours: whoever holds the lock longer has stopped."""
_STATEMENT_SECONDS = 30
_SILENCE_SECONDS = 15
"""A network that confirms nothing for so long is lost; the system itself would wait for a quarter of an hour."""
_PAUSES_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16)
"""At most this long before each further try."""
_LOST_RACES = frozenset({"40001", "40P01", "23505"})
"""Serialization failure, deadlock, and unique violation: run again, the operation sees the row that was there first."""


class Postgresql:
    """A database on a server. Safe to call from many threads, but not from inside an operation."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url,
            connect_args=_limits(url),
            pool_size=_CONNECTIONS,
            max_overflow=_MORE_CONNECTIONS,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            try:
                with self._engine.connect() as connection:
                    _say(connection, "SET lock_timeout = 0", "SET statement_timeout = 0")  # a migration takes long
                    schema.bring_up_to_date(connection)
                    _say(connection, "RESET lock_timeout", "RESET statement_timeout")
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


def _limits(url: URL) -> dict[str, str | int]:
    """What libpq is told so that nothing waits for ever; what the URL says itself goes before it."""
    given = url.query.get("options", ())
    options = (
        f"-c lock_timeout={_LOCK_SECONDS * 1000:.0f}",
        f"-c statement_timeout={_STATEMENT_SECONDS * 1000:.0f}",
        *((given,) if isinstance(given, str) else given),
    )
    limits: dict[str, str | int] = {
        "connect_timeout": _CONNECT_SECONDS,
        # For what was sent and is not confirmed, and for a connection on which an answer is waited for.
        "tcp_user_timeout": _SILENCE_SECONDS * 1000,
        "keepalives_idle": _SILENCE_SECONDS // 3,
        "keepalives_interval": _SILENCE_SECONDS // 3,
        "keepalives_count": 2,
    }
    return {name: limit for name, limit in limits.items() if name not in url.query} | {"options": " ".join(options)}


def _say(connection: Connection, *statements: str) -> None:
    with connection.begin():
        for statement in statements:
            connection.exec_driver_sql(statement)
