"""A mixed bag of files, converted from the command line: one command for each format, start and end included."""

from pathlib import Path

from bench import material
from bench.aims import at_most
from bench.commands import Batch, Xargs, balanza
from bench.rounds import compare, median_ratio, ratios

AUDIO_SECONDS = [2 * 110 ** (step / 23) for step in range(24)]
"""24 lengths from 2 to 220 s, each longer than the one before by the same factor."""
VIDEOS = [(4, "320x240"), (6, "640x360"), (10, "640x360"), (15, "320x240")] * 2
AUDIO_FORMATS = ("mp3", "m4a", "ogg", "opus")


def run(folder: Path, rounds: int) -> None:
    """`balanza convert` of 32 mixed files, a command for each of five formats, against `xargs -P 2`"""
    batches = batches_of(folder)
    target = folder / "out"
    target.mkdir()
    ours, theirs = compare(lambda: balanza(batches, target), Xargs(batches, target), rounds=rounds)
    print(f"balanza convert: {min(ours):.2f} s at best, xargs: {min(theirs):.2f} s at best")
    print(f"wall-clock ratio balanza / xargs: {ratios(ours, theirs)}; {at_most(median_ratio(ours, theirs), 1.05)}")


def batches_of(folder: Path) -> list[Batch]:
    """24 sounds of 2 to 220 s for MP3, AAC, Vorbis and Opus, and 8 films for H.264."""
    songs = [material.audio(folder / f"song{number:02}.wav", seconds) for number, seconds in enumerate(AUDIO_SECONDS)]
    films = [
        material.video(folder / f"film{number}.mkv", seconds, size) for number, (seconds, size) in enumerate(VIDEOS)
    ]
    count = len(AUDIO_FORMATS)
    audio = [Batch(name, tuple(songs[start::count])) for start, name in enumerate(AUDIO_FORMATS)]
    return [*audio, Batch("mp4", tuple(films))]
