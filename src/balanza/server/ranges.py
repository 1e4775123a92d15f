"""Which bytes of a stored file a request asks for: ranges and conditions of RFC 9110, sections 13 and 14."""

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"(\d{0,19})\s*-\s*(\d{0,19})", re.ASCII)
"""No file has a size of more digits, and Python refuses to read a number of some thousands."""


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


class NotSatisfiable(ValueError):
    """The range lies outside the file or is not well formed: 416, with the size."""


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Whether the client already has these bytes (weak comparison, as RFC 9110 section 13.1.2 asks)."""
    if if_none_match is None:
        return False
    known = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in known or etag in known


def requested_span(range_header: str | None, if_range: str | None, *, etag: str, size: int) -> Span | None:
    """The one span that was asked for, or None for the whole file.

    The whole file also answers several ranges at once, another unit than bytes, and an If-Range that does not name
    this version; RFC 9110 allows each.

    Raises: NotSatisfiable.
    """
    unit, _, ranges = (range_header or "").partition("=")
    if unit.strip().lower() != "bytes" or (if_range is not None and if_range != etag):
        return None
    if "," in ranges:
        return None
    match = _ONE_RANGE.fullmatch(ranges.strip())
    if match is None:
        raise NotSatisfiable(ranges)
    return _span(match[1], match[2], size)


def _span(first: str, last: str, size: int) -> Span:
    if first:
        start = int(first)
        end = min(int(last) + 1, size) if last else size
    else:
        start = max(size - int(last or 0), 0)
        end = size
    if start >= end:
        raise NotSatisfiable(f"{first}-{last}")
    return Span(start, end)
