"""How soon a conversion starts."""

import time
from pathlib import Path
from statistics import median

from balanza.media.program import find_program
from bench.aims import at_most
from bench.hands import hands, uploaded_second
from bench.rounds import percentile
from bench.server import Running, running

JOBS = 100
WRAPPER = """#!/bin/bash
echo "$EPOCHREALTIME" >> '{starts}'
exec '{ffmpeg}' "$@"
"""


def run(folder: Path, rounds: int) -> None:
    """from POST /convert to the worker's hands, and to ffmpeg's start, on two idle workers, one job at a time"""
    handed: list[float] = []
    started: list[float] = []
    for number in range(rounds):
        place = folder / str(number)
        handed += _handed(place / "hands")
        started += _started(place / "ffmpeg")
    _tell("in a worker's hands", handed, 3, 10)
    # The time in which bash starts and writes down the clock is within.
    _tell("ffmpeg started", started, 8, 25)


def _tell(what: str, seconds: list[float], aim: float, aim_p99: float) -> None:
    delays = [1e3 * one for one in seconds]
    usual, worst = median(delays), percentile(delays, 99)
    print(f"{what}, {len(delays)} jobs: at best {min(delays):.1f} ms")
    print(f"  median {usual:.1f} ms; {at_most(usual, aim, 'ms')}")
    print(f"  p99 {worst:.1f} ms; {at_most(worst, aim_p99, 'ms')}")


def _handed(folder: Path) -> list[float]:
    """By workers that speak the real protocol and convert nothing."""
    with hands(folder, workers=2, most=1) as fleet:
        return fleet.singly(JOBS)


def _started(folder: Path) -> list[float]:
    folder.mkdir(parents=True)
    starts = folder / "starts"
    starts.touch()
    wrapper = folder / "ffmpeg"
    wrapper.write_text(WRAPPER.format(starts=starts, ffmpeg=find_program(None).path))
    wrapper.chmod(0o755)
    with running(folder, workers=2, environment={"BALANZA_FFMPEG": str(wrapper)}) as live:
        source = uploaded_second(live.client)
        _delay(live, source, starts)  # the first one of a process is not measured
        return [_delay(live, source, starts) for _ in range(JOBS)]


def _delay(live: Running, source: str, starts: Path) -> float:
    """Seconds from the request to the start that the wrapper wrote down. Returns when the workers are idle again."""
    before = len(starts.read_text().splitlines())
    asked_at = time.time()
    answer = live.client.post("/convert", json={"input_file": source, "output_format": "flac"}).raise_for_status()
    job_id = answer.json()["job_id"]
    deadline = time.monotonic() + 20
    while live.client.get(f"/jobs/{job_id}").json()["status"] != "completed":
        if time.monotonic() > deadline:
            raise TimeoutError(f"job {job_id} was not completed within 20 s")
        time.sleep(0.02)
    return float(starts.read_text().splitlines()[before].replace(",", ".")) - asked_at
