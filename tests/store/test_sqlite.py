"""What is particular to SQLite: the writer thread, its group commit, and who may do what to the file."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import IntegrityError

from balanza.errors import Retryable, StartupError, StorageError, StorageFull
from balanza.store import events, jobs
from balanza.store.database import Database
from balanza.store.sqlite import Sqlite
from tests.store.scene import START, a_job
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "balanza.db"


@pytest.fixture
def sqlite(path: Path) -> Iterator[Sqlite]:
    sqlite = Sqlite(make_url(f"sqlite:///{path}"), durable=False)
    yield sqlite
    sqlite.close()


def append(event_type: str) -> Callable[[Connection], int]:
    return lambda tx: events.append(tx, event_type, now=START)


def stored(sqlite: Sqlite) -> list[str]:
    return [event.type for event in sqlite.read(lambda tx: events.after(tx, 0, 1000))]


def in_one_group(sqlite: Sqlite, *operations: Callable[[Connection], object]) -> list[Future[object]]:
    """The outcomes of operations that wait together: the writer is held up until all of them do."""
    held_up, go_on = Event(), Event()

    def hold_up(_: Connection) -> None:
        held_up.set()
        assert go_on.wait(10)

    with ThreadPoolExecutor(len(operations) + 1) as pool:
        pool.submit(sqlite.write, hold_up)
        assert held_up.wait(10)
        outcomes: list[Future[object]] = []
        for operation in operations:
            outcomes.append(pool.submit(sqlite.write, operation))
            eventually(lambda: sqlite._writer._queue.qsize() == len(outcomes))
        go_on.set()
    return outcomes


def test_operations_that_wait_together_are_committed_together(sqlite: Sqlite) -> None:
    commits: list[int] = []
    event.listen(sqlite._writing, "commit", lambda _: commits.append(1))

    outcomes = in_one_group(sqlite, *(append(f"event {number}") for number in range(20)))

    assert [outcome.result() for outcome in outcomes] == list(range(1, 21))
    assert stored(sqlite) == [f"event {number}" for number in range(20)]
    assert len(commits) == 2  # that of the operation that held them up, and one more


def test_an_operation_that_fails_takes_back_only_what_it_did_itself(sqlite: Sqlite) -> None:
    def broken(tx: Connection) -> None:
        append("broken")(tx)
        raise LookupError("as it happens")

    first, failed, last = in_one_group(sqlite, append("first"), broken, append("last"))

    assert isinstance(failed.exception(), LookupError)
    assert (first.exception(), last.exception()) == (None, None)
    assert stored(sqlite) == ["first", "last"]


def test_an_operation_that_fills_the_disk_is_taken_back_and_there_is_room_again_for_others(sqlite: Sqlite) -> None:
    def fill_the_disk(tx: Connection) -> None:
        pages = tx.execute(text("PRAGMA page_count")).scalar_one()
        tx.execute(text(f"PRAGMA max_page_count = {pages}"))
        for number in range(100):
            events.append(tx, "big", now=START, data={"text": "x" * 10_000, "number": number})

    first, failed, last = in_one_group(sqlite, append("first"), fill_the_disk, append("last"))

    with pytest.raises(StorageFull, match="disk that holds the database is full"):
        failed.result()
    assert (first.exception(), last.exception()) == (None, None)
    assert stored(sqlite) == ["first", "last"]


def test_when_sqlite_takes_back_everything_everyone_in_the_group_hears_of_it(sqlite: Sqlite) -> None:
    """As it does on its own after some errors of the disk."""

    def lose_the_transaction(tx: Connection) -> None:
        tx.exec_driver_sql("ROLLBACK")
        tx.exec_driver_sql("SELECT * FROM nowhere")

    outcomes = in_one_group(sqlite, append("first"), lose_the_transaction, append("last"))

    assert [str(outcome.exception()) for outcome in outcomes if "nowhere" not in str(outcome.exception())] == []
    assert stored(sqlite) == []
    assert sqlite.write(append("afterwards")) > 0


def test_when_the_commit_fails_everyone_in_the_group_hears_of_it(sqlite: Sqlite) -> None:
    def break_the_commit(tx: Connection) -> None:
        tx.execute(text("PRAGMA defer_foreign_keys = ON"))
        jobs.submit(tx, a_job("job", source_id="never uploaded"))

    outcomes = in_one_group(sqlite, append("first"), break_the_commit)

    for outcome in outcomes:
        assert isinstance(outcome.exception(), IntegrityError)
    assert stored(sqlite) == []
    assert sqlite.write(append("afterwards")) > 0


class BrokenDisk:
    """The connection of a writer whose ROLLBACK fails, as after an error of the disk."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.in_order = False

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, statement: str) -> sqlite3.Cursor:
        if statement == "ROLLBACK" and not self.in_order:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return self._connection.execute(statement)


