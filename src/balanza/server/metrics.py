"""What the server measures, as Prometheus reads it. One registry per server, so that tests can run several."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import Connection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from balanza.balancer.score import WorkerStatus
from balanza.dispatch.load import FleetStats, QueueStats, fleet_stats, queue_stats
from balanza.lifecycle import JobStatus
from balanza.store.database import Database

CONTENT_TYPE = CONTENT_TYPE_LATEST

WAIT_BUCKETS = (0.005, 0.01, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200)
RUN_BUCKETS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30)


class Metrics:
    """Counts what happens (`dispatch.desk.Observer`) and, when asked, reads how things stand."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._wait = Histogram(
            "balanza_job_wait_seconds",
            "From the submission of a job to the start of an attempt.",
            buckets=WAIT_BUCKETS,
            registry=self.registry,
        )
        self._run = Histogram(
            "balanza_job_run_seconds",
            "From the start of a job's last attempt to its end.",
            ["status"],
            buckets=RUN_BUCKETS,
            registry=self.registry,
        )
        self._moved = Counter(
            "balanza_jobs_moved", "Pending jobs that were given to another queue.", registry=self.registry
        )
        self._requests = Histogram(
            "balanza_http_request_duration_seconds",
            "From a request's headers to the end of its answer.",
            ["method", "route", "status"],
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )

    def job_leased(self, wait_seconds: float) -> None:
        self._wait.observe(wait_seconds)

    def job_ended(self, status: JobStatus, run_seconds: float) -> None:
        self._run.labels(status.value).observe(run_seconds)

    def jobs_moved(self, count: int) -> None:
        self._moved.inc(count)

    def request_ended(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).observe(seconds)

    def exposition(self) -> bytes:
        """Everything in the text format. Reads the database."""
        return generate_latest(self.registry)


class StateCollector(Collector):
    """How jobs, queues and workers stand at the moment of the scrape."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        fleet, queues = self._database.read(self._read)
        jobs = GaugeMetricFamily("balanza_jobs", "Jobs by state.", labels=["status"])
        for status, count in queues.jobs.items():
            jobs.add_metric([status], count)
        depth = GaugeMetricFamily("balanza_queue_depth", "Pending jobs by queue.", labels=["queue"])
        for queue in queues.queues:
            depth.add_metric([queue.name], queue.pending)
        workers = GaugeMetricFamily("balanza_workers", "Workers by status.", labels=["status"])
        for worker_status, count in _by_status(fleet).items():
            workers.add_metric([worker_status], count)
        yield from (jobs, depth, workers)

    def _read(self, tx: Connection) -> tuple[FleetStats, QueueStats]:
        return fleet_stats(tx), queue_stats(tx, self._clock())


class Timed:
    """Measures every request under the template of its route, so that ids do not multiply the series."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        started_at = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "(none)")
            self._metrics.request_ended(scope["method"], route, status, time.perf_counter() - started_at)


def _by_status(fleet: FleetStats) -> dict[WorkerStatus, int]:
    return {status: sum(worker.status is status for worker in fleet.workers) for status in WorkerStatus}
