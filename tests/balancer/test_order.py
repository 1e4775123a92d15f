from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from balanza.balancer.order import Head, Order, Rule, first_of, in_order, is_guards_turn, joined_at, order_key, rule_of


def _head(job_id: str, *, priority: int = 50, served: float = 0.0, key: float = 1.0, seq: int = 1) -> Head:
    return Head(job_id, seq, "ana", priority, served, key)


def test_priority_comes_before_fair_share_and_that_before_length() -> None:
    urgent = _head("urgent", priority=60, served=900, key=900)
    poor = _head("poor", served=1, key=900)
    short = _head("short", served=2, key=1)
    assert first_of([short, poor, urgent]) == urgent
    assert first_of([short, poor]) == poor
    assert first_of([short, _head("shorter", served=2, key=0.5)]) == _head("shorter", served=2, key=0.5)
    assert first_of([]) is None


def test_equals_run_in_order_of_arrival() -> None:
    assert first_of([_head("second", seq=2), _head("first", seq=1)]) == _head("first", seq=1)


def test_what_decided_is_told() -> None:
    urgent, poor, rich = _head("urgent", priority=60), _head("poor", served=1), _head("rich", served=2)
    assert rule_of(Order.BALANCED, urgent, [urgent, poor, rich]) is Rule.PRIORITY
    assert rule_of(Order.BALANCED, poor, [poor, rich]) is Rule.FAIR_SHARE
    assert rule_of(Order.BALANCED, poor, [poor]) is Rule.SHORTEST
    assert rule_of(Order.LPT, poor, [poor]) is Rule.LONGEST
    assert rule_of(Order.FIFO, poor, [poor]) is Rule.ARRIVAL


def test_every_tenth_dispatch_is_the_guards() -> None:
    assert [count for count in range(30) if is_guards_turn(count)] == [9, 19, 29]


def test_no_credit_is_saved_up_while_away() -> None:
    assert joined_at(5, [100, 80]) == 80
    assert joined_at(90, [80]) == 90
    assert joined_at(5, []) == 5


@given(st.lists(st.floats(0.01, 1e6), min_size=2, max_size=20))
def test_a_batch_stands_at_its_mean_and_runs_the_longest_first(lengths: list[float]) -> None:
    mean = sum(lengths) / len(lengths)
    keys = [order_key(Order.BALANCED, length, arrived_at=0, batch_mean_seconds=mean) for length in lengths]
    assert all(abs(key - mean) <= 0.002 * mean for key in keys)
    for length, key in zip(lengths, keys, strict=True):
        for other, other_key in zip(lengths, keys, strict=True):
            assert key <= other_key or length <= other * (1 + 1e-6) + 1e-3


def test_orders_of_a_whole_server() -> None:
    assert order_key(Order.BALANCED, 3, arrived_at=2) < order_key(Order.BALANCED, 9, arrived_at=1)
    assert order_key(Order.LPT, 9, arrived_at=2) < order_key(Order.LPT, 3, arrived_at=1)
    assert order_key(Order.FIFO, 9, arrived_at=1) < order_key(Order.FIFO, 3, arrived_at=2)


def test_the_whole_order_is_that_of_one_dispatch_after_the_other() -> None:
    flood = [replace(_head(f"flood {n}", seq=n), share="flood", order_key=5) for n in range(3)]
    guest = [replace(_head("guest", seq=9), share="guest", order_key=90, served_seconds=1)]
    urgent = [replace(_head("urgent", seq=10, priority=60), share="flood")]
    ids = [one.job_id for one in [*flood, *guest, *urgent]]

    assert in_order([*flood, *guest, *urgent], dict.fromkeys(ids, 5.0)) == [
        "urgent",
        "guest",
        "flood 0",
        "flood 1",
        "flood 2",
    ]
    assert in_order([], {}) == []
