"""The simulations behind docs/balancing.md: on all cores, each only once, and as tables of Markdown."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from balanza.cli.simulated import chances_of
from balanza.simulate.engine import simulate
from balanza.simulate.figures import Figures, figures_of, mean_of
from balanza.simulate.rules import Rules, rules_named
from balanza.simulate.scenario import Scenario, scenario_from

JOBS = 10_000

Task = tuple[Scenario, Rules, int]
"""A scenario, by which rules, and the seed."""


@dataclass(frozen=True, slots=True)
class Made:
    """What stands in the document: a table, and what its charts are drawn by."""

    table: str
    draw: Callable[[], None] | None = None


@dataclass(slots=True)
class Runs:
    """Simulations in processes of their own. Several threads may ask at once, so that no core waits for a table."""

    seeds: int
    pool: ProcessPoolExecutor = field(default_factory=lambda: ProcessPoolExecutor(os.cpu_count()))
    _begun: dict[Task, "Future[Figures]"] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def figures(self, cases: Sequence[tuple[Scenario, Rules]]) -> list[Figures]:
        """Of each case the mean over the seeds. What several tables show is simulated once."""
        begun = [[self._begin((*case, seed)) for seed in range(1, self.seeds + 1)] for case in cases]
        return [mean_of([one.result() for one in some]) for some in begun]

    def _begin(self, task: Task) -> "Future[Figures]":
        with self._lock:
            if task not in self._begun:
                self._begun[task] = self.pool.submit(_figures, task)
            return self._begun[task]


def _figures(task: Task) -> Figures:
    scenario, rules, seed = task
    return figures_of(simulate(scenario, rules, chances_of(seed)))


def fleet_at(load: float, workers: int, *, sigma: float = 0.5, **more: object) -> Scenario:
    """Equal workers, and the usual sizes: log-normal, median 8 s, sigma 1.6, mean 29 s."""
    jobs = {"count": JOBS, "load": load, "prediction_sigma": sigma}
    return scenario_from({"workers": [{"count": workers}], "jobs": jobs, **more})


def named(*names: str) -> list[Rules]:
    return [rules_named(name, Rules()) for name in names]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def seconds(value: float) -> str:
    return f"{number(value)} s"
