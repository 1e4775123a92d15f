"""The small rules of `balanza up`."""

from itertools import islice

from balanza.cli.children import Backoff
from balanza.cli.up import worker_names


def test_a_child_that_keeps_ending_is_started_ever_later_up_to_30_seconds() -> None:
    backoff = Backoff()
    assert [backoff.after(ran_seconds=0.1) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_child_that_ran_well_is_started_again_soon() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(ran_seconds=0.1)
    assert [backoff.after(ran_seconds=60), backoff.after(ran_seconds=0.1)] == [1, 2]


def test_workers_are_named_after_the_alphabet() -> None:
    names = list(islice(worker_names(), 29))
    assert names[:2] == ["worker_a", "worker_b"]
    assert names[25:] == ["worker_z", "worker_aa", "worker_ab", "worker_ac"]
