"""Prints the figures of docs/balancing.md, simulated; with --write puts them there, and draws its charts.

`make balancing`, or `python -m scripts.balancing [--write] [--seeds N] [NAME…]`. Each cell is the mean over the seeds.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.balancing_runs import Made, Runs
from scripts.balancing_tables import PARTS

DOCUMENT = Path(__file__).parents[1] / "docs/balancing.md"
TIMED = "decisions"
"""Processor time is measured alone."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PARTS))
    asked = parser.parse_args()
    unknown = set(asked.names) - set(PARTS)
    if unknown:
        parser.error(f"there is no {min(unknown)}; there are {', '.join(PARTS)}")
    began = time.perf_counter()
    for name, made in made_of(asked.names or list(PARTS), asked.seeds):
        sys.stdout.write(f"\n{name}\n\n{made.table}\n")
        sys.stdout.flush()
        if asked.write:
            DOCUMENT.write_text(renewed(DOCUMENT.read_text(), name, made.table))
            if made.draw:
                made.draw()
    sys.stdout.write(f"\n{asked.seeds} seeds in {(time.perf_counter() - began) / 60:.1f} minutes\n")


def made_of(names: Sequence[str], seeds: int) -> Iterator[tuple[str, Made]]:
    """All at once but what is timed, and each as soon as it and those before it are done."""
    runs = Runs(seeds)
    with runs.pool, ThreadPoolExecutor(len(PARTS)) as threads:
        begun = {name: threads.submit(PARTS[name], runs) for name in names if name != TIMED}
        for name, one in begun.items():
            yield name, one.result()
    if TIMED in names:
        yield TIMED, PARTS[TIMED](runs)


def renewed(text: str, name: str, table: str) -> str:
    """The document with this table between its marks."""
    marks = rf"(<!-- simulated: {name} -->\n).*?(<!-- end -->)"
    new, count = re.subn(marks, lambda found: f"{found[1]}{table}\n{found[2]}", text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"docs/balancing.md has no place for {name}.")
    return new


if __name__ == "__main__":
    main()
