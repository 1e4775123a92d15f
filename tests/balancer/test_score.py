"""The load score and its words, against the seed's own figures."""

import pytest

from balanza.balancer.score import WorkerStatus, load_score, worker_status


@pytest.mark.parametrize(
    ("jobs", "cpu", "score"),
    [(0, 0.15, 7), (0, 0.12, 6), (2, 0.5, 85), (2, 0.45, 82), (0, 0.0, 0), (9, 1.0, 100)],
)
def test_the_load_score_is_the_seeds_formula(jobs: int, cpu: float, score: int) -> None:
    assert load_score(jobs, cpu) == score


def test_an_unknown_cpu_counts_as_full() -> None:
    assert load_score(0, None) == load_score(0, 1.0)


@pytest.mark.parametrize(
    ("score", "status"),
    [(0, "idle"), (30, "idle"), (31, "available"), (60, "available"), (61, "busy"), (100, "busy")],
)
def test_the_status_follows_the_score(score: int, status: str) -> None:
    assert worker_status(score, draining=False, offline=False) == status


def test_offline_and_draining_win_over_the_score() -> None:
    assert worker_status(0, draining=True, offline=False) is WorkerStatus.DRAINING
    assert worker_status(0, draining=True, offline=True) is WorkerStatus.OFFLINE


def test_quarantine_wins_over_the_score_and_loses_to_what_a_person_must_know_first() -> None:
    assert worker_status(0, draining=False, offline=False, quarantined=True) is WorkerStatus.QUARANTINED
    assert worker_status(0, draining=True, offline=False, quarantined=True) is WorkerStatus.DRAINING
    assert worker_status(0, draining=False, offline=True, quarantined=True) is WorkerStatus.OFFLINE
