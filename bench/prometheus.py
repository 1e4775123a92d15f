"""What becomes of requests when Prometheus is frozen, killed or emptied."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

from bench.fleet import Fleet, fleet
from bench.rounds import percentile
from bench.server import free_port
from tests.support.prometheus import SCRAPE_SECONDS, Prometheus

REQUESTS = 150
BEFORE_SECONDS = 1.0
"""So that each state is well under way when it is measured."""


def run(folder: Path, rounds: int) -> None:
    """POST /convert and GET /workers/stats while Prometheus is well, frozen, killed and emptied, in turn"""
    port = free_port()
    environment = {
        "BALANZA_PROMETHEUS_URL": f"http://127.0.0.1:{port}",
        "BALANZA_PROMETHEUS_SCRAPE_SECONDS": str(SCRAPE_SECONDS),
    }
    with (
        fleet(folder, [0.01, 0.01], [1.0], environment=environment) as running,
        Prometheus(folder / "prometheus", running.address.removeprefix("http://"), port=port) as prometheus,
    ):
        seconds: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, change in _states(prometheus):
                change()
                time.sleep(BEFORE_SECONDS)
                seconds.setdefault(name, []).extend(_requests(running))
        for name, taken in seconds.items():
            print(
                f"{name:8} {len(taken)} requests: median {median(taken) * 1e3:.1f} ms, "
                f"p99 {percentile(taken, 99) * 1e3:.1f} ms, slowest {max(taken) * 1e3:.1f} ms"
            )
    print("aim: no request slower than 50 ms because of Prometheus")


def _states(prometheus: Prometheus) -> list[tuple[str, Callable[[], None]]]:
    def emptied() -> None:
        prometheus.empty()
        prometheus.configure(prometheus.without_workers)
        prometheus.start()

    def well() -> None:
        with suppress(ProcessLookupError):
            prometheus.thaw()
        prometheus.configure(prometheus.whole)

    return [("well", well), ("frozen", prometheus.freeze), ("killed", prometheus.kill), ("emptied", emptied)]


def _requests(running: Fleet) -> list[float]:
    (source,) = running.sources.values()
    taken = []
    for number in range(REQUESTS):
        began = time.perf_counter()
        if number % 2:
            running.client.get("/workers/stats").raise_for_status()
        else:
            wanted = {"input_file": source, "output_format": "mp3"}
            running.client.post("/convert", json=wanted).raise_for_status()
        taken.append(time.perf_counter() - began)
        time.sleep(0.01)
    return taken
