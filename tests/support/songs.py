"""A song that takes a while."""

import subprocess
from pathlib import Path

from balanza.media.program import find_program


def make_long_song(path: Path) -> Path:
    """400 s of sound: takes some seconds to convert to Opus."""
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=400")
    argv = [find_program(None).path, "-nostdin", "-loglevel", "error", *tone, "-ac", "2", str(path)]
    subprocess.run(argv, check=True)
    return path
