"""A real Prometheus reads what a real Balanza measures."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from tests.support.clips import clip
from tests.support.live import Live, free_port
from tests.support.needs import need
from tests.support.waiting import eventually

WORKERS = {"worker_a", "worker_b"}
MEAN_SECONDS = (
    "rate(worker_conversion_duration_seconds_sum[5m]) / rate(worker_conversion_duration_seconds_count[5m]) >= 0"
)
CONFIG = """\
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: balanza
    static_configs:
      - targets: [{}]
"""


@pytest.fixture(autouse=True)
def _tools() -> None:
    found = shutil.which("prometheus") and shutil.which("promtool")
    need(bool(found), "prometheus and promtool are missing; install the Debian package prometheus.")


def test_prometheus_scrapes_both_workers_and_the_server(tmp_path: Path) -> None:
    with Live(tmp_path / "data", metrics=True) as live:
        targets = [f"127.0.0.1:{port}" for port in (live.port, live.metrics_port, live.metrics_port + 1)]
        with prometheus(tmp_path, targets) as asked:
            eventually(lambda: up(asked) == dict.fromkeys(targets, "1"), 15)
            job = live.until(live.convert(live.upload(clip("song.wav")), "mp3"), "completed")

            for name in ("worker_cpu_load", "worker_memory_usage_mb", "worker_jobs_in_progress"):
                assert set(by_worker(asked, name)) == WORKERS, name
            done = 'sum by (worker_id) (worker_conversions_done_total{status="success"})'
            counted = {one: "1" if one == job["worker_id"] else "0" for one in WORKERS}
            eventually(lambda: by_worker(asked, done) == counted, 15)
            # A rate takes two scrapes with an increase between them; 0/0 of the worker that did nothing is no number.
            eventually(lambda: set(by_worker(asked, MEAN_SECONDS)) == {job["worker_id"]}, 15)
            assert 0 < float(by_worker(asked, MEAN_SECONDS)[job["worker_id"]]) < 60
            eventually(lambda: values(asked, 'balanza_jobs{status="completed"}', "status") == {"completed": "1"}, 15)
        for target in targets:
            lint(live.api.get(f"http://{target}/metrics").content)


@contextmanager
def prometheus(folder: Path, targets: list[str]) -> Iterator[httpx2.Client]:
    """A client of a Prometheus that scrapes the targets every second and is ready, until the end of the block."""
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(", ".join(f'"{target}"' for target in targets)))
    address = f"127.0.0.1:{free_port()}"
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={address}"]
    with (
        (folder / "prometheus.log").open("w+") as log,
        httpx2.Client(base_url=f"http://{address}", timeout=10, trust_env=False) as client,
    ):
        process = subprocess.Popen(["prometheus", *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def is_ready() -> bool:
            assert process.poll() is None, Path(log.name).read_text()
            with suppress(httpx2.TransportError):
                return client.get("/-/ready").status_code == 200
            return False

        try:
            eventually(is_ready, 30)
            yield client
        finally:
            process.kill()
            process.wait()


def values(asked: httpx2.Client, query: str, label: str) -> dict[str, str]:
    """What Prometheus answers to the query now, by that label."""
    answer = asked.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, answer.text
    return {one["metric"][label]: one["value"][1] for one in answer.json()["data"]["result"]}


def up(asked: httpx2.Client) -> dict[str, str]:
    return values(asked, "up", "instance")


def by_worker(asked: httpx2.Client, query: str) -> dict[str, str]:
    return values(asked, query, "worker_id")


def lint(exposition: bytes) -> None:
    """Code 3 is advice on names, which are the seed's."""
    checked = subprocess.run(["promtool", "check", "metrics"], input=exposition, capture_output=True, check=False)
    assert checked.returncode in (0, 3), checked.stderr.decode()
