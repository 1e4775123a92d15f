"""The process that looks into media files, and nothing else: it may crash or hang without harm to who asked.

Run as a file and not as a module: it imports PyAV and the standard library only, so that it starts quickly and needs
no path. It reads one JSON request per line (`{"path": …}`) and answers one JSON line to each. It limits its
own memory, writes no file, and ends by itself when an answer takes too long or nobody listens any more.
"""

import itertools
import json
import math
import os
import resource
import signal
import sys
import time
from typing import Any

MEMORY_BYTES = 2 * 1024**3
"""Address space, of which PyAV's libraries map some 400 MB before they do anything."""
SCAN_SECONDS = 5.0
"""How long to read on for a duration that the header does not tell."""

TEXT_SUBTITLES = frozenset(
    {"subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text", "ttml", "microdvd", "sami", "subviewer", "jacosub"}
)


PROOF_PACKETS = 64
UNSURE_OF_STREAMS = frozenset({"mpeg", "mpegts"})
"""Demuxers that look for the last time stamps near the end of the file, and miss those of streams not found there."""
UNSURE_OF_SOUND = UNSURE_OF_STREAMS | {"avi"}
"""AVI fills the time before late sound and in its gaps with empty pieces, which are counted but never heard."""

LATE_SECONDS = 0.5
RESTART_SECONDS = 1.0
"""Pictures that are not shown in the order of the file go back less."""
OGG_PAGE_BYTES = 65_307
"""The most that a page takes (RFC 3533, section 6)."""


_kept: list[Any] = []
"""Channel layouts, which must never be freed: PyAV 18.1 shares the memory of unusual ones (an AIFF of eight channels)
with the decoder, and would free it twice."""


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
    os._exit(0)  # without freeing what _kept holds


def _limit_self() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _answer(av: Any, path: str, options: dict[str, str]) -> dict[str, Any]:
    try:
        rules = options | _hints(path)
        with av.open(f"file:{path}", container_options=rules) as container:
            if container.format.name == "mpeg" and not _is_proven(av, path, rules):
                return {"error": "too little of it can be decoded"}
            return {"probe": _probe(container, path)}
    except av.error.ArgumentError:
        return {"error": "its format is none of those that are read"}
    except (av.error.FFmpegError, OSError, ValueError, MemoryError, OverflowError) as error:
        return {"error": getattr(error, "strerror", None) or type(error).__name__}


def _hints(path: str) -> dict[str, str]:
    """Options that save time. In WAV files the sound may be DTS in disguise: FFmpeg looks for it through 2,500 packets,
    which takes 20 ms; two packets, 8 KiB, tell as much when the DTS begins within them."""
    with open(path, "rb") as file:  # noqa: PTH123 (pathlib costs a millisecond of import)
        head = file.read(12)
    return {"max_probe_packets": "2"} if head[8:12] == b"WAVE" else {}


def _is_proven(av: Any, path: str, rules: dict[str, str]) -> bool:
    """Whether more packets can be decoded than not, at the beginning of a file whose demuxer takes much for its own.

    MPEG program streams are told by a few bytes that programs and libraries contain too.
    """
    good = bad = 0
    with av.open(f"file:{path}", container_options=rules) as container:
        for packet in itertools.islice(container.demux(), PROOF_PACKETS):
            try:
                good += len(packet.decode())
            except av.error.FFmpegError:
                bad += 1
    return good > bad


def _probe(container: Any, path: str) -> dict[str, Any]:
    duration = _positive((container.duration or 0) / 1e6)
    streams = [_stream(stream, container, duration) for stream in container.streams]
    bit_rate = container.bit_rate or None
    if duration is None or not _tells_duration(container, path):
        lengths, whole = _scanned(container)
        for stream in streams:
            stream["duration_seconds"] = _positive(lengths.get(stream["index"], 0.0)) or stream["duration_seconds"]
        duration = _positive(whole) or duration
        bit_rate = int(container.size * 8 / duration) if duration else bit_rate
    return {
        "container": container.format.name,
        "duration_seconds": duration,
        "bit_rate_bps": bit_rate,
        "chapters": len(container.chapters()),
        "streams": streams,
    }


