"""Cover art for the containers into which FFmpeg does not write it as a stream: Ogg, Opus and Matroska.

It takes a step of its own before the conversion: the picture is taken out of the source into a file, which the command
line of the conversion then names (`build_argv(cover=…)`).
"""

import base64
import subprocess
from pathlib import Path

from balanza.media.ffmpeg import cover_argv, picture_type
from balanza.media.options import format_named
from balanza.media.table import Aside
from balanza.model import Probe

_SECONDS = 20
_LARGEST_BYTES = 16 * 1024 * 1024
"""Beyond this a cover is left behind: as a comment it would have to be read before the song can play."""

_FRONT_COVER = 3
_BITS_PER_PIXEL = 24


def fetch_cover(*, program: str, source: str, folder: Path, format_name: str, probe: Probe) -> str | None:
    """The path, relative to `folder`, of a file for `build_argv(cover=…)`; None when there is nothing to be done.

    `source` may be relative to `folder` too. Blocks while FFmpeg runs, some 15 ms. Never fails: a song whose cover
    cannot be read is converted without it.
    """
    argv = cover_argv(program=program, source=source, output="cover", format_name=format_name, probe=probe)
    if argv is None:
        return None
    picture = folder / "cover"
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, timeout=_SECONDS, check=False)
        if done.returncode != 0 or not 0 < picture.stat().st_size <= _LARGEST_BYTES:
            return None
        if format_named(format_name).cover_aside is Aside.ATTACHMENT:
            return picture.name
        (folder / "cover.meta").write_text(_comment(picture.read_bytes(), probe), encoding="ascii")
    except (OSError, subprocess.TimeoutExpired):
        return None
    return "cover.meta"


def _comment(picture: bytes, probe: Probe) -> str:
    """The Vorbis comment that holds the picture, in FFmpeg's form of tags, where `=` has to be escaped."""
    encoded = base64.b64encode(_block(picture, probe)).decode("ascii").replace("=", r"\=")
    return f";FFMETADATA1\nMETADATA_BLOCK_PICTURE={encoded}\n"


def _block(picture: bytes, probe: Probe) -> bytes:
    """A FLAC picture block (RFC 9639, section 8.8), which Vorbis comments carry in base 64."""
    cover = probe.covers[0]
    mime_type = picture_type(cover).encode("ascii")
    sizes = (cover.width or 0, cover.height or 0, _BITS_PER_PIXEL, 0, len(picture))
    return b"".join(
        (
            *(_number(_FRONT_COVER), _number(len(mime_type)), mime_type),
            _number(0),  # no description
            *map(_number, sizes),
            picture,
        )
    )


def _number(number: int) -> bytes:
    return number.to_bytes(4, "big")
