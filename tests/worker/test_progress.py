"""What is made of ffmpeg's reports: percent of what was asked, speed, time left."""

import pytest

from balanza.media.ffmpeg import Progress
from balanza.worker.progress import ProgressMeter


def meter(duration_seconds: float | None = 100.0, source_bytes: int = 1000) -> ProgressMeter:
    return ProgressMeter(duration_seconds=duration_seconds, source_bytes=source_bytes, started_at=50.0)


def test_percent_is_of_the_duration_asked_for() -> None:
    tested = meter()
    tested.update(Progress(out_time_seconds=25.0, speed=5.0), now=55.0)
    assert (tested.percent, tested.speed, tested.eta_seconds) == (25.0, 5.0, 15.0)


def test_percent_never_goes_back_nor_reaches_the_end() -> None:
    tested = meter()
    seen = []
    for out_time in (10.0, 30.0, 20.0, None, 100.0, 140.0):
        tested.update(Progress(out_time_seconds=out_time), now=60.0)
        seen.append(tested.percent)
    assert seen == [10.0, 30.0, 30.0, 30.0, 99.9, 99.9]
    assert tested.eta_seconds == 0.0


def test_speed_that_ffmpeg_does_not_say_is_measured() -> None:
    tested = meter()
    tested.update(Progress(out_time_seconds=20.0), now=60.0)
    assert (tested.speed, tested.eta_seconds) == (2.0, 40.0)


def test_speed_is_measured_once_there_was_a_pause_because_ffmpeg_counts_it() -> None:
    tested = meter()
    tested.update(Progress(out_time_seconds=20.0, speed=0.5), now=60.0, was_paused=True)
    assert (tested.speed, tested.eta_seconds) == (2.0, 40.0)


@pytest.mark.parametrize("out_time", [None, 0.0, -0.02])
def test_reports_before_the_first_picture_change_nothing(out_time: float | None) -> None:
    tested = meter()
    tested.update(Progress(out_time_seconds=out_time, speed=0.0), now=51.0)
    assert (tested.percent, tested.speed, tested.eta_seconds) == (0.0, None, None)


def test_without_a_duration_the_bytes_read_stand_for_it() -> None:
    tested = meter(duration_seconds=None)
    tested.update(Progress(out_time_seconds=7.0, speed=2.0), now=60.0)
    assert tested.percent == 0.0
    tested.update_from_input(250, now=60.0)
    assert (tested.percent, tested.speed, tested.eta_seconds) == (25.0, 2.0, 30.0)
    tested.update_from_input(4000, now=70.0)
    assert (tested.percent, tested.eta_seconds) == (99.9, 0.0)


def test_with_a_duration_the_bytes_read_say_nothing() -> None:
    tested = meter()
    tested.update_from_input(500, now=60.0)
    assert tested.percent == 0.0
