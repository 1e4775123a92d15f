"""What `balanza simulate` does: reads the scenario, runs it in all ways that were asked for, and shows the figures."""

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from balanza.cli.tables import console, table_of
from balanza.errors import InvalidRequest
from balanza.settings import Settings
from balanza.simulate.engine import simulate
from balanza.simulate.figures import Figures, figures_of, mean_of
from balanza.simulate.rules import Rules, rules_named
from balanza.simulate.scenario import Scenario, read
from balanza.simulate.sizing import fewest, sizes_in, with_workers
from balanza.simulate.workload import Arrival, Chances, arrivals_of

BAR_AFTER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command."""

    scenario: Path | None
    from_history: bool
    compare: str | None
    workers: str | None
    wait_seconds: float
    chart: Path | None
    seed: int | None
    seeds: int
    as_json: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One row: a fleet with jobs, and the rules by which it works."""

    name: str
    scenario: Scenario
    rules: Rules
    arrivals: Sequence[Arrival] | None
    """None: those that the scenario draws."""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a case."""

    name: str
    workers: int
    figures: Figures
    decisions_per_second: float
    """Of this computer, with all that a simulated second takes besides."""


def run(asked: Asked, settings: Callable[[], Settings]) -> None:
    """Raises InvalidRequest, StartupError."""
    if asked.chart is not None and asked.chart.suffix.lower() not in (".svg", ".png"):
        raise InvalidRequest(f"{asked.chart} cannot be drawn: name a file that ends in .svg or .png.")
    scenario, arrivals = _source(asked, settings)
    cases = _cases(asked, scenario, arrivals)
    seed = scenario.seed if asked.seed is None else asked.seed
    rows = _rows(cases, range(seed, seed + asked.seeds))
    if asked.as_json:
        sys.stdout.write(json.dumps(_body(rows, seed, asked), indent=2) + "\n")
    else:
        _show(rows, asked)
    if asked.chart is not None:
        _draw(asked.chart, rows, by_size=asked.workers is not None)


def chances_of(seed: int) -> Chances:
    """The same in every process: a text seeds the same generator everywhere."""
    return lambda name: random.Random(f"{seed}/{name}")  # noqa: S311 - a simulation, not a secret


def _source(asked: Asked, settings: Callable[[], Settings]) -> tuple[Scenario, Sequence[Arrival] | None]:
    if asked.from_history == (asked.scenario is not None):
        raise InvalidRequest("Name a scenario, a TOML file, or ask for --from-history; one of the two.")
    if asked.scenario is None:
        from balanza.cli.past import past  # noqa: PLC0415 - opens the database

        return past(settings())
    try:
        return read(asked.scenario.read_text(encoding="utf-8-sig")), None
    except OSError as error:
        raise InvalidRequest(f"{asked.scenario} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{asked.scenario} is not a text file.") from error


def _cases(asked: Asked, scenario: Scenario, arrivals: Sequence[Arrival] | None) -> list[Case]:
    if asked.workers is not None:
        if asked.compare is not None:
            raise InvalidRequest("Ask for --compare or for --workers, not for both at once.")
        sizes = sizes_in(asked.workers)
        fleets = [with_workers(scenario, size) for size in sizes]
        return [Case(str(len(one.speeds)), one, scenario.rules, arrivals) for one in fleets]
    if asked.compare is None:
        return [Case(f"{scenario.policy}, {scenario.order}", scenario, scenario.rules, arrivals)]
    names = [name.strip() for name in asked.compare.split(",")]
    return [Case(name, scenario, rules_named(name, scenario.rules), arrivals) for name in names]


def _rows(cases: Sequence[Case], seeds: range) -> list[Row]:
    jobs = [(case, seed) for case in cases for seed in seeds]
    with _Bar(len(jobs)) as bar:
        return [_row(case, seeds, bar) for case in cases]


def _row(case: Case, seeds: range, bar: "_Bar") -> Row:
    began, found = time.perf_counter(), []
    for seed in seeds:
        chances = chances_of(seed)
        arrivals = arrivals_of(case.scenario, chances) if case.arrivals is None else case.arrivals
        bar.begin(len(arrivals))
        found.append(figures_of(simulate(case.scenario, case.rules, chances, arrivals=arrivals, on_ended=bar.show)))
    took = time.perf_counter() - began
    decisions = sum(figures.decisions for figures in found)
    return Row(case.name, len(case.scenario.speeds), mean_of(found), decisions / took)


class _Bar:
    """Shown on a terminal when it takes longer than a second."""

    def __init__(self, runs: int) -> None:
        self._progress = Progress(
            TextColumn("simulating"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
        )
        self._began, self._runs, self._run, self._jobs = time.perf_counter(), runs, -1, 1
        self._task = self._progress.add_task("", total=runs)
        self._is_shown = False

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._is_shown:
            self._progress.stop()

    def begin(self, jobs: int) -> None:
        self._run, self._jobs = self._run + 1, max(1, jobs)
        self.show(0)

    def show(self, ended: int) -> None:
        if not self._is_shown and time.perf_counter() - self._began > BAR_AFTER_SECONDS and sys.stderr.isatty():
            self._is_shown = True
            self._progress.start()
        self._progress.update(self._task, completed=self._run + ended / self._jobs)


# --- What is shown


def _show(rows: Sequence[Row], asked: Asked) -> None:
    if len(rows) == 1:
        console().print(_single(rows[0]))
        return
    by_size = asked.workers is not None
    table = table_of("workers" if by_size else "rules", *(f">{title}" for title, _ in COLUMNS))
    for row in rows:
        table.add_row(row.name, *(show(row) for _, show in COLUMNS))
    console().print(table)
    if by_size:
        console().print(Text(_advice(rows, asked.wait_seconds)))


def _advice(rows: Sequence[Row], most_seconds: float) -> str:
    enough = fewest([row.workers for row in rows], [row.figures.wait_p95_seconds for row in rows], most_seconds)
    if enough is None:
        return f"With none of these numbers of workers do 95 of 100 jobs wait for at most {most_seconds:g} s."
    return f"With {enough} worker{'' if enough == 1 else 's'}, 95 of 100 jobs wait for at most {most_seconds:g} s."


def _single(row: Row) -> object:
    table = table_of("", ">value")
    for title, show in (*COUNTS, *COLUMNS):
        table.add_row(title, show(row))
    return table


def _body(rows: Sequence[Row], seed: int, asked: Asked) -> dict[str, object]:
    """`computing` is the only part that differs from one run to the next."""
    runs = [{"name": row.name, "workers": row.workers, **_rounded(row.figures)} for row in rows]
    computing = [{"name": row.name, "decisions_per_second": round(row.decisions_per_second)} for row in rows]
    body: dict[str, object] = {"seed": seed, "seeds": asked.seeds, "runs": runs, "computing": computing}
    if asked.workers is not None:
        waits = [row.figures.wait_p95_seconds for row in rows]
        body["workers_needed"] = fewest([row.workers for row in rows], waits, asked.wait_seconds)
    return body


def _rounded(figures: Figures) -> dict[str, float]:
    return {name: round(value, 6) for name, value in asdict(figures).items()}


COUNTS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("rules", lambda row: row.name),
    ("workers", lambda row: str(row.workers)),
    ("jobs completed", lambda row: f"{row.figures.completed:g}"),
    ("jobs failed", lambda row: f"{row.figures.failed:g}"),
    ("bound of the makespan", lambda row: _seconds(row.figures.bound_seconds)),
    ("mean completion", lambda row: _seconds(row.figures.completion_mean_seconds)),
    ("longest wait", lambda row: _seconds(row.figures.wait_longest_seconds)),
    ("utilisation", lambda row: f"{row.figures.utilisation:.1%}"),
    ("imbalance", lambda row: f"{row.figures.imbalance:.3f}"),
    ("moves", lambda row: f"{row.figures.moves:g}"),
)
COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("makespan", lambda row: _seconds(row.figures.makespan_seconds)),
    ("÷ bound", lambda row: f"{row.figures.makespan_over_bound:.3f}"),
    ("slowdown", lambda row: f"{row.figures.slowdown_mean:.2f}"),
    ("p95", lambda row: f"{row.figures.slowdown_p95:.1f}"),
    ("p99", lambda row: f"{row.figures.slowdown_p99:.1f}"),
    ("wait", lambda row: _seconds(row.figures.wait_mean_seconds)),
    ("p95 wait", lambda row: _seconds(row.figures.wait_p95_seconds)),
    ("in use", lambda row: f"{row.figures.utilisation:.0%}"),
    ("wasted", lambda row: _seconds(row.figures.wasted_slot_seconds)),
    ("held", lambda row: _seconds(row.figures.held_slot_seconds)),
    ("pauses", lambda row: f"{row.figures.pauses:g}"),
    ("decisions/s", lambda row: f"{row.decisions_per_second:,.0f}"),
)


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 100 else f"{seconds:.1f} s"


def _draw(file: Path, rows: Sequence[Row], *, by_size: bool) -> None:
    from balanza.cli.charts import comparison, sizing  # noqa: PLC0415 - loads matplotlib

    figures = {row.name: row.figures for row in rows}
    try:
        (sizing if by_size else comparison)(file, figures)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be written: {error.strerror}.") from error
