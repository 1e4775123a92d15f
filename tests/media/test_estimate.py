"""About how large results become."""

import pytest

from balanza.media.estimate import expected_bytes
from balanza.media.formats import format_named, parse_options
from balanza.media.plan import make_plan
from balanza.model import Probe, Stream, StreamKind

SOUND = Stream(
    1, StreamKind.AUDIO, "aac", bit_rate_bps=160_000, sample_rate_hz=44_100, channels=2, sample_format="fltp"
)
PICTURE = Stream(0, StreamKind.VIDEO, "h264", bit_rate_bps=4_000_000, width=1920, height=1080, fps=25.0)
COVER = Stream(2, StreamKind.VIDEO, "mjpeg", width=600, height=600, is_cover=True)
SONG = Probe("mov", 100.0, None, (SOUND, COVER))
FILM = Probe("mov", 100.0, None, (PICTURE, SOUND))


def of(format_name: str, probe: Probe, **raw: object) -> int | None:
    options = parse_options(format_name, raw)
    return expected_bytes(make_plan(format_named(format_name), options, probe), options, probe)


@pytest.mark.parametrize(
    ("format_name", "options", "expected"),
    [
        ("wav", {}, 100 * 44_100 * 2 * 2),
        ("wav", {"channels": 1, "sample_rate": 22050}, 100 * 22_050 * 2),
        ("mp3", {"bitrate": "192k"}, 100 * 192_000 // 8),
        ("mp3", {"start": 10, "end": 30, "bitrate": "192k"}, 20 * 192_000 // 8),
        ("mp3", {"start": 90, "end": 200, "bitrate": "192k"}, 10 * 192_000 // 8),
        ("mp3", {}, 100 * 190_000 // 8),
        ("opus", {"quality": "small"}, 100 * 64_000 // 8),
        ("ogg", {}, 100 * 160_000 // 8),
        ("m4a", {"copy": True}, 100 * 160_000 // 8),
    ],
)
def test_what_the_rates_say_is_arithmetic(format_name: str, options: dict[str, object], expected: int) -> None:
    assert of(format_name, SONG, **options) == expected


def test_better_pictures_are_larger_and_smaller_ones_smaller() -> None:
    sizes = [of("mp4", FILM, quality=quality) or 0 for quality in ("small", "balanced", "best")]

    assert sizes == sorted(sizes)
    assert 40_000_000 < sizes[1] < 120_000_000
    half = of("mp4", FILM, resolution="540p") or 0
    assert half < sizes[1] / 2
    assert of("mp4", FILM, resolution="960x960") == half
    assert (of("mp4", FILM, bitrate="1M") or 0) == 100 * (1_000_000 + 160_000) // 8


@pytest.mark.parametrize(
    ("format_name", "probe"),
    [
        ("mp3", Probe("mov", None, None, (SOUND,))),
        ("gif", FILM),
        ("mp4", Probe("mov", 9.0, None, (Stream(0, StreamKind.VIDEO, "hevc"),))),
    ],
)
def test_what_cannot_be_said_is_not_said(format_name: str, probe: Probe) -> None:
    assert of(format_name, probe) is None
