"""What each option may be, and what a person is told when it may not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanza.errors import InvalidOption, InvalidRequest, MissingStream, UnknownFormat
from balanza.media.formats import FORMATS, asked_duration, check_source, describe, parse_options
from balanza.media.options import options_of
from balanza.model import Probe, Stream, StreamKind

SONG = Probe(
    container="wav",
    duration_seconds=10.0,
    bit_rate_bps=None,
    streams=(Stream(index=0, kind=StreamKind.AUDIO, codec="pcm_s16le", sample_rate_hz=44100, channels=2),),
)


@pytest.mark.parametrize(
    ("format_name", "name", "value", "read"),
    [
        ("mp3", "quality", "small", "small"),
        ("mp3", "quality", " Small", "small"),
        ("mp3", "bitrate", 192000, 192000),
        ("mp3", "bitrate", "192k", 192000),
        ("mp3", "bitrate", " 0.192M ", 192000),
        ("mp4", "bitrate", "2.5M", 2500000),
        ("mp4", "crf", 23, 23),
        ("mp4", "crf", 23.0, 23),
        ("mp4", "crf", "23", 23),
        ("webm", "crf", 63, 63),
        ("mp4", "preset", "veryslow", "veryslow"),
        ("mp3", "sample_rate", 44100, 44100),
        ("mp3", "sample_rate", "48000", 48000),
        ("flac", "sample_rate", 37800, 37800),
        ("opus", "channels", 8, 8),
        ("mp4", "resolution", "1280X720", "1280x720"),
        ("mp4", "resolution", "720p", "720p"),
        ("gif", "fps", 12.5, 12.5),
        ("mp4", "fps", 30, 30.0),
        ("mp3", "start", 0, 0.0),
        ("mp3", "start", "1:30", 90.0),
        ("mp3", "end", "01:02:03.5", 3723.5),
        ("mp3", "end", "12.25", 12.25),
        ("mp3", "normalize", True, True),
        ("mp3", "copy", "true", True),
        ("mp3", "copy", "False", False),
    ],
)
def test_value_is_read_and_normalised(format_name: str, name: str, value: object, read: object) -> None:
    parsed = parse_options(format_name, {name: value})[name]
    assert parsed == read
    assert type(parsed) is type(read)


@pytest.mark.parametrize(
    ("format_name", "name", "value", "told"),
    [
        ("mp3", "quality", "great", r'"great": for mp3 give small, balanced or best'),
        ("mp3", "quality", 1, "small, balanced or best"),
        ("mp3", "bitrate", 1, "a whole number from 8000 to 320000 bits per second"),
        ("mp3", "bitrate", "fast", "8000 to 320000"),
        ("mp3", "bitrate", "500k", "8000 to 320000"),
        ("mp3", "bitrate", True, "8000 to 320000"),
        ("mp3", "bitrate", [192000], "8000 to 320000"),
        ("mp4", "crf", 52, "52: for mp4 give a whole number from 0 to 51"),
        ("mp4", "crf", -1, "from 0 to 51"),
        ("mp4", "crf", 23.5, "whole number from 0 to 51"),
        ("mp4", "crf", True, "from 0 to 51"),
        ("mp4", "crf", math.nan, "from 0 to 51"),
        ("mp4", "crf", math.inf, "from 0 to 51"),
        ("mp4", "crf", "nan", "from 0 to 51"),
        ("mp4", "crf", "1e1", "from 0 to 51"),
        ("mp4", "crf", 10**400, "from 0 to 51"),
        ("mp4", "crf", "9" * 5000, "from 0 to 51"),
        ("mp4", "preset", "warp", "ultrafast, superfast"),
        ("mp3", "sample_rate", 96000, "44100 or 48000 Hz"),
        ("opus", "sample_rate", 44100, "24000 or 48000 Hz"),
        ("flac", "sample_rate", 10, "from 8000 to 192000 Hz"),
        ("mp3", "channels", 6, "from 1 to 2"),
        ("aac", "channels", 0, "from 1 to 7"),
        ("mp4", "resolution", "big", '"1280x720" or "720p"'),
        ("mp4", "resolution", "0x720", "from 16 to 8192"),
        ("mp4", "resolution", "99999p", "from 16 to 8192"),
        ("mp4", "resolution", "720x", "720p"),
        ("mp4", "resolution", 720, "720p"),
        ("mp4", "resolution", "1280x720;drawtext", "720p"),
        ("mp4", "fps", 0, "from 1 to 120"),
        ("mp4", "fps", 1000, "from 1 to 120"),
        ("gif", "fps", 60, "from 1 to 50"),
        ("mp3", "start", -1, "seconds"),
        ("mp3", "start", "1:75", "seconds"),
        ("mp3", "start", "soon", "seconds"),
        ("mp3", "start", math.inf, "seconds"),
        ("mp3", "end", "-0:05", "seconds"),
        ("mp3", "normalize", 1, "true or false"),
        ("mp3", "copy", "maybe", "true or false"),
    ],
)
def test_wrong_value_is_answered_with_what_may_be_given(format_name: str, name: str, value: object, told: str) -> None:
    with pytest.raises(InvalidOption, match=f"^{name} cannot be .*{told}") as raised:
        parse_options(format_name, {name: value})
    assert len(raised.value.sentence) < 400


@pytest.mark.parametrize(
    ("format_name", "name"),
    [
        ("mp3", "crf"),
        ("mp3", "preset"),
        ("mp3", "resolution"),
        ("mp3", "fps"),
        ("wav", "bitrate"),
        ("flac", "bitrate"),
        ("avi", "crf"),
        ("avi", "preset"),
        ("gif", "bitrate"),
        ("gif", "sample_rate"),
        ("gif", "normalize"),
        ("mp4", "vcodec"),
        ("mp4", ""),
        ("mp4", "-i"),
    ],
)
def test_option_that_a_format_has_not_is_refused_with_those_that_it_has(format_name: str, name: str) -> None:
    with pytest.raises(InvalidOption, match=f'{format_name} has no option "{name}"; it takes quality, .*copy'):
        parse_options(format_name, {name: 1})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"bitrate": "2M", "crf": 20}, "bitrate and crf exclude each other"),
        ({"copy": True, "resolution": "720p"}, "resolution cannot be carried out"),
        ({"copy": True, "crf": 0}, "crf cannot be carried out"),
        ({"copy": True, "fps": 25, "preset": "fast", "normalize": True}, "preset, fps and normalize cannot be"),
        ({"start": 10, "end": 10}, "end is 10 s, which is not after start at 10 s"),
        ({"start": "1:00", "end": 30}, "end is 30 s, which is not after start at 60 s"),
        ({"end": 0}, "not after start at 0 s"),
    ],
)
def test_contradiction_is_refused(options: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        parse_options("mp4", options)


def test_number_too_large_to_be_written_is_refused() -> None:
    with pytest.raises(InvalidOption, match="crf cannot be a number so large: for mp4 give"):
        parse_options("mp4", {"crf": 10**5000})


def test_copy_goes_with_quality_and_trim() -> None:
    given = {"copy": True, "quality": "best", "start": 1.0, "end": 2.0, "normalize": False}
    assert parse_options("mp4", given) == given


def test_option_without_a_value_counts_as_not_given() -> None:
    assert parse_options("mp4", {"crf": None, "bitrate": "1M", "end": None}) == {"bitrate": 1000000}


@pytest.mark.parametrize("name", ["MP3", " mp3 ", ".mp3"])
def test_format_name_is_read_in_any_case_and_with_a_dot(name: str) -> None:
    assert parse_options(name, {}) == {}


@pytest.mark.parametrize("name", ["mp5", "", "../mp3", "mp3\n; rm", "x" * 10000])
def test_unknown_format_is_answered_with_those_that_there_are(name: str) -> None:
    with pytest.raises(UnknownFormat, match=r"choose one of mp3, flac, .*gif") as raised:
        parse_options(name, {})
    assert len(raised.value.sentence) < 300


def test_start_beyond_the_end_is_refused() -> None:
    with pytest.raises(InvalidOption, match="start is 12 s, but the file ends at 10 s"):
        check_source("mp3", {"start": 12.0}, SONG)


def test_song_is_refused_as_a_film() -> None:
    with pytest.raises(MissingStream, match="no video"):
        check_source("mp4", {}, SONG)


@pytest.mark.parametrize(
    ("options", "seconds"),
    [({}, 10.0), ({"start": 4.0}, 6.0), ({"end": 4.0}, 4.0), ({"start": 1.0, "end": 4.0}, 3.0), ({"end": 99.0}, 10.0)],
)
def test_asked_duration_is_what_the_trim_leaves(options: dict[str, float], seconds: float) -> None:
    assert asked_duration(options, SONG) == seconds


def test_asked_duration_of_a_source_of_unknown_length_is_known_only_with_an_end() -> None:
    endless = Probe(container="mpegts", duration_seconds=None, bit_rate_bps=None, streams=SONG.streams)
    assert asked_duration({}, endless) is None
    assert asked_duration({"start": 1.0, "end": 4.0}, endless) == 3.0


def test_what_is_described_as_a_default_is_accepted() -> None:
    for format_ in FORMATS.values():
        for name, option in options_of(format_).items():
            default = option.describe().get("default")
            assert default is None or parse_options(format_.name, {name: default}) == {name: default}


def test_description_names_every_format_once_in_its_group() -> None:
    groups = describe()["groups"]
    assert isinstance(groups, list)
    assert [group["name"] for group in groups] == ["audio", "video"]
    assert [one["name"] for group in groups for one in group["formats"]] == list(FORMATS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["quality", "bitrate", "crf", "preset", "sample_rate", "channels", "resolution", "fps"]) | (
    st.sampled_from(["start", "end", "normalize", "copy"]) | st.text(max_size=8)
)


@given(st.sampled_from(list(FORMATS)), st.dictionaries(NAMES, JSON, max_size=4))
def test_whatever_is_given_is_read_or_refused(format_name: str, raw: dict[str, object]) -> None:
    try:
        parsed = parse_options(format_name, raw)
    except InvalidRequest:
        return
    assert parse_options(format_name, parsed) == parsed
