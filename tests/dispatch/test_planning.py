"""Which pending job a worker gets next, of all that there are; when one is paused for it; what is done together."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Barrier, BrokenBarrierError
from typing import TypeVar

import pytest
from sqlalchemy import Connection, text

from balanza.balancer.order import GUARD_EVERY, Rule, first_of
from balanza.dispatch import forecasts, placing
from balanza.dispatch.dispatcher import Dispatcher, Submission
from balanza.dispatch.placing import put_in_order
from balanza.dispatch.planning import Plan
from balanza.errors import InvalidRequest, NotFound, QuotaExceeded
from balanza.lifecycle import JobStatus
from balanza.model import Job, Reason
from balanza.protocol import Failure, LeaseGrant, LeaseReport, LeaseRequest
from balanza.simulate.pending import PendingJob, PendingJobs
from balanza.store import fairness, jobs, next_jobs, speeds, workers
from balanza.store.postgresql import Postgresql
from balanza.store.sqlite import Sqlite
from tests.dispatch.conftest import SONG, World
from tests.store.scene import a_job

T = TypeVar("T")

TO_MP3 = Submission("", "mp3", {})


def put(
    world: World,
    job_id: str,
    seconds: float,
    *,
    share: str = "ana",
    priority: int = 50,
    worker: str | None = None,
    work: str = "mp3",
) -> str:
    """A pending job of that length."""
    new = replace(
        a_job(job_id, worker and f"worker_{worker}", source_id=world.source),
        priority=priority,
        work=work,
        guess_seconds=seconds,
        predicted_seconds=seconds,
        share=share,
        order_key=seconds,
        created_at=world.clock.now,
        output_format="mp3",
    )
    world.desk.database.write(lambda tx: jobs.submit(tx, new))
    return job_id


@pytest.fixture(autouse=True)
def source(world: World) -> None:
    world.source = world.song().id


def order_of(world: World, letter: str = "a", most: int = 100) -> list[str]:
    """What the worker gets, one after the other."""
    taken: list[str] = []
    while len(taken) < most and (grant := world.lease(letter)):
        taken.append(grant.job_id)
        world.finish(grant)
    return taken


def ask_beside(world: World, letter: str, grant: LeaseGrant, remaining: float) -> LeaseGrant | None:
    return world.fleet.lease(
        LeaseRequest(worker_id=f"worker_{letter}", instance="first", pauses=grant.token, remaining_seconds=remaining)
    )


def test_the_shortest_runs_first_wherever_it_is_assigned(world: World) -> None:
    world.join("a", "b")
    world.submit_to("b")
    busy = world.granted("b")
    put(world, "long", 90, worker="a")
    put(world, "middle", 50)
    put(world, "short", 20, worker="b")

    assert [world.granted("a").job_id] == ["short"]

    stolen = world.decisions("short")[-1]
    assert (stolen.reason, stolen.source, stolen.decision.rule) == (Reason.STOLEN, "worker_b", "shortest")
    world.finish(busy)
    general = world.granted("b")
    assert (general.job_id, general.was_assigned) == ("middle", False)


def test_what_is_next_comes_to_the_head_of_an_own_queue_that_is_not_empty(world: World) -> None:
    world.join("a")
    put(world, "long", 90, worker="a")
    put(world, "short", 2)

    grant = world.granted("a")

    assert (grant.job_id, grant.was_assigned) == ("short", True)
    assert world.queue("a") == ["long"]


def test_priority_comes_first_then_who_was_served_least(world: World) -> None:
    world.join("a")
    for number in range(3):
        put(world, f"flood-{number}", 5 + number, share="ana")
    put(world, "urgent", 500, share="ana", priority=60)
    put(world, "guest", 30, share="berta")

    assert order_of(world) == ["urgent", "guest", "flood-0", "flood-1", "flood-2"]


def test_who_comes_later_starts_where_the_others_are(world: World) -> None:
    world.join("a")
    for number in range(4):
        put(world, f"flood-{number}", 5 + number, share="ana")
    assert order_of(world, most=1) == ["flood-0"]
    put(world, "guest", 100, share="berta")

    assert order_of(world) == ["flood-1", "guest", "flood-2", "flood-3"]


@pytest.mark.parametrize(
    ("cut_short", "served"),
    [
        (lambda world, grant: world.fleet.release(grant.token), 0),
        (lambda world, grant: world.let_pass(25), 0),
        (lambda world, grant: world.join("a", instance="second"), 0),
        (lambda world, grant: world.dispatcher.cancel(grant.job_id), 80),
        (lambda world, grant: world.fleet.fail(grant.token, Failure(error="It broke.")), 100),
        (lambda world, grant: world.finish(grant), 100),
    ],
    ids=["handed back", "its worker fell silent", "its worker was restarted", "cancelled", "failed", "completed"],
)
def test_what_was_cut_short_is_not_counted_as_served(
    world: World, cut_short: Callable[[World, LeaseGrant], object], served: float
) -> None:
    world.join("a")
    put(world, "film", 100)
    put(world, "waiting", 200)
    grant = world.granted("a")
    world.clock.pass_seconds(90)
    world.beat("a", LeaseReport(token=grant.token, progress=5, paused_seconds=10))

    cut_short(world, grant)

    assert world.desk.database.read(fairness.served_seconds) == {"ana": served}


def test_every_tenth_dispatch_is_the_oldest_job(world: World) -> None:
    world.join("a")
    put(world, "old", 1000, priority=0)
    for number in range(2 * GUARD_EVERY):
        put(world, f"short-{number:02}", 1 + number)

    taken = order_of(world, most=GUARD_EVERY)

    assert taken == [*(f"short-{number:02}" for number in range(GUARD_EVERY - 1)), "old"]


def test_what_is_done_together_does_not_pass_the_guards_turn(world: World) -> None:
    world.join("a")
    put(world, "old", 1000)
    for number in range(40):
        put(world, f"tiny-{number:02}", 0.1)
    taken = []

    for _ in range(GUARD_EVERY):
        grant = world.fleet.lease(LeaseRequest(worker_id="worker_a", instance="first", most=2))
        assert grant is not None
        taken.append(grant.job_id)
        for one in (grant, *grant.companions):
            world.finish(one)

    assert taken[-1] == "old"


def test_what_is_given_in_a_pause_does_not_pass_the_guards_turn(world: World) -> None:
    world.join("a")
    put(world, "film", 1000, priority=100)
    film = world.granted("a")
    put(world, "old", 900)
    for number in range(GUARD_EVERY + 3):
        put(world, f"clip-{number:02}", 3)
    for _ in range(GUARD_EVERY):
        short = ask_beside(world, "a", film, remaining=1000)
        assert short is not None
        world.finish(short)
    world.finish(film)

    assert world.granted("a").job_id == "old"


def test_of_equally_long_jobs_an_own_one_comes_first_then_one_of_nobody(world: World) -> None:
    world.join("a", "b")
    world.submit_to("b")
    world.granted("b")
    put(world, "theirs", 10, worker="b")
    put(world, "nobodys", 10)
    put(world, "own", 10, worker="a")

    assert order_of(world) == ["own", "nobodys", "theirs"]


def test_a_short_job_is_given_beside_a_long_one_that_is_paused_for_it(world: World) -> None:
    world.join("a")
    put(world, "film", 1000)
    film = world.granted("a")
    put(world, "clip", 3, worker="a")
    assert world.lease("a") is None
    assert ask_beside(world, "a", film, remaining=11) is None

    clip = ask_beside(world, "a", film, remaining=13)

    assert clip is not None
    assert (clip.job_id, clip.pauses) == ("clip", film.token)
    worker = world.worker("a")
    assert (worker.running_jobs, worker.sharing_jobs, worker.taken_slots) == (2, 1, 1)
    put(world, "another", 1)
    assert ask_beside(world, "a", clip, remaining=100) is None
    assert ask_beside(world, "a", film, remaining=100) is None
    world.beat("a", LeaseReport(token=film.token, progress=5, paused=True, paused_seconds=2))
    assert (world.job("film").paused, world.job("film").paused_seconds) == (True, 2)
    world.finish(clip)
    assert world.worker("a").sharing_jobs == 0


def test_who_holds_fewer_slots_need_not_wait_for_a_flood_to_end(world: World) -> None:
    world.join("a", "b")
    for letter in "ab":
        put(world, f"flood-{letter}", 100, share="ana")
    flood = {letter: world.granted(letter) for letter in "ab"}
    put(world, "more-of-it", 60, share="ana")
    put(world, "guest", 60, share="berta", worker="b")
    assert ask_beside(world, "a", flood["a"], remaining=100) is None, (
        "it would be paused for more than half of its time"
    )
    world.clock.pass_seconds(50)

    guest = ask_beside(world, "a", flood["a"], remaining=50)

    assert guest is not None
    assert (guest.job_id, guest.pauses) == ("guest", flood["a"].token)
    assert world.decisions("guest")[-1].decision.rule == "fair_share"
    put(world, "second-guest", 60, share="berta")
    assert ask_beside(world, "b", flood["b"], remaining=50) is None, "each of them has one slot"


def test_the_slots_of_what_is_paused_are_not_counted(world: World) -> None:
    world.join("a", "b", "c")
    for letter in "abc":
        put(world, f"flood-{letter}", 1000, share="ana")
    flood = {letter: world.granted(letter) for letter in "abc"}
    world.clock.pass_seconds(100)
    for number in range(2):
        put(world, f"clip-{number}", 1, share="carla")
    for letter in "ab":
        assert ask_beside(world, letter, flood[letter], remaining=900) is not None
        world.beat(letter, LeaseReport(token=flood[letter].token, progress=10, paused=True, paused_seconds=1))
    put(world, "guest", 60, share="berta")
    assert ask_beside(world, "c", flood["c"], remaining=100) is None

    world.beat("a", LeaseReport(token=flood["a"].token, progress=10, paused=False, paused_seconds=2))
    guest = ask_beside(world, "c", flood["c"], remaining=100)
    assert guest is not None
    assert guest.job_id == "guest"


def test_what_is_about_to_be_paused_holds_no_slot_either(world: World) -> None:
    world.join("a", "b", "c")
    for letter in "abc":
        put(world, f"film-{letter}", 300, share="ana")
    films = {letter: world.granted(letter) for letter in "abc"}
    world.clock.pass_seconds(100)
    for number in range(2):
        put(world, f"guest-{number}", 60, share="berta")

    first = ask_beside(world, "a", films["a"], remaining=200)

    assert first is not None
    assert world.job("film-a").paused
    assert ask_beside(world, "b", films["b"], remaining=200) is None, "it would leave ana one slot, and berta two"
    world.finish(first)
    world.beat("a", LeaseReport(token=films["a"].token, progress=40, paused=False, paused_seconds=60))
    assert not world.job("film-a").paused
    assert ask_beside(world, "b", films["b"], remaining=200) is not None


def test_nothing_of_a_higher_priority_is_paused_for_who_holds_fewer_slots(world: World) -> None:
    world.join("a", "b")
    for letter in "ab":
        put(world, f"urgent-{letter}", 100, share="ana", priority=60)
    urgent = {letter: world.granted(letter) for letter in "ab"}
    world.clock.pass_seconds(50)
    put(world, "guest", 40, share="berta")
    assert ask_beside(world, "a", urgent["a"], remaining=50) is None

    put(world, "urgent-guest", 40, share="berta", priority=60)
    assert ask_beside(world, "a", urgent["a"], remaining=50) is not None


def test_what_a_conversion_says_of_its_remainder_counts_as_it_advances(world: World) -> None:
    """An encoder that has just begun, on a busy machine, tells of five times the time that it will take."""
    world.join("a")
    world.desk.database.write(lambda tx: speeds.save(tx, {("", "mp3"): (0.0, 3)}))
    put(world, "film", 100)
    film = world.granted("a")
    put(world, "as-long", 100)
    world.beat("a", LeaseReport(token=film.token, progress=1))
    assert ask_beside(world, "a", film, remaining=500) is None

    world.beat("a", LeaseReport(token=film.token, progress=90))
    assert ask_beside(world, "a", film, remaining=500) is not None


def test_nothing_is_paused_while_a_slot_is_free_or_for_a_lease_of_somebody_else(world: World) -> None:
    world.join("a", slots=2)
    world.join("b")
    put(world, "film", 1000)
    film = world.granted("a")
    put(world, "clip", 3, worker="a")

    assert ask_beside(world, "a", film, remaining=1000) is None
    world.granted("a")
    put(world, "second-clip", 1)
    assert ask_beside(world, "b", film, remaining=1000) is None


def test_nothing_is_paused_for_a_job_that_nobody_has_predicted(world: World) -> None:
    world.join("a")
    put(world, "film", 1000)
    film = world.granted("a")
    put(world, "of-an-older-version", 0, work="")

    assert ask_beside(world, "a", film, remaining=1000) is None


def test_on_probation_nothing_is_done_together(world: World) -> None:
    world.join("a")
    until = world.clock.now
    world.desk.database.write(
        lambda tx: workers.set_quarantine(tx, "worker_a", until=until, reason="It failed.", now=until)
    )
    world.clock.pass_seconds(1)
    for number in range(4):
        put(world, f"tiny-{number}", 0.1)

    grant = world.fleet.lease(LeaseRequest(worker_id="worker_a", instance="first", most=8))

    assert grant is not None
    assert not grant.companions


def test_tiny_jobs_of_one_kind_are_given_together_and_something_is_left_for_others(world: World) -> None:
    world.join("a")
    for number in range(40):
        put(world, f"tiny-{number:02}", 0.1 + number / 1000)
    request = LeaseRequest(worker_id="worker_a", instance="first", most=8)
    alone = world.fleet.lease(request)
    assert alone is not None
    assert not alone.companions, "nobody has seen yet how long such work takes"
    world.fleet.release(alone.token)
    world.desk.database.write(lambda tx: speeds.save(tx, {("", "mp3"): (0.0, 3)}))
    world.clock.pass_seconds(10)  # until it is read anew
    put(world, "video", 0.1005, work="mp4")

    grant = world.fleet.lease(request)

    assert grant is not None
    together = [grant, *grant.companions]
    assert len(together) == 8
    assert {one.output_format for one in together} == {"mp3"}
    worker = world.worker("a")
    assert (worker.running_jobs, worker.taken_slots) == (8, 1)
    assert all(one.attempt == 1 and not one.companions for one in grant.companions)
    for one in together:
        world.finish(one)
    assert (world.worker("a").running_jobs, world.worker("a").sharing_jobs) == (0, 0)
    assert world.desk.database.read(speeds.load) == {("", "mp3"): (0.0, 3)}


def test_what_was_not_as_tiny_as_it_seemed_is_learned_though_it_ran_with_others(world: World) -> None:
    world.join("a")
    world.desk.database.write(lambda tx: speeds.save(tx, {("", "mp3"): (0.0, 3)}))
    for number in range(20):
        put(world, f"tiny-{number:02}", 0.1)
    request = LeaseRequest(worker_id="worker_a", instance="first", most=2)
    grant = world.fleet.lease(request)
    assert grant is not None
    done = world.write_result(grant).model_copy(update={"run_seconds": 5.0})
    world.fleet.complete(grant.token, done)

    world.clock.pass_seconds(10)
    known = world.desk.database.read(lambda tx: world.desk.predictions.speeds(tx, world.clock.now))
    assert known.usual_seconds("mp3", 0.1) > 0.13


def test_what_ran_is_learned_without_its_pauses_and_its_way(world: World) -> None:
    world.join("a")
    put(world, "job", 10)
    grant = world.granted("a")
    world.clock.pass_seconds(37)
    done = world.write_result(grant).model_copy(update={"paused_seconds": 5.0, "transfer_seconds": 2.0})
    world.fleet.complete(grant.token, done)

    known = world.desk.database.read(lambda tx: world.desk.predictions.speeds(tx, world.clock.now))
    assert known.usual_seconds("mp3", 10) == pytest.approx(30)
    (attempt,) = world.desk.database.read(lambda tx: jobs.attempts_of(tx, "job"))
    assert (attempt.predicted_seconds, attempt.run_seconds) == (10, 30)


def test_an_attempt_that_failed_keeps_how_long_it_was_paused(world: World) -> None:
    world.join("a")
    put(world, "job", 10)
    for told in (3.0, 0.0):  # an older worker says it in its heartbeats only
        grant = world.granted("a")
        world.beat("a", LeaseReport(token=grant.token, progress=5, paused_seconds=2))
        world.fleet.fail(grant.token, Failure(error="It broke.", paused_seconds=told))
    assert [attempt.paused_seconds for attempt in world.attempts("job")] == [3, 2]


def test_a_slow_worker_leaves_the_last_big_job_to_a_fast_one(world: World) -> None:
    world.join("a", "b")
    rows = {("worker_a", ""): (1.4, 50), ("worker_b", ""): (0.0, 50)}
    world.desk.database.write(lambda tx: speeds.save(tx, rows))
    put(world, "busy", 10, worker="b")
    world.granted("b")
    put(world, "big", 100, worker="a")

    answer = world.ask("a")

    assert (answer.grant, answer.look_again_seconds) == (None, 0.25)
    put(world, "small", 1, worker="a")
    assert world.granted("a").job_id == "small"


def test_a_slow_worker_takes_what_it_ends_within_a_second(world: World) -> None:
    world.join("a", "b")
    rows = {("worker_a", ""): (1.4, 50), ("worker_b", ""): (0.0, 50)}
    world.desk.database.write(lambda tx: speeds.save(tx, rows))
    put(world, "brief", 0.2, worker="a")

    assert world.granted("a").job_id == "brief", "the fast one is idle, and would have to be waited for"


def test_a_slow_worker_waits_for_a_fast_one_no_longer_than_it_would_need_itself(world: World) -> None:
    world.join("a", "b")
    rows = {("worker_a", ""): (1.4, 50), ("worker_b", ""): (0.0, 50)}
    world.desk.database.write(lambda tx: speeds.save(tx, rows))
    put(world, "endless", 1, worker="b")
    world.granted("b")
    put(world, "big", 10, worker="a")

    assert world.lease("a") is None
    world.clock.pass_seconds(30)
    assert world.lease("a") is None
    world.clock.pass_seconds(12)
    assert world.granted("a").job_id == "big"


def test_the_guards_turn_is_left_to_a_fast_worker_with_its_job(world: World) -> None:
    world.join("a", "b")
    rows = {("worker_a", ""): (1.4, 50), ("worker_b", ""): (0.0, 50)}
    world.desk.database.write(lambda tx: speeds.save(tx, rows))
    put(world, "busy", 10, worker="b")
    busy = world.granted("b")
    put(world, "big", 100, worker="a", priority=0)
    for _ in range(GUARD_EVERY):
        world.desk.dispatches.add(oldest=False)
    for number in range(4):
        put(world, f"small-{number}", 1, worker="a")

    assert world.granted("a").job_id.startswith("small")
    world.finish(busy)
    world.clock.pass_seconds(1)
    assert world.granted("b").job_id == "big"


def test_a_batch_for_the_least_total_time_runs_its_longest_first_and_is_made_whole(world: World) -> None:
    world.join("a", "b")
    lengths = {"short": 10.0, "long": 90.0, "middle": 50.0}
    ids = []
    for name, seconds in lengths.items():
        media = world.song(f"{name}.wav", probe=replace(SONG, duration_seconds=seconds))
        ids.append(media.id)

    made = world.dispatcher.submit_batch(ids, TO_MP3, longest_first=True)
    world.clock.pass_seconds(1)
    assert len({job.batch_id for job in made}) == 1
    assert made == [world.job(job.id) for job in made]
    names = {job.id: job.input_file.removesuffix(".wav") for job in made}
    assert [names[job_id] for job_id in order_of(world)] == ["long", "middle", "short"]
    stolen = next(job for job in made if job.assigned_worker == "worker_b")
    assert "longest" in {one.decision.rule for one in world.decisions(stolen.id)}
    world.fleet.leave("worker_b", "first")
    made = world.dispatcher.submit_batch(ids, TO_MP3, longest_first=False)
    names = {job.id: job.input_file.removesuffix(".wav") for job in made}
    assert [names[job_id] for job_id in order_of(world)] == ["short", "middle", "long"]
    with pytest.raises(NotFound):
        world.dispatcher.submit_batch([*ids, "nothing"], TO_MP3, longest_first=True)
    with pytest.raises(InvalidRequest, match="1 to 200 files"):
        world.dispatcher.submit_batch([], TO_MP3, longest_first=True)
    assert world.desk.database.read(fairness.pending_count) == 0


def test_a_batch_that_is_sent_again_makes_nothing_new(world: World) -> None:
    keyed = replace(TO_MP3, idempotency_key="key")
    sources = [world.song(f"{number}.wav").id for number in range(3)]
    made = world.dispatcher.submit_batch(sources, keyed, longest_first=True)
    world.submit()  # between it and its repetition

    assert world.dispatcher.submit_batch(sources, keyed, longest_first=True) == made
    for other, longest_first in ((sources, False), (sources[::-1], True), (sources[:1], True)):
        with pytest.raises(InvalidRequest, match="was used for a different request"):
            world.dispatcher.submit_batch(other, keyed, longest_first=longest_first)
    with pytest.raises(InvalidRequest, match="was used for a different request"):
        world.dispatcher.submit(replace(keyed, source=sources[0]))


def test_a_quota_counts_the_whole_batch(world: World) -> None:
    limited = Dispatcher(replace(world.desk, settings=world.desk.settings.model_copy(update={"quota_jobs": 2})))
    with pytest.raises(QuotaExceeded):
        limited.submit_batch([world.source] * 3, TO_MP3, longest_first=False)


def test_another_order_places_anew_what_is_pending(world: World) -> None:
    world.join("a")
    for number, seconds in enumerate((50, 90, 10)):
        put(world, f"job-{number}", seconds, share=f"share-{number}")
    lpt = replace(world.desk, settings=world.desk.settings.model_copy(update={"order": "lpt"}))

    assert put_in_order(lpt) == 3
    assert put_in_order(lpt) == 0

    heads = world.desk.database.read(lambda tx: next_jobs.heads(tx, planning_taker(world), 5))
    assert [job.id for job, _ in heads] == ["job-1"]
    assert world.desk.database.read(fairness.pending_count) == 3


def test_a_batch_keeps_no_place_in_another_order_of_everybody(world: World) -> None:
    world.join("a")
    desks = [
        replace(world.desk, settings=world.desk.settings.model_copy(update={"order": order}))
        for order in ("fifo", "lpt")
    ]
    (job,) = Dispatcher(desks[0]).submit_batch([world.source], TO_MP3, longest_first=True)

    assert put_in_order(desks[1]) == 1
    assert world.job(job.id).order_key == -job.predicted_seconds


def test_what_a_server_of_an_older_version_submits_is_found(world: World) -> None:
    world.join("a")
    put(world, "uncounted", 0, share="", work="")
    world.desk.database.write(lambda tx: tx.execute(text("UPDATE fair_shares SET pending = 0")))
    assert world.lease("a") is None

    world.upkeep.run_once()

    assert world.granted("a").job_id == "uncounted"
    assert world.desk.database.read(fairness.pending_count) == 0
    put(world, "cancelled", 0)
    world.desk.database.write(lambda tx: tx.execute(text("UPDATE fair_shares SET pending = 0")))
    world.dispatcher.cancel("cancelled")
    assert world.desk.database.read(fairness.pending_count) == 0


def planning_taker(world: World) -> next_jobs.Taker:
    return next_jobs.Taker("worker_a", jobs.Ability((), 2**62), world.clock.now)


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_and_the_simulators_memory_agree_on_who_is_next(world: World, seed: int) -> None:
    chance = random.Random(seed)
    world.join("a", slots=50)
    memory = PendingJobs()
    for number in range(40):
        seconds, share, priority = chance.choice([1, 2, 3.5]), chance.choice("xyz"), chance.choice([50, 50, 60])
        put(world, f"job-{number:02}", seconds, share=share, priority=priority)
        job = world.job(f"job-{number:02}")
        memory.add(PendingJob(job.id, job.seq, job.share, job.priority, job.order_key))
    taker, taken = planning_taker(world), []
    for _ in range(25):
        (job, _), *_ = world.desk.database.read(lambda tx: next_jobs.heads(tx, taker, 2))
        oldest = world.desk.database.read(lambda tx: next_jobs.oldest(tx, taker))
        expected, first = first_of(memory.heads()), memory.oldest()
        assert (expected and expected.job_id, first and first.job_id) == (job.id, oldest and oldest.id)
        taken.append(job.id)
        memory.remove(job.id)
        memory.serve(job.share, job.predicted_seconds)
        world.desk.dispatches.count = 0  # never the guard's turn
        assert world.granted("a").job_id == job.id
    assert len(set(taken)) == 25


def test_pending_jobs_are_foretold_in_their_order(world: World) -> None:
    world.join("a")
    put(world, "running", 40)
    grant = world.granted("a")
    world.beat("a", LeaseReport(token=grant.token, progress=50, eta_seconds=20))
    put(world, "second", 30)
    put(world, "first", 10)

    found = [world.job(job_id) for job_id in ("running", "first", "second")]
    expected = world.desk.database.read(lambda tx: world.desk.forecasts.of(tx, found, world.clock.now))

    assert [(one.start_seconds, one.end_seconds) for one in expected.values()] == [(0, 20), (20, 30), (30, 60)]
    assert {job.status for job in found} == {JobStatus.PROCESSING, JobStatus.PENDING}


def starts_of(world: World, *job_ids: str) -> list[float]:
    """In how many seconds each is expected to start."""
    world.clock.pass_seconds(2)
    found = [world.job(job_id) for job_id in job_ids]
    expected = world.desk.database.read(lambda tx: world.desk.forecasts.of(tx, found, world.clock.now))
    return [expected[job_id].start_seconds for job_id in job_ids]


def test_of_more_jobs_than_are_foretold_the_first_of_each_owner_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forecasts, "LOOKED_AT", 4)
    world.join("a")
    for number in range(6):
        put(world, f"flood-{number}", 10 + number)
    put(world, "guest", 30, share="zoe")
    put(world, "urgent", 5, share="zoe", priority=60)

    assert starts_of(world, "urgent", "flood-0", "guest", "flood-1") == [0, 5, 15, 45]
    last = world.job("flood-5")
    told = world.desk.database.read(lambda tx: world.desk.forecasts.of(tx, [last], world.clock.now))
    assert not told


def test_a_short_job_is_foretold_in_the_pause_of_a_long_one_where_those_are_offered(world: World) -> None:
    world.join("a")
    put(world, "film", 400)
    film = world.granted("a")
    world.beat("a", LeaseReport(token=film.token, progress=5, eta_seconds=380))
    put(world, "short", 4)
    assert starts_of(world, "short") == [380], "nobody knows that its worker pauses anything"

    short = ask_beside(world, "a", film, 380)
    assert short is not None
    world.beat("a", LeaseReport(token=film.token, progress=5, eta_seconds=380, paused=True, paused_seconds=1))
    put(world, "next", 4)
    put(world, "middle", 100)
    assert starts_of(world, "next", "middle") == [2, 386], "the one beside has 2 s left; the next puts off the film too"

    world.clock.pass_seconds(15)
    assert starts_of(world, "next") == [380], "it offers none any more"


def test_a_slot_is_free_when_what_is_paused_has_ended_and_what_it_is_paused_for(world: World) -> None:
    world.join("a")
    put(world, "film", 400)
    film = world.granted("a")
    put(world, "clip", 40)
    clip = ask_beside(world, "a", film, 380)
    assert clip is not None
    put(world, "next", 90)
    paused = LeaseReport(token=film.token, progress=5, eta_seconds=380, paused=True, paused_seconds=1)
    world.beat("a", paused, LeaseReport(token=clip.token, progress=25, eta_seconds=30))
    world.clock.pass_seconds(15)  # no longer one that offers pauses

    assert starts_of(world, "next") == [410]


def test_no_pause_is_foretold_when_the_longest_come_first(world: World) -> None:
    desk = replace(world.desk, settings=world.desk.settings.model_copy(update={"order": "lpt"}))
    world = World(desk, world.clock, source=world.source)
    world.join("a")
    put(world, "film", 400)
    film = world.granted("a")
    world.beat("a", LeaseReport(token=film.token, progress=5, eta_seconds=380))
    put(world, "short", 4)

    assert ask_beside(world, "a", film, 380) is None
    assert starts_of(world, "short") == [380]


def test_a_job_is_left_only_to_a_worker_that_can_run_it(world: World) -> None:
    world.join("a", tags=["gpu"])
    world.join("b")
    world.desk.database.write(lambda tx: speeds.save(tx, {("worker_a", ""): (1.4, 50), ("worker_b", ""): (0.0, 50)}))
    wanting = world.submit(world.source, tags=["gpu"])

    assert world.granted("a").job_id == wanting.id


def test_several_are_taken_as_they_were_planned_or_not_at_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.join("a", "b")
    world.desk.database.write(lambda tx: speeds.save(tx, {("", "mp3"): (0.0, 3)}))
    for number in range(9):
        put(world, f"tiny-{number}", 0.1 + number / 1000)
    write, moved = world.desk.database.write, list[str]()

    def after_a_move(operation: Callable[[Connection], T]) -> T:
        if not moved:
            moved.append("tiny-0")
            write(lambda tx: jobs.assign(tx, moved, "worker_b", now=world.clock.now))
        return write(operation)

    monkeypatch.setattr(world.desk.database, "write", after_a_move)
    grant = world.fleet.lease(LeaseRequest(worker_id="worker_a", instance="first", most=8))

    assert grant is not None
    assert "tiny-0" not in {one.job_id for one in (grant, *grant.companions)}
    assert len(grant.companions) > 1
    assert world.worker("a").taken_slots == 1


def test_a_lease_with_a_move_and_one_without_do_not_wait_in_a_circle(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(world.desk.database._kind, Sqlite):
        return  # which has one writer
    world.join("a", "b", "c")
    put(world, "of another", 5, worker="b")
    put(world, "own", 6, worker="c")
    world.clock.pass_seconds(5)
    once, serve, met, failed = Postgresql._write_once, fairness.serve, Barrier(2), list[Exception]()

    def noted(kind: Postgresql, operation: Callable[[Connection], T]) -> T:
        try:
            return once(kind, operation)
        except Exception as error:
            failed.append(error)
            raise

    def slow(tx: Connection, dispatched: Sequence[Job]) -> None:
        """Both are in the middle of it, if they can be at once."""
        if dispatched[0].worker_id == "worker_c":
            serve(tx, dispatched)
        with suppress(BrokenBarrierError):
            met.wait(0.5)
        if dispatched[0].worker_id != "worker_c":
            serve(tx, dispatched)

    monkeypatch.setattr(Postgresql, "_write_once", noted)
    monkeypatch.setattr(fairness, "serve", slow)

    def lease(letter: str, job_id: str) -> int:
        plan = Plan(world.job(job_id), Rule.SHORTEST, 5)
        request = LeaseRequest(worker_id=f"worker_{letter}", instance="first")
        granted = world.desk.database.write(lambda tx: world.fleet._leasing._lease(tx, request=request, plan=plan))
        return len(granted.leases) if granted else 0

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lease, "ac", ["of another", "own"])) == [1, 1]
    assert not failed


def test_of_a_large_fleet_those_with_the_fewest_jobs_are_looked_at_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "SMALL_FLEET", 2)
    monkeypatch.setattr(placing, "LOOKED_AT", 2)
    world.join("a", "b", "c", slots=9)
    world.join("d", "e", encoders=("libmp3lame", "libopus"))
    world.submit_to("d", 2)
    world.submit_to("e", 3)

    assert {world.submit().assigned_worker for _ in range(3)} == {"worker_a", "worker_b", "worker_c"}
    opus = world.dispatcher.submit(Submission(world.song().id, "opus", {}))
    assert opus.assigned_worker == "worker_d"
    (told,) = world.decisions(opus.id)
    assert [one.worker_id for one in told.decision.candidates] == [f"worker_{letter}" for letter in "abcde"]
    world.clock.pass_seconds(4)  # nobody's load is known any more, but that of one who is busier
    world.beat("e")
    assert world.submit().assigned_worker == "worker_e"
