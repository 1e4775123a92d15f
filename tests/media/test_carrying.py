"""Tags, cover art, chapters, languages, subtitles and fonts: carried where the container can hold them."""

from pathlib import Path

import av
import pytest
from av.subtitles.subtitle import AssSubtitle

from balanza.media.formats import FORMATS
from balanza.model import Probe
from tests.media.conversion import Converter
from tests.support.clips import (
    chapters_file,
    clip,
    decode_pictures,
    film_with_everything,
    is_colour,
    picture_subtitles,
    run_ffmpeg,
)

AUDIO = [name for name in FORMATS if FORMATS[name].is_audio]
HOLD_COVERS = ["mp3", "flac", "ogg", "opus", "m4a", "aiff"]


@pytest.mark.parametrize("target", AUDIO)
@pytest.mark.parametrize("source", ["song.mp3", "song.ogg", "song.m4a", "song.wav"])
def test_song_keeps_its_tags(convert: Converter, source: str, target: str) -> None:
    tags = _tags(convert(clip(source), target).path)
    assert (tags.get("title"), tags.get("artist")) == ("Canción de prueba", "Ana")


@pytest.mark.parametrize("target", ["mp4", "mkv", "webm", "mov", "avi"])
def test_film_keeps_its_tags(convert: Converter, target: str) -> None:
    assert _tags(convert(clip("film.mkv"), target).path).get("title") == "Canción de prueba"


@pytest.mark.parametrize("target", HOLD_COVERS)
@pytest.mark.parametrize("source", ["song.mp3", "song.flac", "song.m4a"])
def test_song_keeps_its_cover(convert: Converter, source: str, target: str) -> None:
    result = convert(clip(source), target)
    assert len(result.probe.covers) == 1
    assert not result.probe.video
    (colour,) = decode_pictures(result.path).colours
    assert is_colour(colour, (204, 51, 51))


@pytest.mark.parametrize("target", ["wav", "aac"])
def test_cover_is_left_where_the_container_holds_none(convert: Converter, target: str) -> None:
    assert not convert(clip("song.mp3"), target).probe.covers


def test_cover_survives_from_ogg_to_ogg_and_back(convert: Converter, tmp_path: Path) -> None:
    opus = convert(clip("song.mp3"), "opus").path.rename(tmp_path / "song.opus")
    for target, options in (("ogg", {}), ("ogg", {"copy": True}), ("mp3", {})):
        assert convert(opus, target, **options).probe.covers, target


def test_cover_of_another_kind_becomes_a_jpeg(convert: Converter, tmp_path: Path) -> None:
    source = tmp_path / "song.mka"
    picture = tmp_path / "cover.tiff"
    run_ffmpeg(
        "-f", "lavfi", "-i", "color=c=red:size=32x32:duration=0.04", "-f", "image2", "-update", "1", str(picture)
    )
    attached = ("-attach", str(picture), "-metadata:s:t:0", "mimetype=image/tiff")
    run_ffmpeg("-i", str(clip("song.wav")), *attached, "-f", "matroska", str(source))
    for target in ("mp3", "ogg"):
        assert [cover.codec for cover in convert(source, target).probe.covers] == ["mjpeg"]


def test_film_keeps_its_cover(convert: Converter, tmp_path: Path) -> None:
    source = tmp_path / "film.mp4"
    joined = ("-i", str(clip("film.mp4")), "-i", str(clip("song.mp3")), "-map", "0", "-map", "1:v", "-c", "copy")
    run_ffmpeg(*joined, "-disposition:v:1", "attached_pic", "-f", "mp4", str(source))

    mkv = convert(source, "mkv")
    moved = mkv.path.rename(tmp_path / "film.mkv")

    assert [len(mkv.probe.covers), len(mkv.probe.video)] == [1, 1]
    for target, covers in (("mkv", 1), ("mp4", 1), ("webm", 0), ("mp3", 1)):
        assert len(convert(moved, target).probe.covers) == covers, target


@pytest.mark.parametrize("target", ["mp4", "mkv", "webm", "mov"])
def test_film_keeps_every_language(convert: Converter, target: str) -> None:
    probe = convert(film_with_everything(), target).probe
    assert [stream.language for stream in probe.audio] == ["spa", "eng"]
    assert [stream.language for stream in probe.subtitles] == ["spa", "eng", "fra"]


