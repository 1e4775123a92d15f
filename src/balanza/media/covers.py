"""Cover art for the containers into which FFmpeg does not write it as a stream: Ogg, Opus and Matroska.

It takes a step of its own before the conversion: the picture is taken out of the source into a file, which the command
line of the conversion then names (`build_argv(cover=…)`). Here is what that step runs and what it makes of the picture;
whoever converts runs it, and goes on without a cover when it fails.
"""

import base64
from pathlib import Path

from balanza.media.ffmpeg import cover_argv, picture_type
from balanza.media.options import format_named
from balanza.media.table import Aside
from balanza.model import Probe

_PICTURE = "cover"
_LARGEST_BYTES = 16 * 1024 * 1024
"""Beyond this a cover is left behind: as a comment it would have to be read before the song can play."""

_FRONT_COVER = 3
_BITS_PER_PIXEL = 24


def picture_argv(*, program: str, source: str, format_name: str, probe: Probe) -> list[str] | None:
    """The command line that takes the picture out of `source`; None when the format does not need that.

    To be run in the folder that `cover_file` is then asked about; `source` may be relative to it.
    """
    return cover_argv(program=program, source=source, output=_PICTURE, format_name=format_name, probe=probe)


def cover_file(folder: Path, format_name: str, probe: Probe) -> str | None:
    """The name of the file in `folder` for `build_argv(cover=…)`, made of the picture that was taken out into it.

    None when the picture is empty or too large. Raises OSError when there is none.
    """
    picture = folder / _PICTURE
    if not 0 < picture.stat().st_size <= _LARGEST_BYTES:
        return None
    if format_named(format_name).cover_aside is Aside.ATTACHMENT:
        return picture.name
    comment = folder / f"{_PICTURE}.meta"
    comment.write_text(_comment(picture.read_bytes(), probe), encoding="ascii")
    return comment.name


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
