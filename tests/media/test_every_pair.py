"""Every source format into every output format, checked by decoding what came out."""

import pytest

from balanza.errors import MissingStream
from balanza.media.formats import FORMATS
from balanza.media.probe import Prober
from tests.media.conversion import Converter
from tests.support.clips import COLOUR, SECONDS, TONE_HZ, clip, decode_pictures, decode_sound, is_colour

SONGS = [f"song.{name}" for name in FORMATS if FORMATS[name].is_audio]
FILMS = [f"film.{name}" for name in FORMATS if not FORMATS[name].is_audio]
FOREIGN_SONGS = ["song.wma", "song.mka"]
FOREIGN_FILMS = ["film.ts", "film.mpg", "film.flv", "film.wmv", "film.ogv"]
AUDIO = [name for name in FORMATS if FORMATS[name].is_audio]
VIDEO = [name for name in FORMATS if not FORMATS[name].is_audio]


@pytest.mark.parametrize("target", AUDIO)
@pytest.mark.parametrize("source", [*SONGS, *FOREIGN_SONGS, *(film for film in FILMS if film != "film.gif"), "film.ts"])
def test_sound_of_any_source_becomes_any_audio_format(convert: Converter, source: str, target: str) -> None:
    result = convert(clip(source), target)

    sound = decode_sound(result.path)
    assert sound.tone_hz() == pytest.approx(TONE_HZ, abs=2)
    assert sound.seconds == pytest.approx(SECONDS, abs=0.12)
    assert sound.channels == result.probe.audio[0].channels
    assert not result.probe.video


@pytest.mark.parametrize("target", VIDEO)
@pytest.mark.parametrize("source", [*FILMS, *FOREIGN_FILMS])
def test_any_film_becomes_any_video_format(convert: Converter, source: str, target: str) -> None:
    result = convert(clip(source), target)

    pictures = decode_pictures(result.path)
    assert all(is_colour(colour, COLOUR) for colour in pictures.colours)
    assert pictures.seconds == pytest.approx(1.2 if source == "film.gif" else SECONDS, abs=0.15)
    assert (pictures.width, pictures.height) == (64, 48)
    if source != "film.gif" and target != "gif":
        assert decode_sound(result.path).tone_hz() == pytest.approx(TONE_HZ, abs=2)


@pytest.mark.parametrize("target", VIDEO)
@pytest.mark.parametrize("source", ["song.mp3", "song.wav"])
def test_song_does_not_become_a_film(convert: Converter, source: str, target: str) -> None:
    with pytest.raises(MissingStream, match=r"no video.*choose m4a"):
        convert(clip(source), target)


@pytest.mark.parametrize("source", ["film.gif", "silent.mp4"])
def test_film_without_sound_does_not_become_a_song(convert: Converter, source: str) -> None:
    with pytest.raises(MissingStream, match="no sound"):
        convert(clip(source), "mp3")


def test_film_without_sound_becomes_a_silent_film(convert: Converter) -> None:
    assert not convert(clip("silent.mp4"), "webm").probe.audio


def test_probe_tells_the_length_of_every_clip(prober: Prober) -> None:
    for source in (*SONGS, *FILMS, *FOREIGN_SONGS, *FOREIGN_FILMS):
        assert prober.probe(clip(source)).duration_seconds == pytest.approx(SECONDS, abs=0.2), source
