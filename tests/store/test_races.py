"""Real threads against one another: exactly one wins, and the loser changes nothing."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

from sqlalchemy import Connection

from balanza.lifecycle import JobStatus
from balanza.protocol import LeaseReport
from balanza.store import events, jobs, workers
from tests.store.scene import LEASE_TIME, START, Scene, a_job, a_registration

T = TypeVar("T")
ROUNDS = 10


def together(*calls: Callable[[], T]) -> list[T]:
    """What the calls returned, each made on a thread of its own at the same moment."""
    start = Barrier(len(calls))

    def call(function: Callable[[], T]) -> T:
        start.wait()
        return function()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def test_eight_threads_lease_every_job_once_and_none_twice(scene: Scene) -> None:
    names = [f"worker_{number}" for number in range(4)]
    for worker_id in names:
        scene.worker(worker_id)
    owners = [*names, None]
    scene.database.write(lambda tx: [jobs.submit(tx, a_job(f"job {n}", owners[n % 5])) for n in range(500)])

    def lease_all(thread: int) -> list[str]:
        leased: list[str] = []
        while lease := scene.lease(names[thread % 4], f"token {thread} {len(leased)}"):
            leased.append(lease.job.id)
        return leased

    leased = together(*(partial(lease_all, thread) for thread in range(8)))

    times = Counter(job_id for some in leased for job_id in some)
    assert times == {f"job {number}": 1 for number in range(500)}


def _leased(scene: Scene) -> None:
    scene.worker()
    for number in range(ROUNDS):
        scene.submit(f"job {number}", max_attempts=1)
        scene.leased(token=f"token-{number}")


def test_a_job_is_either_cancelled_or_completed(scene: Scene) -> None:
    _leased(scene)
    for number in range(ROUNDS):
        outcomes = together(
            partial(scene.cancel, f"job {number}"),
            partial(scene.complete, f"token-{number}", result_id=f"result {number}"),
        )

        [winner] = [job for job in outcomes if job]
        assert scene.job(f"job {number}") == winner


def test_a_job_is_completed_once_under_one_token(scene: Scene) -> None:
    _leased(scene)
    for number in range(ROUNDS):
        outcomes = together(
            *(partial(scene.complete, f"token-{number}", result_id=f"result {number} {i}") for i in range(3))
        )

        [winner] = [job for job in outcomes if job]
        assert scene.job(f"job {number}").result_id == winner.result_id


def test_a_lease_is_either_taken_back_or_completed(scene: Scene) -> None:
    _leased(scene)
    scene.now += LEASE_TIME
    for number in range(ROUNDS):
        outcomes = together(
            partial(scene.expire, f"token-{number}"),
            partial(scene.complete, f"token-{number}", result_id=f"result {number}"),
        )

        [winner] = [job for job in outcomes if job]
        assert scene.job(f"job {number}") == winner


def test_a_lease_is_either_taken_back_or_renewed(scene: Scene) -> None:
    _leased(scene)
    scene.now += LEASE_TIME
    for number in range(ROUNDS):
        expired, renewed = together(
            partial(scene.expire, f"token-{number}"),
            partial(scene.renew, LeaseReport(token=f"token-{number}", progress=9)),
        )

        assert bool(expired) != bool(renewed)
        assert (scene.job(f"job {number}").status is JobStatus.FAILED) == bool(expired)


def test_a_pending_job_is_either_moved_or_leased(scene: Scene) -> None:
    scene.worker("worker_a")
    scene.worker("worker_b")
    for number in range(ROUNDS):
        scene.submit(f"job {number}", "worker_a")
        moved, lease = together(
            partial(scene.assign, [f"job {number}"], "worker_b"),
            partial(scene.lease, "worker_a", f"token-{number}"),
        )

        assert bool(moved) != bool(lease)


def test_one_idempotency_key_makes_one_job(scene: Scene) -> None:
    def submit_once(tx: Connection, job_id: str, key: str) -> str:
        found = jobs.by_idempotency_key(tx, key, owner_id="local")
        return found[0].id if found else jobs.submit(tx, a_job(job_id, key=key))[0].id

    for number in range(ROUNDS):
        ids = together(*(partial(scene.do, submit_once, f"job {number} {i}", f"key {number}") for i in range(4)))

        assert len(set(ids)) == 1
    assert scene.see(jobs.counts_by_status)[JobStatus.PENDING] == ROUNDS


def test_a_new_worker_can_register_twice_at_once(scene: Scene) -> None:
    for number in range(ROUNDS):
        registrations = [a_registration(f"worker_{number}", instance=f"instance-{i}") for i in range(3)]
        registered = together(*(partial(scene.do, workers.register, new, now=START) for new in registrations))

        assert scene.see(workers.get, f"worker_{number}") in registered


def test_counters_stay_true_when_everybody_changes_them(scene: Scene) -> None:
    for worker_id in ("worker_a", "worker_b"):
        scene.worker(worker_id)

    def play(thread: int) -> None:
        me, other = ("worker_a", "worker_b") if thread % 2 else ("worker_b", "worker_a")
        for number in range(8):
            name = f"{thread} {number}"
            scene.submit(name, me)
            scene.assign([name], other)
            if lease := scene.lease(me, name):
                end = (scene.release, scene.fail, partial(scene.complete, result_id=name))[number % 3]
                assert end(lease.token) is not None

    together(*(partial(play, thread) for thread in range(6)))
    # The fixture compares the counters with the rows.


def test_a_reader_that_follows_the_events_misses_none(scene: Scene) -> None:
    """Ids become visible in order: a reader that goes on from the last id it saw sees every event, once."""
    ended: list[int] = []

    def append(thread: int) -> list[int]:
        for number in range(40):
            scene.do(events.append, f"test.{thread}.{number}", now=START)
        ended.append(thread)
        return []

    def follow() -> list[int]:
        seen, all_there = [0], False
        while not all_there:
            all_there = len(ended) == 4
            seen += [event.id for event in scene.see(events.after, seen[-1], 1000)]
        return seen[1:]

    followed = together(*(partial(append, thread) for thread in range(4)), follow, follow)

    everything = [event.id for event in scene.events()]
    assert len(everything) == 160
    assert followed[4:] == [everything, everything]
