"""The process that looks into media files, and nothing else: it may crash or hang without harm to who asked.

Run as a file and not as a module: it imports PyAV and the standard library only, so that it starts quickly and needs
no path. It reads one JSON request per line (`{"path": …}`) and answers one JSON line to each. It limits its
own memory, writes no file, and ends by itself when an answer takes too long or nobody listens any more.
"""

import json
import resource
import signal
import sys
import time
from typing import Any, TypedDict

MEMORY_BYTES = 2 * 1024**3
"""Address space, of which PyAV's libraries map some 400 MB before they do anything."""
SCAN_SECONDS = 5.0
"""How long to read on for a duration that the header does not tell."""

TEXT_SUBTITLES = frozenset(
    {"subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text", "ttml", "microdvd", "sami", "subviewer", "jacosub"}
)
UNINDEXED = frozenset({"aac", "mp3"})
"""Demuxers that guess the duration from the bit rate."""


class Options(TypedDict):
    format_whitelist: str
    protocol_whitelist: str


def main() -> None:
    options = json.loads(sys.argv[1])
    answer_seconds = int(sys.argv[2])
    _limit_self()
    import av  # noqa: PLC0415 (under the limits too)

    av.logging.set_level(None)
    _say({"ready": True})
    for line in sys.stdin:
        signal.alarm(answer_seconds)
        _say(_answer(av, json.loads(line)["path"], options))
        signal.alarm(0)


def _limit_self() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _answer(av: Any, path: str, options: Options) -> dict[str, Any]:
    try:
        with av.open(f"file:{path}", container_options=dict(options)) as container:
            return {"probe": _probe(container)}
    except (av.error.FFmpegError, OSError, ValueError, MemoryError, OverflowError) as error:
        return {"error": str(error)}


def _probe(container: Any) -> dict[str, Any]:
    name = container.format.name
    duration = container.duration / 1e6 if container.duration else None
    streams = [_stream(stream) for stream in container.streams]
    if duration is None or name in UNINDEXED:
        duration = _scanned(container) or duration
    return {
        "container": name,
        "duration_seconds": duration,
        "bit_rate_bps": container.bit_rate or None,
        "chapters": len(container.chapters()),
        "streams": streams,
    }


def _stream(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    codec = context.codec.canonical_name if context is not None else "unknown"
    found: dict[str, Any] = {
        "index": stream.index,
        "kind": stream.type if stream.type in {"audio", "video", "subtitle"} else "other",
        "codec": codec,
        "duration_seconds": _duration(stream),
        "language": _language(stream),
    }
    if stream.type == "audio":
        found |= {
            "sample_rate_hz": context.sample_rate or None,
            "sample_format": context.format.name if context.format else None,
            "channels": context.channels or None,
            "bit_rate_bps": context.bit_rate or None,
        }
    elif stream.type == "video":
        found |= {
            "width": context.width or None,
            "height": context.height or None,
            "pixel_format": context.pix_fmt,
            "fps": float(stream.average_rate) if stream.average_rate else None,
            "bit_rate_bps": context.bit_rate or None,
            "is_cover": bool(stream.disposition & stream.disposition.attached_pic),
        }
    elif stream.type == "subtitle":
        found["is_text"] = codec in TEXT_SUBTITLES
    return found


def _duration(stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return _clock(stream.metadata.get("DURATION", ""))


def _clock(text: str) -> float | None:
    """Seconds of `HH:MM:SS.fraction`, as Matroska's writers note them in a tag."""
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds) or None
    except ValueError:
        return None


def _language(stream: Any) -> str | None:
    language = stream.metadata.get("language")
    return language if language and language != "und" else None


def _scanned(container: Any) -> float | None:
    """The duration by reading to the end, or as far as SCAN_SECONDS allow: then None."""
    deadline = time.monotonic() + SCAN_SECONDS
    first: float | None = None
    last = 0.0
    for packet in container.demux():
        if packet.pts is None or packet.time_base is None:
            continue
        begins = float(packet.pts * packet.time_base)
        first = begins if first is None else min(first, begins)
        last = max(last, begins + float((packet.duration or 0) * packet.time_base))
        if time.monotonic() > deadline:
            return None
    return last - first if first is not None and last > first else None


if __name__ == "__main__":
    main()
