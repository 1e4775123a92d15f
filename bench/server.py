"""A whole Balanza, started as a person would, for as long as a measurement takes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil


@dataclass(frozen=True)
class Running:
    """A client for it, and its processes."""

    client: httpx2.Client
    supervisor: psutil.Process

    def server(self) -> psutil.Process:
        return next(child for child in self.supervisor.children() if "serve" in child.cmdline())


@contextmanager
def running(folder: Path, *, workers: int, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    port = free_port()
    command = [sys.executable, "-m", "balanza", "up", "--port", str(port), "--data", str(folder / "data")]
    process = subprocess.Popen(
        [*command, "--workers", str(workers), "--metrics-port", "0"],
        env=os.environ | (environment or {}),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            until_ready(client, workers)
            yield Running(client, psutil.Process(process.pid))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def until_ready(client: httpx2.Client, workers: int, seconds: float = 30) -> None:
    """Returns when the server answers and so many workers are active. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if client.get("/workers/stats").json()["summary"]["active_workers"] == workers:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"the server and {workers} workers were not ready within {seconds} s")
