"""The two sides of a comparison: `balanza convert`, and the same ffmpeg command lines under `xargs -P 2`."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from balanza.cli.local import threads_of_each
from balanza.media.ffmpeg import build_argv
from balanza.media.formats import parse_options
from balanza.media.probe import Prober
from balanza.media.program import find_program
from balanza.worker.load import usable_cpus

JOBS = 2


@dataclass(frozen=True)
class Batch:
    """Files that are all converted to one format."""

    format_name: str
    sources: tuple[Path, ...]


def balanza(batches: Sequence[Batch], target: Path) -> None:
    """One command for each batch, as a person would type it."""
    for batch in batches:
        command = [sys.executable, "-m", "balanza", "convert", *map(str, batch.sources)]
        options = ["--to", batch.format_name, "-o", str(target), "--jobs", str(JOBS), "--force"]
        subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Xargs:
    """The command lines that Balanza would run, prepared beforehand: no probe and no check of the result is timed."""

    def __init__(self, batches: Sequence[Batch], target: Path) -> None:
        program = find_program(None)
        threads = threads_of_each(JOBS, usable_cpus())
        with Prober() as prober:
            self._batches = [
                [
                    ffmpeg_argv(program.path, source, batch.format_name, target, prober, threads)
                    for source in batch.sources
                ]
                for batch in batches
            ]

    def __call__(self) -> None:
        for commands in self._batches:
            (words,) = {len(argv) for argv in commands}  # the same kind of file, so the same kind of command line
            subprocess.run(
                ["xargs", "-0", "-P", str(JOBS), "-n", str(words - 1), commands[0][0]],
                input=b"".join(word.encode() + b"\0" for argv in commands for word in argv[1:]),
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )


def ffmpeg_argv(program: str, source: Path, format_name: str, target: Path, prober: Prober, threads: int) -> list[str]:
    """The command line that Balanza would run."""
    return build_argv(
        program=program,
        source=str(source),
        output=str(target / f"{source.stem}.{format_name}"),
        format_name=format_name,
        options=parse_options(format_name, {}),
        probe=prober.probe(source),
        threads=threads,
    )