def _tells_duration(container: Any, path: str) -> bool:
    """False where the demuxer would only guess from the bit rate: ADTS, and MP3 without a header that fits the file;
    where it sees the last of several recordings only; and where it counts time before anything is heard or seen."""
    demuxer = container.format.name
    if demuxer == "mp3":
        return _has_true_header(path)
    if demuxer == "ogg":
        return not _is_chained(path)
    if demuxer == "matroska,webm":
        return bool((container.start_time or 0) < LATE_SECONDS * 1e6)
    return bool(demuxer != "aac")


def _is_chained(path: str) -> bool:
    """Whether the last page of an Ogg file is of a stream that does not begin at the file's beginning: several files
    one after the other are an Ogg file too (RFC 3533, section 4), like hours of a radio station. Chains whose links
    have the same number are not seen."""
    with open(path, "rb") as file:  # noqa: PTH123
        head = file.read(OGG_PAGE_BYTES)
        file.seek(max(0, file.seek(0, 2) - OGG_PAGE_BYTES))
        tail = file.read()
    last = tail[max(0, tail.rfind(b"OggS")) :]
    return last.startswith(b"OggS") and len(last) >= 18 and last[14:18] not in _ogg_streams(head)


def _ogg_streams(head: bytes) -> set[bytes]:
    """The serial numbers of the pages with which streams begin, which come before all others (RFC 3533, section 6)."""
    found, at = set(), 0
    while head[at : at + 4] == b"OggS" and at + 27 <= len(head) and head[at + 5] & 2:
        found.add(head[at + 14 : at + 18])
        segments = head[at + 27 : at + 27 + head[at + 26]]
        at += 27 + len(segments) + sum(segments)
    return found


def _has_true_header(path: str) -> bool:
    """Whether an MP3 file begins with a Xing or Info header whose byte count is that of the file: a file that was cut
    off, or to which another was appended, keeps the header of the whole."""
    with open(path, "rb") as file:  # noqa: PTH123
        file_bytes = file.seek(0, 2)
        file.seek(0)
        begins = _id3_bytes(file.read(10))
        file.seek(begins)
        frame = file.read(256)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0 or not frame[at + 7] & 2:
        return False
    counted = at + (12 if frame[at + 7] & 1 else 8)
    said = int.from_bytes(frame[counted : counted + 4], "big")
    # Tags at the end of the file come on top.
    return 0.99 * said <= file_bytes - begins <= 1.05 * said + 4096


