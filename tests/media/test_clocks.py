"""Streams that do not last from the beginning of their file to its end, and files that do not say how long they are."""

import json
from pathlib import Path

import pytest

from balanza.errors import AttemptFailed
from balanza.media.formats import FORMATS
from balanza.media.probe import Prober
from balanza.media.verify import check_result
from tests.media.conversion import Converter
from tests.support.clips import (
    clip,
    decode_sound,
    film_cut_without_encoding,
    recording_in_two_parts,
    run_ffmpeg,
)

SONGS = [name for name in FORMATS if FORMATS[name].is_audio]
FILMS = [name for name in FORMATS if not FORMATS[name].is_audio]
LATE = ["late.mkv", "late.mp4", "late.webm"]
GAPS = ["gap.mkv", "gap.mp4"]


@pytest.mark.parametrize("target", SONGS)
@pytest.mark.parametrize("source", LATE)
def test_late_sound_begins_with_silence(convert: Converter, source: str, target: str) -> None:
    sound = decode_sound(convert(clip(source), target).path)
    assert sound.seconds == pytest.approx(4.0, abs=0.1)
    assert _loudest(sound.samples[: int(1.9 * sound.rate)]) < 300
    assert sound.tone_hz(2.2, 3.8) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("target", SONGS)
@pytest.mark.parametrize("source", GAPS)
def test_gap_in_the_sound_stays_as_long_as_it_is(convert: Converter, source: str, target: str) -> None:
    sound = decode_sound(convert(clip(source), target).path)
    assert sound.seconds == pytest.approx(4.0, abs=0.1)
    assert _loudest(sound.samples[int(1.2 * sound.rate) : int(2.8 * sound.rate)]) < 300
    assert sound.tone_hz(0.1, 0.9) == pytest.approx(440, abs=2)
    assert sound.tone_hz(3.2, 3.8) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("source", [*LATE, *GAPS])
def test_what_is_out_of_the_ordinary_can_be_cut(convert: Converter, source: str) -> None:
    sound = decode_sound(convert(clip(source), "wav", start=0.5, end=3.5).path)
    assert sound.seconds == pytest.approx(3.0, abs=0.05)
    assert _loudest(sound.samples[int(0.7 * sound.rate) : int(1.4 * sound.rate)]) < 300
    assert sound.tone_hz(2.6, 2.9) == pytest.approx(440, abs=4)


def test_late_sound_is_normalised(convert: Converter) -> None:
    sound = decode_sound(convert(clip("late.mkv"), "mp3", normalize=True).path)
    assert sound.seconds == pytest.approx(4.0, abs=0.1)
    assert sound.rate == 44100


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("target", ["mp3", "m4a", "opus", "wav"])
@pytest.mark.parametrize("source", ["late.avi", "late.mka"])
def test_late_sound_whose_delay_is_lost_is_still_the_sound(
    convert: Converter, source: str, target: str, copy: bool
) -> None:
    """FFmpeg shows the sound of such an AVI from the beginning, and a song begins where its sound does."""
    result = convert(clip(source), target, copy=copy)
    assert result.probe.duration_seconds == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("target", [*SONGS, *FILMS])
@pytest.mark.parametrize("source", [*LATE, *GAPS, "late.avi", "late.wmv", "late-picture.mkv"])
def test_streams_are_copied_whenever_they_begin(convert: Converter, source: str, target: str) -> None:
    found = convert(clip(source), target, copy=True).probe.duration_seconds
    assert found is not None
    assert found <= 4.2


@pytest.mark.parametrize("source", [*LATE, *GAPS, "late.avi"])
def test_film_with_late_sound_becomes_another_film(convert: Converter, source: str) -> None:
    for target in FILMS:
        found = convert(clip(source), target).probe.duration_seconds
        assert found == pytest.approx(4.0, abs=0.1), target


def test_late_picture_becomes_a_gif(convert: Converter) -> None:
    assert convert(clip("late-picture.mkv"), "gif").probe.duration_seconds == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_film_cut_without_encoding_is_copied(convert: Converter, container: str) -> None:
    """With what the edit list hides, where the other container has no such list."""
    source = film_cut_without_encoding(container)
    assert convert(source, "mp4", copy=True).probe.duration_seconds == pytest.approx(2.0, abs=0.1)
    assert convert(source, "mkv", copy=True).probe.duration_seconds is not None
    assert convert(source, "mkv").probe.duration_seconds == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("kind", ["ogg", "opus"])
def test_recording_in_two_parts_is_converted_whole(prober: Prober, convert: Converter, kind: str) -> None:
    source = recording_in_two_parts(kind)
    assert prober.probe(source).duration_seconds == pytest.approx(8.0, abs=0.1)
    for target in ("mp3", "wav", "opus", "m4a"):
        sound = decode_sound(convert(source, target).path)
        assert sound.seconds == pytest.approx(8.0, abs=0.1), target
        assert sound.tone_hz(4.5, 5.5) == pytest.approx(440, abs=2), target


def test_parts_of_a_recording_that_cannot_be_told_apart_are_converted_whole(convert: Converter, tmp_path: Path) -> None:
    once = clip("halves.ogg").read_bytes()
    (tmp_path / "twice.ogg").write_bytes(once + once)
    assert decode_sound(convert(tmp_path / "twice.ogg", "mp3").path).seconds == pytest.approx(8.0, abs=0.1)


@pytest.mark.parametrize("source", [*LATE, "gap.mkv", "turning.mp4"])
def test_result_that_was_cut_off_still_fails(prober: Prober, convert: Converter, source: str) -> None:
    probe, short = prober.probe(clip(source)), convert(clip(source), "mp3", end=1.2)
    with pytest.raises(AttemptFailed, match="cut off"):
        check_result(format_name="mp3", options={}, source=probe, result=short.probe)


def test_silence_for_a_forged_time_is_limited(convert: Converter, tmp_path: Path) -> None:
    """Ten hours of silence would fill the memory."""
    source = tmp_path / "forged.mkv"
    picture = ("-f", "lavfi", "-i", "color=c=red:size=16x16:rate=1:duration=1")
    late = ("-itsoffset", "36000", "-f", "lavfi", "-i", "sine=duration=1:sample_rate=8000")
    run_ffmpeg(*picture, *late, "-c:v", "mpeg4", "-c:a", "pcm_s16le", "-f", "matroska", str(source))
    found = convert(source, "wav").probe.duration_seconds
    assert found == pytest.approx(301, abs=1)


@pytest.mark.parametrize(
    "noted",
    ["nan", "inf", "00:00:nan", "00:00:inf", "-9:00:00", "00:00:-5", "999999999999:00:00", "rubbish", "99:00:00"],
)
def test_length_that_cannot_be_is_not_believed(prober: Prober, convert: Converter, tmp_path: Path, noted: str) -> None:
    source = tmp_path / "film.mkv"
    _write_with_tag(source, noted)

    probe = prober.probe(source)

    lengths = [probe.duration_seconds, *(stream.duration_seconds for stream in probe.streams)]
    assert all(length is None or 0 < length < 2 for length in lengths)
    json.dumps(lengths, allow_nan=False)
    convert(source, "mp3")


def _write_with_tag(path: Path, noted: str) -> None:
    """The film with another text in the tags that tell how long its streams are."""
    data = clip("film.mkv").read_bytes()
    assert b"00:00:01." in data
    while (at := data.find(b"00:00:01.")) >= 0:
        data = data[:at] + noted.encode()[:18].ljust(18, b"\0") + data[at + 18 :]
    path.write_bytes(data)


def _loudest(samples: tuple[int, ...]) -> int:
    return max(map(abs, samples))
