"""The policies that choose a worker, under the names the literature gives them.

Every policy looks only at the candidates that can take the job, and among them at those whose CPU load is known: an
unknown worker is chosen only when no known one can take it. Of these it draws some, or takes all, and the first by its
criteria is chosen. Docs: docs/balancing.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import inf
from typing import Protocol, TypeVar

from balanza.model import Candidate, Decision

T = TypeVar("T")

_NEVER = datetime.min.replace(tzinfo=UTC)


class Chance(Protocol):
    """Where a policy draws from; a seeded `random.Random` is one."""

    def sample(self, population: Sequence[T], k: int, /) -> list[T]: ...


@dataclass(frozen=True, slots=True)
class Criterion:
    """One comparison: the lower value wins; `clause(loser, winner)` says so after the loser's name."""

    value: Callable[[Candidate], int | float | datetime | str]
    clause: Callable[[Candidate, Candidate], str]


@dataclass(frozen=True, slots=True)
class Policy:
    """Draws `drawn` candidates (None: takes all); the first of them by `criteria` in their order is chosen."""

    drawn: int | None
    criteria: tuple[Criterion, ...]


def _cpu(candidate: Candidate) -> float:
    """An unknown one meets only unknown ones, so what it counts as does not matter."""
    return round(candidate.cpu_load or 0.0, 2)


def _jobs(candidate: Candidate) -> str:
    return "1 job" if candidate.jobs_in_progress == 1 else f"{candidate.jobs_in_progress} jobs"


def _when(candidate: Candidate) -> str:
    return "nobody knows when" if candidate.finish_seconds is None else f"in {candidate.finish_seconds:.1f} s"


FEWEST_JOBS = Criterion(
    lambda one: one.jobs_in_progress,
    lambda loser, winner: f"had {_jobs(loser)}, {winner.worker_id} {winner.jobs_in_progress}",
)
LOWEST_CPU = Criterion(
    _cpu,
    lambda loser, winner: f"had CPU {_cpu(loser):.2f}, {winner.worker_id} {_cpu(winner):.2f}",
)
"""In hundredths, as the log shows it, so that the noise of idle workers decides nothing."""
CHOSEN_LONGEST_AGO = Criterion(
    lambda one: one.chosen_at or _NEVER,
    lambda _, winner: f"was chosen more recently than {winner.worker_id}",
)
"""Ties rotate: whoever is chosen comes last in the next tie."""
FIRST_BY_NAME = Criterion(
    lambda one: one.worker_id,
    lambda _, winner: f"was as good as {winner.worker_id}, which is first by name",
)

FINISHES_FIRST = Criterion(
    lambda one: inf if one.finish_seconds is None else round(one.finish_seconds, 1),
    lambda loser, winner: f"would finish it {_when(loser)}, {winner.worker_id} {_when(winner)}",
)
"""By what was learned of each worker's speed, and by the work before it there; in tenths of a second, since
predictions are no better."""

_BY_LOAD = (FEWEST_JOBS, LOWEST_CPU, CHOSEN_LONGEST_AGO, FIRST_BY_NAME)

POLICIES: Mapping[str, Policy] = {
    "least_loaded": Policy(drawn=None, criteria=_BY_LOAD),
    "earliest_finish": Policy(drawn=None, criteria=(FINISHES_FIRST, *_BY_LOAD)),
    "power_of_two": Policy(drawn=2, criteria=_BY_LOAD),
    "round_robin": Policy(drawn=None, criteria=(CHOSEN_LONGEST_AGO, FIRST_BY_NAME)),
    "random": Policy(drawn=1, criteria=(FIRST_BY_NAME,)),
}
"""`least_loaded` is the seed's: join the shortest queue (Winston 1977), where equal queues are told apart by CPU.

`earliest_finish` takes the worker that is predicted to complete the job first: by its learned speed, the work ahead of
it, and the transfer (minimum completion time: Maheswaran et al. 1999).

`power_of_two` draws two workers, every pair equally likely, and takes the less loaded one: "The power of two choices in
randomized load balancing" (Mitzenmacher 2001), after Azar, Broder, Karlin and Upfal 1994. There ties are broken
arbitrarily, here as in `least_loaded`.

`round_robin` takes the worker chosen longest ago. On a fleet that does not change this is the cyclic order of the
textbooks (Nagle 1985, RFC 970, for queues of packets); it needs no counter, so a worker that joins or leaves disturbs
nobody's turn.

`random` draws one worker, each equally likely: what the others are measured against.
"""

_NOT_MEASURED = "its CPU load is unknown"
_NOT_DRAWN = "was not drawn"


def select_best_worker(
    candidates: Sequence[Candidate],
    policy: str = "least_loaded",
    *,
    chance: Chance | None = None,
    told: int | None = None,
) -> Decision:
    """The choice of `policy` among the candidates that can take the job; None of them when nobody can.

    Every candidate of the decision that was not chosen says why not. When one was, the decision tells of at most `told`
    candidates: to find words for 1,000 takes longer than to choose. The result does not depend on the order of
    `candidates`; with the same state of `chance` it is the same. Raises ValueError for a policy that does not exist,
    and when one that draws gets no `chance`.
    """
    rules = _policy(policy)
    by_id = sorted(candidates, key=lambda one: one.worker_id)
    pool = _pool(by_id)
    drawn = _draw(pool, rules, chance)
    chosen = min(drawn, key=lambda one: _rank(one, rules), default=None)
    pool_ids, drawn_ids = _ids(pool), _ids(drawn)
    others = by_id if chosen is None or told is None else _some(by_id, chosen, told)
    return Decision(
        policy=policy,
        chosen=replace(chosen, why_not=None) if chosen else None,
        candidates=tuple(replace(one, why_not=_why_not(one, chosen, pool_ids, drawn_ids, rules)) for one in others),
    )


def _some(candidates: list[Candidate], chosen: Candidate, most: int) -> list[Candidate]:
    """The chosen one, and the first others."""
    some = candidates[:most]
    return some if chosen in some else [*some[: most - 1], chosen]


def _policy(name: str) -> Policy:
    if name not in POLICIES:
        raise ValueError(f"There is no policy {name}; there are {', '.join(POLICIES)}.")
    return POLICIES[name]


def _pool(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that can and whose load is known; when there are none, those that can."""
    able = [one for one in candidates if one.cannot is None]
    return [one for one in able if one.cpu_load is not None] or able


def _draw(pool: list[Candidate], rules: Policy, chance: Chance | None) -> list[Candidate]:
    if rules.drawn is None:
        return pool
    if chance is None:
        raise ValueError("A policy that draws needs a chance to draw from.")
    return chance.sample(pool, min(rules.drawn, len(pool)))


def _rank(candidate: Candidate, rules: Policy) -> tuple[int | float | datetime | str, ...]:
    return tuple(criterion.value(candidate) for criterion in rules.criteria)


def _ids(candidates: Sequence[Candidate]) -> frozenset[str]:
    """To look candidates up in: comparing each with all would take half a second for 1,000 of them."""
    return frozenset(one.worker_id for one in candidates)


def _why_not(
    one: Candidate, chosen: Candidate | None, pool: frozenset[str], drawn: frozenset[str], rules: Policy
) -> str | None:
    if one.cannot is not None:
        return one.cannot.clause
    if chosen is None or one is chosen:
        return None
    if one.worker_id not in pool:
        return _NOT_MEASURED
    if one.worker_id not in drawn:
        return _NOT_DRAWN
    return next(rule.clause(one, chosen) for rule in rules.criteria if rule.value(one) != rule.value(chosen))
