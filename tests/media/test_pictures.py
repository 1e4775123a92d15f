"""What happens to pictures: turned, odd and wide ones, size, frame rate, copies."""

import pytest

from tests.media.conversion import Converter
from tests.support.clips import COLOUR, clip, decode_pictures, is_colour, rotated_film

VIDEO = ["mp4", "mkv", "webm", "mov", "avi", "gif"]


@pytest.mark.parametrize("target", VIDEO)
def test_film_of_an_upright_telephone_is_shown_upright(convert: Converter, target: str) -> None:
    pictures = decode_pictures(convert(rotated_film(), target).path)
    assert (pictures.width, pictures.height) == (48, 64)


@pytest.mark.parametrize("target", ["mp4", "webm", "avi"])
def test_odd_deep_pictures_become_what_every_player_shows(convert: Converter, target: str) -> None:
    pictures = decode_pictures(convert(clip("odd.mkv"), target).path)
    assert (pictures.width, pictures.height, pictures.pixel_format) == (64, 48, "yuv420p")
    assert is_colour(pictures.colours[0], COLOUR)


def test_gif_has_square_pixels_and_keeps_odd_sides(convert: Converter) -> None:
    wide, odd = (decode_pictures(convert(clip(name), "gif").path) for name in ("wide.mkv", "odd.mkv"))
    assert (wide.width, wide.height) == (128, 64)
    assert (odd.width, odd.height) == (65, 49)


@pytest.mark.parametrize(
    ("source", "resolution", "size"),
    [
        ("film.mp4", "128x128", (128, 96)),
        ("film.mp4", "32x96", (32, 24)),
        ("film.mp4", "24p", (32, 24)),
        ("film.mp4", "31x31", (32, 24)),
        ("wide.mkv", "64x64", (64, 32)),
        ("wide.mkv", "32p", (64, 32)),
        ("rotated", "32p", (32, 42)),
        ("rotated", "128x96", (72, 96)),
    ],
)
def test_picture_is_fitted_without_being_distorted(
    convert: Converter, source: str, resolution: str, size: tuple[int, int]
) -> None:
    path = rotated_film() if source == "rotated" else clip(source)
    pictures = decode_pictures(convert(path, "mp4", resolution=resolution).path)
    assert (pictures.width, pictures.height) == size


@pytest.mark.parametrize("target", VIDEO)
def test_asked_frame_rate_is_made(convert: Converter, target: str) -> None:
    result = convert(clip("film.mp4"), target, fps=10)
    assert result.probe.video[0].fps == pytest.approx(10)
    assert len(decode_pictures(result.path).colours) == 10


@pytest.mark.parametrize("target", VIDEO)
def test_one_picture_a_second_is_made(convert: Converter, target: str) -> None:
    assert convert(clip("film.mp4"), target, fps=1).probe.video


def test_frame_rate_of_television_is_exact(convert: Converter) -> None:
    assert convert(clip("film.mp4"), "mp4", fps=29.97).probe.video[0].fps == pytest.approx(30000 / 1001, abs=1e-6)


@pytest.mark.parametrize("target", ["mp4", "webm"])
def test_rate_factor_and_bit_rate_make_small_pictures(convert: Converter, target: str) -> None:
    for options in ({"crf": 50, "preset": "ultrafast"}, {"bitrate": "60k"}):
        pictures = decode_pictures(convert(clip("film.mp4"), target, **options).path)
        assert all(is_colour(colour, COLOUR) for colour in pictures.colours)


@pytest.mark.parametrize(
    ("source", "target", "codecs"),
    [
        ("film.mp4", "mkv", ["h264", "aac"]),
        ("film.mkv", "mp4", ["h264", "aac"]),
        ("film.ts", "mp4", ["h264", "aac"]),
        ("film.ts", "mkv", ["h264", "aac"]),
        ("film.webm", "mkv", ["vp9", "opus"]),
        ("film.webm", "mp4", ["vp9", "opus"]),
        ("film.mpg", "mkv", ["mpeg2video", "mp2"]),
        ("film.ogv", "mkv", ["theora", "vorbis"]),
        ("film.gif", "gif", ["gif"]),
        ("bframes.avi", "mp4", ["mpeg4", "mp3"]),
        ("bframes.avi", "mkv", ["mpeg4", "mp3"]),
        ("bframes.avi", "avi", ["mpeg4", "mp3"]),
        ("film.mp4", "webm", ["vp9", "opus"]),
        ("film.mp4", "avi", ["mpeg4", "mp3"]),
        ("hevc.mkv", "mp4", ["hevc", "aac"]),
        ("film.wmv", "mkv", ["h264", "aac"]),
    ],
)
def test_copied_film_is_whole(convert: Converter, source: str, target: str, codecs: list[str]) -> None:
    """What fits is copied, what does not is encoded."""
    result = convert(clip(source), target, copy=True)
    pictures = decode_pictures(result.path)
    assert [stream.codec for stream in result.probe.streams] == codecs
    assert pictures.seconds == pytest.approx(1.2 if source == "film.gif" else 1.0, abs=0.12)
    assert all(is_colour(colour, COLOUR) for colour in pictures.colours)
    assert is_copied(source, target) == (" libx264 " not in result.arguments and "-pix_fmt" not in result.arguments)


def is_copied(source: str, target: str) -> bool:
    return (source, target) not in {("film.mp4", "webm"), ("film.mp4", "avi"), ("film.wmv", "mkv")}


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("film.mp4", "m4a"),
        ("film.mp4", "aac"),
        ("film.avi", "mp3"),
        ("film.webm", "opus"),
        ("film.webm", "ogg"),
        ("song.mka", "ogg"),
        ("song.wav", "wav"),
        ("song.flac", "flac"),
        ("song.mp3", "mp3"),
        ("song.aac", "m4a"),
        ("song.aiff", "aiff"),
        ("film.ts", "m4a"),
    ],
)
def test_copied_sound_is_the_sources_own(convert: Converter, source: str, target: str) -> None:
    result = convert(clip(source), target, copy=True)
    assert "-c:a:0 copy" in result.arguments
    assert result.probe.duration_seconds == pytest.approx(1.0, abs=0.1)
