"""A decision that no policy made: a worker that had nothing to do took a pending job from another's own queue."""

from collections.abc import Sequence
from dataclasses import replace

from balanza.model import Candidate, Decision

STEALING = "stealing"
STEAL_AFTER_SECONDS = 0.5
"""So long a job is left to the worker it is assigned to while that has a free slot: it takes its own within
milliseconds, so that one that has not done so hangs."""


def theft(candidates: Sequence[Candidate], *, thief_id: str, victim_id: str) -> Decision:
    """The decision in which the thief chose itself, and what the others were doing."""
    judged = [
        replace(one, why_not=_clause(one, thief_id, victim_id)) for one in sorted(candidates, key=lambda c: c.worker_id)
    ]
    chosen = next(one for one in judged if one.worker_id == thief_id)
    return Decision(STEALING, chosen, tuple(judged))


def _clause(candidate: Candidate, thief_id: str, victim_id: str) -> str | None:
    if candidate.worker_id == thief_id:
        return None
    if candidate.cannot is not None:
        return candidate.cannot.clause
    had = f"had {candidate.jobs_in_progress} job{'' if candidate.jobs_in_progress == 1 else 's'}"
    if candidate.worker_id == victim_id:
        return f"{had} and could not start this one yet; {thief_id} had a free slot"
    return f"{had} and did not ask for another"
