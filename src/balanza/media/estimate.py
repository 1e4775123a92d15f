"""About how large a result will be, from what the plan says of each stream. Pure.

Of lossless and constant rates it is arithmetic; of variable ones a rule of thumb: what a picture needs depends on what
is in it, by a factor of three or more either way.
"""

from collections.abc import Callable, Mapping
from math import sqrt

from balanza.media.encoders import VORBIS
from balanza.media.plan import COPY, Plan, Planned
from balanza.model import OptionValue, Probe, StreamKind

_USUAL_RATE_HZ = 48_000
_USUAL_FPS = 25.0
_DEFLATED = 0.6
"""FLAC leaves about this much of music (xiph.org/flac/comparison.html)."""
_MP3_CHANNEL_BPS = {"6": 57_500, "2": 95_000, "0": 122_500}
"""LAME's levels of variable bit rate, as in `encoders`."""

_BITS_PER_PIXEL: Mapping[str, Callable[[float], float]] = {
    # Six steps halve the rate (x264's manual). At 23, 1080p at 25 pictures a second comes to about 5 Mbit/s.
    "h264": lambda crf: 0.1 * 2 ** ((23 - crf) / 6),
    "vp9": lambda crf: 0.06 * 2 ** ((32 - crf) / 9),
}
_MPEG4_BITS_PER_PIXEL = 0.8
"""At the quantiser 1; in inverse proportion to it."""


def expected_bytes(plan: Plan, options: Mapping[str, OptionValue], probe: Probe) -> int | None:
    """None when the duration is not known, or nothing can be said of one of the streams."""
    if probe.duration_seconds is None:
        return None
    end = plan.start_seconds + plan.length_seconds if plan.length_seconds is not None else probe.duration_seconds
    seconds = max(0.0, min(end, probe.duration_seconds) - plan.start_seconds)
    rates = [
        _bps(planned, options) for planned in plan.streams if planned.source.kind in _RATES and not _is_still(planned)
    ]
    if not rates or None in rates:
        return None
    return int(seconds * sum(rate for rate in rates if rate is not None) / 8)


def _is_still(planned: Planned) -> bool:
    return planned.source.is_cover


def _bps(planned: Planned, options: Mapping[str, OptionValue]) -> float | None:
    if planned.encoder == COPY:
        return planned.source.bit_rate_bps
    arguments = dict(planned.arguments)
    if (asked := arguments.get("b")) and asked != "0":
        return float(asked)
    return _RATES[planned.source.kind](planned, arguments, options)


def _sound_bps(planned: Planned, arguments: Mapping[str, str], options: Mapping[str, OptionValue]) -> float | None:
    track = planned.source
    channels = int(arguments.get("ac", track.channels or 2))
    if planned.codec.startswith("pcm_") or planned.codec == "flac":
        rate = float(arguments.get("ar", track.sample_rate_hz or _USUAL_RATE_HZ))
        deep = "24" in planned.codec or arguments.get("bits_per_raw_sample") == "24"
        bits = 32 if "f32" in planned.codec else 24 if deep else 16
        return rate * channels * bits * (_DEFLATED if planned.codec == "flac" else 1.0)
    level = arguments.get("q", "")
    if planned.codec == "mp3":
        return _MP3_CHANNEL_BPS.get(level, _MP3_CHANNEL_BPS["2"]) * channels
    if planned.codec == "vorbis" and level:
        return _vorbis_bps(float(level)) * channels / 2
    return None


def _vorbis_bps(level: float) -> float:
    return min(VORBIS.scale, key=lambda step: abs(step[1] - level))[0]


def _picture_bps(planned: Planned, arguments: Mapping[str, str], options: Mapping[str, OptionValue]) -> float | None:
    stream = planned.source
    if stream.width is None or stream.height is None:
        return None
    width, height = _sides(stream.width, stream.height, str(options.get("resolution", "")))
    fps = float(options.get("fps", stream.fps or _USUAL_FPS))
    # Pictures that follow each other sooner differ less: twice as many take less than twice the bits.
    pixels = width * height * sqrt(fps * _USUAL_FPS)
    if planned.codec == "mpeg4" and "q" in arguments:
        return pixels * _MPEG4_BITS_PER_PIXEL / float(arguments["q"])
    rule = _BITS_PER_PIXEL.get(planned.codec)
    return None if rule is None or "crf" not in arguments else pixels * rule(float(arguments["crf"]))


def _sides(width: int, height: int, resolution: str) -> tuple[float, float]:
    """As `resolution` makes them: within a box, or so long at the shorter side."""
    if resolution.endswith("p"):
        scale = int(resolution[:-1]) / min(width, height)
    elif "x" in resolution:
        box_width, box_height = map(int, resolution.split("x"))
        scale = min(box_width / width, box_height / height)
    else:
        scale = 1.0
    return width * scale, height * scale


_RATES: Mapping[StreamKind, Callable[[Planned, Mapping[str, str], Mapping[str, OptionValue]], float | None]] = {
    StreamKind.AUDIO: _sound_bps,
    StreamKind.VIDEO: _picture_bps,
}
"""Subtitles weigh next to nothing."""
