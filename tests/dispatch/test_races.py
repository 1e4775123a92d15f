"""Everybody at once: people submit, cancel and drain while workers beat, convert and fail."""

import random
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

from sqlalchemy import text

from balanza.errors import Conflict, LeaseLost
from balanza.lifecycle import LIVE, JobStatus
from balanza.protocol import Failure, LeaseReport
from tests.dispatch.conftest import World

ROUNDS = 25


def deadlocks(world: World) -> int:
    """How many PostgreSQL has had to break in this database; SQLite has one writer and so none."""
    count = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return world.desk.database.read(
        lambda tx: 0 if tx.dialect.name == "sqlite" else int(tx.execute(count).scalar_one())
    )


def test_nobody_waits_in_a_circle_and_every_job_is_in_one_state(world: World) -> None:
    world.join("a", "b", slots=3)
    source = world.song().id
    submitted: list[str] = []
    before = deadlocks(world)

    def people() -> None:
        rng = random.Random(1)
        for _ in range(ROUNDS):
            submitted.append(world.submit(source).id)
            with suppress(Conflict):
                world.dispatcher.cancel(rng.choice(submitted))
            with suppress(Conflict):
                world.dispatcher.retry(rng.choice(submitted))

    def operator() -> None:
        for _ in range(ROUNDS):
            world.dispatcher.drain("worker_a")
            world.dispatcher.resume("worker_a")
            world.upkeep.run_once()

    def worker(letter: str) -> None:
        rng = random.Random(letter)
        for _ in range(ROUNDS):
            grant = world.lease(letter)
            if grant is None:
                world.beat(letter)
                continue
            world.beat(letter, LeaseReport(token=grant.token, progress=50))
            with suppress(LeaseLost):
                if rng.random() < 0.7:
                    world.finish(grant)
                else:
                    world.fleet.fail(grant.token, Failure(error="It broke."))

    calls: list[Callable[[], None]] = [people, people, operator, *(lambda one=one: worker(one) for one in "aabb")]
    threads = [Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert deadlocks(world) == before
    assert len(submitted) == 2 * ROUNDS
    for job_id in submitted:
        job = world.job(job_id)
        assert (job.status in LIVE) == (job.completed_at is None)
        assert (job.status is JobStatus.COMPLETED) == (
            f"result-{job.id}-{len(world.attempts(job.id))}" in world.stored()
        )
