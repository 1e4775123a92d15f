"""`balanza simulate`: what a fleet would do, by the server's own rules, without a server."""

from pathlib import Path
from typing import Annotated

import typer

from balanza.cli.options import Json, settings_from


def simulate(
    scenario: Annotated[
        Path | None, typer.Argument(metavar="SCENARIO", help="A TOML file; docs/balancing.md shows what it can hold.")
    ] = None,
    from_history: Annotated[
        bool, typer.Option("--from-history", help="Take the jobs and workers that this server has had instead.")
    ] = False,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Policies, orders, no_<rule> and baselines beside each other, with commas between."
        ),
    ] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="COUNT", help="With so many workers, or each number of 1..8.")
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="With --workers: how long 95 of 100 jobs may wait at most.")
    ] = 10.0,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the comparison into FILE, a .svg or .png.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="What chance starts from [the scenario's, or 1].")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Run with so many seeds and print the means.")] = 1,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="With --from-history: the server's folder [BALANZA_DATA, or data]."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Simulate a fleet with the policies, the order and the moves of the server. Nothing is converted."""
    from balanza.cli.simulated import Asked, run

    asked = Asked(scenario, from_history, compare, workers, wait, chart, seed, seeds, as_json)
    run(asked, lambda: settings_from(data=data))
