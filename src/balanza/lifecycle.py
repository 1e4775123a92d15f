"""The states of a job and the transitions between them: one table, and nothing that is not in it is possible."""

from enum import StrEnum
from typing import NamedTuple


class JobStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Action(StrEnum):
    """What can be done to a job; the same verbs name the dispatcher's methods and the store's functions."""

    LEASE = "lease"
    COMPLETE = "complete"
    RELEASE = "release"
    EXPIRE = "expire"
    FAIL_ATTEMPT = "fail_attempt"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"


class Transition(NamedTuple):
    action: Action
    sources: frozenset[JobStatus]
    target: JobStatus
    moved_by: str
    meaning: str


_PENDING = frozenset({JobStatus.PENDING})
_PROCESSING = frozenset({JobStatus.PROCESSING})

TRANSITIONS: tuple[Transition, ...] = (
    Transition(Action.LEASE, _PENDING, JobStatus.PROCESSING, "a worker", "takes the job and starts an attempt"),
    Transition(Action.COMPLETE, _PROCESSING, JobStatus.COMPLETED, "the worker", "publishes the result"),
    Transition(Action.RELEASE, _PROCESSING, JobStatus.PENDING, "the worker", "hands it back; no attempt is counted"),
    Transition(Action.EXPIRE, _PROCESSING, JobStatus.PENDING, "upkeep", "the lease ended; attempts remain"),
    Transition(Action.FAIL_ATTEMPT, _PROCESSING, JobStatus.PENDING, "the worker", "it failed; attempts remain"),
    Transition(Action.FAIL, _PROCESSING, JobStatus.FAILED, "the worker or upkeep", "the last attempt failed"),
    Transition(
        Action.CANCEL,
        _PENDING | _PROCESSING,
        JobStatus.CANCELLED,
        "a person or the server",
        "the running conversion is killed",
    ),
    Transition(
        Action.RETRY,
        frozenset({JobStatus.FAILED, JobStatus.CANCELLED}),
        JobStatus.PENDING,
        "a person",
        "grants a new set of attempts",
    ),
)

_BY_ACTION = {transition.action: transition for transition in TRANSITIONS}

LIVE = frozenset({JobStatus.PENDING, JobStatus.PROCESSING})


def sources_of(action: Action) -> frozenset[JobStatus]:
    """The states in which `action` is possible; the guard of its UPDATE."""
    return _BY_ACTION[action].sources


def target_of(action: Action) -> JobStatus:
    """The state in which `action` leaves a job."""
    return _BY_ACTION[action].target
