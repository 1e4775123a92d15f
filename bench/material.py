"""Sounds and pictures to convert, made by FFmpeg's own generators; the same in every run."""

import subprocess
from pathlib import Path

from balanza.media.program import find_program


def audio(path: Path, seconds: float) -> Path:
    """Stereo noise and tones at 44.1 kHz: harder to compress than silence, easier than nothing."""
    source = f"aevalsrc='0.3*sin(2*PI*220*t)+0.1*random(0)|0.3*sin(2*PI*277*t)+0.1*random(1)':s=44100:d={seconds:.3f}"
    _make(path, "-f", "lavfi", "-i", source)
    return path


def video(path: Path, seconds: float, size: str) -> Path:
    """A moving test picture with a tone, in H.264 and AAC."""
    picture = f"testsrc2=size={size}:rate=25:duration={seconds:.3f}"
    tone = f"sine=frequency=440:duration={seconds:.3f}"
    _make(path, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-c:v", "libx264", "-preset", "ultrafast")
    return path


def _make(path: Path, *arguments: str) -> None:
    subprocess.run([find_program(None).path, "-nostdin", "-loglevel", "error", "-y", *arguments, str(path)], check=True)
