"""The ffmpeg program: where it is, what it can do, and what a format would miss in it."""

import functools
import re
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from balanza.errors import StartupError
from balanza.media.table import FORMATS, Aside, Format

_ANSWER_SECONDS = 30
_FLAGS = re.compile(r"[A-Zd.|]{1,6}")


@dataclass(frozen=True, slots=True)
class Program:
    """An ffmpeg that runs, and FFmpeg's names of what it was built with."""

    path: str
    version: str
    encoders: frozenset[str]
    muxers: frozenset[str]
    demuxers: frozenset[str]
    filters: frozenset[str]


def find_program(ffmpeg: str | None) -> Program:
    """The program named by the setting, or the one that imageio-ffmpeg brings. Asked once per process and file.

    Raises: StartupError when it is missing, cannot be run, or is no ffmpeg.
    """
    path = _named(ffmpeg) if ffmpeg else _bundled()
    stat = Path(path).stat()
    return _asked(path, stat.st_mtime_ns, stat.st_size)


def missing_for(program: Program) -> Mapping[str, frozenset[str]]:
    """What each format needs and the program lacks; empty for a format that it can make."""
    return {name: _missing(program, format_) for name, format_ in FORMATS.items()}


def needs_of(format_: Format) -> Mapping[str, frozenset[str]]:
    """FFmpeg's names of what the format needs, by kind: `encoders`, `muxers`, `filters`."""
    encoders = {format_.subtitles.text_encoder}
    filters = {"aformat", "aresample", "asetpts", "atrim", "loudnorm", "pan"} if format_.audio else set()
    if format_.audio:
        encoders |= {format_.audio.name} | {depth.encoder for depth in format_.audio.depths.values()}
    if format_.video:
        encoders.add(format_.video.name)
        # FFmpeg itself turns what a telephone filmed.
        filters |= {"fps", "scale", "setsar", "crop", "trim", "format", "transpose", "hflip", "vflip"}
    if format_.covers or format_.cover_aside:
        encoders.add("mjpeg")
    if format_.gif:
        filters |= {"split", "palettegen", "paletteuse"}
    return {
        "encoders": frozenset(encoders - {""}),
        "muxers": frozenset({format_.muxer} | ({"image2pipe"} if format_.cover_aside else set())),
        "filters": frozenset(filters),
    }


def _missing(program: Program, format_: Format) -> frozenset[str]:
    needs = needs_of(format_)
    demuxers = frozenset({"ffmetadata"} if format_.cover_aside is Aside.COMMENT else ())
    return (
        (demuxers - program.demuxers)
        | (needs["encoders"] - program.encoders)
        | (needs["muxers"] - program.muxers)
        | (needs["filters"] - program.filters)
    )


def _named(ffmpeg: str) -> str:
    found = shutil.which(ffmpeg)
    if found:
        return str(Path(found).absolute())
    if Path(ffmpeg).is_file():
        raise StartupError(f"BALANZA_FFMPEG names {ffmpeg}, which may not be executed; make it executable.")
    raise StartupError(f"BALANZA_FFMPEG names {ffmpeg}, which does not exist; name an ffmpeg program or unset it.")


def _bundled() -> str:
    import imageio_ffmpeg  # noqa: PLC0415 (not needed where BALANZA_FFMPEG is set)

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise StartupError(
            "The package imageio-ffmpeg brings no ffmpeg for this machine; set BALANZA_FFMPEG to an ffmpeg program."
        ) from error


@functools.lru_cache(maxsize=8)
def _asked(path: str, _mtime_ns: int, _size_bytes: int) -> Program:
    with ThreadPoolExecutor(max_workers=5) as pool:
        answers = pool.map(functools.partial(_run, path), ("version", "encoders", "muxers", "demuxers", "filters"))
        version, encoders, muxers, demuxers, filters = answers
    match = re.match(r"ffmpeg version (\S+)", version)
    if match is None:
        raise StartupError(f"{path} is not an ffmpeg program: it does not say which version it is.")
    return Program(
        path=path,
        version=match[1],
        encoders=_names(encoders),
        muxers=_names(muxers),
        demuxers=_names(demuxers),
        filters=_names(filters),
    )


def _run(path: str, question: str) -> str:
    try:
        done = subprocess.run(
            [path, "-hide_banner", "-nostdin", f"-{question}"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StartupError(f"{path} does not answer -{question} within {_ANSWER_SECONDS} s.") from error
    except OSError as error:
        raise StartupError(f"{path} cannot be run: {error.strerror}.") from error
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()[-1]
        raise StartupError(f"{path} is not a working ffmpeg: -{question} ends with code {done.returncode} ({last}).")
    return done.stdout


def _names(listing: str) -> frozenset[str]:
    """The names in FFmpeg's tables: flags, then a name or several joined by commas, then a description."""
    rows = (line.split() for line in listing.splitlines())
    names = (row[1] for row in rows if len(row) > 2 and row[1] != "=" and _FLAGS.fullmatch(row[0]))
    return frozenset(name for joined in names for name in joined.split(","))
