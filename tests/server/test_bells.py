"""Who waits is rung when something was committed; of many that wait for any work, some at a time."""

from contextlib import ExitStack

import pytest

from balanza.dispatch import signals
from balanza.dispatch.signals import Signals
from balanza.server.bells import MOST_ASKED, Bells

pytestmark = pytest.mark.anyio


async def test_of_many_workers_some_look_at_a_time_and_each_in_its_turn() -> None:
    bells = Bells(Signals())
    with ExitStack() as stack:
        waiting = [stack.enter_context(bells.listen(signals.ANY_WORK, f"work:{n}")) for n in range(2 * MOST_ASKED + 1)]
        rung = []
        for _ in range(3):
            bells._ring(signals.ANY_WORK)
            rung.append({number for number, bell in enumerate(waiting) if bell.is_set()})
            for bell in waiting:
                bell.clear()
        assert [len(some) for some in rung] == [MOST_ASKED] * 3
        assert set.union(*rung) == set(range(len(waiting)))
        bells._ring("work:7")
        assert [number for number, bell in enumerate(waiting) if bell.is_set()] == [7]


async def test_all_hear_of_events() -> None:
    bells = Bells(Signals())
    with ExitStack() as stack:
        waiting = [stack.enter_context(bells.listen(signals.EVENTS)) for _ in range(2 * MOST_ASKED)]
        bells._ring(signals.EVENTS)
        assert all(bell.is_set() for bell in waiting)
