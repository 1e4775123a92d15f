"""The reading of `-progress`."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanza.media.ffmpeg import Progress, ProgressReader, parse_progress
from tests.media.conversion import Converter
from tests.support.clips import clip

REPORT = """frame=12
fps=0.00
stream_0_0_q=28.0
bitrate=  12.3kbits/s
total_size=1048
out_time_us=1500000
out_time_ms=1500000
out_time=00:00:01.500000
dup_frames=0
drop_frames=0
speed=2.41x
progress=continue
"""
READ = Progress(out_time_seconds=1.5, speed=2.41, frame=12, total_size=1048)


def test_report_is_read() -> None:
    assert parse_progress(REPORT.splitlines()) == READ


def test_what_is_not_known_yet_is_none() -> None:
    unknown = "total_size=N/A\nout_time_us=N/A\nspeed=N/A\nprogress=end\n"
    assert parse_progress(unknown.splitlines()) == Progress(ended=True)


def test_time_before_the_first_picture_is_no_time() -> None:
    assert parse_progress(["out_time_us=-21333", "progress=continue"]).out_time_seconds == 0.0


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_reports_are_whole_however_the_bytes_arrive(size: int) -> None:
    data = (REPORT + REPORT.replace("continue", "end")).encode()
    reader = ProgressReader()
    reports = [report for at in range(0, len(data), size) for report in reader.feed(data[at : at + size])]
    assert [report.ended for report in reports] == [False, True]
    assert reports[0] == READ


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_are_read(chunks: list[bytes]) -> None:
    reader = ProgressReader()
    for chunk in chunks:
        reader.feed(chunk)


def test_ffmpeg_reports_what_is_read(convert: Converter, tmp_path: Path) -> None:
    argv = convert(clip("halves.wav"), "mp3").argv
    argv[-1] = f"file:{tmp_path / 'again.mp3'}"
    said = subprocess.run(argv, capture_output=True, check=True).stdout
    last = ProgressReader().feed(said)[-1]
    assert last.ended
    assert last.out_time_seconds == pytest.approx(4.0, abs=0.1)
    assert last.total_size
    assert last.total_size > 1000
    assert last.speed
    assert last.speed > 1
