"""How soon a conversion starts."""

import time
import wave
from io import BytesIO
from pathlib import Path
from statistics import median

from balanza.media.program import find_program
from bench.rounds import percentile
from bench.server import Running, running

JOBS = 100
WRAPPER = """#!/bin/bash
echo "$EPOCHREALTIME" >> '{starts}'
exec '{ffmpeg}' "$@"
"""


def run(folder: Path, rounds: int) -> None:
    """from POST /convert to ffmpeg's start on two idle workers, one job at a time"""
    starts = folder / "starts"
    starts.touch()
    wrapper = folder / "ffmpeg"
    wrapper.write_text(WRAPPER.format(starts=starts, ffmpeg=find_program(None).path))
    wrapper.chmod(0o755)
    with running(folder, workers=2, environment={"BALANZA_FFMPEG": str(wrapper)}) as live:
        source = _upload_second(live)
        _delay(live, source, starts)  # the first one of a process is not measured
        delays = [_delay(live, source, starts) * 1e3 for _ in range(JOBS * rounds)]
    print(f"{len(delays)} jobs: median {median(delays):.1f} ms, p99 {percentile(delays, 99):.1f} ms")
    print("(the time in which bash starts and writes down the clock is within); aim: median at most 8, p99 at most 25")


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


def _upload_second(live: Running) -> str:
    content = BytesIO()
    with wave.open(content, "wb") as song:
        song.setnchannels(1)
        song.setsampwidth(2)
        song.setframerate(8000)
        song.writeframes(bytes(16000))
    files = {"file": ("second.wav", content.getvalue())}
    return str(live.client.post("/upload", files=files).raise_for_status().json()["id"])
