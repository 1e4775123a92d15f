"""Ranges and conditions of RFC 9110."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanza.server.ranges import NotSatisfiable, Span, is_unchanged, requested_span

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=0-99", Span(0, 100)),
        ("bytes=90-200", Span(90, 100)),
        ("bytes=10-", Span(10, 100)),
        ("bytes=-10", Span(90, 100)),
        ("bytes=-1000", Span(0, 100)),
        ("bytes= 5-6 ", Span(5, 7)),
        ("BYTES=5-6", Span(5, 7)),
        (None, None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("nonsense", None),
    ],
)
def test_a_range_names_a_span_or_the_whole_file(header: str | None, span: Span | None) -> None:
    assert requested_span(header, None, etag=ETAG, size=100) == span


@pytest.mark.parametrize(
    "header",
    [
        "bytes=100-",
        "bytes=100-200",
        "bytes=-0",
        "bytes=5-4",
        "bytes=x-y",
        "bytes=",
        "bytes=-",
        "bytes=٣-٤",
        f"bytes={'9' * 5000}-",
    ],
)
def test_a_range_outside_the_file_or_malformed_is_not_satisfiable(header: str) -> None:
    with pytest.raises(NotSatisfiable):
        requested_span(header, None, etag=ETAG, size=100)


def test_if_range_applies_the_range_only_to_the_version_it_names() -> None:
    assert requested_span("bytes=0-1", ETAG, etag=ETAG, size=100) == Span(0, 2)
    assert requested_span("bytes=0-1", '"other"', etag=ETAG, size=100) is None
    assert requested_span("bytes=0-1", f"W/{ETAG}", etag=ETAG, size=100) is None
    assert requested_span("bytes=0-1", "Mon, 23 Nov 2026 10:00:00 GMT", etag=ETAG, size=100) is None


@given(st.text(alphabet="0123456789-, bytes=", max_size=20), st.integers(1, 50))
def test_every_span_lies_within_the_file(ranges: str, size: int) -> None:
    try:
        span = requested_span(f"bytes={ranges}", None, etag=ETAG, size=size)
    except NotSatisfiable:
        return
    assert span is None or 0 <= span.start < span.end <= size


@pytest.mark.parametrize(
    ("header", "unchanged"),
    [(None, False), (ETAG, True), (f"W/{ETAG}", True), (f'"x", {ETAG}', True), ("*", True), ('"x"', False)],
)
def test_if_none_match_compares_weakly(header: str | None, unchanged: bool) -> None:
    assert is_unchanged(header, ETAG) is unchanged
