"""Workers of a large fleet tell less often that they are alive, and are waited for the longer."""

from datetime import timedelta

import pytest

from balanza.dispatch import pace
from balanza.dispatch.pace import Pace
from balanza.dispatch.upkeep import Upkeep
from balanza.settings import Settings
from tests.dispatch.conftest import World


def test_a_fleet_tells_no_more_often_than_a_server_can_hear() -> None:
    settings = Settings(heartbeat_seconds=1, offline_after_seconds=5, lease_seconds=10)
    own = Pace(settings)
    own.set(pace.MOST_BEATS)
    assert (own.heartbeat_seconds, own.offline_after, own.lease_time) == (
        1,
        timedelta(seconds=5),
        timedelta(seconds=10),
    )

    own.set(5 * pace.MOST_BEATS)
    assert (own.heartbeat_seconds, own.offline_after, own.lease_time) == (
        5,
        timedelta(seconds=25),
        timedelta(seconds=50),
    )


def test_nobody_is_lost_when_most_of_a_large_fleet_goes() -> None:
    own = Pace(Settings())
    own.set(20 * pace.MOST_BEATS)
    heard_at, next_at = 0, own.heartbeat_seconds
    for second in range(120):
        own.set(1)
        if second >= next_at:
            heard_at, next_at = second, second + own.heartbeat_seconds
        assert second - heard_at < own.offline_after.total_seconds()
    assert own.heartbeat_seconds == 1


def test_a_worker_hears_of_the_pace_and_is_given_up_by_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MOST_BEATS", 1)
    world.join("a", "b", "c")
    Upkeep(world.desk)  # a server that starts beside a fleet keeps its pace from the first moment
    assert world.beat("a").heartbeat_seconds == 3 * world.desk.settings.heartbeat_seconds
    seconds = 0

    def passes_second(*heard: str) -> None:
        world.clock.pass_seconds(1)
        for letter in heard:
            world.beat(letter)
        world.upkeep.run_once()

    for _ in range(31):  # after its start a server waits for one lease time
        passes_second("a", "b", "c")
    while not world.worker("a").offline:
        passes_second("b", "c")
        seconds += 1

    assert seconds == 3 * world.desk.settings.offline_after_seconds + 1
    assert not world.worker("b").offline
