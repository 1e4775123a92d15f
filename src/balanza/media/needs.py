"""What a conversion asks of the worker that is to run it."""

from collections.abc import Mapping

from balanza.media.options import format_named
from balanza.media.plan import COPY, Plan, make_plan
from balanza.model import Needs, OptionValue, Probe

_SPARE_BYTES = 16 * 1024 * 1024
_SAMPLE_BYTES = 4
"""The widest samples that are written."""
_USUAL_RATE_HZ = 48_000
_GROWTH = 2
"""A result that is compressed is taken to be at most so many times its source."""


def needs_of(
    format_name: str,
    options: Mapping[str, OptionValue],
    probe: Probe,
    *,
    size_bytes: int,
    tags: frozenset[str] = frozenset(),
) -> Needs:
    """The encoders by FFmpeg's names, and about how much scratch space: that of the source and of the result.

    The space is a bound for common files, not a promise: a disk that fills up fails the attempt.

    Raises: UnknownFormat, MissingStream, InvalidOption, as `formats.check_source` does.
    """
    plan = make_plan(format_named(format_name), options, probe)
    encoders = frozenset(stream.encoder for stream in plan.streams if stream.encoder != COPY)
    result_bytes = max(_GROWTH * size_bytes, _sound_bytes(plan, probe))
    return Needs(encoders, tags, size_bytes + result_bytes + _SPARE_BYTES)


def _sound_bytes(plan: Plan, probe: Probe) -> int:
    """The size of the sound as samples: what an uncompressed result of a well compressed source grows to."""
    seconds = plan.length_seconds if plan.length_seconds is not None else probe.duration_seconds
    if not plan.format.is_audio or seconds is None:
        return 0
    tracks = [stream.source for stream in plan.streams if stream.source in probe.audio]
    return sum(
        int(seconds * (track.sample_rate_hz or _USUAL_RATE_HZ) * (track.channels or 2) * _SAMPLE_BYTES)
        for track in tracks
    )
