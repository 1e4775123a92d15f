"""What holds for any database, whatever is in it."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from balanza.errors import StartupError
from balanza.store import events
from balanza.store.database import Database
from tests.store.scene import START


def test_what_an_operation_returns_is_what_write_and_read_return(database: Database) -> None:
    assert database.write(lambda tx: events.append(tx, "test", now=START)) > 0
    assert [event.type for event in database.read(lambda tx: events.after(tx, 0, 5))] == ["test"]


def test_what_an_operation_raises_comes_out_and_nothing_of_it_is_kept(database: Database) -> None:
    def broken(tx: Connection) -> None:
        events.append(tx, "test", now=START)
        raise LookupError("as it happens")

    with pytest.raises(LookupError, match="as it happens"):
        database.write(broken)
    assert database.read(events.bounds) == (0, 0)


def test_calls_inside_an_operation_are_refused_for_they_would_wait_for_each_other(database: Database) -> None:
    for outer in (database.write, database.read):
        for inner in (database.write, database.read):
            with pytest.raises(RuntimeError, match="inside an operation"):
                outer(lambda tx: inner(events.bounds))  # noqa: B023
    assert database.write(events.bounds) == (0, 0)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("balanza.db", "no database URL"),
        ("mysql://host/name", "mysql is not supported"),
        ("sqlite://", "cannot be in memory"),
        ("sqlite:///:memory:", "cannot be in memory"),
        ("postgresql://user:secret@127.0.0.1:1/name", r"postgresql\+psycopg://user:\*\*\*@127.0.0.1:1/name cannot be"),
    ],
)
def test_a_database_that_cannot_be_opened_is_said_so_in_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(StartupError, match=sentence) as caught:
        Database.open(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["we?ird", "a#b", "100%41", "ñ & co"])
def test_a_file_is_opened_where_it_is_named_whatever_its_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    Database.open(folder / "balanza.db").close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (folder / "balanza.db").is_file()


def test_an_error_tells_no_values(database: Database) -> None:
    """They may be hashes of passwords, and errors are written into the log."""
    with pytest.raises(DBAPIError) as raised:
        database.write(lambda tx: tx.execute(text("SELECT * FROM nowhere WHERE id = :id"), {"id": "a secret value"}))

    assert "nowhere" in str(raised.value)
    assert "a secret value" not in str(raised.value)
