"""Whether a running conversion is paused for a short job: the short one does not wait behind films. Pure.

A paused process keeps its memory and loses no work (SIGSTOP, SIGCONT). It is done when the short job is predicted to
take less than a quarter of what remains of the running one, or is of an owner who holds fewer slots, and only while the
running one has not been paused for more than its share of time. Docs: docs/balancing.md.
"""

SHORT_BESIDE = 0.25
"""Of the remainder of the one that is paused."""
MOST_PAUSED = 0.5
"""Of the time since a job started it is paused at most so much, plus `GRACE_SECONDS`."""
GRACE_SECONDS = 5.0
FEWER_SLOTS = 2
"""With so many fewer than another's the owner holds, once one was paused, no more than that one does."""
SHARES_LOOKED_AT = 8
"""Of so many shares, those whose turn it is first, the first job may have a conversion paused."""
LEAST_MEMORY_FREE = 0.2
"""Of the memory that a worker may use: what is paused keeps its own."""


def likely_remainder(told_seconds: float, predicted_seconds: float, *, done: float) -> float:
    """How long a conversion will still run: the more of it is `done`, 0..1, the more what it tells counts.

    Of one that has hardly begun that is far off: the start is slow, and an encoder looks ahead before it writes.
    `predicted_seconds` is of what remains.
    """
    return done * told_seconds + (1 - done) * predicted_seconds


def is_short_beside(predicted_seconds: float, remaining_seconds: float) -> bool:
    """Whether a job predicted so is worth pausing one with so much left."""
    return predicted_seconds < SHORT_BESIDE * remaining_seconds


def is_owed_a_slot(
    predicted_seconds: float, remaining_seconds: float, *, held: int, held_by_other: int, pause_seconds: float
) -> bool:
    """Whether a job need not be short to have another owner's conversion paused: its owner holds fewer slots.

    It has to end in the time for which that conversion may be paused now, `longest_pause`; and what remains of that one
    is not short beside the job, which then would rather wait.
    """
    if is_short_beside(remaining_seconds, predicted_seconds):
        return False
    return held_by_other - held >= FEWER_SLOTS and predicted_seconds <= pause_seconds


def may_be_paused(*, paused_seconds: float, elapsed_seconds: float) -> bool:
    """Whether a job that has been paused so long, of so long since it started, may be paused once more."""
    return paused_seconds <= MOST_PAUSED * elapsed_seconds + GRACE_SECONDS


def longest_pause(*, paused_seconds: float, elapsed_seconds: float) -> float:
    """For how many seconds from now such a job may be paused at most: a short job may be longer than was predicted."""
    return max(0.0, budget_seconds(paused_seconds=paused_seconds, elapsed_seconds=elapsed_seconds))


def budget_seconds(*, paused_seconds: float, elapsed_seconds: float) -> float:
    """As `longest_pause`; below 0, how long it has to run before it may be paused again."""
    return (MOST_PAUSED * elapsed_seconds + GRACE_SECONDS - paused_seconds) / (1 - MOST_PAUSED)


def has_room(free_mb: float | None, memory_total_mb: float | None) -> bool:
    """Whether another conversion fits beside the paused one; unknown memory has no room."""
    if free_mb is None or not memory_total_mb:
        return False
    return free_mb >= LEAST_MEMORY_FREE * memory_total_mb
