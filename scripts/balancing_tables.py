"""The tables of docs/balancing.md and the charts beside them: one function each."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from math import exp
from pathlib import Path
from statistics import fmean

from balanza.balancer.policies import POLICIES
from balanza.cli.charts import bars, lines
from balanza.cli.simulated import chances_of
from balanza.simulate.engine import simulate
from balanza.simulate.figures import Figures
from balanza.simulate.measures import spread
from balanza.simulate.rules import Rules, rules_named
from balanza.simulate.scenario import Scenario, scenario_from
from balanza.simulate.sizing import with_workers
from balanza.simulate.workload import arrivals_of
from scripts.balancing_decisions import decisions
from scripts.balancing_runs import Made, Runs, fleet_at, named, number, seconds, table

IMAGES = Path(__file__).parents[1] / "docs/images"
ALL = "least_loaded"
"""All rules of the server, with its usual policy."""
LADDER = ("first_version", "central_fifo", "fifo", "no_pausing", "no_guard", ALL)
POLICIES_BESIDE = tuple(name for name in POLICIES if name != ALL)
OTHERS_FIRST = "others_first"
OTHERS_ALONE = "others_alone"
SHOWN = {
    "first_version": "the seed's first version: counts of up to 5 s ago, nothing is moved",
    "central_fifo": "one queue in order of arrival",
    "fifo": "all rules, but `order = fifo`",
    "no_pausing": "all rules but pausing",
    "no_guard": "all rules but the guard",
    "no_look_ahead": "all rules but look-ahead",
    "no_fair_share": "all rules but fair share",
    "no_slot_share": "all rules but pauses for who holds fewer slots",
    ALL: "**all rules, least_loaded (default)**",
    OTHERS_FIRST: "as the line above, but the others' jobs always first",
    OTHERS_ALONE: "the others alone, without the flood",
    "clairvoyant": "clairvoyant: sizes known, jobs moved at will",
    **{name: f"all rules, {name}" for name in POLICIES_BESIDE},
}


def order(runs: Runs) -> Made:
    """Order, guard and pausing, and every policy, on two and on eight workers."""
    names = (*LADDER, *POLICIES_BESIDE, "clairvoyant")
    sizes = (2, 8)
    cases = [(fleet_at(0.9, size), rules) for rules, size in product(named(*names), sizes)]
    found = dict(zip(product(names, sizes), runs.figures(cases), strict=True))
    heads = [f"{size} workers{what}" for size in sizes for what in (": mean slowdown (p99)", ": p95 wait", ": wasted")]
    rows = [[SHOWN[name], *(cell for size in sizes for cell in _cells(found[name, size]))] for name in names]

    def draw() -> None:
        shown = (*LADDER, "clairvoyant")
        panels = {
            f"{size} workers: mean slowdown": {_plain(name): found[name, size].slowdown_mean for name in shown}
            for size in sizes
        }
        bars(IMAGES / "balancing-order.svg", panels)

    return Made(table(["mean over the seeds", *heads], rows), draw)


def _cells(one: Figures) -> tuple[str, str, str]:
    slowdown = f"{number(one.slowdown_mean)} ({number(one.slowdown_p99)})"
    return slowdown, seconds(one.wait_p95_seconds), seconds(one.wasted_slot_seconds)


def guard(runs: Runs) -> Made:
    """What the guard costs and what it gives."""
    names = ("central_fifo", "no_guard", ALL)
    found = runs.figures([(fleet_at(0.9, 2), rules) for rules in named(*names)])
    rows = [
        [
            SHOWN[name],
            number(one.slowdown_mean),
            seconds(one.wait_p99_seconds),
            seconds(one.wait_longest_seconds),
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

    return Made(table(["2 workers, load 0.9", "mean slowdown", "p99 wait", "longest wait"], rows), draw)


FLOOD_AT = 600.0
OTHERS = {0.12: "an eighth", 0.3: "three tenths", 0.5: "half"}
"""The load of the four others."""
OTHERS_PRIORITY = 60


def fair_share(runs: Runs) -> Made:
    """One owner floods 500 jobs while four others work as usual."""
    names = ("first_version", "central_fifo", "no_fair_share", "no_slot_share", ALL, OTHERS_FIRST, OTHERS_ALONE)
    keys = list(product(names, OTHERS))
    tasks = [(name, load, seed) for name, load in keys for seed in range(1, runs.seeds + 1)]
    found = list(runs.pool.map(_flooded, tasks))
    some = [found[at : at + runs.seeds] for at in range(0, len(found), runs.seeds)]
    means = {key: [fmean(column) for column in zip(*one, strict=True)] for key, one in zip(keys, some, strict=True)}
    rows = [[SHOWN[name], *(cell for load in OTHERS for cell in _flood_cells(*means[name, load]))] for name in names]

    def draw() -> None:
        panels = {
            f"p95 wait of the others at {said} of the load, s": {_plain(name): means[name, load][0] for name in names}
            for load, said in OTHERS.items()
        }
        bars(IMAGES / "balancing-fair-share.svg", panels)

    titles = ("p95 wait of the others (their mean slowdown)", "the flood ends after")
    heads = [f"{said} of the load: {title}" for said in OTHERS.values() for title in titles]
    return Made(table(["8 workers, 4 others and a flood", *heads], rows), draw)


def _flood_cells(wait: float, slowdown: float, end: float) -> tuple[str, str]:
    return f"{seconds(wait)} ({number(slowdown)})", seconds(end) if end else "–"


def _flood(load: float) -> Scenario:
    owners = [{"name": name} for name in ("ana", "berta", "carla", "david")]
    jobs = {"count": round(3000 * load), "load": load, "prediction_sigma": 0.5}
    flood = {"at_seconds": FLOOD_AT, "jobs": 500, "owner": "flood"}
    return scenario_from({"workers": [{"count": 8}], "jobs": jobs, "owners": owners, "bursts": [flood]})


def _flooded(task: tuple[str, float, int]) -> tuple[float, float, float]:
    """Of the others, those that came while the flood was pending or running; and how long that was.

    Without the flood: all that came from its time on.
    """
    name, load, seed = task
    scenario, rules = _flood(load), rules_named(ALL if name in (OTHERS_FIRST, OTHERS_ALONE) else name, Rules())
    arrivals = arrivals_of(scenario, chances_of(seed))
    if name == OTHERS_ALONE:
        arrivals = [one for one in arrivals if one.owner != "flood"]
    if name == OTHERS_FIRST:
        arrivals = [one if one.owner == "flood" else replace(one, priority=OTHERS_PRIORITY) for one in arrivals]
    fates = simulate(scenario, rules, chances_of(seed), arrivals=arrivals).fates
    ends = max((one.arrival.at + one.total_seconds for one in fates if one.arrival.owner == "flood"), default=0.0)
    last = ends or arrivals[-1].at
    others = [one for one in fates if one.arrival.owner != "flood" and FLOOD_AT <= one.arrival.at <= last]
    waits, slowdowns = spread(one.wait_seconds for one in others), spread(one.slowdown for one in others)
    return waits.p95, slowdowns.mean, max(0.0, ends - FLOOD_AT)


def load(runs: Runs) -> Made:
    """Mean slowdown as the load grows."""
    loads, names = (0.5, 0.6, 0.7, 0.8, 0.9), ("central_fifo", "no_pausing", ALL)
    cases = [(fleet_at(one, 8), rules) for rules, one in product(named(*names), loads)]
    found = runs.figures(cases)
    series = {
        name: [one.slowdown_mean for one in found[at * len(loads) : (at + 1) * len(loads)]]
        for at, name in enumerate(names)
    }

    def draw() -> None:
        shown = {_plain(name): values for name, values in series.items()}
        lines(IMAGES / "balancing-pausing.svg", loads, {"mean slowdown, 8 workers": shown}, "load", log=True)

    rows = [[SHOWN[name], *map(number, values)] for name, values in series.items()]
    return Made(table(["8 workers: mean slowdown at load", *map(str, loads)], rows), draw)


def prediction(runs: Runs) -> Made:
    """Mean slowdown as predictions become worse."""
    sigmas, sizes = (0.0, 0.25, 0.5, 1.0, 1.5), (2, 8)
    cases = [(fleet_at(0.9, size, sigma=sigma), Rules()) for size, sigma in product(sizes, sigmas)]
    found = runs.figures(cases)
    series = {
        f"{size} workers": [one.slowdown_mean for one in found[at * len(sigmas) : (at + 1) * len(sigmas)]]
        for at, size in enumerate(sizes)
    }

    def draw() -> None:
        lines(
            IMAGES / "balancing-prediction.svg",
            [round(exp(sigma), 2) for sigma in sigmas],
            {"mean slowdown, load 0.9": series},
            "predictions are off by a factor of",
        )

    factors = ["exact", "1.28", "1.65", "2.7", "4.5"]
    rows = [[name, *map(number, values)] for name, values in series.items()]
    return Made(table(["mean slowdown, load 0.9, predictions off by", *factors], rows), draw)


def batch(runs: Runs) -> Made:
    """500 jobs at once by the longest first, beside other orders."""
    fleets = [(size, fastest) for size in (2, 8, 64) for fastest in (1, 4)]
    names = ("first_version", "central_fifo", "balanced", "lpt")
    sigmas = {"sizes known": 0.0, "off by 1.65": 0.5}
    columns = [(name, sigma) for name in names for sigma in (sigmas.values() if name == "lpt" else (0.5,))]
    cases = [
        (_batch(size, fastest, sigma), rules_named(name, Rules()))
        for (size, fastest), (name, sigma) in product(fleets, columns)
    ]
    found = iter(runs.figures(cases))
    rows = [
        [
            f"{size}, {'equal' if fastest == 1 else '1–4 ×'}",
            *(f"{next(found).makespan_over_bound:.3f}" for _ in columns),
        ]
        for size, fastest in fleets
    ]
    heads = ["first version", "one queue by arrival", "balanced", "**lpt**, sizes known", "**lpt**, off by 1.65"]
    return Made(table(["makespan ÷ bound of 500 jobs; workers", *heads], rows))


def _batch(size: int, fastest: int, sigma: float) -> Scenario:
    jobs = {"count": 500, "prediction_sigma": sigma}
    return scenario_from({"workers": [{"count": size, "fastest": float(fastest)}], "jobs": jobs, "speeds_known": True})


def slow_worker(runs: Runs) -> Made:
    """One of eight workers drops to an eighth of its speed."""
    names = ("first_version", "central_fifo", "no_look_ahead", "no_pausing", ALL, "earliest_finish")
    scenario = fleet_at(0.7, 8, slowdowns=[{"worker": 1, "at_seconds": 300.0, "factor": 0.125}])
    found = runs.figures([(scenario, rules) for rules in named(*names)])
    rows = [
        [SHOWN[name], number(one.slowdown_mean), number(one.slowdown_p99), seconds(one.wait_p95_seconds)]
        for name, one in zip(names, found, strict=True)
    ]
    return Made(table(["8 workers, load 0.7, one at 1/8", "mean slowdown", "p99", "p95 wait"], rows))


def workers(runs: Runs) -> Made:
    """How many workers the work of four at load 0.7 needs."""
    base = fleet_at(0.7, 4)
    sizes = range(3, 9)
    found = runs.figures([(with_workers(base, size), Rules()) for size in sizes])

    def draw() -> None:
        panels = {
            "p95 wait, s": {"": [one.wait_p95_seconds for one in found]},
            "mean slowdown": {"": [one.slowdown_mean for one in found]},
            "in use, %": {"": [100 * one.utilisation for one in found]},
        }
        lines(IMAGES / "balancing-workers.svg", list(sizes), panels, "workers")

    rows = [
        [str(size), f"{one.utilisation:.0%}", seconds(one.wait_p95_seconds), number(one.slowdown_mean)]
        for size, one in zip(sizes, found, strict=True)
    ]
    return Made(table(["workers", "in use", "p95 wait", "mean slowdown"], rows), draw)


PARTS: dict[str, Callable[[Runs], Made]] = {
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
"""By the name of its place in the document."""


def _plain(name: str) -> str:
    return {ALL: "all rules", "fifo": "order = fifo"}.get(name, name.replace("_", " "))
