"""What all tests share: both databases (a test that takes `database` runs once on each), and a log left as it was."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

from balanza.store.database import Database
from tests.store import invariants
from tests.store.scene import empty
from tests.support.postgres import PostgresServer, postgres_server

# A machine that is busy with other tests takes as long as it takes.
settings.register_profile("balanza", max_examples=20, deadline=None)
settings.load_profile("balanza")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: no process is left with one of them when all others are done."""
    items.sort(key=lambda item: item.path.parent.name != "system")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


# One database of each kind for all tests: compiling every statement anew takes longer than emptying the tables.


@pytest.fixture(scope="session")
def postgresql_database(postgres: PostgresServer) -> Iterator[Database]:
    database = Database.open(postgres.new_database())
    yield database
    database.close()


@pytest.fixture(scope="session")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{tmp_path_factory.mktemp('store') / 'balanza.db'}", durable=False)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database. Whatever a test did to it, the invariants hold at its end."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    yield database
    try:
        invariants.check(database)
    finally:
        empty(database)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A program that runs inside of a test says where its log goes: that must not hold for the tests after it."""
    loggers = [logging.getLogger(name) for name in ("balanza", "balanza.dispatch", "balanza.worker")]
    before = [(logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    yield
    for logger, (level, propagate, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers
