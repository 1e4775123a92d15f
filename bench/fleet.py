"""A server and workers of different speed: each worker's ffmpeg sleeps as long as its job is large and it is slow.

What is measured then is Balanza itself: who gets which job when. The double answers what it can do as the real ffmpeg
does, and its results are real ones, made beforehand, so that nothing else has to know.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from balanza.media.program import find_program
from bench import material
from bench.server import free_port, until_ready

READY_SECONDS = 60
END_SECONDS = 30
DOUBLE = """#!/bin/bash
case " $* " in *' -progress '*) ;; *) exec '{ffmpeg}' "$@" ;; esac
size=$(stat -Lc %s source/input)
sleep "$(cat '{folder}'/"$size".seconds)"
cp '{results}'/"$size".mp3 result
echo progress=end
"""


@dataclass(frozen=True)
class Fleet:
    """What runs: the server's address, a client of it, and the sources by how long each takes at speed 1."""

    client: httpx2.Client
    address: str
    sources: Mapping[float, str]


@contextmanager
def fleet(
    folder: Path, speeds: Sequence[float], sizes: Sequence[float], *, environment: Mapping[str, str] | None = None
) -> Iterator[Fleet]:
    """Workers of these speeds, until the end of the block. A job of size s takes s / speed seconds.

    `environment` is the server's.
    """
    results = folder / "results"
    results.mkdir()
    files = {size: _source(results, size) for size in sizes}
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        serve = ["serve", "--port", str(port), "--data", str(folder / "data")]
        stack.enter_context(_running(serve, folder / "server.log", environment or {}))
        client = stack.enter_context(httpx2.Client(base_url=address, timeout=60, trust_env=False))
        until_ready(client, 0, READY_SECONDS)
        for number, speed in enumerate(speeds):
            stack.enter_context(_worker(folder, address, f"worker_{chr(97 + number)}", speed, files))
        until_ready(client, len(speeds), READY_SECONDS)
        yield Fleet(client, address, {size: uploaded(client, path) for size, path in files.items()})


@contextmanager
def _worker(folder: Path, server: str, worker_id: str, speed: float, files: Mapping[float, Path]) -> Iterator[None]:
    own = folder / worker_id
    own.mkdir()
    for size, path in files.items():
        (own / f"{path.stat().st_size}.seconds").write_text(f"{size / speed:.3f}")
    double = own / "ffmpeg"
    double.write_text(DOUBLE.format(ffmpeg=find_program(None).path, folder=own, results=folder / "results"))
    double.chmod(0o755)
    command = ["worker", "--server", server, "--id", worker_id, "--metrics-port", str(free_port()), "--grace", "0"]
    with _running([*command, "--scratch", str(own)], own / "log", {"BALANZA_FFMPEG": str(double)}):
        yield


@contextmanager
def _running(arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "balanza", *arguments],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _source(results: Path, size: float) -> Path:
    """A sound of that many seconds; beside it what becomes of it, under its size in bytes."""
    source = material.audio(results / f"{size}.wav", size)
    result = results / f"{source.stat().st_size}.mp3"
    subprocess.run(
        [find_program(None).path, "-nostdin", "-loglevel", "error", "-y", "-i", str(source), str(result)], check=True
    )
    return source


def uploaded(client: httpx2.Client, path: Path) -> str:
    """The media id of the file."""
    with path.open("rb") as file:
        answer = client.post("/upload", content=file, headers={"X-Filename": path.name}).raise_for_status()
    return str(answer.json()["id"])


def finished(client: httpx2.Client, count: int, seconds: float) -> None:
    """Returns when so many jobs have ended. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        counts = client.get("/queue/stats").json()["jobs"]
        if counts["completed"] + counts["failed"] + counts["cancelled"] >= count:
            return
        time.sleep(0.2)
    raise TimeoutError(f"{count} jobs had not ended after {seconds} s")
