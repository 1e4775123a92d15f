"""With 100,000 jobs in the queues, what happens all the time must find its rows through an index made for it."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, event, text

from balanza.lifecycle import JobStatus
from balanza.model import Job, Needs
from balanza.protocol import LeaseReport
from balanza.store import (
    decisions,
    events,
    fairness,
    jobs,
    library,
    next_jobs,
    points,
    requirements,
    shares,
    timeline,
    uploads,
    workers,
)
from balanza.store.search import list_media
from tests.store.scene import START, TABLES, Scene, a_job, a_media

ABLE = jobs.Ability((1, 2), 2**62)
NEW_LEASE = jobs.NewLease("job", "token")
TAKER = next_jobs.Taker("worker_a", ABLE, START)


def _job(tx: Connection) -> Job:
    job = jobs.get(tx, "job")
    assert job is not None
    return job


HOT: dict[str, Callable[[Connection], object]] = {
    "lease": lambda tx: jobs.lease(tx, [NEW_LEASE], worker_id="worker_a", now=START, expires_at=START),
    "held": lambda tx: jobs.held(tx, "token"),
    "tokens_of": lambda tx: jobs.tokens_of(tx, "worker_a"),
    "renew": lambda tx: jobs.renew(
        tx, worker_id="worker_a", reports=[LeaseReport(token="token", progress=1)], expires_at=START
    ),
    "expired": lambda tx: jobs.expired(tx, START),
    "complete": lambda tx: jobs.complete(tx, [jobs.Done("token", a_media("result"))], now=START),
    "cancel": lambda tx: jobs.cancel(tx, "job", now=START),
    "assign": lambda tx: jobs.assign(tx, ["job"], "worker_a", now=START),
    "own queue": lambda tx: jobs.pending_of(tx, "worker_a", 5),
    "general queue": lambda tx: jobs.pending_of(tx, None, 5),
    "any_pending": jobs.any_pending,
    "any_runnable": lambda tx: jobs.any_runnable(tx, ABLE),
    "heads": lambda tx: next_jobs.heads(tx, TAKER, 2),
    "oldest": lambda tx: next_jobs.oldest(tx, TAKER),
    "tied in an own queue": lambda tx: next_jobs.tied(tx, TAKER, _job(tx), "worker_a"),
    "tied in the general queue": lambda tx: next_jobs.tied(tx, TAKER, _job(tx), None),
    "those after it": lambda tx: next_jobs.after(tx, TAKER, _job(tx), 5),
    "some of all": lambda tx: next_jobs.some_of_all(tx, TAKER, 5),
    "what is foretold": lambda tx: next_jobs.waiting(tx, 5),
    "running": jobs.running,
    "served": fairness.pending_count,
    "slots_held": fairness.slots_held,
    "stealable": lambda tx: jobs.stealable(tx, "worker_a", thief_id="worker_b", ability=ABLE),
    "tried_in_general": lambda tx: jobs.tried_in_general(tx, ABLE, 5),
    "unrunnable_of": lambda tx: jobs.unrunnable_of(tx, "worker_a", ABLE, 5),
    "requirement": lambda tx: requirements.id_of(tx, Needs(frozenset({"flac"}))),
    "decisions of a job": lambda tx: decisions.of_job(tx, "job"),
    "decisions of somebody": lambda tx: decisions.list_decisions(tx, owner_id="local", before_id=None, limit=5),
    "decisions": lambda tx: decisions.list_decisions(tx, owner_id=None, before_id=9, limit=5),
    "old decisions": lambda tx: decisions.prune(tx, 100),
    "queue_depths": jobs.queue_depths,
    "oldest_pending_at": jobs.oldest_pending_at,
    "is_uncounted": fairness.is_uncounted,
    "live_jobs_of_media": lambda tx: jobs.live_jobs_of_media(tx, "song"),
    "by_idempotency_key": lambda tx: jobs.by_idempotency_key(tx, "key", owner_id="local"),
    "attempts_under": lambda tx: jobs.attempts_under(tx, ["token"]),
    "attempts_of": lambda tx: jobs.attempts_of(tx, "job"),
    "first page of one status": lambda tx: jobs.list_jobs(
        tx, owner_id="local", status=JobStatus.COMPLETED, worker_id=None, before_seq=None, limit=5
    ),
    "a later page": lambda tx: jobs.list_jobs(tx, owner_id="local", status=None, worker_id=None, before_seq=9, limit=5),
    "library page": lambda tx: list_media(tx, owner_id="local", before="song", limit=5),
    "media by name": lambda tx: library.by_name(tx, "song.mp3", owner_id="local"),
    "trash": lambda tx: library.list_trash(tx, owner_id="local", before="song", limit=5),
    "old trash": lambda tx: library.trashed_until(tx, START, 5),
    "deleted media": lambda tx: library.deleted_keys(tx, 5),
    "known keys": lambda tx: library.known_keys(tx, ["key-song"]),
    "events after": lambda tx: events.after(tx, 5, 5),
    "event bounds": events.bounds,
    "shared file": lambda tx: shares.opened(tx, "hash", START),
    "upload": lambda tx: uploads.get(tx, "upload"),
    "expired uploads": lambda tx: uploads.expired(tx, START, 5),
    "download": lambda tx: shares.count_download(tx, "share", START),
    "timeline": lambda tx: timeline.bars(tx, START, 5, owner_id="local"),
    "is a point there": lambda tx: points.is_recorded(tx, START),
    "old points": lambda tx: points.prune(tx, START),
    "worker": lambda tx: workers.get(tx, "worker_a"),
}


def explained(tx: Connection, function: Callable[[Connection], object], explain: str) -> list[str]:
    """The plans of the statements that `function` executes, INSERTs and settings apart."""
    statements = []

    def note(_: object, __: object, statement: str, parameters: tuple[object, ...], *___: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "WITH", "DELETE")) and "pg_advisory" not in statement:
            statements.append((statement, parameters))

    event.listen(tx, "before_cursor_execute", note)
    function(tx)
    event.remove(tx, "before_cursor_execute", note)
    return [str(tuple(row)) for query, values in statements for row in tx.exec_driver_sql(f"{explain} {query}", values)]


BY_ONE_INDEX = {
    "tokens_of": ["USING INDEX ix_jobs_leased"],
    "queue_depths": ["INDEX ix_jobs_pending"],
    "any_pending": ["INDEX ix_jobs_pending"],
    "is_uncounted": ["SCAN longest_pending"],
    "heads": ["USING INDEX ix_fair_shares_pending"],
    "what is foretold": ["USING INDEX ix_fair_shares_pending", "SCAN shares"],
    "served": ["USING INDEX ix_fair_shares_pending"],
    "some of all": ["USING INDEX ix_jobs_pending_order"],
    "running": ["USING INDEX ix_jobs_leased"],
    "slots_held": ["USING INDEX ix_jobs_leased"],
}


@pytest.mark.parametrize("name", HOT)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_reads_and_sorts_no_whole_table(scene: Scene, name: str) -> None:
    scene.worker()
    scene.submit("job", "worker_a")

    plan = scene.database.write(lambda tx: explained(tx, HOT[name], "EXPLAIN QUERY PLAN"))

    # These read one partial index: all the leases, all that is pending in order to count it, or its first entries,
    # or each share that has something pending.
    allowed = ["SCAN picked", "SCAN CONSTANT ROW", *BY_ONE_INDEX.get(name, [])]
    assert plan
    assert [line for line in plan if "SCAN" in line and not any(part in line for part in allowed)] == []
    assert [line for line in plan if "TEMP B-TREE" in line] == [] or name in {
        "tokens_of",
        "heads",
        "complete",
        "slots_held",
    }


@pytest.mark.parametrize("queue", ["own", "general"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_looks_up_the_whole_rank_of_a_job_and_not_its_queue_alone(scene: Scene, queue: str) -> None:
    scene.worker()
    scene.submit("job", "worker_a")
    name = {"own": "tied in an own queue", "general": "tied in the general queue"}[queue]

    plan = scene.database.write(lambda tx: explained(tx, HOT[name], "EXPLAIN QUERY PLAN"))

    assert any("(assigned_worker=? AND priority=? AND order_key=?)" in line for line in plan), plan


class _Undone(Exception):
    """Takes back what was done to look at the plans."""


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_finds_jobs_through_the_index_made_for_them_when_there_are_many(scene: Scene) -> None:
    scene.worker()
    scene.submit("job", "worker_a")
    scene.submit("leased", "worker_a", key="key")
    plans: dict[str, list[str]] = {}

    def operation(tx: Connection) -> None:
        _multiply(tx)
        plans.update({name: explained(tx, function, "EXPLAIN") for name, function in HOT.items()})
        raise _Undone

    with pytest.raises(_Undone):
        scene.database.write(operation)

    assert "ix_jobs_pending_requirement" in "".join(plans["any_runnable"])
    for name in (
        "heads",
        "what is foretold",
        "tied in an own queue",
        "some of all",
        "own queue",
        "general queue",
        "stealable",
    ):
        assert "ix_jobs_pending" in "".join(plans[name]), name
    read_whole = [name for name, plan in plans.items() if "Seq Scan on jobs" in "".join(plan)]
    # The one counts what is pending: here, all. The other looks for what is rarely there, and runs once in a while.
    assert sorted(read_whole) == ["queue_depths", "unrunnable_of"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_finds_the_oldest_pending_job_behind_many_that_have_ended(scene: Scene) -> None:
    scene.worker()
    scene.submit("job", "worker_a")
    scene.cancel()
    plans: dict[str, str] = {}

    def operation(tx: Connection) -> None:
        _multiply(tx)
        jobs.submit(tx, a_job("waiting"))
        _multiply(tx, "waiting")
        for name in ("oldest", "oldest_pending_at", "is_uncounted"):
            plans[name] = "".join(explained(tx, HOT[name], "EXPLAIN"))
        raise _Undone

    with pytest.raises(_Undone):
        scene.database.write(operation)

    assert {name for name, plan in plans.items() if "ix_jobs_status_seq" in plan} == set(plans)


def _multiply(tx: Connection, like: str = "job") -> None:
    """20,000 more jobs like that one: of `job` all in the own queue of `worker_a`, none in the general queue."""
    same = ", ".join(column.name for column in TABLES["jobs"].columns if column.name not in ("seq", "id"))
    tx.execute(
        text(
            f"INSERT INTO jobs (id, {same}) SELECT '{like} ' || n, {same} FROM jobs, generate_series(1, 20000) AS n "
            f"WHERE id = '{like}'"
        )
    )
    tx.execute(text("ANALYZE jobs"))
