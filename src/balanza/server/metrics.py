"""What the server measures, as Prometheus reads it. One registry per server, so that tests can run several."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import Connection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from balanza.balancer.score import WorkerStatus
from balanza.dispatch.desk import Desk
from balanza.dispatch.load import FleetStats, FleetSummary, QueueStats, fleet_stats, queue_stats
from balanza.lifecycle import JobStatus
from balanza.model import MetricsSource, Reason

CONTENT_TYPE = CONTENT_TYPE_LATEST

ENDINGS = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
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
        self._ended = Counter("balanza_jobs_ended", "Jobs that ended.", ["status"], registry=self.registry)
        self._decided = Counter(
            "balanza_decisions", "New jobs for which a worker was looked for.", ["policy"], registry=self.registry
        )
        self._moved = Counter(
            "balanza_jobs_moved", "Pending jobs that were given to another queue.", ["reason"], registry=self.registry
        )
        self._refreshes = Counter(
            "balanza_prometheus_refreshes", "Questions to Prometheus.", ["outcome"], registry=self.registry
        )
        self._requests = Histogram(
            "balanza_http_request_duration_seconds",
            "From a request's headers to the end of its answer.",
            ["method", "route", "status"],
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        # A rate sees nothing of a series that begins with its first event.
        for status in ENDINGS:
            self._ended.labels(status.value)
        for reason in Reason:
            self._moved.labels(reason.value)

    def job_leased(self, wait_seconds: float) -> None:
        self._wait.observe(wait_seconds)

    def job_ended(self, status: JobStatus, run_seconds: float) -> None:
        self._ended.labels(status.value).inc()
        self._run.labels(status.value).observe(run_seconds)

    def job_decided(self, policy: str) -> None:
        self._decided.labels(policy).inc()

    def jobs_moved(self, reason: Reason, count: int) -> None:
        self._moved.labels(reason.value).inc(count)

    def prometheus_refreshed(self, outcome: str) -> None:
        self._refreshes.labels(outcome).inc()

    def request_ended(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).observe(seconds)

    def exposition(self) -> bytes:
        """Everything in the text format. Reads the database."""
        return generate_latest(self.registry)


class StateCollector(Collector):
    """How jobs, queues and workers stand at the moment of the scrape."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        fleet, queues = self._desk.database.read(self._read)
        jobs = GaugeMetricFamily("balanza_jobs", "Jobs by state.", labels=["status"])
        for status, count in queues.jobs.items():
            jobs.add_metric([status], count)
        depth = GaugeMetricFamily("balanza_queue_depth", "Pending jobs by queue.", labels=["queue"])
        for queue in queues.queues:
            depth.add_metric([queue.name], queue.pending)
        workers = GaugeMetricFamily("balanza_workers", "Workers by status.", labels=["status"])
        for worker_status, count in _by_status(fleet).items():
            workers.add_metric([worker_status], count)
        oldest = GaugeMetricFamily(
            "balanza_oldest_pending_seconds",
            "How long the oldest pending job has been waiting; 0 when none is.",
            value=queues.oldest_pending_seconds or 0,
        )
        yield from (jobs, depth, workers, oldest, *_measurements(fleet.summary))

    def _read(self, tx: Connection) -> tuple[FleetStats, QueueStats]:
        now = self._desk.clock()
        return fleet_stats(tx, self._desk.measurements, now), queue_stats(tx, now)


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


def _measurements(fleet: FleetSummary) -> Iterator[GaugeMetricFamily]:
    source = GaugeMetricFamily("balanza_metrics_source", "1 for who measures the workers now.", labels=["source"])
    for one in MetricsSource:
        source.add_metric([one.value], one is fleet.metrics_source)
    yield source
    if fleet.metrics_age_seconds is not None:
        yield GaugeMetricFamily(
            "balanza_metrics_age_seconds", "Age of the newest measurement of a worker.", value=fleet.metrics_age_seconds
        )


def _by_status(fleet: FleetStats) -> dict[WorkerStatus, int]:
    return {status: sum(worker.status is status for worker in fleet.workers) for status in WorkerStatus}
