"""What stands between a worker and a job: first how the worker is, then what it lacks."""

from collections.abc import Callable, Collection
from datetime import datetime

from balanza.model import Needs, Obstacle, WhyNot, Worker


def why_not(worker: Worker, needs: Needs, *, now: datetime) -> WhyNot | None:
    """Why the worker cannot be given a job with these needs now; None when it can."""
    return _status(worker, now) or can_run(worker, needs)


def can_run(worker: Worker, needs: Needs) -> WhyNot | None:
    """What the worker lacks for it, however it is now; None when it lacks nothing.

    A worker that does not say how much scratch space it has is taken to have enough: a disk that is full fails the
    attempt, and the job goes elsewhere; holding it back would make it wait for ever.
    """
    return next((found for find in _LACKS if (found := find(worker, needs))), None)


def on_probation(worker: Worker, now: datetime) -> bool:
    """Its quarantine is over, and it has not completed a job since: it gets one at a time."""
    return worker.quarantined_until is not None and worker.quarantined_until <= now


def _status(worker: Worker, now: datetime) -> WhyNot | None:
    if worker.offline:
        return WhyNot(Obstacle.OFFLINE, "is offline")
    if worker.leaving:
        return WhyNot(Obstacle.LEAVING, "is leaving")
    if worker.draining:
        return WhyNot(Obstacle.DRAINING, "is draining")
    if worker.quarantined_until is not None and worker.quarantined_until > now:
        return WhyNot(Obstacle.QUARANTINED, f"is quarantined until {worker.quarantined_until:%H:%M:%S} UTC")
    if on_probation(worker, now) and worker.jobs_in_progress >= 1:
        return WhyNot(Obstacle.PROBATION, "gets one job at a time after its quarantine")
    return None


def _encoder(worker: Worker, needs: Needs) -> WhyNot | None:
    lacking = needs.encoders - worker.encoders
    return WhyNot(Obstacle.ENCODER, f"has no {_names('encoder', lacking)}") if lacking else None


def _tag(worker: Worker, needs: Needs) -> WhyNot | None:
    lacking = needs.tags - worker.tags
    return WhyNot(Obstacle.TAG, f"has no {_names('tag', lacking)}") if lacking else None


def _scratch(worker: Worker, needs: Needs) -> WhyNot | None:
    free = worker.scratch_free_bytes
    if free is None or free >= needs.scratch_bytes:
        return None
    clause = f"has {_size(free)} of scratch space free, the job needs about {_size(needs.scratch_bytes)}"
    return WhyNot(Obstacle.SCRATCH, clause)


_LACKS: tuple[Callable[[Worker, Needs], WhyNot | None], ...] = (_encoder, _tag, _scratch)


def _names(noun: str, names: Collection[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(sorted(names))}"


_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def _size(size_bytes: int) -> str:
    """In steps of a thousand, as disks are sold: `999 B`, `1.2 GB`."""
    value, step = float(size_bytes), 0
    while round(value, 1) >= 1000 and step < len(_UNITS) - 1:
        value, step = value / 1000, step + 1
    return f"{value:.1f} {_UNITS[step]}" if step else f"{size_bytes} B"
