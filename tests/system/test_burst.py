"""500 jobs at once on eight workers of different speed, while Prometheus is frozen, killed, emptied and restarted."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench.burst import JOBS, SIZES, SPEEDS, Watch, balance_of, runs, submit, watching
from bench.fleet import finished, fleet
from bench.server import free_port
from tests.support.prometheus import SCRAPE_SECONDS, Prometheus, need_prometheus
from tests.support.waiting import eventually

STUCK_SECONDS = 5.0
"""Far above what a machine takes that is busy with other tests: whoever waits for Prometheus, or for a worker that does
not come, is found out. How many milliseconds it takes is measured by `python -m bench burst prometheus`."""


def test_a_burst_keeps_every_worker_busy_whatever_becomes_of_prometheus(tmp_path: Path) -> None:
    need_prometheus()
    port = free_port()
    environment = {
        "BALANZA_PROMETHEUS_URL": f"http://127.0.0.1:{port}",
        "BALANZA_PROMETHEUS_SCRAPE_SECONDS": str(SCRAPE_SECONDS),
    }
    with (
        fleet(tmp_path, SPEEDS, SIZES, environment=environment) as running,
        Prometheus(tmp_path / "prometheus", running.address.removeprefix("http://"), port=port) as prometheus,
        watching(running.address) as watch,
    ):
        told = says(watch)
        told("prometheus")
        job_ids = submit(running, JOBS)

        prometheus.freeze()
        told("heartbeat")
        prometheus.thaw()
        told("prometheus")
        prometheus.kill()
        told("heartbeat")
        prometheus.empty()
        prometheus.configure(prometheus.without_workers)
        prometheus.start()
        assert prometheus.asked("worker_cpu_load") == []
        prometheus.configure(prometheus.whole)
        told("prometheus")

        still_pending = running.client.get("/queue/stats").json()["jobs"]["pending"]
        finished(running.client, JOBS, 150)
        everything = runs(running.client)

    assert still_pending > 0, "the burst was over before all that happened to Prometheus"
    assert len(everything) == len(set(job_ids)) == JOBS
    assert Counter(one.worker_id for one in everything).keys() == {f"worker_{letter}" for letter in "abcdefgh"}
    balance = balance_of(everything)
    assert balance.imbalance <= 1.1, balance
    assert balance.longest_idle_seconds <= STUCK_SECONDS, balance
    assert max(seconds for _, seconds in watch.latencies) < STUCK_SECONDS
    for _, source, age in watch.sources:
        assert age is None or age <= (3 * SCRAPE_SECONDS if source == "prometheus" else 3.0)


def says(watch: Watch) -> Callable[[str], None]:
    """Waits until /workers/stats names that source."""

    def told(source: str) -> None:
        eventually(lambda: bool(watch.sources) and watch.sources[-1][1] == source, 15)

    return told
