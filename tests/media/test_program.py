"""Finding ffmpeg, and saying what is wrong with what was found."""

from dataclasses import replace
from pathlib import Path

import pytest

from balanza.errors import StartupError
from balanza.media.program import Program, find_program, missing_for
from balanza.media.table import FORMATS


def test_bundled_program_is_found_and_known() -> None:
    program = find_program(None)
    assert Path(program.path).is_file()
    assert program.version[0].isalnum()
    assert {"libx264", "libmp3lame", "aac", "mov_text"} <= program.encoders
    assert {"mp4", "adts", "matroska"} <= program.muxers
    assert {"mov", "matroska", "wav"} <= program.demuxers
    assert {"loudnorm", "scale", "paletteuse"} <= program.filters
    assert "=" not in program.encoders | program.muxers | program.demuxers | program.filters


def test_program_may_be_named() -> None:
    assert find_program(find_program(None).path) == find_program(None)


def test_program_is_asked_once() -> None:
    assert find_program(None) is find_program(None)


def test_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"BALANZA_FFMPEG names .*/ffmpeg, which does not exist"):
        find_program(str(tmp_path / "ffmpeg"))


def test_program_that_may_not_be_executed_is_named(tmp_path: Path) -> None:
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\n")
    with pytest.raises(StartupError, match="may not be executed; make it executable"):
        find_program(str(tmp_path / "ffmpeg"))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo hello", "is not an ffmpeg program"),
        ("echo 'no codec library' >&2; exit 3", r"ends with code 3 \(no codec library\)"),
        ("kill -SEGV $$", "is not a working ffmpeg: .*ends with code -11"),
    ],
)
def test_program_that_is_no_ffmpeg_is_named(tmp_path: Path, script: str, told: str) -> None:
    path = tmp_path / "ffmpeg"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    with pytest.raises(StartupError, match=told):
        find_program(str(path))


def test_file_that_the_system_cannot_run_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ffmpeg"
    path.write_bytes(b"\x7fELF" + bytes(100))
    path.chmod(0o755)
    with pytest.raises(StartupError, match="cannot be run"):
        find_program(str(path))


def test_replaced_program_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "ffmpeg"
    for version in ("5.1", "9.0"):
        path.write_text(f"#!/bin/sh\necho ffmpeg version {version} of {'x' * len(version) * int(float(version))}\n")
        path.chmod(0o755)
        assert find_program(str(path)).version == version


def test_what_each_format_misses_is_named() -> None:
    program = find_program(None)
    poorer = replace(
        program, encoders=program.encoders - {"libmp3lame", "webvtt"}, filters=program.filters - {"paletteuse"}
    )
    missing = _missing(poorer)
    assert missing == {"mp3": {"libmp3lame"}, "avi": {"libmp3lame"}, "webm": {"webvtt"}, "gif": {"paletteuse"}}


def test_what_cover_art_needs_is_named() -> None:
    program = find_program(None)
    with_covers = {"mp3", "flac", "ogg", "opus", "m4a", "aiff", "mp4", "mkv"}
    assert set(_missing(replace(program, encoders=program.encoders - {"mjpeg"}))) == with_covers
    assert set(_missing(replace(program, muxers=program.muxers - {"image2pipe"}))) == {"ogg", "opus", "mkv"}
    assert set(_missing(replace(program, demuxers=program.demuxers - {"ffmetadata"}))) == {"ogg", "opus"}


def test_what_sound_needs_is_named() -> None:
    program = find_program(None)
    with_sound = {name for name, format_ in FORMATS.items() if format_.audio}
    for name in ("pan", "asetpts", "aresample", "loudnorm"):
        assert set(_missing(replace(program, filters=program.filters - {name}))) == with_sound


def _missing(program: Program) -> dict[str, frozenset[str]]:
    return {name: names for name, names in missing_for(program).items() if names}