@pytest.mark.parametrize(
    ("target", "codecs"),
    [
        ("mp4", ["mov_text"] * 3),
        ("mov", ["mov_text"] * 3),
        ("webm", ["webvtt"] * 3),
        ("mkv", ["subrip", "ass", "webvtt"]),
        ("avi", []),
    ],
)
def test_text_subtitles_are_written_as_the_container_takes_them(
    convert: Converter, target: str, codecs: list[str]
) -> None:
    result = convert(film_with_everything(), target)
    assert [stream.codec for stream in result.probe.subtitles] == codecs
    if codecs:
        assert [_text(result.path, number) for number in range(3)] == ["Hola, mundo", "Hello", "Salut"]


def test_subtitles_made_of_pictures_are_kept_where_they_can_be_copied(convert: Converter) -> None:
    kept = convert(picture_subtitles(), "mkv").probe.subtitles
    assert [stream.codec for stream in kept] == ["hdmv_pgs_subtitle"]
    assert not convert(picture_subtitles(), "mp4").probe.subtitles


def test_subtitles_in_mp4_come_back_as_text(convert: Converter, tmp_path: Path) -> None:
    mp4 = convert(film_with_everything(), "mp4").path.rename(tmp_path / "film.mp4")
    result = convert(mp4, "mkv")
    assert [stream.codec for stream in result.probe.subtitles] == ["subrip"] * 3
    assert _text(result.path, 0) == "Hola, mundo"


def test_fonts_of_subtitles_are_kept_in_matroska(convert: Converter) -> None:
    def fonts(probe: Probe) -> int:
        return sum(stream.codec == "font" for stream in probe.streams)

    assert fonts(convert(film_with_everything(), "mkv").probe) == 1
    assert fonts(convert(film_with_everything(), "mp4").probe) == 0


@pytest.mark.parametrize("target", [name for name in FORMATS if FORMATS[name].chapters])
def test_chapters_are_kept(convert: Converter, target: str) -> None:
    result = convert(film_with_everything(), target)
    assert result.probe.chapters == 2
    assert _chapters(result.path) == ["Uno", "Dos"]


@pytest.mark.parametrize("target", [name for name in FORMATS if not FORMATS[name].chapters])
def test_chapters_are_left_where_the_container_holds_none(convert: Converter, target: str) -> None:
    assert convert(film_with_everything(), target).probe.chapters == 0


def test_chapters_move_with_a_trim(convert: Converter, tmp_path: Path) -> None:
    source = tmp_path / "book.m4a"
    mapped = ("-i", str(clip("song.m4a")), "-i", str(chapters_file()), "-map", "0:a", "-map_chapters", "1")
    run_ffmpeg(*mapped, "-c", "copy", "-f", "ipod", str(source))

    result = convert(source, "mp3", start=0.25)

    with av.open(str(result.path)) as container:
        second = container.chapters()[1]
        assert second["start"] * (second["time_base"] or 0) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("target", ["mp3", "flac", "m4a", "ogg", "opus", "aiff"])
def test_cover_is_kept_by_a_trim(convert: Converter, target: str) -> None:
    for options in ({"start": 0.5}, {"end": 0.5}, {"start": 0.2, "end": 0.6}):
        assert len(convert(clip("song.mp3"), target, **options).probe.covers) == 1


@pytest.mark.parametrize("target", ["mp4", "mkv", "webm"])
def test_subtitles_move_with_a_trim(convert: Converter, target: str) -> None:
    """The first is shown at 0.1 s."""
    with av.open(str(convert(film_with_everything(), target, start=0.06).path)) as container:
        stream = container.streams.subtitles[0]
        shown = [
            packet.pts * (packet.time_base or 0) for packet in container.demux(stream) if packet.size > 2 and packet.pts
        ]
    assert shown[0] == pytest.approx(0.04, abs=0.01)


def _tags(path: Path) -> dict[str, str]:
    """The tags of a file and, as Ogg keeps them there, of its streams; names in lower case."""
    with av.open(str(path)) as container:
        found = [container.metadata, *(stream.metadata for stream in container.streams)]
    return {name.lower(): value for tags in found for name, value in tags.items()}


def _chapters(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [chapter["metadata"]["title"] for chapter in container.chapters()]


def _text(path: Path, number: int) -> str:
    """What the first subtitle of a track says, without its form."""
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.subtitles[number]):
            for subtitle in packet.decode():
                assert isinstance(subtitle, AssSubtitle)
                return subtitle.dialogue.decode().strip()
    return ""
