"""Workers started one by one, as on machines of their own: `balanza worker`."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.commands import command
from tests.support.live import Live
from tests.support.waiting import eventually

END_SECONDS = 30.0


class Crew:
    """Workers of one Balanza that has none of its own. What they printed is in `said`."""

    def __init__(self, live: Live, folder: Path) -> None:
        self._live = live
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self, worker_id: str, *options: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Returns when the server knows it."""
        scratch = str(self._folder / "scratch")
        with self._log(worker_id).open("ab") as log:
            process = subprocess.Popen(
                command("worker", "--server", self._live.address, "--id", worker_id, "--scratch", scratch, *options),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | (environment or {}),
            )
        self._started.append(process)
        eventually(lambda: self.status(worker_id) not in (None, "offline"), END_SECONDS)
        return process

    def status(self, worker_id: str) -> str | None:
        """As the server sees it."""
        found = {one["worker_id"]: one["status"] for one in self._live.api.get("/workers/stats").json()["workers"]}
        return found.get(worker_id)

    def said(self, worker_id: str) -> str:
        return self._log(worker_id).read_text()

    def leave(self) -> None:
        """All are told to go, and have gone."""
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.wait(END_SECONDS)

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()

    def _log(self, worker_id: str) -> Path:
        return self._folder / f"{worker_id}.log"


@contextmanager
def crew(live: Live, folder: Path) -> Iterator[Crew]:
    """What is left of it at the end is killed."""
    workers = Crew(live, folder)
    try:
        yield workers
    finally:
        workers.end()
