"""How busy a worker is, as one number, and the word for it. Both formulas are the seed's."""

from enum import StrEnum


class WorkerStatus(StrEnum):
    IDLE = "idle"
    AVAILABLE = "available"
    BUSY = "busy"
    DRAINING = "draining"
    QUARANTINED = "quarantined"
    OFFLINE = "offline"


IDLE_UP_TO = 30
AVAILABLE_UP_TO = 60


def load_score(jobs_in_progress: int, cpu_load: float | None) -> int:
    """0..100. An unknown CPU load counts as full: a worker that cannot be measured must not look idle."""
    cpu = 1.0 if cpu_load is None else cpu_load
    return min(100, int(30 * jobs_in_progress + 50 * cpu))


def worker_status(score: int, *, draining: bool, offline: bool, quarantined: bool = False) -> WorkerStatus:
    """What a person has to know first wins: gone, then told to stop, then not trusted, then how busy it is."""
    if offline:
        return WorkerStatus.OFFLINE
    if draining:
        return WorkerStatus.DRAINING
    if quarantined:
        return WorkerStatus.QUARANTINED
    if score <= IDLE_UP_TO:
        return WorkerStatus.IDLE
    return WorkerStatus.AVAILABLE if score <= AVAILABLE_UP_TO else WorkerStatus.BUSY
