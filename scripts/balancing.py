"""Prints the figures of docs/balancing.md, simulated; with --write puts them there, and draws its charts.

`make balancing`, or `python -m scripts.balancing [--write] [--seeds N] [NAME…]`. Each cell is the mean over the seeds.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from random import Random
from statistics import fmean

from balanza.balancer.index import WorkerIndex
from balanza.balancer.policies import POLICIES
from balanza.cli.charts import bars, lines
from balanza.cli.simulated import chances_of
from balanza.model import Candidate
from balanza.simulate.engine import simulate
from balanza.simulate.figures import Figures, figures_of, mean_of
from balanza.simulate.measures import Outcome
from balanza.simulate.rules import Rules, rules_named
from balanza.simulate.scenario import Scenario, scenario_from
from balanza.simulate.sizing import with_workers

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/balancing.md"
IMAGES = ROOT / "docs/images"
JOBS = 10_000
FEWER_JOBS = 5_000
"""Where a figure settles sooner, or many are shown."""
ALL = "least_loaded"
"""All rules of the server, with its usual policy."""
ALL_SHOWN = "**all rules, least_loaded (default)**"
LADDER = ("first_version", "central_fifo", "fifo", "no_pausing", "no_guard", ALL)
POLICIES_BESIDE = tuple(name for name in POLICIES if name != ALL)
SHOWN = {
    "first_version": "the seed's first version: counts of up to 5 s ago, nothing is moved",
    "central_fifo": "one queue in order of arrival",
    "fifo": "all rules, but `order = fifo`",
    "no_pausing": "all rules but pausing",
    "no_guard": "all rules but the guard",
    "no_look_ahead": "all rules but look-ahead",
    "no_fair_share": "all rules but fair share",
    ALL: ALL_SHOWN,
    "clairvoyant": "clairvoyant: sizes known, jobs moved at will",
    **{name: f"all rules, {name}" for name in POLICIES_BESIDE},
}


@dataclass(frozen=True, slots=True)
class Made:
    """What stands in the document: a table, and what its charts are drawn by."""

    table: str
    draw: Callable[[], None] | None = None


# --- Running


def run_one(task: tuple[Scenario, Rules, int]) -> Figures:
    scenario, rules, seed = task
    return figures_of(simulate(scenario, rules, chances_of(seed)))


@cache
def pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2)


def figures(cases: Sequence[tuple[Scenario, Rules]], seeds: int) -> list[Figures]:
    """Of each case the mean over the seeds."""
    tasks = [(scenario, rules, seed) for scenario, rules in cases for seed in range(1, seeds + 1)]
    found = list(pool().map(run_one, tasks))
    return [mean_of(found[at : at + seeds]) for at in range(0, len(found), seeds)]


def fleet_at(load: float, workers: int, *, sigma: float = 0.5, count: int = JOBS, **more: object) -> Scenario:
    """Equal workers, and the usual sizes: log-normal, median 8 s, sigma 1.6, mean 29 s."""
    jobs = {"count": count, "load": load, "prediction_sigma": sigma}
    return scenario_from({"workers": [{"count": workers}], "jobs": jobs, **more})


def named(*names: str) -> list[Rules]:
    return [rules_named(name, Rules()) for name in names]


# --- What is shown


def order(seeds: int) -> Made:
    """Order, guard and pausing, and every policy, on two and on eight workers."""
    names = (*LADDER, *POLICIES_BESIDE, "clairvoyant")
    sizes = (2, 8)
    cases = [(fleet_at(0.9, size), rules) for rules, size in product(named(*names), sizes)]
    found = dict(zip(product(names, sizes), figures(cases, seeds), strict=True))
    heads = [f"{size} workers{what}" for size in sizes for what in (": mean slowdown (p99)", ": p95 wait", ": wasted")]
    rows = [[SHOWN[name], *(cell for size in sizes for cell in _cells(found[name, size]))] for name in names]

    def draw() -> None:
        shown = (*LADDER, "clairvoyant")
        panels = {
            f"{size} workers: mean slowdown": {_plain(name): found[name, size].slowdown_mean for name in shown}
            for size in sizes
        }
        bars(IMAGES / "balancing-order.svg", panels)

    return Made(_table(["mean over the seeds", *heads], rows), draw)


def _cells(one: Figures) -> tuple[str, str, str]:
    slowdown = f"{_number(one.slowdown_mean)} ({_number(one.slowdown_p99)})"
    return slowdown, f"{_number(one.wait_p95_seconds)} s", f"{_number(one.wasted_slot_seconds)} s"


def guard(seeds: int) -> Made:
    """What the guard costs and what it gives."""
    names = ("central_fifo", "no_guard", ALL)
    found = figures([(fleet_at(0.9, 2), rules) for rules in named(*names)], seeds)
    rows = [
        [
            SHOWN[name],
            _number(one.slowdown_mean),
            f"{_number(one.wait_p99_seconds)} s",
            f"{_number(one.wait_longest_seconds)} s",
        ]
        for name, one in zip(names, found, strict=True)
    ]

    def draw() -> None:
        bars(
            IMAGES / "balancing-guard.svg",
            {
                "mean slowdown": {_plain(name): one.slowdown_mean for name, one in zip(names, found, strict=True)},
                "longest wait, s": {
                    _plain(name): one.wait_longest_seconds for name, one in zip(names, found, strict=True)
                },
            },
        )

    return Made(_table(["2 workers, load 0.9", "mean slowdown", "p99 wait", "longest wait"], rows), draw)


FLOOD_AT = 600.0
OTHERS = {0.12: "an eighth", 0.5: "half"}
"""The load of the four others."""


def fair_share(seeds: int) -> Made:
    """One owner floods 500 jobs while four others work as usual."""
    names = ("first_version", "central_fifo", "no_fair_share", ALL)
    keys = list(product(names, OTHERS))
    tasks = [(_flood(load), rules_named(name, Rules()), seed) for name, load in keys for seed in range(1, seeds + 1)]
    found = list(pool().map(_flooded, tasks))
    some = [found[at : at + seeds] for at in range(0, len(found), seeds)]
    means = {key: [fmean(column) for column in zip(*one, strict=True)] for key, one in zip(keys, some, strict=True)}
    rows = [[SHOWN[name], *(cell for load in OTHERS for cell in _flood_cells(*means[name, load]))] for name in names]

    def draw() -> None:
        panels = {
            f"p95 wait of the others at {said} of the load, s": {_plain(name): means[name, load][0] for name in names}
            for load, said in OTHERS.items()
        }
        bars(IMAGES / "balancing-fair-share.svg", panels)

    titles = ("p95 wait of the others", "their mean slowdown", "the flood ends after")
    heads = [f"{said} of the load: {title}" for said in OTHERS.values() for title in titles]
    return Made(_table(["8 workers, 4 others and a flood", *heads], rows), draw)


def _flood_cells(wait: float, slowdown: float, end: float) -> tuple[str, str, str]:
    return f"{_number(wait)} s", _number(slowdown), f"{_number(end)} s"


def _flood(load: float) -> Scenario:
    owners = [{"name": name} for name in ("ana", "berta", "carla", "david")]
    jobs = {"count": round(3000 * load), "load": load, "prediction_sigma": 0.5}
    flood = {"at_seconds": FLOOD_AT, "jobs": 500, "owner": "flood"}
    return scenario_from({"workers": [{"count": 8}], "jobs": jobs, "owners": owners, "bursts": [flood]})


def _flooded(task: tuple[Scenario, Rules, int]) -> tuple[float, float, float]:
    """Of the others, those that came while the flood was pending or running; and how long that was."""
    scenario, rules, seed = task
    outcome: Outcome = simulate(scenario, rules, chances_of(seed))
    ends = [one.arrival.at + one.total_seconds for one in outcome.fates if one.arrival.owner == "flood"]
    others = [one for one in outcome.fates if one.arrival.owner != "flood" and FLOOD_AT <= one.arrival.at <= max(ends)]
    waits = sorted(one.wait_seconds for one in others)
    p95 = waits[min(len(waits) - 1, int(0.95 * len(waits)))]
    return p95, fmean(one.slowdown for one in others), max(ends) - FLOOD_AT


def load(seeds: int) -> Made:
    """Mean slowdown as the load grows."""
    loads, names = (0.5, 0.6, 0.7, 0.8, 0.9), ("central_fifo", "no_pausing", ALL)
    cases = [(fleet_at(one, 8), rules) for rules, one in product(named(*names), loads)]
    found = figures(cases, seeds)
    series = {
        name: [one.slowdown_mean for one in found[at * len(loads) : (at + 1) * len(loads)]]
        for at, name in enumerate(names)
    }

    def draw() -> None:
        shown = {_plain(name): values for name, values in series.items()}
        lines(IMAGES / "balancing-pausing.svg", loads, {"mean slowdown, 8 workers": shown}, "load", log=True)

    rows = [[SHOWN[name], *map(_number, values)] for name, values in series.items()]
    return Made(_table(["8 workers: mean slowdown at load", *map(str, loads)], rows), draw)


def prediction(seeds: int) -> Made:
    """Mean slowdown as predictions become worse."""
    sigmas, sizes = (0.0, 0.25, 0.5, 1.0, 1.5), (2, 8)
    cases = [(fleet_at(0.9, size, sigma=sigma, count=FEWER_JOBS), Rules()) for size, sigma in product(sizes, sigmas)]
    found = figures(cases, seeds)
    series = {
        f"{size} workers": [one.slowdown_mean for one in found[at * len(sigmas) : (at + 1) * len(sigmas)]]
        for at, size in enumerate(sizes)
    }

    def draw() -> None:
        lines(IMAGES / "balancing-prediction.svg", sigmas, {"mean slowdown, load 0.9": series}, "sigma of the error")

    factors = ["exact", "1.28", "1.65", "2.7", "4.5"]
    rows = [[name, *map(_number, values)] for name, values in series.items()]
    return Made(_table(["mean slowdown, load 0.9, predictions off by", *factors], rows), draw)


def batch(seeds: int) -> Made:
    """500 jobs at once by the longest first, beside other orders."""
    fleets = [(size, fastest) for size in (2, 8, 64) for fastest in (1, 4)]
    names = ("first_version", "central_fifo", "balanced", "lpt")
    sigmas = {"sizes known": 0.0, "off by 1.65": 0.5}
    columns = [(name, sigma) for name in names for sigma in (sigmas.values() if name == "lpt" else (0.5,))]
    cases = [
        (_batch(size, fastest, sigma), rules_named(name, Rules()))
        for (size, fastest), (name, sigma) in product(fleets, columns)
    ]
    found = iter(figures(cases, seeds))
    rows = [
        [
            f"{size}, {'equal' if fastest == 1 else '1–4 ×'}",
            *(f"{next(found).makespan_over_bound:.3f}" for _ in columns),
        ]
        for size, fastest in fleets
    ]
    heads = ["first version", "one queue by arrival", "balanced", "**lpt**, sizes known", "**lpt**, off by 1.65"]
    return Made(_table(["makespan ÷ bound of 500 jobs; workers", *heads], rows))


def _batch(size: int, fastest: int, sigma: float) -> Scenario:
    jobs = {"count": 500, "prediction_sigma": sigma}
    return scenario_from({"workers": [{"count": size, "fastest": float(fastest)}], "jobs": jobs, "speeds_known": True})


def slow_worker(seeds: int) -> Made:
    """One of eight workers drops to an eighth of its speed."""
    names = ("first_version", "central_fifo", "no_look_ahead", "no_pausing", ALL, "earliest_finish")
    scenario = fleet_at(0.7, 8, count=FEWER_JOBS, slowdowns=[{"worker": 1, "at_seconds": 300.0, "factor": 0.125}])
    found = figures([(scenario, rules) for rules in named(*names)], seeds)
    rows = [
        [SHOWN[name], _number(one.slowdown_mean), _number(one.slowdown_p99), f"{_number(one.wait_p95_seconds)} s"]
        for name, one in zip(names, found, strict=True)
    ]
    return Made(_table(["8 workers, load 0.7, one at 1/8", "mean slowdown", "p99", "p95 wait"], rows))


def workers(seeds: int) -> Made:
    """How many workers the work of four at load 0.7 needs."""
    base = fleet_at(0.7, 4, count=FEWER_JOBS)
    sizes = range(3, 9)
    found = figures([(with_workers(base, size), Rules()) for size in sizes], seeds)

    def draw() -> None:
        panels = {
            "p95 wait, s": {"": [one.wait_p95_seconds for one in found]},
            "mean slowdown": {"": [one.slowdown_mean for one in found]},
            "in use, %": {"": [100 * one.utilisation for one in found]},
        }
        lines(IMAGES / "balancing-workers.svg", list(sizes), panels, "workers")

    rows = [
        [str(size), f"{one.utilisation:.0%}", f"{_number(one.wait_p95_seconds)} s", _number(one.slowdown_mean)]
        for size, one in zip(sizes, found, strict=True)
    ]
    return Made(_table(["workers", "in use", "p95 wait", "mean slowdown"], rows), draw)


def decisions(_seeds: int) -> Made:
    """What a decision costs, in microseconds of this computer."""
    sizes = (10, 100, 1000, 10_000)
    rows = [[f"`{policy}`", *(f"{_decision_us(policy, size):.1f}" for size in sizes)] for policy in POLICIES]
    return Made(_table(["µs per decision; workers", *(f"{size:,}" for size in sizes)], rows))


def _decision_us(policy: str, size: int, count: int = 20_000) -> float:
    """A choice, and the change of one worker, by the index; processor time."""
    chance, index = Random(1), WorkerIndex(policy)
    names = [f"worker_{number:05}" for number in range(size)]
    fleet = [Candidate(name, chance.randrange(4), chance.random(), None) for name in names]
    for one in fleet:
        index.put(one, free_at=100 * chance.random(), slowness=1 / (1 + chance.randrange(4)))
    changed = [Candidate(chance.choice(names), chance.randrange(4), chance.random(), None) for _ in range(count)]
    began = time.process_time()
    for number, one in enumerate(changed):
        index.put(one, free_at=number / 10 + 50, slowness=0.5)
        index.pick(seconds=8.0, now=number / 10, chance=chance)
    return (time.process_time() - began) / count * 1e6


PARTS: dict[str, Callable[[int], Made]] = {
    "order": order,
    "guard": guard,
    "fair-share": fair_share,
    "load": load,
    "prediction": prediction,
    "batch": batch,
    "slow-worker": slow_worker,
    "workers": workers,
    "decisions": decisions,
}


# --- Writing


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines_ = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines_)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _plain(name: str) -> str:
    return {ALL: "all rules", "fifo": "order = fifo"}.get(name, name.replace("_", " "))


def renewed(text: str, made: dict[str, Made]) -> str:
    """The document with these tables between their marks."""
    for name, one in made.items():
        marks = rf"(<!-- simulated: {name} -->\n).*?(<!-- end -->)"
        new = one.table.replace("\\", r"\\")
        text, count = re.subn(marks, rf"\g<1>{new}\n\g<2>", text, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"docs/balancing.md has no place for {name}.")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PARTS))
    asked = parser.parse_args()
    unknown = set(asked.names) - set(PARTS)
    if unknown:
        parser.error(f"there is no {min(unknown)}; there are {', '.join(PARTS)}")
    for name in asked.names or PARTS:
        made = PARTS[name](asked.seeds)
        sys.stdout.write(f"\n{name}\n\n{made.table}\n")
        sys.stdout.flush()
        if asked.write:
            DOCUMENT.write_text(renewed(DOCUMENT.read_text(), {name: made}))
            if made.draw:
                made.draw()


if __name__ == "__main__":
    main()
