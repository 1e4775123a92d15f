"""The worker's metrics for Prometheus, by the seed's names, each with a label `worker_id`."""

import errno
import socket
from collections.abc import Iterator
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily

from balanza.errors import StartupError
from balanza.protocol import Load
from balanza.worker.load import Traffic

LOOPBACK = "127.0.0.1"
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - chosen by whoever starts the worker
DURATION_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class WorkerMetrics:
    """What one worker measures, in a registry of its own."""

    def __init__(self, worker_id: str, traffic: Traffic | None = None) -> None:
        self.registry = CollectorRegistry()
        label = ["worker_id"]
        self.registry.register(_Transfers(worker_id, traffic or Traffic()))
        self._cpu = Gauge(
            "worker_cpu_load", "Processor time of the worker's process tree, 0..1", label, registry=self.registry
        ).labels(worker_id)
        self._memory = Gauge(
            "worker_memory_usage_mb", "Resident memory of the worker's process tree", label, registry=self.registry
        ).labels(worker_id)
        self._in_progress = Gauge(
            "worker_jobs_in_progress", "Conversions that are running", label, registry=self.registry
        ).labels(worker_id)
        done = Counter("worker_conversions_done", "Conversions that ended", [*label, "status"], registry=self.registry)
        self._done = {status: done.labels(worker_id, status) for status in ("success", "failed")}
        self._duration = Histogram(
            "worker_conversion_duration_seconds",
            "How long conversions took",
            label,
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        ).labels(worker_id)

    def measured(self, load: Load) -> None:
        self._cpu.set(load.cpu_load)
        self._memory.set(load.memory_mb)

    def running(self, jobs: int) -> None:
        self._in_progress.set(jobs)

    def ended(self, status: Literal["success", "failed"], seconds: float) -> None:
        self._done[status].inc()
        self._duration.observe(seconds)


class _Transfers:
    """The worker's own count, read when it is asked for."""

    def __init__(self, worker_id: str, traffic: Traffic) -> None:
        self._worker_id = worker_id
        self._traffic = traffic

    def collect(self) -> Iterator[CounterMetricFamily]:
        for name, what, value in (
            ("worker_network_receive_bytes", "Sources fetched over the network", self._traffic.received_bytes),
            ("worker_network_transmit_bytes", "Results sent over the network", self._traffic.sent_bytes),
        ):
            family = CounterMetricFamily(name, what, labels=["worker_id"])
            family.add_metric([self._worker_id], value)
            yield family


class MetricsServer:
    """Answers Prometheus until closed. `address` is where Prometheus finds it."""

    def __init__(self, metrics: WorkerMetrics, port: int, host: str = LOOPBACK) -> None:
        """Raises StartupError when it cannot listen there."""
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=metrics.registry)
        except OSError as error:
            raise StartupError(_why_not(error, host, port)) from error
        self.address = address_of(host, self._server.server_port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _why_not(error: OSError, host: str, port: int) -> str:
    reason = error.strerror or error
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"Metrics cannot be served at {host}: {reason}. Choose one of this computer's own addresses."
    return f"The metrics port {port} cannot be used: {reason}. Choose another one, or 0 for none."


def address_of(host: str, port: int) -> str:
    """A worker that listens everywhere is found under its own name, which is that of its container."""
    name = socket.gethostname() if host in EVERYWHERE else host
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
