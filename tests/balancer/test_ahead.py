"""Pausing, looking ahead and the forecast."""

from balanza.balancer.forecast import Expected, forecast
from balanza.balancer.lookahead import Slot, first_for, is_uneven
from balanza.balancer.pausing import has_room, is_short_beside, longest_pause, may_be_paused


def test_only_what_is_much_shorter_than_the_remainder_is_worth_a_pause() -> None:
    assert is_short_beside(2.4, 10)
    assert not is_short_beside(2.5, 10)


def test_a_job_is_not_paused_for_more_than_its_share() -> None:
    assert may_be_paused(paused_seconds=0, elapsed_seconds=0)
    assert may_be_paused(paused_seconds=54, elapsed_seconds=100)
    assert not may_be_paused(paused_seconds=56, elapsed_seconds=100)
    assert longest_pause(paused_seconds=20, elapsed_seconds=100) == 70
    assert may_be_paused(paused_seconds=90, elapsed_seconds=170)
    assert longest_pause(paused_seconds=60, elapsed_seconds=100) == 0


def test_no_pause_where_memory_is_short_or_unknown() -> None:
    assert has_room(700, 1000)
    assert not has_room(900, 1000)
    assert not has_room(None, 1000)
    assert not has_room(100, None)


def test_a_slow_worker_leaves_the_last_big_job_to_a_fast_one() -> None:
    slots = [Slot("fast", 10, 1), Slot("slow", 0, 4)]
    assert first_for("slow", slots, [100]) is None
    assert first_for("slow", slots, [2]) == 0


def test_it_takes_a_smaller_one_instead() -> None:
    slots = [Slot("fast", 10, 1), Slot("slow", 0, 4)]
    assert first_for("slow", slots, [100, 20]) == 1


def test_what_others_take_before_counts() -> None:
    slots = [Slot("fast", 0, 1), Slot("slow", 0, 4)]
    assert first_for("slow", slots, [10, 10, 10, 10, 10]) == 3
    assert first_for("fast", slots, [10]) == 0


def test_equal_workers_need_not_look_ahead() -> None:
    assert not is_uneven([Slot("one", 0, 1), Slot("other", 5, 1.4)])
    assert is_uneven([Slot("one", 0, 1), Slot("other", 5, 4)])
    assert not is_uneven([])


def test_pending_jobs_start_as_slots_come_free() -> None:
    slots = [Slot("worker_a", 5, 1), Slot("worker_b", 2, 2)]
    assert forecast(slots, [("one", 4), ("two", 1), ("three", 1)]) == {
        "one": Expected(2, 10),
        "two": Expected(5, 6),
        "three": Expected(6, 7),
    }
    assert forecast([], [("one", 4)]) == {}
