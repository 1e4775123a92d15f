"""Several conversions in one ffmpeg process: each result is what a process of its own makes."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from balanza.media.ffmpeg import build_argv
from balanza.media.formats import parse_options
from balanza.media.probe import Prober
from balanza.media.program import find_program
from balanza.media.together import Part, build_shared_argv, can_share
from balanza.model import OptionValue
from tests.support.clips import clip, film_with_everything

SONGS = ("song.wav", "song.mp3", "narrow.wav", "song.m4a", "song.opus")
FILMS = ("film.mp4", "film.avi", "gap.mkv")


def sources(names: tuple[str, ...]) -> list[Path]:
    return [film_with_everything() if name == "everything.mkv" else clip(name) for name in names]


@pytest.mark.parametrize(
    ("format_name", "raw", "names"),
    [
        ("mp3", {}, SONGS),
        ("flac", {}, SONGS[:3]),
        ("wav", {"normalize": True}, SONGS[:2]),
        ("aiff", {"sample_rate": 48000}, SONGS[:2]),
        ("aac", {}, SONGS[:2]),
        ("m4a", {"start": 0.3, "end": 0.8}, SONGS[1:4]),
        ("ogg", {}, ("song.ogg", "late.mka")),
        ("opus", {}, ("song.ogg", "surround.wav")),
        ("mp4", {"preset": "ultrafast"}, (*FILMS, "everything.mkv")),
        ("mp4", {"copy": True}, ("film.mp4", "hevc.mkv")),
        ("mkv", {"copy": True}, ("film.ts", "everything.mkv")),
        ("webm", {"preset": "ultrafast", "crf": 50}, ("film.mp4", "film.webm")),
        ("mov", {"preset": "ultrafast"}, FILMS[:2]),
        ("avi", {}, FILMS[:2]),
        ("gif", {}, FILMS[:2]),
    ],
)
def test_each_result_is_that_of_a_process_of_its_own(
    prober: Prober, tmp_path: Path, format_name: str, raw: Mapping[str, object], names: tuple[str, ...]
) -> None:
    program, options = find_program(None).path, parse_options(format_name, raw)
    parts = [Part(str(path), str(tmp_path / f"{path.name}.shared"), prober.probe(path)) for path in sources(names)]
    assert all(can_share(format_name, options, part.probe) for part in parts)

    _run(build_shared_argv(program=program, parts=parts, format_name=format_name, options=options, threads=2))

    for part in parts:
        alone = tmp_path / "alone"
        _run(
            build_argv(
                program=program,
                source=part.source,
                output=str(alone),
                format_name=format_name,
                options=options,
                probe=part.probe,
                threads=2,
            )
        )
        assert _essence(Path(part.output), format_name) == _essence(alone, format_name), part.source


_DRAWS_A_NUMBER = frozenset({"ogg", "opus", "mkv", "webm"})
"""Their muxers write an id that is drawn anew each time, also by a process of its own."""


def _essence(path: Path, format_name: str) -> bytes:
    """All bytes, or all packets and tags."""
    if format_name not in _DRAWS_A_NUMBER:
        return path.read_bytes()
    program = find_program(None).path
    packets = ("-map", "0", "-c", "copy", "-f", "framehash", "-")
    tags = ("-f", "ffmetadata", "-")
    argv = [program, "-nostdin", "-loglevel", "error", "-i", str(path), *packets, *tags]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("format_name", "raw", "name", "expected"),
    [
        ("mp3", {}, "song.mp3", True),
        ("ogg", {}, "song.mp3", False),  # its cover is taken out before
        ("ogg", {}, "song.wav", True),
        ("mp3", {}, "film.mp4", True),
        ("mp4", {}, "film.mp4", True),
        ("mp4", {"resolution": "1080p"}, "film.mp4", False),
        ("mp4", {}, "song.mp3", False),
    ],
)
def test_what_needs_a_step_or_much_memory_of_its_own_shares_no_process(
    prober: Prober, format_name: str, raw: dict[str, object], name: str, expected: bool
) -> None:
    options: Mapping[str, OptionValue] = parse_options(format_name, raw)
    assert can_share(format_name, options, prober.probe(clip(name))) is expected
