"""A first guess of how long a job runs on a usual worker, and the name of its kind of work. Pure.

The rates are what one conversion reached on two cores of a server of 2024 with FFmpeg 9; a machine that is faster or
slower is learned soon (`balancer.prediction`), so what counts is how jobs compare with each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from balanza.media.options import format_named
from balanza.media.plan import COPY, Plan, Planned, make_plan
from balanza.model import JobKind, OptionValue, Probe, StreamKind

_OVERHEAD_SECONDS = 0.06
"""To bring the source, start FFmpeg, check and store the result."""
_COPIED_BYTES = 300e6
"""Per second."""
_DECODED_PIXELS = 250e6
_USUAL_SECONDS = 240.0
"""Of a file that does not say how long it is."""
_USUAL_FPS = 25.0
_USUAL_SIDES = 1280 * 720

_SOUND_RATES: Mapping[str, float] = {
    "mp3": 80.0,
    "aac": 45.0,
    "vorbis": 50.0,
    "opus": 110.0,
    "flac": 400.0,
    "alac": 250.0,
    "pcm": 1000.0,
}
"""Seconds of sound encoded per second, in stereo."""
_USUAL_SOUND_RATE = 80.0
_PIXEL_RATES: Mapping[str, float] = {"h264": 15e6, "hevc": 7e6, "vp9": 3e6, "av1": 20e6, "mpeg4": 100e6, "gif": 30e6}
"""Pixels encoded per second, at the usual preset."""
_USUAL_PIXEL_RATE = 15e6
_PRESETS: Mapping[str, float] = {
    "ultrafast": 0.1,
    "superfast": 0.15,
    "veryfast": 0.25,
    "faster": 0.4,
    "fast": 0.5,
    "medium": 1.0,
    "slow": 2.0,
    "slower": 4.0,
    "veryslow": 8.0,
}
"""How many times as long as at the usual one."""
_NORMALIZED_RATE = 60.0
"""Seconds of sound per second that loudness is measured in."""
_DERIVED_RATES: Mapping[JobKind, float] = {
    JobKind.THUMBNAIL: 2000.0,
    JobKind.WAVEFORM: 1500.0,
    JobKind.CAPTIONS: 3000.0,
    JobKind.PREVIEW: 5.0,
}
"""Seconds of the file per second."""
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Work:
    """What a prediction starts from."""

    kind: str
    """Jobs of one kind take about equally many times their guess."""
    seconds: float


def work_of(format_name: str, options: Mapping[str, OptionValue], probe: Probe, *, size_bytes: int) -> Work:
    """Of a conversion. Raises what `formats.check_source` does."""
    plan = make_plan(format_named(format_name), options, probe)
    seconds = _seconds(plan, probe)
    if all(stream.encoder == COPY for stream in plan.streams):
        return Work(f"{format_name} copy", _OVERHEAD_SECONDS + size_bytes / _COPIED_BYTES)
    total = sum(_stream_seconds(stream, seconds, options) for stream in plan.streams)
    return Work(_kind(format_name, plan, options), _OVERHEAD_SECONDS + total + _trimmed(plan, size_bytes))


def derived_work(kind: JobKind, probe: Probe) -> Work:
    """Of a thumbnail, a waveform …"""
    seconds = _USUAL_SECONDS if probe.duration_seconds is None else probe.duration_seconds
    return Work(kind.value, _OVERHEAD_SECONDS + seconds / _DERIVED_RATES[kind])


def _seconds(plan: Plan, probe: Probe) -> float:
    whole = _USUAL_SECONDS if probe.duration_seconds is None else probe.duration_seconds
    end = whole if plan.length_seconds is None else plan.start_seconds + plan.length_seconds
    return max(0.0, min(end, whole) - plan.start_seconds)


def _trimmed(plan: Plan, size_bytes: int) -> float:
    """A start in the middle has to be found."""
    return size_bytes / _COPIED_BYTES if plan.start_seconds else 0.0


def _stream_seconds(stream: Planned, seconds: float, options: Mapping[str, OptionValue]) -> float:
    if stream.encoder == COPY or stream.source.is_cover:
        return 0.0
    if stream.source.kind is StreamKind.AUDIO:
        codec = "pcm" if stream.codec.startswith("pcm") else stream.codec
        channels = (stream.source.channels or 2) / 2
        normalized = seconds / _NORMALIZED_RATE if options.get("normalize") else 0.0
        return channels * (seconds / _SOUND_RATES.get(codec, _USUAL_SOUND_RATE) + normalized)
    if stream.source.kind is StreamKind.VIDEO:
        return _picture_seconds(stream, seconds, options)
    return 0.0


def _picture_seconds(stream: Planned, seconds: float, options: Mapping[str, OptionValue]) -> float:
    source = stream.source
    sides = source.width * source.height if source.width and source.height else _USUAL_SIDES
    fps = source.fps or _USUAL_FPS
    decoded = sides * fps * seconds
    written = _written_sides(sides, options) * float(options.get("fps", fps)) * seconds
    slowness = _PRESETS.get(str(options.get("preset", "medium")), 1.0)
    return decoded / _DECODED_PIXELS + slowness * written / _PIXEL_RATES.get(stream.codec, _USUAL_PIXEL_RATE)


def _written_sides(sides: int, options: Mapping[str, OptionValue]) -> float:
    """About, whatever the shape of the picture."""
    asked = str(options.get("resolution", ""))
    if asked.endswith("p"):
        return float(asked[:-1]) ** 2 * 16 / 9
    if "x" in asked:
        width, height = asked.split("x")
        return float(width) * float(height)
    return float(sides)


def _kind(format_name: str, plan: Plan, options: Mapping[str, OptionValue]) -> str:
    """The format and what changes how long it takes by more than the guess knows."""
    parts = [format_name]
    if any(stream.source.kind is StreamKind.VIDEO and stream.encoder != COPY for stream in plan.streams):
        parts += ["film", str(options.get("preset", ""))]
    if options.get("normalize"):
        parts.append("normalize")
    return " ".join(filter(None, parts))[:_LONGEST_NAME]
