"""A mixed bag of files on a running server: when is the last one done, and when are they on average?

Files lie where they are needed before the clock starts, here in the library and there on the disk. A server is started
anew for each round, but knows the jobs of the rounds before it: in the first it predicts by what it is shipped with.
"""

import random
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

import httpx2

from balanza.cli.local import threads_of_each
from balanza.media.probe import Prober
from balanza.media.program import find_program
from balanza.worker.load import usable_cpus
from bench.aims import at_most
from bench.commands import JOBS, ffmpeg_argv
from bench.convert import batches_of
from bench.fleet import finished, uploaded
from bench.rounds import median_ratio, ratios
from bench.server import running

MOST_SECONDS = 600


@dataclass(frozen=True)
class Conversion:
    """One of the mix."""

    source: Path
    format_name: str


@dataclass
class Times:
    """Of one side, round by round, in seconds since the start."""

    name: str
    makespan: list[float] = field(default_factory=list)
    mean_completion: list[float] = field(default_factory=list)

    def add(self, completions: Sequence[float]) -> None:
        self.makespan.append(max(completions))
        self.mean_completion.append(fmean(completions))

    def told(self) -> str:
        last, mean = self.makespan, self.mean_completion
        return (
            f"{self.name}: all done after {min(last):.2f} s at best (median {median(last):.2f}), "
            f"each after {min(mean):.2f} s on average (median {median(mean):.2f})"
        )


def run(folder: Path, rounds: int) -> None:
    """32 mixed files at once on a server with two workers, by both orders, against `xargs -P 2`"""
    mix = mix_of(folder)
    servers = {order: Served(folder / order, order) for order in ("lpt", "balanced")}
    times = {name: Times(name) for name in ("xargs", *servers)}
    xargs = Xargs(folder / "out")
    for number in range(rounds):
        order = shuffled(mix, number)
        sides: list[tuple[str, Callable[[], list[float]]]] = [("xargs", partial(xargs.convert, order))]
        sides += [(name, partial(server.convert, order)) for name, server in servers.items()]
        for name, convert in sides if number % 2 else reversed(sides):
            times[name].add(convert())
    for one in times.values():
        print(one.told())
    theirs, lpt, balanced = (times[name] for name in ("xargs", "lpt", "balanced"))
    last = at_most(median_ratio(lpt.makespan, theirs.makespan), 1.0)
    mean = at_most(median_ratio(balanced.mean_completion, theirs.mean_completion), 0.5)
    print(f"order lpt, all done: {ratios(lpt.makespan, theirs.makespan)} of xargs's time; {last}")
    print(f"default order, all done: {ratios(balanced.makespan, theirs.makespan)}")
    print(f"default order, mean completion: {ratios(balanced.mean_completion, theirs.mean_completion)}; {mean}")


def mix_of(folder: Path) -> list[Conversion]:
    return [Conversion(source, batch.format_name) for batch in batches_of(folder) for source in batch.sources]


def shuffled(mix: Sequence[Conversion], seed: int) -> list[Conversion]:
    """In another order each round: which file comes last decides much of what `xargs` needs."""
    return random.Random(seed).sample(mix, len(mix))


class Xargs:
    """The command lines that Balanza would run, two at a time; no probe and no check of the result is timed."""

    def __init__(self, target: Path) -> None:
        self._target = target
        target.mkdir()

    def convert(self, mix: Sequence[Conversion]) -> list[float]:
        program, threads = find_program(None), threads_of_each(JOBS, usable_cpus())
        with Prober() as prober:
            commands = [
                ffmpeg_argv(program.path, one.source, one.format_name, self._target, prober, threads) for one in mix
            ]
        for result in self._target.iterdir():
            result.unlink()
        started_at = time.time()
        subprocess.run(
            ["xargs", "-0", "-P", str(JOBS), "-n", "1", "sh", "-c"],
            input="\0".join(f"exec {shlex.join(argv)}" for argv in commands).encode(),
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # The last byte of a result is written a little before its ffmpeg ends: in favour of xargs.
        ended = [(self._target / f"{one.source.stem}.{one.format_name}").stat().st_mtime for one in mix]
        return [moment - started_at for moment in ended]


class Served:
    """A server of that order, with two workers of one slot."""

    def __init__(self, folder: Path, order: str) -> None:
        self._folder = folder
        self._environment = {"BALANZA_ORDER": order}
        self._media: dict[Path, str] = {}
        folder.mkdir()

    def convert(self, mix: Sequence[Conversion]) -> list[float]:
        """When each was completed, in seconds since the first was submitted."""
        started_at, done = self.jobs(mix)
        return [datetime.fromisoformat(job["completed_at"]).timestamp() - started_at for job in done]

    def jobs(self, mix: Sequence[Conversion]) -> tuple[float, list[dict[str, Any]]]:
        """When the first was submitted, and all of them with their attempts, completed."""
        with running(self._folder, workers=JOBS, environment=self._environment) as live:
            for one in mix:
                if one.source not in self._media:
                    self._media[one.source] = uploaded(live.client, one.source)
            before = live.client.get("/queue/stats").json()["jobs"]["completed"]
            started_at = time.time()
            made = [self._submit(live.client, one) for one in mix]
            finished(live.client, before + len(mix), MOST_SECONDS)
            jobs = [live.client.get(f"/jobs/{job_id}").raise_for_status().json() for job_id in made]
        failed = [job for job in jobs if job["status"] != "completed"]
        if failed:
            raise RuntimeError(
                f"{len(failed)} jobs were not completed, the first of them because of {failed[0]['error']}"
            )
        return started_at, jobs

    def _submit(self, client: httpx2.Client, one: Conversion) -> str:
        wanted = {"input_file": self._media[one.source], "output_format": one.format_name}
        return str(client.post("/convert", json=wanted).raise_for_status().json()["job_id"])
