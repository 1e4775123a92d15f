"""The formats, as the rest of Balanza asks about them: what there is, what an option may be, whether a source fits."""

from collections.abc import Mapping

from balanza.media import plan
from balanza.media.options import format_named, options_of, parse_options
from balanza.media.table import AUDIO, FORMATS, VIDEO, Format
from balanza.model import OptionValue, Probe

__all__ = [
    "FORMATS",
    "Format",
    "asked_duration",
    "check_source",
    "describe",
    "format_named",
    "mime_type",
    "output_name",
    "parse_options",
]


def check_source(
    format_name: str, options: Mapping[str, OptionValue], probe: Probe, *, called: str = "the file"
) -> None:
    """Returns when the format can be made of the source, which is `called` so where an option does not fit it.

    Raises: UnknownFormat, MissingStream, InvalidOption.
    """
    plan.check_source(format_named(format_name), options, probe, called=called)


def asked_duration(options: Mapping[str, OptionValue], probe: Probe) -> float | None:
    """How many seconds the result is to last; None when the source does not say how long it is."""
    start, end = plan.start_of(options), options.get("end")
    ends = [float(end)] if end is not None else []
    if probe.duration_seconds is not None:
        ends.append(probe.duration_seconds)
    return max(0.0, min(ends) - start) if ends else None


def output_name(source_name: str, format_name: str) -> str:
    """The name of the result: the source's, with the format's extension in place of its own."""
    stem, dot, extension = source_name.rpartition(".")
    has_extension = dot and stem and len(extension) <= 5 and extension.isalnum() and not extension.isdigit()
    return f"{stem if has_extension else source_name}.{format_named(format_name).extension}"


_MIME_TYPES = {
    "mp3": "audio/mpeg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "aiff": "audio/aiff",
    "gif": "image/gif",
    "avi": "video/x-msvideo",
    "flv": "video/x-flv",
    "mpegts": "video/mp2t",
    "mpeg": "video/mpeg",
}
"""Containers that mean one type whatever they hold."""

_MIME_TYPES_BY_CONTENT = {
    "mov,mp4,m4a,3gp,3g2,mj2": ("audio/mp4", "video/mp4"),
    "matroska,webm": ("audio/x-matroska", "video/x-matroska"),
    "ogg": ("audio/ogg", "video/ogg"),
    "asf": ("audio/x-ms-wma", "video/x-ms-wmv"),
}
"""Containers that are a song or a film."""

_MIME_TYPES_BY_NAME = {
    ("mov,mp4,m4a,3gp,3g2,mj2", "mov"): ("video/quicktime", "video/quicktime"),
    ("mov,mp4,m4a,3gp,3g2,mj2", "3gp"): ("audio/3gpp", "video/3gpp"),
    ("matroska,webm", "webm"): ("audio/webm", "video/webm"),
}
"""Containers of one family that only the file's name tells apart."""


def mime_type(probe: Probe, name: str) -> str:
    """The type to serve a file under: what it contains decides, its name only between members of one family."""
    is_film = bool(probe.video)
    extension = name.rpartition(".")[2].lower()
    pair = _MIME_TYPES_BY_NAME.get((probe.container, extension)) or _MIME_TYPES_BY_CONTENT.get(probe.container)
    return pair[is_film] if pair else _MIME_TYPES.get(probe.container, "application/octet-stream")


def describe() -> dict[str, object]:
    """All formats in two groups, each with its options, their ranges and defaults, as plain JSON."""
    groups = [
        {"name": kind, "formats": [_described(format_) for format_ in FORMATS.values() if format_.kind == kind]}
        for kind in (AUDIO, VIDEO)
    ]
    return {"groups": groups}


def _described(format_: Format) -> dict[str, object]:
    streams = {"video": format_.video, "audio": format_.audio}
    return {
        "name": format_.name,
        "title": format_.title,
        "kind": format_.kind,
        "extension": format_.extension,
        "mime_type": format_.mime_type,
        "codecs": {kind: encoder.codec for kind, encoder in streams.items() if encoder},
        "copies": {"video": sorted(format_.copied_video), "audio": sorted(format_.copied_audio)},
        "carries": {
            "chapters": format_.chapters,
            "cover": bool(format_.covers or format_.cover_aside),
            "subtitles": bool(format_.subtitles.copied or format_.subtitles.text_encoder),
        },
        "options": {name: option.describe() for name, option in options_of(format_).items()},
    }
