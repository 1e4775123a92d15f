"""New databases, old ones, newer ones, and those of somebody else."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from balanza.errors import Retryable, StartupError
from balanza.store import events, jobs, schema, workers
from balanza.store.database import Database
from balanza.store.search import Question, Sort, list_media
from tests.store.scene import START
from tests.store.test_races import together


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'balanza.db'}"
    return str(request.getfixturevalue("postgres").new_database())


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    engine: Engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def described(connection: Connection) -> dict[str, Any]:
    """Everything that the database tells of its schema, whatever the order in which it was made."""
    if connection.dialect.name == "sqlite":  # it keeps the statements, columns that were added later in one line
        made = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {
            name: sorted(filter(None, (part.strip(" )\n\t") for part in re.split(r",\s|\n\)", sql))))
            for name, sql in made
        }
    inspector = inspect(connection)
    tell: tuple[Callable[[str], Iterable[Any]], ...] = (
        inspector.get_columns,
        inspector.get_check_constraints,
        inspector.get_foreign_keys,
        inspector.get_unique_constraints,
        inspector.get_indexes,
    )
    return {
        table: [inspector.get_pk_constraint(table), *(sorted(map(plain, ask(table))) for ask in tell)]
        for table in inspector.get_table_names()
    }


def plain(value: Any) -> str:
    """With types and conditions as SQL instead of as objects."""
    if isinstance(value, Mapping):
        return str({key: plain(part) for key, part in value.items()})
    return str(value)


def test_a_new_database_is_the_same_as_a_migrated_one(connection: Connection) -> None:
    schema.create(connection)
    new = described(connection)
    for statement in _drop_all(connection):
        connection.execute(text(statement))
    assert described(connection).keys() <= {"sqlite_sequence"}

    schema.migrate(connection, None)

    assert described(connection) == new
    assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == schema.HEAD


def _drop_all(connection: Connection) -> list[str]:
    cascade = " CASCADE" if connection.dialect.name == "postgresql" else ""
    return [f"DROP TABLE {table}{cascade}" for table in inspect(connection).get_table_names()]


def test_the_newest_migration_is_the_one_that_the_quick_way_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema._MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_what_a_database_holds_is_there_when_it_is_opened_again(url: str) -> None:
    with Database.open(url) as database:
        database.write(lambda tx: events.append(tx, "kept", now=START))

    with Database.open(url) as database:
        assert [event.type for event in database.read(lambda tx: events.after(tx, 0, 5))] == ["kept"]


def test_a_closed_database_refuses_everything_and_can_be_closed_again(url: str) -> None:
    database = Database.open(url)
    database.close()

    for call in (database.read, database.write):
        with pytest.raises(Retryable, match="database is closed"):
            call(events.bounds)
    database.close()


def test_a_database_made_by_migrations_can_be_opened(url: str, connection: Connection) -> None:
    schema.migrate(connection, None)
    connection.commit()

    with Database.open(url) as database:
        assert database.write(lambda tx: events.append(tx, "test", now=START)) == 1


def test_what_an_older_version_left_is_carried_on_with(url: str, connection: Connection) -> None:
    """Rows as the first version wrote them: a worker, a file, and a job in the worker's own queue."""
    schema.migrate(connection, None, "0001")
    for table, row in OF_THE_FIRST_VERSION.items():
        names = ", ".join(row)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in row)})"), row)
    connection.commit()

    with Database.open(url) as database:
        (worker,) = database.read(workers.list_workers)
        assert (worker.tags, worker.leaving, worker.faults, worker.quarantined_until) == (frozenset(), False, 0, None)
        (job,) = database.read(lambda tx: jobs.pending_of(tx, "worker_a", 5))
        assert (job.requirement_id, job.scratch_bytes, job.assigned_at) == (None, 0, None)
        ability = jobs.Ability((), 0)
        stealable = database.read(lambda tx: jobs.stealable(tx, "worker_a", thief_id="worker_b", ability=ability))
        assert stealable == job
        wanted = [jobs.NewLease("job", "t")]
        (lease,) = database.write(lambda tx: jobs.lease(tx, wanted, worker_id="worker_a", now=START, expires_at=START))
        assert lease.job.id == "job"
        question = Question(search="SÓNG", kind="audio", sort=Sort.LONGEST)
        (song,) = database.read(lambda tx: list_media(tx, question, owner_id="local", before=None, limit=5))
        assert song == lease.source


def test_events_from_before_there_were_accounts_are_those_of_the_one_user(url: str, connection: Connection) -> None:
    schema.migrate(connection, None, "0003")
    for values in ("'job.created', 'job', NULL, NULL", "'media.created', NULL, NULL, 'song'", "'x', NULL, 'w', NULL"):
        told = f"INSERT INTO events (at, data, type, job_id, worker_id, media_id) VALUES (1, '{{}}', {values})"
        connection.execute(text(told))
    connection.commit()

    with Database.open(url) as database:
        assert [one.owner_id for one in database.read(lambda tx: events.after(tx, 0, 5))] == ["local", "local", None]


OF_THE_FIRST_VERSION: dict[str, dict[str, Any]] = {
    "workers": {
        "id": "worker_a",
        "instance": "first",
        "slots": 1,
        "cpus": 2.0,
        "encoders": '["flac"]',
        "registered_at": 1,
        "seen_at": 1,
        "draining": False,
        "offline": False,
        "assigned_jobs": 1,
        "running_jobs": 0,
        "conversions_success": 0,
        "conversions_failed": 0,
    },
    "media": {
        "id": "song",
        "name": "song.wav",
        "size_bytes": 5,
        "sha256": "0" * 64,
        "mime_type": "audio/wav",
        "storage_key": "media-song",
        "probe": '{"container": "wav", "duration_seconds": 1.0, "bit_rate_bps": null, "streams": [], "chapters": 0}',
        "created_at": 1,
        "purged": False,
    },
    "jobs": {
        "id": "job",
        "kind": "convert",
        "status": "pending",
        "source_id": "song",
        "input_file": "song.wav",
        "input_size_bytes": 5,
        "output_format": "flac",
        "options": "{}",
        "assigned_worker": "worker_a",
        "leases": 0,
        "progress": 0.0,
        "attempts": 0,
        "max_attempts": 3,
        "created_at": 1,
    },
}


def test_a_database_of_a_newer_version_is_not_touched(url: str) -> None:
    Database.open(url).close()
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StartupError, match="made by a newer version of Balanza: its schema is 9999"):
        Database.open(url)

    with engine.begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


def test_a_database_with_tables_of_somebody_else_is_not_touched(url: str, connection: Connection) -> None:
    connection.execute(text("CREATE TABLE jobs (what TEXT)"))
    connection.commit()

    with pytest.raises(StartupError, match="has a table named jobs that Balanza did not make"):
        Database.open(url)


def test_a_new_and_a_current_database_are_opened_without_the_weight_of_alembic(tmp_path: Path) -> None:
    program = f"""
import sys
from balanza.store.database import Database
for _ in range(2):
    Database.open("sqlite:///{tmp_path / "balanza.db"}").close()
heavy = {{"alembic", "psycopg", "sqlalchemy.dialects.postgresql"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_new_database_can_be_opened_by_several_at_once(url: str) -> None:
    databases = together(*[partial(Database.open, url)] * 4)

    for database in databases:
        database.write(lambda tx: events.append(tx, "test", now=START))
    assert [database.read(events.bounds) for database in databases] == [(1, 4)] * 4
    for database in databases:
        database.close()
