"""What is made of a file for the page: whole command lines, and what becomes of their output."""

import pytest

from balanza.errors import CannotBeMade
from balanza.media.derivations import STREAM, Asked, derivation_of, derived_needs
from balanza.media.inputs import FORMAT_WHITELIST
from balanza.media.peaks import MOST_PEAKS, peaks_of
from balanza.model import JobKind, Options, Probe
from tests.media.test_command_lines import DISC, FILM, SONG, WAV

BEGIN = (
    "ffmpeg -hide_banner -nostdin -y -loglevel error -nostats -stats_period 0.5 -progress pipe:1"
    " -filter_threads 2 -filter_complex_threads 2"
    f" -protocol_whitelist file -format_whitelist {FORMAT_WHITELIST}"
)
SMALL = r"scale=w=2*ceil(min(320\,iw*sar)/2):h=2*ceil(min(320\,ow*ih/(iw*sar))/2),setsar=1,format=yuv420p"
PICTURE = "-frames:v 1 -c:v mjpeg -pix_fmt yuvj420p -q:v 4 -threads 2 -f image2pipe file:out"


def lines(kind: JobKind, probe: Probe, **options: int) -> list[str]:
    asked = Asked("ffmpeg", "in/source", "out", probe, options, 2)
    return [" ".join(argv) for argv in derivation_of(kind).commands(asked)]


def test_a_thumbnail_is_a_bright_key_frame_or_else_a_common_picture_or_else_the_first() -> None:
    bright = "signalstats,metadata=mode=select:key=lavfi.signalstats.YAVG:value=32:function=greater,thumbnail=n=24"
    assert lines(JobKind.THUMBNAIL, FILM) == [
        f"{BEGIN} -f mov -skip_frame nokey -noaccurate_seek -ss 6 -t 300 -threads 2 -i file:in/source"
        f" -map 0:0 -vf {SMALL},{bright} {PICTURE}",
        f"{BEGIN} -f mov -ss 6 -threads 2 -i file:in/source -map 0:0 -vf {SMALL},thumbnail=n=50 {PICTURE}",
        f"{BEGIN} -f mov -threads 2 -i file:in/source -map 0:0 -vf {SMALL} {PICTURE}",
    ]


def test_a_waveform_is_measured_in_a_thousand_parts_of_the_sound() -> None:
    assert lines(JobKind.WAVEFORM, SONG) == [
        f"{BEGIN} -f mp3 -t 201 -threads 2 -i file:in/source -map 0:0 -af asetnsamples=n=8820:p=0,"
        "astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level,"
        "ametadata=mode=print:key=lavfi.astats.Overall.Peak_level:file=out -f null -"
    ]


def test_captions_are_one_stream_of_subtitles_as_webvtt() -> None:
    assert lines(JobKind.CAPTIONS, DISC, stream=3) == [
        f"{BEGIN} -f matroska -threads 2 -i file:in/source -map 0:3 -c:s webvtt -f webvtt file:out"
    ]


PREVIEW = (
    "-f hls -hls_time 4 -hls_playlist_type event -hls_segment_type fmp4 -hls_fmp4_init_filename 0.mp4 -start_number 1"
    " -hls_segment_filename %d.mp4 -hls_flags temp_file+independent_segments file:out"
)


def test_a_preview_is_what_every_browser_plays_in_pieces_of_four_seconds() -> None:
    whole = r"min(1\,min(1280/(iw*sar)\,720/ih))"
    sound = "-c:a aac -b:a 128k -ac 2 -ar 48000 -threads 2"
    assert lines(JobKind.PREVIEW, FILM) == [
        f"{BEGIN} -f mov -threads 2 -i file:in/source -map 0:0 -map 0:1"
        f" -vf scale=w=2*ceil(iw*sar*{whole}/2):h=2*ceil(ih*{whole}/2),setsar=1,format=yuv420p"
        " -c:v libx264 -preset veryfast -profile:v main -crf 25 -force_key_frames expr:gte(t,n_forced*4)"
        f" {sound} {PREVIEW}"
    ]
    assert lines(JobKind.PREVIEW, SONG) == [f"{BEGIN} -f mp3 -threads 2 -i file:in/source -map 0:0 {sound} {PREVIEW}"]


@pytest.mark.parametrize(
    ("kind", "probe", "options", "sentence"),
    [
        (JobKind.PREVIEW, Probe("srt", 1, None, ()), {}, "neither film nor sound"),
        (JobKind.THUMBNAIL, SONG, {}, "no film"),
        (JobKind.CAPTIONS, DISC, {STREAM: 4}, "Stream 4 of the file is no subtitles made of text; it has those of.* 3"),
        (JobKind.CAPTIONS, WAV, {STREAM: 0}, "it has none"),
    ],
)
def test_a_file_without_the_stream_is_refused_with_a_sentence(
    kind: JobKind, probe: Probe, options: Options, sentence: str
) -> None:
    with pytest.raises(CannotBeMade, match=sentence):
        derived_needs(kind, probe, options, size_bytes=1)


def _line(decibels: str) -> str:
    return f"lavfi.astats.Overall.Peak_level={decibels}\n"


def test_peaks_are_a_byte_each_from_silence_to_full_scale() -> None:
    said = ["frame:0    pts:0       pts_time:0\n", *map(_line, ["-inf", "0.000000", "-6.02", "3.1", "nan", "?"])]
    assert list(peaks_of(said)) == [0, 255, 128, 255, 0, 0]


def test_more_peaks_than_a_thousand_are_taken_together_and_none_is_lost() -> None:
    levels = ["-inf"] * 2500
    levels[1234] = "0"
    peaks = peaks_of(map(_line, levels))
    assert (len(peaks), sum(peaks), peaks[1234 * MOST_PEAKS // 2500]) == (MOST_PEAKS, 255, 255)
