"""Pausing, looking ahead and the forecast."""

from balanza.balancer.forecast import MOST_PAUSES, Ahead, Expected, forecast
from balanza.balancer.lookahead import Slot, first_for, is_uneven
from balanza.balancer.pausing import has_room, is_owed_a_slot, is_short_beside, longest_pause, may_be_paused


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


def test_who_holds_fewer_slots_may_have_a_conversion_of_another_owner_paused_for_a_job_that_is_not_short() -> None:
    assert is_owed_a_slot(60, 15, held=0, held_by_other=2, pause_seconds=60)
    assert not is_owed_a_slot(60, 15, held=1, held_by_other=2, pause_seconds=60), "they would take it in turn"
    assert not is_owed_a_slot(61, 60, held=0, held_by_other=8, pause_seconds=60), "the conversion would go on beside it"
    assert not is_owed_a_slot(60, 14, held=0, held_by_other=8, pause_seconds=60), "the conversion has almost ended"


def test_no_pause_where_memory_is_short_or_unknown() -> None:
    assert has_room(300, 1000)
    assert not has_room(100, 1000)
    assert not has_room(None, 1000)
    assert not has_room(900, None)


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
    assert forecast(slots, [Ahead("one", 4), Ahead("two", 1), Ahead("three", 1)]) == {
        "one": Expected(2, 10),
        "two": Expected(5, 6),
        "three": Expected(6, 7),
    }
    assert forecast([], [Ahead("one", 4)]) == {}


def test_a_short_job_starts_in_a_pause_and_puts_off_the_end_of_the_long_one() -> None:
    slots = [Slot("worker_a", 40, 1, pause_in_seconds=0, pause_budget_seconds=10)]
    assert forecast(slots, [Ahead("short", 4), Ahead("next", 5), Ahead("long", 20, "berta")]) == {
        "short": Expected(0, 4),
        "next": Expected(4, 9),
        "long": Expected(49, 69),
    }


def test_a_pause_waits_until_the_long_one_has_run_for_its_share_of_the_time() -> None:
    slots = [Slot("worker_a", 40, 1, pause_in_seconds=2, pause_budget_seconds=6)]
    found = forecast(slots, [Ahead(f"short-{number}", 8) for number in range(3)])
    assert [one.start_seconds for one in found.values()] == [2, 12, 28]


def test_no_pause_is_foreseen_for_what_is_not_short_nor_for_what_stands_behind_it() -> None:
    slots = [Slot("worker_a", 40, 1, pause_in_seconds=0, pause_budget_seconds=100)]
    pending = [Ahead("middle", 10, "ana"), Ahead("behind", 1, "ana"), Ahead("other", 1, "berta")]
    found = forecast(slots, pending)
    assert {job_id: one.start_seconds for job_id, one in found.items()} == {"middle": 40, "behind": 50, "other": 51}
    assert forecast(slots, pending[::-1])["other"] == Expected(0, 1)


def test_what_remains_of_the_long_one_is_without_what_it_is_paused_for() -> None:
    slots = [Slot("worker_a", 80, 1, pause_in_seconds=40, pause_budget_seconds=100)]
    assert forecast(slots, [Ahead("not-short", 10)]) == {"not-short": Expected(80, 90)}
    assert forecast(slots, [Ahead("short", 9)]) == {"short": Expected(40, 49)}


def test_what_a_free_slot_begins_sooner_is_paused_for_nowhere() -> None:
    slots = [Slot("worker_a", 40, 1, pause_in_seconds=3, pause_budget_seconds=100), Slot("worker_b", 2, 1)]
    found = forecast(slots, [Ahead("one", 4), Ahead("two", 4)])
    assert [one.start_seconds for one in found.values()] == [2, 3]


def test_of_many_conversions_pauses_are_foreseen_in_those_that_run_longest() -> None:
    long = [Slot(f"long_{number}", 1000 + number, 1, pause_in_seconds=5) for number in range(MOST_PAUSES)]
    shorter = Slot("shorter", 900, 1, pause_in_seconds=0, pause_budget_seconds=100)
    assert forecast([shorter, *long[1:]], [Ahead("clip", 4)]) == {"clip": Expected(0, 4)}
    assert forecast([shorter, *long], [Ahead("clip", 4)]) == {"clip": Expected(5, 9)}
