"""A server with workers that convert nothing: what is measured is the way of a job, and nothing of ffmpeg."""

import os
import subprocess
import sys
import time
import wave
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx2

from bench.queues import done
from bench.server import Running, running, until_ready
from bench.wire import Wire

FORMAT = "flac"
MOST_SECONDS = 120
AFTER_SECONDS = 0.01
"""Until the worker waits in its long poll again."""


@dataclass(frozen=True)
class Hands:
    """A server, its workers, and the file in which these note what they were given."""

    live: Running
    address: str
    source: str

    def singly(self, jobs: int) -> list[float]:
        """Seconds from just before POST /convert until the job is in a worker's hands, one job at a time."""
        delays = []
        with Wire.to(self.address) as wire:
            for _ in range(jobs + 1):  # the first one of a process is not measured
                before, asked_at = done.count(), time.monotonic()
                wire.post("/convert", {"input_file": self.source, "output_format": FORMAT})
                _until_done(before + 1)
                delays.append(done.times()[-1] - asked_at)
                time.sleep(AFTER_SECONDS)
        return delays[1:]

    def through(self, requests: Sequence[tuple[str, object]], jobs: int, submitters: int) -> float:
        """Seconds from the first of these requests until all their jobs are completed, each on the disk."""
        with ExitStack() as stack:
            wires = [stack.enter_context(Wire.to(self.address)) for _ in range(submitters)]
            pool = stack.enter_context(ThreadPoolExecutor(submitters))
            in_hands, completed = done.count(), self._completed()
            started_at = time.monotonic()
            list(pool.map(lambda number: _send_all(wires[number], requests[number::submitters]), range(submitters)))
            _until_done(in_hands + jobs)
            while self._completed() < completed + jobs:
                time.sleep(0.01)
            return time.monotonic() - started_at

    def _completed(self) -> int:
        return int(self.live.client.get("/queue/stats").json()["jobs"]["completed"])


@contextmanager
def hands(folder: Path, *, workers: int, most: int) -> Iterator[Hands]:
    """`most`: how many tiny jobs each takes together."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "done"
    file.touch()
    os.environ[done.WRITTEN] = str(file)
    with ExitStack() as stack:
        live = stack.enter_context(running(folder, workers=0))
        address = str(live.client.base_url).rstrip("/")
        for number in range(workers):
            stack.enter_context(process(["-m", "bench.noop", address, f"noop_{number}", str(most)]))
        until_ready(live.client, workers)
        yield Hands(live, address, uploaded_second(live.client))


@contextmanager
def process(arguments: Sequence[str], python: str = sys.executable, *, quiet: bool = False) -> Iterator[None]:
    """A Python program, until the end of the block."""
    nothing = subprocess.DEVNULL
    one = subprocess.Popen([python, *arguments], stdin=nothing, stdout=nothing, stderr=nothing if quiet else None)
    try:
        yield
    finally:
        one.terminate()
        try:
            one.wait(20)
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()


def uploaded_second(client: httpx2.Client) -> str:
    """The id of a sound of one second."""
    content = BytesIO()
    with wave.open(content, "wb") as song:
        song.setnchannels(1)
        song.setsampwidth(2)
        song.setframerate(8000)
        song.writeframes(bytes(16000))
    files = {"file": ("second.wav", content.getvalue())}
    return str(client.post("/upload", files=files).raise_for_status().json()["id"])


def _send_all(wire: Wire, requests: Sequence[tuple[str, object]]) -> None:
    for path, message in requests:
        wire.post(path, message)


def _until_done(count: int) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while done.count() < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{done.count()} of {count} jobs were in a worker's hands after {MOST_SECONDS} s")
        time.sleep(0.0005)
