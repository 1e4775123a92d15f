"""A whole Balanza, started as a person starts it: `balanza up`, its processes, its log, and its API."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import httpx2
import psutil

from tests.support.waiting import eventually

READY_SECONDS = 45.0
"""On a machine that is busy with other tests."""
END_SECONDS = 30.0


class Live:
    """Runs from `with` to the end of its block, or until it is ended earlier. `log` has every line it printed."""

    def __init__(
        self,
        data: Path,
        *options: str,
        workers: int = 2,
        metrics: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self.workers = workers
        self.port = free_port()
        self.metrics_port = free_ports(workers) if metrics else 0
        self.address = f"http://127.0.0.1:{self.port}"
        self.log: list[str] = []
        self._options = options
        self._environment = environment or {}

    def __enter__(self) -> "Live":
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "balanza", "up", "--port", str(self.port), "--data", str(self.data)),
                *("--workers", str(self.workers), "--metrics-port", str(self.metrics_port), *self._options),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            env=os.environ | self._environment,
            # As in a terminal, where the shell gives it a process group of its own.
            process_group=0,
        )
        assert self.process.stdout
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()
        # Nothing here speaks TLS, whose certificates take 40 ms to read.
        self.api = httpx2.Client(base_url=self.address, timeout=30, trust_env=False, verify=False)
        try:
            eventually(self._is_ready, READY_SECONDS)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self._children = self.children()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            for process in [*self.children(), psutil.Process(self.process.pid)]:
                process.kill()
            self.process.wait()
            raise
        finally:
            self._reader.join(END_SECONDS)
            self.api.close()

    # --- Its processes

    def children(self) -> list[psutil.Process]:
        """The server and the workers that run now."""
        return psutil.Process(self.process.pid).children()

    def server(self) -> psutil.Process:
        return self._child("serve")

    def worker(self, worker_id: str) -> psutil.Process:
        return self._child(worker_id)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Sends the signal to the supervisor alone; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(END_SECONDS)

    # --- Its API

    def upload(self, path: Path, name: str | None = None) -> str:
        """The media id."""
        with path.open("rb") as file:
            response = self.api.post("/upload", content=file, headers={"X-Filename": name or path.name})
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def convert(self, media_id: str, output_format: str, **options: object) -> str:
        """The job id."""
        wanted = {"input_file": media_id, "output_format": output_format, "options": options}
        response = self.api.post("/convert", json=wanted)
        assert response.status_code == 201, response.text
        return str(response.json()["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        response = self.api.get(f"/jobs/{job_id}")
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def until(self, job_id: str, status: str, seconds: float = 60.0) -> dict[str, Any]:
        """The job, when it is in that state; a server that is being restarted is waited for."""
        found: dict[str, Any] = {}

        def is_so() -> bool:
            with suppress(httpx2.TransportError):
                found.update(self.job(job_id))
            return found.get("status") == status

        try:
            eventually(is_so, seconds)
        except AssertionError as error:
            raise AssertionError(f"{found}\n" + "\n".join(self.log)) from error
        return found

    def logged(self, part: str, seconds: float = 10.0) -> str:
        """The first line with `part` in it, as soon as there is one."""
        eventually(lambda: any(part in line for line in self.log), seconds)
        return next(line for line in self.log if part in line)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, "\n".join(self.log)
        if not any("Ctrl-C stops it" in line for line in self.log):
            return False
        summary = self.api.get("/workers/stats").json()["summary"]
        return bool(summary["active_workers"] == self.workers)

    def _child(self, word: str) -> psutil.Process:
        return next(child for child in self.children() if word in child.cmdline())

    def _read(self, output: IO[str]) -> None:
        with output:
            self.log.extend(line.rstrip("\n") for line in output)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody uses now."""
    while True:
        first = free_port()
        if first + count < 65536 and all(_is_free(first + number) for number in range(count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
