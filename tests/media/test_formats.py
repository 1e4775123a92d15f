"""Names, types, and a table that agrees with itself."""

import pytest

from balanza.media.encoders import DEFAULT_QUALITY, QUALITIES
from balanza.media.formats import FORMATS, mime_type, output_name
from balanza.media.program import find_program, missing_for, needs_of
from balanza.model import Probe, Stream, StreamKind

SOUND = Stream(index=0, kind=StreamKind.AUDIO, codec="aac")
PICTURE = Stream(index=1, kind=StreamKind.VIDEO, codec="h264")


@pytest.mark.parametrize(
    ("source", "format_name", "name"),
    [
        ("song.wav", "mp3", "song.mp3"),
        ("film.tar.mkv", "m4a", "film.tar.m4a"),
        ("Sinfonía nº 5.flac", "ogg", "Sinfonía nº 5.ogg"),
        ("no extension", "mp4", "no extension.mp4"),
        (".hidden", "mp3", ".hidden.mp3"),
        ("version 1.2", "mp3", "version 1.2.mp3"),
        ("Mr. Brightside", "mp3", "Mr. Brightside.mp3"),
        ("song.mp3", "mp3", "song.mp3"),
        ("song.mp3", "aac", "song.aac"),
        ("film.webm", "mkv", "film.mkv"),
    ],
)
def test_result_is_named_after_its_source(source: str, format_name: str, name: str) -> None:
    assert output_name(source, format_name) == name


@pytest.mark.parametrize(
    ("container", "streams", "name", "expected"),
    [
        ("mp3", (SOUND,), "a.mp3", "audio/mpeg"),
        ("mp3", (SOUND,), "a.exe", "audio/mpeg"),
        ("mov,mp4,m4a,3gp,3g2,mj2", (SOUND, PICTURE), "a.mp4", "video/mp4"),
        ("mov,mp4,m4a,3gp,3g2,mj2", (SOUND, PICTURE), "a.MOV", "video/quicktime"),
        ("mov,mp4,m4a,3gp,3g2,mj2", (SOUND,), "a.m4a", "audio/mp4"),
        ("mov,mp4,m4a,3gp,3g2,mj2", (SOUND, PICTURE), "a.html", "video/mp4"),
        ("matroska,webm", (SOUND, PICTURE), "a.mkv", "video/x-matroska"),
        ("matroska,webm", (SOUND, PICTURE), "a.webm", "video/webm"),
        ("matroska,webm", (SOUND,), "a.webm", "audio/webm"),
        ("ogg", (SOUND,), "a.ogg", "audio/ogg"),
        ("ogg", (SOUND, PICTURE), "a.ogv", "video/ogg"),
        ("gif", (PICTURE,), "a.gif", "image/gif"),
        ("never heard of", (SOUND,), "a.html", "application/octet-stream"),
    ],
)
def test_mime_type_comes_from_what_a_file_contains(
    container: str, streams: tuple[Stream, ...], name: str, expected: str
) -> None:
    probe = Probe(container=container, duration_seconds=1.0, bit_rate_bps=None, streams=streams)
    assert mime_type(probe, name) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_format_makes_files_of_its_own_mime_type(name: str) -> None:
    format_ = FORMATS[name]
    streams = (SOUND,) if format_.is_audio else (SOUND, PICTURE)
    probe = Probe(container=format_.demuxer, duration_seconds=1.0, bit_rate_bps=None, streams=streams)
    assert mime_type(probe, f"result.{format_.extension}") == format_.mime_type


@pytest.mark.parametrize("name", FORMATS)
def test_format_may_copy_what_it_encodes(name: str) -> None:
    format_ = FORMATS[name]
    assert format_.video is None or format_.video.codec in format_.copied_video
    assert format_.audio is None or format_.audio.codec in format_.copied_audio


@pytest.mark.parametrize("name", FORMATS)
def test_format_knows_every_quality(name: str) -> None:
    format_ = FORMATS[name]
    assert DEFAULT_QUALITY in QUALITIES
    for encoder in (format_.video, format_.audio):
        if encoder:
            meanings = encoder.quality or getattr(encoder, "channel_bps", {}) or dict.fromkeys(QUALITIES)
            assert set(meanings) == set(QUALITIES)


def test_bundled_ffmpeg_has_what_every_format_needs() -> None:
    assert {name: missing for name, missing in missing_for(find_program(None)).items() if missing} == {}


def test_needs_of_a_format_are_named() -> None:
    needs = needs_of(FORMATS["webm"])
    assert needs["encoders"] == {"libvpx-vp9", "libopus", "webvtt"}
    assert needs["muxers"] == {"webm"}
    assert {"scale", "fps", "loudnorm"} <= needs["filters"]
