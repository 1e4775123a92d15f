"""Many tiny files, where everything but the conversion counts most.

On a running server, because starting a program costs as much as fifty clips. Beside it the least that it could take:
the same conversions by processes of ten files each, two at a time, with no server, no probe and no check.
"""

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import psutil

from balanza.media.formats import parse_options
from balanza.media.probe import Prober
from balanza.media.program import find_program
from balanza.media.together import Part, build_shared_argv
from bench import material
from bench.commands import JOBS
from bench.rounds import ratios, timed
from bench.server import Running, running

CLIPS = 200
AIMS = {"m4a": 1.4, "mp3": 2.0, "flac": 3.0}
ENCODERS = {
    "m4a": ("-c:a", "aac", "-b:a", "160k"),
    "mp3": ("-c:a", "libmp3lame", "-q:a", "2"),
    "flac": ("-c:a", "flac"),
}
TEN = 10
LOOK_EVERY_SECONDS = 0.05
"""Looking costs the server as much as completing a job."""
MOST_SECONDS = 300


@dataclass
class Side:
    """One of what is compared: seconds by the clock and of the processors, round by round."""

    name: str
    convert: Callable[[], object]
    cpu_seconds_now: Callable[[], float]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self) -> None:
        before = self.cpu_seconds_now()
        self.wall.append(timed(self.convert))
        self.cpu.append(self.cpu_seconds_now() - before)

    def told(self) -> str:
        rate, least, usual = CLIPS / min(self.wall), min(self.wall), median(self.wall)
        work = 1000 * median(self.cpu) / CLIPS
        return f"{self.name} {rate:.0f} files/s (min {least:.2f} s, median {usual:.2f} s, {work:.0f} ms of CPU a file)"


def run(folder: Path, rounds: int) -> None:
    """200 one-second clips on a running server against `xargs -P 2 ffmpeg`, in files per second"""
    clips = _clips(folder)
    target = folder / "out"
    target.mkdir()
    with running(folder, workers=JOBS) as server:
        sources = [_uploaded(server, clip) for clip in clips]
        for format_name, aim in AIMS.items():
            ours = Side("balanza", partial(_convert, server, sources, format_name), partial(_cpu_of, server))
            theirs = Side("xargs", partial(_xargs, clips, format_name, target), _cpu_of_children)
            commands = list(_shared(clips, format_name, target))
            floor = Side("ten files a process", partial(_by_two, commands), _cpu_of_children)
            sides = [ours, theirs, floor]
            for number in range(rounds):
                for side in sides if number % 2 else reversed(sides):
                    side.run()
            print(f"{format_name}: {'; '.join(side.told() for side in sides)}")
            print(f"  files/s ratio to xargs: {ratios(theirs.wall, ours.wall)}; aim: at least {aim}")
            print(f"  of CPU: {ratios(theirs.cpu, ours.cpu)}; with no server: {ratios(theirs.wall, floor.wall)}")
            print(f"  load average: {' '.join(f'{figure:.2f}' for figure in os.getloadavg())}")


def _clips(folder: Path) -> list[Path]:
    first = material.audio(folder / "clip000.wav", 1)
    return [first, *(Path(shutil.copy(first, folder / f"clip{number:03}.wav")) for number in range(1, CLIPS))]


def _uploaded(server: Running, path: Path) -> str:
    with path.open("rb") as file:
        answer = server.client.post("/upload", content=file, headers={"X-Filename": path.name}).raise_for_status()
    return str(answer.json()["id"])


def _convert(server: Running, sources: list[str], format_name: str) -> None:
    """From the submission, which is one request, to the last completion."""
    before = _completed(server)
    wanted = {"input_files": sources, "output_format": format_name}
    server.client.post("/convert/batch", json=wanted).raise_for_status()
    deadline = time.monotonic() + MOST_SECONDS
    while _completed(server) - before < len(sources):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(sources)} jobs had not ended after {MOST_SECONDS} s")
        time.sleep(LOOK_EVERY_SECONDS)


def _completed(server: Running) -> int:
    return int(server.client.get("/queue/stats").json()["jobs"]["completed"])


def _xargs(clips: Sequence[Path], format_name: str, target: Path) -> None:
    """As a person would type it."""
    command = [find_program(None).path, "-nostdin", "-loglevel", "error", "-y", "-i", "{}", *ENCODERS[format_name]]
    subprocess.run(
        ["xargs", "-P", str(JOBS), "-I", "{}", *command, f"{target}/{{}}.{format_name}"],
        cwd=clips[0].parent,
        input="\n".join(clip.name for clip in clips).encode(),
        check=True,
    )


def _shared(clips: Sequence[Path], format_name: str, target: Path) -> Iterator[list[str]]:
    with Prober() as prober:
        probe = prober.probe(clips[0])
    for ten in (clips[start : start + TEN] for start in range(0, len(clips), TEN)):
        yield build_shared_argv(
            program=find_program(None).path,
            parts=[Part(str(clip), str(target / f"{clip.stem}.{format_name}"), probe) for clip in ten],
            format_name=format_name,
            options=parse_options(format_name, {}),
            threads=1,
        )


def _by_two(commands: Sequence[Sequence[str]]) -> None:
    with ThreadPoolExecutor(JOBS) as two:
        list(two.map(lambda argv: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL), commands))


def _cpu_of_children() -> float:
    """Of all that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu_of(server: Running) -> float:
    """Of the server, the workers, and every ffmpeg that has ended."""
    processes = [server.supervisor, *server.supervisor.children(recursive=True)]
    return sum(sum(process.cpu_times()[:4]) for process in processes if process.status() != psutil.STATUS_ZOMBIE)
