"""The policies that choose a worker, under the names the literature gives them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from balanza.model import Candidate, Decision

_NEVER = datetime.min.replace(tzinfo=UTC)


def select_best_worker(candidates: Sequence[Candidate]) -> Decision:
    """The seed's choice, `least_loaded`: fewest jobs in progress, then lowest CPU, then chosen longest ago.

    CPU is compared in hundredths, as the log shows it, so that the noise of idle workers decides nothing; an unknown
    CPU load ranks after every known one. The result does not depend on the order of `candidates`. The decision's
    worker is None when no candidate can take the job.
    """
    able = [candidate for candidate in candidates if candidate.why_not is None]
    return Decision(
        policy="least_loaded",
        chosen=min(able, key=_load, default=None),
        candidates=tuple(sorted(candidates, key=lambda candidate: candidate.worker_id)),
    )


def _load(candidate: Candidate) -> tuple[bool, int, float, datetime, str]:
    unknown = candidate.cpu_load is None
    cpu = round(candidate.cpu_load or 0.0, 2)
    return unknown, candidate.jobs_in_progress, cpu, candidate.chosen_at or _NEVER, candidate.worker_id
