"""The database itself refuses rows that cannot be true, whatever the code does."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Table, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from balanza.store.tables import MEDIA, attempts, jobs, media, workers
from tests.store.scene import START, Scene, a_media


@pytest.fixture(autouse=True)
def a_job_in_each_state(scene: Scene) -> None:
    scene.worker()
    for job_id in ("completed", "failed", "processing", "cancelled", "pending"):
        scene.submit(job_id, max_attempts=1)
    scene.leased(token="first")
    scene.complete("first")
    scene.leased(token="second")
    scene.fail("second")
    scene.leased(token="third")
    scene.cancel("cancelled")


def change(scene: Scene, table: Table, row_id: str, values: dict[str, Any]) -> None:
    def operation(tx: Connection) -> None:
        column = table.c.job_id if table is attempts else table.c.id
        assert tx.execute(update(table).where(column == row_id).values(values)).rowcount == 1

    scene.database.write(operation)


@pytest.mark.parametrize(
    ("job_id", "values"),
    [
        ("pending", {"lease_token": "x"}),
        ("pending", {"lease_expires_at": START}),
        ("pending", {"started_at": START}),
        ("pending", {"completed_at": START}),
        ("pending", {"result_id": "result"}),
        ("pending", {"error": "It broke."}),
        ("pending", {"progress": 100.1}),
        ("pending", {"progress": -0.1}),
        ("pending", {"attempts": 1}),
        ("pending", {"attempts": -1}),
        ("pending", {"max_attempts": 0}),
        ("pending", {"idempotency_key": "key"}),
        ("pending", {"request_fingerprint": "fingerprint"}),
        ("pending", {"source_id": "nothing"}),
        ("pending", {"source_id": None}),
        ("pending", {"assigned_worker": "nobody"}),
        ("pending", {"parent_id": "nothing"}),
        ("processing", {"lease_token": None}),
        ("processing", {"lease_expires_at": None}),
        ("processing", {"worker_id": None}),
        ("processing", {"worker_id": "nobody"}),
        ("processing", {"started_at": None}),
        ("processing", {"completed_at": START}),
        ("processing", {"attempts": 2, "max_attempts": 3}),
        ("processing", {"output_file": "song.flac"}),
        ("processing", {"output_size_bytes": 1}),
        ("completed", {"result_id": None}),
        ("completed", {"output_file": None}),
        ("completed", {"output_size_bytes": None}),
        ("completed", {"completed_at": None}),
        ("completed", {"error": "It broke."}),
        ("failed", {"error": None}),
        ("failed", {"completed_at": None}),
        ("cancelled", {"completed_at": None}),
    ],
)
def test_an_impossible_job_is_refused(scene: Scene, job_id: str, values: dict[str, Any]) -> None:
    with scene.unchanged(), pytest.raises(IntegrityError):
        change(scene, jobs, job_id, values)


@pytest.mark.parametrize(
    ("table", "row_id", "values"),
    [
        (workers, "worker_a", {"slots": 0}),
        (workers, "worker_a", {"cpus": 0}),
        (workers, "worker_a", {"cpu_load": 1.1}),
        (workers, "worker_a", {"assigned_jobs": -1}),
        (workers, "worker_a", {"running_jobs": -1}),
        (workers, "worker_a", {"conversions_success": -1}),
        (media, "song", {"size_bytes": -1}),
        (media, "song", {"sha256": "short"}),
        (media, "song", {"purged": True}),
        (media, "song", {"job_id": "completed"}),
        (media, "song", {"storage_key": "key-result"}),
        (attempts, "completed", {"ended_at": None}),
        (attempts, "completed", {"outcome": None}),
        (attempts, "processing", {"outcome": "failed"}),
        (attempts, "completed", {"number": 0}),
        (attempts, "completed", {"job_id": "processing"}),
        (attempts, "completed", {"worker_id": "nobody"}),
        (attempts, "completed", {"token": "second"}),
        (attempts, "completed", {"token": None}),
    ],
)
def test_other_impossible_rows_are_refused(scene: Scene, table: Table, row_id: str, values: dict[str, Any]) -> None:
    with scene.unchanged(), pytest.raises(IntegrityError):
        change(scene, table, row_id, values)


def test_a_job_cannot_have_two_attempts_at_once(scene: Scene) -> None:
    second = {"job_id": "processing", "number": 2, "worker_id": "worker_a", "token": "fourth", "started_at": START}

    with scene.unchanged(), pytest.raises(IntegrityError, match="attempts"):
        scene.database.write(lambda tx: tx.execute(insert(attempts), second))
    scene.database.write(lambda tx: tx.execute(insert(attempts), second | {"job_id": "pending", "number": 1}))
    scene.database.write(lambda tx: tx.execute(attempts.delete().where(attempts.c.token == "fourth")))


def test_two_jobs_never_have_the_same_token(scene: Scene) -> None:
    scene.submit("another")

    with scene.unchanged(), pytest.raises(IntegrityError):
        scene.leased(token="third")


def test_a_job_never_has_two_results(scene: Scene) -> None:
    row = {column.name: getattr(a_media("second", job_id="completed"), column.name) for column in MEDIA}

    with scene.unchanged(), pytest.raises(IntegrityError):
        scene.database.write(lambda tx: tx.execute(insert(media), row))


def test_media_that_a_job_names_cannot_be_removed(scene: Scene) -> None:
    with scene.unchanged(), pytest.raises(IntegrityError):
        scene.database.write(lambda tx: tx.execute(media.delete().where(media.c.id == "song")))


def test_a_status_that_does_not_exist_is_refused(scene: Scene) -> None:
    unknown = jobs.update().where(jobs.c.id == "pending").values(status=func.lower("LOST"))

    with scene.unchanged(), pytest.raises(IntegrityError):
        scene.database.write(lambda tx: tx.execute(unknown))


def test_a_time_without_a_time_zone_is_refused(scene: Scene) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001

    with scene.unchanged(), pytest.raises((DBAPIError, Exception), match="no time zone"):
        change(scene, jobs, "pending", {"created_at": naive})


def test_times_come_back_as_they_went_in_to_the_microsecond(scene: Scene) -> None:
    assert scene.database.read(lambda tx: tx.execute(select(jobs.c.created_at)).scalars().first()) == START
