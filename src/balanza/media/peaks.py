"""The waveform of a song: at most a thousand peaks of equal parts of it, a byte each, 0 silence, 255 full scale."""

import math
import re
from collections.abc import Iterable
from itertools import pairwise

MOST_PEAKS = 1000
"""More than a player's bar is wide in columns that can be told apart."""

FULL_SCALE = 255
_PEAK = re.compile(r"lavfi\.astats\.Overall\.Peak_level=(.+)")


def peaks_of(lines: Iterable[str]) -> bytes:
    """From what FFmpeg's `ametadata` writes of `astats`, in decibels below full scale. Empty: there was no sound."""
    peaks = bytearray()
    for line in lines:
        if found := _PEAK.match(line.strip()):
            peaks.append(_value(found[1]))
    return bytes(peaks) if len(peaks) <= MOST_PEAKS else _pooled(peaks)


def _value(decibels: str) -> int:
    try:
        level = float(decibels)
    except ValueError:
        return 0
    return 0 if math.isnan(level) else min(FULL_SCALE, round(FULL_SCALE * 10 ** (min(level, 0.0) / 20)))


def _pooled(peaks: bytearray) -> bytes:
    """Of each part the highest."""
    count = len(peaks)
    ends = [count * part // MOST_PEAKS for part in range(MOST_PEAKS + 1)]
    return bytes(max(peaks[start:end]) for start, end in pairwise(ends))
