"""Both databases: a test that takes `database` runs once on each."""

from collections.abc import Iterator

import pytest

from balanza.store.database import Database
from tests.store import invariants
from tests.store.scene import empty
from tests.support.postgres import PostgresServer, postgres_server


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
