"""A result that is not what was asked for is not published."""

from dataclasses import replace

import pytest

from balanza.errors import AttemptFailed
from balanza.media.formats import parse_options
from balanza.media.verify import check_result
from balanza.model import Probe, Stream, StreamKind

MOV = "mov,mp4,m4a,3gp,3g2,mj2"
PICTURE = Stream(index=0, kind=StreamKind.VIDEO, codec="h264", width=64, height=48, fps=25.0, duration_seconds=100.0)
SOUND = Stream(index=1, kind=StreamKind.AUDIO, codec="aac", sample_rate_hz=48000, channels=2, duration_seconds=100.0)
COVER = Stream(index=2, kind=StreamKind.VIDEO, codec="mjpeg", is_cover=True)
FILM = Probe(container=MOV, duration_seconds=100.0, bit_rate_bps=None, streams=(PICTURE, SOUND))
MP3 = Probe(
    container="mp3",
    duration_seconds=100.0,
    bit_rate_bps=None,
    streams=(replace(SOUND, index=0, codec="mp3"),),
)


def check(format_name: str, source: Probe, result: Probe, **raw: object) -> None:
    check_result(format_name=format_name, options=parse_options(format_name, raw), source=source, result=result)


def lasting(probe: Probe, seconds: float | None) -> Probe:
    streams = tuple(replace(stream, duration_seconds=seconds) for stream in probe.streams)
    return replace(probe, duration_seconds=seconds, streams=streams)


def test_right_results_pass() -> None:
    check("mp4", FILM, FILM)
    check("mp3", FILM, MP3)
    check("mkv", FILM, replace(FILM, container="matroska,webm"), copy=True)


@pytest.mark.parametrize("seconds", [99.0, 99.5, 100.9])
def test_length_may_differ_by_one_percent(seconds: float) -> None:
    check("mp3", FILM, lasting(MP3, seconds))


@pytest.mark.parametrize("seconds", [0.0, 50.0, 98.9, 101.1, 200.0])
def test_result_of_another_length_fails(seconds: float) -> None:
    with pytest.raises(AttemptFailed, match=rf"lasts {seconds:.2f} s instead of 100.00 s"):
        check("mp3", FILM, lasting(MP3, seconds))


def test_short_result_may_differ_by_half_a_second() -> None:
    check("mp3", lasting(FILM, 2.0), lasting(MP3, 2.4))
    with pytest.raises(AttemptFailed):
        check("mp3", lasting(FILM, 2.0), lasting(MP3, 2.6))


@pytest.mark.parametrize(
    ("trim", "seconds"), [({"start": 40}, 60.0), ({"end": 40}, 40.0), ({"start": 20, "end": 40}, 20.0)]
)
def test_length_is_that_of_the_trim(trim: dict[str, float], seconds: float) -> None:
    check("mp3", FILM, lasting(MP3, seconds), **trim)
    with pytest.raises(AttemptFailed, match="instead of"):
        check("mp3", FILM, MP3, **trim)


def test_length_is_that_of_the_stream_that_was_taken() -> None:
    film = replace(FILM, streams=(PICTURE, replace(SOUND, duration_seconds=30.0)))
    check("mp3", film, lasting(MP3, 30.0))
    with pytest.raises(AttemptFailed, match=r"instead of 30\.00 s"):
        check("mp3", film, lasting(MP3, 29.0))
    check("mp4", film, FILM)


def test_sound_may_begin_late_and_so_with_silence() -> None:
    film = replace(FILM, streams=(PICTURE, replace(SOUND, duration_seconds=30.0)))
    for seconds in (70.0, 100.0):
        check("mp3", film, lasting(MP3, seconds))
    with pytest.raises(AttemptFailed, match=r"instead of 100\.00 s"):
        check("mp3", film, lasting(MP3, 102.0))


def test_trim_may_end_before_late_sound_has_begun() -> None:
    film = replace(FILM, streams=(PICTURE, replace(SOUND, duration_seconds=30.0)))
    check("m4a", film, replace(FILM, duration_seconds=0.0, streams=(SOUND,)), end=20, copy=True)
    with pytest.raises(AttemptFailed, match=r"instead of 10\.00 s"):
        check("mp3", film, lasting(MP3, 9.0), start=20, end=80)


def test_copy_of_a_film_may_show_what_an_edit_list_hides() -> None:
    copied = replace(FILM, container="matroska,webm", duration_seconds=180.0)
    check("mkv", FILM, copied, copy=True)
    with pytest.raises(AttemptFailed):
        check("mkv", FILM, copied)
    with pytest.raises(AttemptFailed):
        check("mkv", FILM, replace(copied, duration_seconds=90.0), copy=True)


def test_unknown_length_of_one_of_several_streams_is_only_a_limit() -> None:
    """Not every container says how long its sound is; the sound of a film may end before the film."""
    film = replace(FILM, streams=(PICTURE, replace(SOUND, duration_seconds=None)))
    check("mp3", film, lasting(MP3, 30.0))
    with pytest.raises(AttemptFailed):
        check("mp3", film, lasting(MP3, 102.0))


def test_unknown_length_of_a_whole_source_is_tolerated() -> None:
    check("mp3", lasting(FILM, None), lasting(MP3, 30.0))
    check("mp3", FILM, lasting(MP3, None))


@pytest.mark.parametrize(
    ("format_name", "result", "told"),
    [
        ("m4a", MP3, "is a mp3 file, not the M4A"),
        ("mp3", replace(MP3, streams=(replace(SOUND, codec="aac"),)), "1 x mp3 as audio but has 1 x aac"),
        ("mp3", replace(MP3, streams=()), "1 x mp3 as audio but has nothing"),
        ("mp3", replace(MP3, streams=(*MP3.streams, PICTURE)), "nothing as video but has 1 x h264"),
        ("mp4", replace(FILM, streams=(SOUND,)), "1 x h264 as video but has nothing"),
        ("mp4", replace(FILM, streams=(PICTURE,)), "1 x aac as audio but has nothing"),
        ("mp4", replace(FILM, streams=(PICTURE, SOUND, SOUND)), "1 x aac as audio but has 2 x aac"),
    ],
)
def test_result_of_another_kind_fails(format_name: str, result: Probe, told: str) -> None:
    with pytest.raises(AttemptFailed, match=told):
        check(format_name, FILM, result)


def test_missing_cover_is_no_failure() -> None:
    check("mp3", replace(FILM, streams=(PICTURE, SOUND, COVER)), MP3)
    check("mp3", FILM, replace(MP3, streams=(*MP3.streams, COVER)))
