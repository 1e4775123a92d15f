import random
from math import exp

import pytest

from balanza.balancer.prediction import Speeds


def _taught(speeds: Speeds, *samples: tuple[str, str, float, float]) -> Speeds:
    for worker_id, kind, guess, seconds in samples:
        speeds = Speeds({**speeds.learned, **speeds.after(worker_id, kind, guess, seconds)})
    return speeds


def test_before_the_first_sample_the_guess_holds() -> None:
    assert Speeds().usual_seconds("mp3", 8.0) == 8.0
    assert Speeds().seconds_on("worker_a", "mp3", 8.0) == 8.0


def test_the_first_sample_tells_of_the_work_and_not_of_its_worker() -> None:
    speeds = _taught(Speeds(), ("worker_a", "mp3", 10.0, 40.0))
    assert speeds.usual_seconds("mp3", 10.0) == pytest.approx(40)
    assert speeds.slowness("worker_a") == pytest.approx(1)


def test_it_finds_the_factor_of_a_kind_of_work_in_noise() -> None:
    chance = random.Random(7)
    speeds = Speeds()
    for _ in range(200):
        guess = chance.uniform(1, 100)
        speeds = _taught(speeds, ("worker_a", "mp3", guess, guess * 3 * exp(chance.gauss(0, 0.3))))
    assert speeds.usual_seconds("mp3", 10.0) == pytest.approx(30.0, rel=0.25)


def test_a_slow_worker_is_known_by_every_kind_of_work() -> None:
    speeds = Speeds()
    for _ in range(30):
        speeds = _taught(speeds, ("fast", "mp3", 10, 10), ("slow", "mp3", 10, 40))
    assert speeds.seconds_on("slow", "mp3", 10) / speeds.seconds_on("fast", "mp3", 10) == pytest.approx(4, rel=0.15)
    assert speeds.slowness("slow", "flac") / speeds.slowness("fast", "flac") > 2.5


def test_one_attempt_that_hung_says_little() -> None:
    speeds = _taught(Speeds(), *[("worker_a", "mp3", 10.0, 10.0)] * 10)
    assert _taught(speeds, ("worker_a", "mp3", 10.0, 100_000.0)).usual_seconds("mp3", 10.0) < 12


@pytest.mark.parametrize("seconds", [1e-6, 1e7], ids=["a file that claims to be long", "a computer that slept"])
def test_a_first_attempt_that_was_far_off_is_soon_forgotten(seconds: float) -> None:
    speeds = _taught(Speeds(), ("worker_a", "mp3", 10.0, seconds))
    speeds = _taught(speeds, *[("worker_a", "mp3", 10.0, 10.0)] * 6)
    assert 4 < speeds.usual_seconds("mp3", 10.0) < 25
    assert 4 < speeds.seconds_on("worker_a", "mp3", 10.0) < 25


def test_a_machine_that_changes_is_learned_anew() -> None:
    speeds = _taught(Speeds(), *[("worker_a", "mp3", 10.0, 10.0)] * 100)
    speeds = _taught(speeds, *[("worker_a", "mp3", 10.0, 80.0)] * 40)
    assert speeds.seconds_on("worker_a", "mp3", 10.0) == pytest.approx(80, rel=0.2)


def test_no_time_is_no_reason_to_fail() -> None:
    assert _taught(Speeds(), ("worker_a", "mp3", 0.0, 0.0)).usual_seconds("mp3", 0.0) > 0
