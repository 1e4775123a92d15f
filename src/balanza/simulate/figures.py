"""The figures of an outcome as one flat row, and their means over several seeds. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import fmean

from balanza.simulate.measures import Outcome


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one run, or the mean of several with different seeds."""

    completed: float
    failed: float
    makespan_seconds: float
    bound_seconds: float
    makespan_over_bound: float
    slowdown_mean: float
    slowdown_median: float
    slowdown_p95: float
    slowdown_p99: float
    wait_mean_seconds: float
    wait_p95_seconds: float
    wait_p99_seconds: float
    wait_longest_seconds: float
    completion_mean_seconds: float
    imbalance: float
    utilisation: float
    wasted_slot_seconds: float
    held_slot_seconds: float
    moves: float
    pauses: float
    decisions: float


def figures_of(outcome: Outcome) -> Figures:
    slowdown, wait, costs = outcome.slowdown, outcome.wait, outcome.costs
    return Figures(
        completed=outcome.completed,
        failed=outcome.failed,
        makespan_seconds=outcome.makespan_seconds,
        bound_seconds=outcome.bound_seconds,
        makespan_over_bound=outcome.over_bound,
        slowdown_mean=slowdown.mean,
        slowdown_median=slowdown.median,
        slowdown_p95=slowdown.p95,
        slowdown_p99=slowdown.p99,
        wait_mean_seconds=wait.mean,
        wait_p95_seconds=wait.p95,
        wait_p99_seconds=wait.p99,
        wait_longest_seconds=wait.most,
        completion_mean_seconds=outcome.total.mean,
        imbalance=outcome.imbalance,
        utilisation=outcome.utilisation,
        wasted_slot_seconds=costs.wasted_slot_seconds,
        held_slot_seconds=costs.held_slot_seconds,
        moves=costs.moves,
        pauses=costs.pauses,
        decisions=costs.decisions,
    )


def mean_of(rows: Sequence[Figures]) -> Figures:
    """Of at least one."""
    return Figures(**{field.name: fmean(getattr(row, field.name) for row in rows) for field in fields(Figures)})