def test_when_even_taking_back_fails_everyone_hears_of_it_until_the_disk_works_again(
    sqlite: Sqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_the_commit(tx: Connection) -> None:
        tx.execute(text("PRAGMA defer_foreign_keys = ON"))
        jobs.submit(tx, a_job("job", source_id="never uploaded"))

    disk = BrokenDisk(sqlite._writer._raw)
    monkeypatch.setattr(sqlite._writer, "_raw", disk)

    for outcome in in_one_group(sqlite, append("first"), break_the_commit):
        assert isinstance(outcome.exception(10), IntegrityError)
    for _ in range(2):
        with pytest.raises(Retryable, match="cannot be read or written: disk I/O error"):
            sqlite.write(append("still broken"))
    disk.in_order = True
    assert sqlite.write(append("afterwards")) > 0
    assert stored(sqlite) == ["afterwards"]


def test_closing_answers_everyone_who_waits_and_refuses_those_who_come_later(path: Path) -> None:
    database = Database.open(f"sqlite:///{path}", durable=False)

    def write_until_refused(thread: int) -> list[str]:
        written: list[str] = []
        with suppress(Retryable):
            while True:
                name = f"{thread}.{len(written)}"
                database.write(append(name))
                written.append(name)
        return written

    with ThreadPoolExecutor(6) as pool:
        writers = [pool.submit(write_until_refused, thread) for thread in range(6)]
        eventually(lambda: database.read(events.bounds)[1] > 50, 30)
        database.close()
        acknowledged = {name for writer in writers for name in writer.result(30)}
    with pytest.raises(Retryable, match="database is closed"):
        database.write(append("too late"))
    database.close()

    with Database.open(f"sqlite:///{path}") as reopened:
        assert {event.type for event in reopened.read(lambda tx: events.after(tx, 0, 100_000))} == acknowledged


def test_what_was_acknowledged_survives_the_kill_of_the_program(path: Path) -> None:
    program = f"""
from datetime import UTC, datetime
from balanza.store import events
from balanza.store.database import Database
database = Database.open("sqlite:///{path}")
for number in range(1_000_000):
    print(database.write(lambda tx: events.append(tx, "test", now=datetime.now(UTC))), flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        acknowledged = [int(process.stdout.readline()) for _ in range(50)]
        process.send_signal(signal.SIGKILL)

    with Database.open(f"sqlite:///{path}") as database:
        assert [event.id for event in database.read(lambda tx: events.after(tx, 0, 50))] == acknowledged


def test_a_reader_sees_one_moment_and_the_next_reader_what_was_committed(sqlite: Sqlite) -> None:
    def look_twice(tx: Connection) -> tuple[int, int]:
        before = events.bounds(tx)[1]
        sqlite.write(append("meanwhile"))
        return before, events.bounds(tx)[1]

    assert sqlite.read(look_twice) == (0, 0)
    assert sqlite.read(events.bounds) == (1, 1)


def test_readers_cannot_write_and_leave_checkpoints_to_the_writer(sqlite: Sqlite) -> None:
    with pytest.raises(StorageError):
        sqlite.read(append("refused"))

    def pragma(name: str) -> Callable[[Connection], int]:
        return lambda tx: int(tx.execute(text(f"PRAGMA {name}")).scalar_one())

    assert (sqlite.read(pragma("query_only")), sqlite.read(pragma("wal_autocheckpoint"))) == (1, 0)
    assert (sqlite.write(pragma("query_only")), sqlite.write(pragma("wal_autocheckpoint"))) == (0, 1000)
    assert sqlite.write(pragma("foreign_keys")) == 1


@pytest.mark.parametrize(("durable", "synchronous"), [(True, 2), (False, 0)])
def test_a_durable_database_waits_for_the_disk_and_a_temporary_one_does_not(
    path: Path, durable: bool, synchronous: int
) -> None:
    with Database.open(f"sqlite:///{path}", durable=durable) as database:
        assert database.write(lambda tx: tx.execute(text("PRAGMA synchronous")).scalar_one()) == synchronous
        assert database.write(lambda tx: tx.execute(text("PRAGMA journal_mode")).scalar_one()) == "wal"


def test_a_file_that_another_program_writes_to_is_busy_not_broken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("balanza.store.sqlite._BUSY_SECONDS", 0.05)
    with Database.open(f"sqlite:///{path}", durable=False) as database:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Retryable, match="Another program is writing"):
            database.write(append("too early"))
        other.execute("ROLLBACK")
        other.close()

        assert database.write(append("now")) == 1


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path}/some/where/balanza.db"):
        assert (tmp_path / "some" / "where" / "balanza.db").exists()


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StartupError, match=r"folder .*file/data for the database cannot be made: Not a directory"):
        Database.open(f"sqlite:///{tmp_path}/file/data/balanza.db")


def test_a_file_that_is_no_database_is_said_so_and_left_alone(path: Path) -> None:
    path.write_bytes(b"these are my notes, please keep them\n" * 100)

    with pytest.raises(StartupError, match="not a database"):
        Database.open(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"these are my notes")


def test_jobs_are_refused_when_their_source_is_unknown_so_foreign_keys_are_on(sqlite: Sqlite) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        sqlite.write(lambda tx: jobs.submit(tx, a_job("job")))


def test_a_program_beside_the_server_leaves_the_log_to_it(path: Path) -> None:
    """When two connections checkpoint, SQLite before 3.51.3 can corrupt its write-ahead log."""

    def pages(tx: Connection) -> object:
        return tx.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar()

    with Database.open(path) as server, Database.open(path, checkpoints=False) as beside:
        beside.write(lambda tx: events.append(tx, "test", now=START))

        assert (server.write(pages), beside.write(pages)) == (1000, 0)
        assert server.read(events.bounds)[1] == 1