def _id3_bytes(head: bytes) -> int:
    """How long the ID3v2 tag is that begins so; ID3v2.4 section 3.1: seven bits in each byte of its size."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return size + (20 if head[5] & 0x10 else 10)


def _stream(stream: Any, container: Any, whole: float | None) -> dict[str, Any]:
    context, codec = stream.codec_context, _codec(stream)
    unsure = UNSURE_OF_SOUND if stream.type == "audio" else UNSURE_OF_STREAMS
    found: dict[str, Any] = {
        "index": stream.index,
        "kind": stream.type if stream.type in {"audio", "video", "subtitle"} else "other",
        "codec": codec,
        "duration_seconds": None if container.format.name in unsure else _duration(stream, container, whole),
        "language": _language(stream),
    }
    if stream.type == "audio":
        found |= {
            "sample_rate_hz": context.sample_rate or None,
            "sample_format": context.format.name if context.format else None,
            "channels": _channels(context),
            "bit_rate_bps": context.bit_rate or None,
        }
    elif stream.type == "video":
        found |= {
            "width": context.width or None,
            "height": context.height or None,
            "pixel_format": context.pix_fmt,
            "fps": _positive(float(stream.average_rate or 0)),
            "bit_rate_bps": context.bit_rate or None,
            "is_cover": bool(stream.disposition & stream.disposition.attached_pic),
        }
    elif stream.type == "subtitle":
        found["is_text"] = codec in TEXT_SUBTITLES
    return found


def _channels(context: Any) -> int | None:
    layout = context.layout
    _kept.append(layout)
    return layout.nb_channels or None


def _codec(stream: Any) -> str:
    if stream.type == "attachment":
        return "font" if "font" in (stream.mimetype or "") or "opentype" in (stream.mimetype or "") else "attachment"
    context = stream.codec_context
    return context.codec.canonical_name if context is not None and context.codec is not None else "unknown"


def _duration(stream: Any, container: Any, whole: float | None) -> float | None:
    """How long the stream is at least, from its own beginning to its end, as far as that is told."""
    # ASF says of every stream that it is as long as the file.
    if stream.duration and stream.time_base and container.format.name != "asf":
        return _positive(min(float(stream.duration * stream.time_base), _counted(stream, container)))
    tagged = (
        _clock(stream.metadata.get("DURATION", "")) or float((stream.duration or 0) * (stream.time_base or 0)) or None
    )
    if tagged is None or stream.start_time is None or not stream.time_base:
        return None
    # FFmpeg notes when the stream ends, others how long it is: it is at least this, and no longer than the file.
    late = float(stream.start_time * stream.time_base) - (container.start_time or 0) / 1e6
    return _positive(min(tagged, whole or tagged) - max(0.0, late))


def _counted(stream: Any, container: Any) -> float:
    """How long the sound in an MP4 or QuickTime file is without its gaps; infinite where that is not told."""
    if stream.type != "audio" or "mp4" not in container.format.name:
        return math.inf
    context = stream.codec_context
    samples = stream.frames * (context.frame_size or 0)
    return samples / context.sample_rate if samples and context.sample_rate else math.inf


def _clock(text: str) -> float | None:
    """Seconds of `HH:MM:SS.fraction`, as Matroska's writers note them in a tag."""
    try:
        hours, minutes, seconds = text.split(":")
        return _positive(int(hours) * 3600 + int(minutes) * 60 + float(seconds))
    except (ValueError, OverflowError):
        return None


def _positive(number: float) -> float | None:
    return number if 0 < number < math.inf else None


def _language(stream: Any) -> str | None:
    language = stream.metadata.get("language")
    return language if language and language != "und" else None


def _scanned(container: Any) -> tuple[dict[int, float], float]:
    """How long each stream is, and all of them together, by reading to the end; nothing when that takes more than
    SCAN_SECONDS. Where the time of an Ogg file goes back, a new recording begins, and follows the one before."""
    is_ogg = container.format.name == "ogg"
    deadline = time.monotonic() + SCAN_SECONDS
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    shift: dict[int, int] = {}
    for number, packet in enumerate(container.demux()):
        begins = packet.pts
        if begins is None:
            continue
        index = packet.stream_index
        begins += shift.get(index, 0)
        if is_ogg and (last.get(index, begins) - begins) * packet.time_base > RESTART_SECONDS:
            shift[index] = shift.get(index, 0) + last[index] - begins
            begins = last[index]
        ends = begins + (packet.duration or 0)
        first[index] = min(begins, first.get(index, begins))
        last[index] = max(ends, last.get(index, ends))
        if number % 1024 == 0 and time.monotonic() > deadline:
            return {}, 0.0
    streams = [stream for stream in container.streams if stream.type in {"audio", "video"}]
    bases = {stream.index: stream.time_base for stream in streams if stream.time_base and stream.index in last}
    lengths = {index: float((last[index] - first[index]) * base) for index, base in bases.items()}
    begin = min((first[index] * base for index, base in bases.items()), default=0)
    end = max((last[index] * base for index, base in bases.items()), default=0)
    return lengths, float(end - begin)


if __name__ == "__main__":
    main()
