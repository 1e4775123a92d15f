"""What is particular to PostgreSQL: lost races are tried again, a server that is away is said to be."""

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text

from balanza.errors import Retryable
from balanza.store import events
from balanza.store.database import Database
from balanza.store.postgresql import Postgresql
from tests.store.scene import START
from tests.store.test_races import together
from tests.support.postgres import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


def test_a_deadlock_is_tried_again(postgresql_database: Database) -> None:
    from threading import Barrier

    both_hold_one = Barrier(2)
    tries = []

    def lock(first: int, second: int) -> str:
        def operation(tx: Connection) -> str:
            tries.append(first)
            tx.execute(text(f"SELECT pg_advisory_xact_lock({first})"))
            if len(tries) <= 2:
                both_hold_one.wait(10)
            tx.execute(text(f"SELECT pg_advisory_xact_lock({second})"))
            return f"{first} then {second}"

        return postgresql_database.write(operation)

    assert together(lambda: lock(1, 2), lambda: lock(2, 1)) == ["1 then 2", "2 then 1"]
    assert len(tries) == 3


def test_a_lock_that_is_never_let_go_is_not_waited_for_for_ever(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balanza.store.postgresql._LOCK_SECONDS", 0.05)

    def lock(tx: Connection) -> None:
        tx.execute(text("SELECT pg_advisory_xact_lock(1)"))

    with Database.open(url) as database, psycopg.connect(url.replace("+psycopg", "")) as other:
        other.execute("SELECT pg_advisory_xact_lock(1)")
        with pytest.raises(Retryable, match=r"busy with the same rows: .*lock timeout"):
            database.write(lock)
        other.rollback()
        database.write(lock)


def test_a_statement_that_takes_too_long_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balanza.store.postgresql._STATEMENT_SECONDS", 1)  # long enough to open it on a busy machine
    with Database.open(url) as database, pytest.raises(Retryable, match=r"took too long: .*statement timeout"):
        database.read(lambda tx: tx.execute(text("SELECT pg_sleep(5)")))


def test_what_the_url_says_of_limits_goes_before_ours(url: str) -> None:
    with Database.open(f"{url}&options=-c%20lock_timeout%3D7s&keepalives_idle=99") as database:
        shown = [
            database.read(lambda tx, name=name: tx.execute(text(f"SHOW {name}")).scalar_one())  # type: ignore[misc]
            for name in ("lock_timeout", "statement_timeout")
        ]
    assert shown == ["7s", "30s"]


def test_what_always_loses_is_given_up_with_a_sentence(
    postgresql_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.store.postgresql._PAUSES_SECONDS", (0, 0))
    tries = []

    def always_loses(tx: Connection) -> None:
        tries.append(1)
        tx.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no luck' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(Retryable, match=r"busy with the same rows: no luck\. Try again"):
        postgresql_database.write(always_loses)
    assert len(tries) == 3


def test_connections_that_the_server_closed_are_replaced(url: str) -> None:
    with Database.open(url) as database:
        name = make_url(url).database
        database.write(lambda tx: events.append(tx, "before", now=START))
        end_all = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        )
        with psycopg.connect(url.replace("+psycopg", "")) as admin:
            admin.execute(end_all, (name,))

        database.write(lambda tx: events.append(tx, "after", now=START))

        assert [event.type for event in database.read(lambda tx: events.after(tx, 0, 5))] == ["before", "after"]


def test_a_connection_that_breaks_within_an_operation_is_said_so(url: str) -> None:
    with Database.open(url) as database, pytest.raises(Retryable, match="does not answer"):
        database.write(lambda tx: tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())")))


def test_a_reader_sees_one_moment_and_cannot_write(url: str) -> None:
    postgresql = Postgresql(make_url(url))

    def look_twice(tx: Connection) -> tuple[int, int]:
        before = events.bounds(tx)[1]
        postgresql.write(lambda other: events.append(other, "meanwhile", now=START))
        return before, events.bounds(tx)[1]

    assert postgresql.read(look_twice) == (0, 0)
    assert postgresql.read(events.bounds) == (1, 1)
    with pytest.raises(Exception, match="read-only transaction"):
        postgresql.read(lambda tx: events.append(tx, "refused", now=START))
    postgresql.close()
