"""Trims: the sound turns from 440 to 880 Hz, the picture from red to green, after two seconds."""

import pytest

from balanza.errors import InvalidOption
from tests.media.conversion import Converter
from tests.support.clips import clip, decode_pictures, decode_sound

SOURCES = ["halves.wav", "halves.mp3", "halves.flac", "halves.ogg", "halves.aac", "turning.mp4", "turning.ts"]


@pytest.mark.parametrize("target", ["wav", "mp3", "m4a", "opus"])
@pytest.mark.parametrize("source", SOURCES)
def test_sound_is_cut_where_it_was_asked(convert: Converter, source: str, target: str) -> None:
    sound = decode_sound(convert(clip(source), target, start=1.5, end="00:02.5").path)
    assert sound.seconds == pytest.approx(1.0, abs=0.03)
    assert sound.tone_hz(0.05, 0.46) == pytest.approx(440, abs=2)
    assert sound.tone_hz(0.54, 0.95) == pytest.approx(880, abs=2)


@pytest.mark.parametrize("source", SOURCES)
def test_cut_sound_is_not_silent_at_its_beginning(convert: Converter, source: str) -> None:
    sound = decode_sound(convert(clip(source), "wav", start=3.0).path)
    first = sound.samples[: int(0.05 * sound.rate)]
    assert max(first) > 0.8 * max(sound.samples)


@pytest.mark.parametrize("target", ["mp4", "mkv", "webm", "avi", "gif"])
@pytest.mark.parametrize("source", ["turning.mp4", "turning.ts"])
def test_film_is_cut_where_it_was_asked(convert: Converter, source: str, target: str) -> None:
    """The source has a single key frame, at its beginning."""
    result = convert(clip(source), target, start=1.5, end=2.5)

    pictures = decode_pictures(result.path)
    is_red = [red > green for red, green, _ in pictures.colours]
    seconds_of_red = sum(is_red) / (12.5 if target == "gif" else 25)
    assert is_red == sorted(is_red, reverse=True)
    assert seconds_of_red == pytest.approx(0.5, abs=0.05)
    assert len(is_red) == pytest.approx(12.5 if target == "gif" else 25, abs=1)
    if target != "gif":
        assert decode_sound(result.path).tone_hz(0.1, 0.42) == pytest.approx(440, abs=4)


def test_only_the_end_is_cut_without_encoding(convert: Converter) -> None:
    result = convert(clip("turning.mp4"), "mkv", end=2.5, copy=True)
    assert result.probe.duration_seconds == pytest.approx(2.5, abs=0.1)
    assert "-c:v:0 copy" in result.arguments


def test_copied_sound_is_cut_to_the_packet(convert: Converter) -> None:
    sound = decode_sound(convert(clip("halves.mp3"), "mp3", start=1.5, end=2.5, copy=True).path)
    assert sound.seconds == pytest.approx(1.0, abs=0.1)


def test_film_without_an_index_is_cut(convert: Converter) -> None:
    """As a browser's recorder leaves it: without a duration, and nothing to seek by."""
    assert convert(clip("recorded.webm"), "mp4", start=0.4).probe.duration_seconds == pytest.approx(0.6, abs=0.1)


def test_end_beyond_the_end_of_the_file_is_the_end_of_the_file(convert: Converter) -> None:
    assert convert(clip("halves.wav"), "mp3", start=3, end=60).probe.duration_seconds == pytest.approx(1.0, abs=0.1)


def test_start_beyond_the_end_is_refused(convert: Converter) -> None:
    with pytest.raises(InvalidOption, match="start is 60 s, but the file ends at 4 s"):
        convert(clip("halves.wav"), "mp3", start=60)
