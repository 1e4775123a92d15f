"""`python -m bench [NAME …]`: measures Balanza beside what it is compared with, in one run, and prints the ratios."""

import argparse
import os
import tempfile
from pathlib import Path

from bench import backlog, burst, convert, crowd, latency, mix, peers, predictions, prometheus, tiny, upload

BENCHES = {
    "mix": mix.run,
    "predictions": predictions.run,
    "convert": convert.run,
    "latency": latency.run,
    "tiny": tiny.run,
    "peers": peers.run,
    "backlog": backlog.run,
    "fleet": crowd.run,
    "upload": upload.run,
    "burst": burst.run,
    "prometheus": prometheus.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHES)}; all when none is named")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds of each comparison")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHES):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; choose from {', '.join(BENCHES)}")
    print(f"{os.cpu_count()} cores, load average before: {_load()}")
    for name in arguments.names or BENCHES:
        with tempfile.TemporaryDirectory(prefix="balanza-bench-") as folder:
            print(f"\n== {name}: {BENCHES[name].__doc__}")
            BENCHES[name](Path(folder), arguments.rounds)
            print(f"load average after: {_load()}")


def _load() -> str:
    return " ".join(f"{figure:.2f}" for figure in os.getloadavg())


if __name__ == "__main__":
    main()
