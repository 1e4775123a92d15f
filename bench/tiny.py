"""Many tiny files, where everything but the conversion counts most."""

import shutil
from functools import partial
from pathlib import Path

from bench import material
from bench.commands import Batch, Xargs, balanza
from bench.rounds import compare, ratios

CLIPS = 200
FORMATS = ("mp3", "flac", "m4a")


def run(folder: Path, rounds: int) -> None:
    """200 one-second clips against `xargs -P 2`, in files per second"""
    first = material.audio(folder / "clip000.wav", 1)
    copies = (shutil.copy(first, folder / f"clip{number:03}.wav") for number in range(1, CLIPS))
    clips = (first, *(Path(copy) for copy in copies))
    target = folder / "out"
    target.mkdir()
    for format_name in FORMATS:
        batches = [Batch(format_name, clips)]
        ours, theirs = compare(partial(balanza, batches, target), Xargs(batches, target), rounds=rounds)
        rates = f"balanza {CLIPS / min(ours):.0f} files/s, xargs {CLIPS / min(theirs):.0f} files/s"
        print(f"{format_name}: {rates}; files/s ratio: {ratios(theirs, ours)}; aim: at least 1.0")
