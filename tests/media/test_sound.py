"""What happens to sound: depth, rate, channels, loudness, bit rate."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from balanza.media.formats import FORMATS
from balanza.media.probe import Prober
from tests.media.conversion import Converter
from tests.support.clips import TONE_HZ, clip, decode_sound, run_ffmpeg


@pytest.mark.parametrize(
    ("source", "target", "codec", "sample_format"),
    [
        ("deep.flac", "wav", "pcm_s24le", "s32"),
        ("deep.flac", "aiff", "pcm_s24be", "s32"),
        ("deep.wav", "flac", "flac", "s32"),
        ("float.wav", "wav", "pcm_f32le", "flt"),
        ("float.wav", "aiff", "pcm_f32be", "flt"),
        ("float.wav", "flac", "flac", "s32"),
        ("song.wav", "flac", "flac", "s16"),
        ("song.mp3", "flac", "flac", "s16"),
        ("song.mp3", "wav", "pcm_s16le", "s16"),
    ],
)
def test_lossless_result_is_as_deep_as_its_source(
    convert: Converter, source: str, target: str, codec: str, sample_format: str
) -> None:
    track = convert(clip(source), target).probe.audio[0]
    assert (track.codec, track.sample_format) == (codec, sample_format)


def test_small_lossless_result_has_16_bits(convert: Converter) -> None:
    assert convert(clip("deep.flac"), "wav", quality="small").probe.audio[0].codec == "pcm_s16le"


@pytest.mark.parametrize(("source", "target"), [("deep.wav", "flac"), ("song.wav", "aiff"), ("song.flac", "wav")])
def test_lossless_conversion_keeps_every_bit(convert: Converter, source: str, target: str) -> None:
    assert _digest(convert(clip(source), target).path) == _digest(clip(source))


@pytest.mark.parametrize(
    ("source", "target", "rate"),
    [
        ("studio.wav", "mp3", 48000),
        ("studio.wav", "opus", 48000),
        ("studio.wav", "flac", 96000),
        ("studio.wav", "aac", 96000),
        ("narrow.wav", "mp3", 22050),
        ("narrow.wav", "ogg", 22050),
        ("song.wav", "opus", 48000),
    ],
)
def test_sample_rate_is_the_sources_or_one_that_the_format_takes(
    convert: Converter, source: str, target: str, rate: int
) -> None:
    result = convert(clip(source), target)
    assert result.probe.audio[0].sample_rate_hz == rate
    assert decode_sound(result.path).tone_hz() == pytest.approx(TONE_HZ, abs=2)


@pytest.mark.parametrize("target", [name for name in FORMATS if FORMATS[name].is_audio])
def test_asked_rate_and_channels_are_made(convert: Converter, target: str) -> None:
    result = convert(clip("song.wav"), target, sample_rate=24000, channels=1)
    sound = decode_sound(result.path)
    assert sound.channels == 1
    assert sound.rate == (48000 if target == "opus" else 24000)
    assert sound.tone_hz() == pytest.approx(TONE_HZ, abs=2)


@pytest.mark.parametrize("target", ["opus", "aac", "m4a", "ogg", "flac", "wav"])
def test_every_number_of_channels_is_made(convert: Converter, target: str) -> None:
    greatest = 7 if target == "aac" else 8
    for channels in range(1, greatest + 1):
        assert convert(clip("surround.wav"), target, channels=channels).probe.audio[0].channels == channels


@pytest.mark.parametrize(
    ("target", "channels"), [("mp3", 2), ("aac", 6), ("m4a", 6), ("opus", 6), ("ogg", 6), ("flac", 6), ("wav", 6)]
)
def test_surround_sound_stays_surround_where_the_format_can(convert: Converter, target: str, channels: int) -> None:
    result = convert(clip("surround.wav"), target)
    assert result.probe.audio[0].channels == channels
    assert decode_sound(result.path).tone_hz() == pytest.approx(TONE_HZ, abs=2)


@pytest.mark.parametrize(("target", "channels"), [("mp3", 2), ("opus", 6), ("flac", 6), ("wav", 10)])
def test_more_channels_than_a_format_takes_are_mixed(convert: Converter, target: str, channels: int) -> None:
    assert convert(clip("tenfold.wav"), target).probe.audio[0].channels == channels


@pytest.mark.parametrize("target", ["mp3", "flac"])
def test_loose_tracks_of_a_recorder_are_mixed_to_stereo(convert: Converter, tmp_path: Path, target: str) -> None:
    source = tmp_path / "recorder.wav"
    tone = f"aevalsrc=exprs={'|'.join(['0.2*sin(880*PI*t)'] * 9)}:duration=1:sample_rate=44100"
    run_ffmpeg("-f", "lavfi", "-i", tone, "-f", "wav", str(source))

    result = convert(source, target)

    assert result.probe.audio[0].channels == 2
    assert decode_sound(result.path).tone_hz() == pytest.approx(TONE_HZ, abs=2)


def test_aiff_of_eight_channels_can_be_probed_again_and_again(convert: Converter, prober: Prober) -> None:
    """PyAV frees its unusual channel layout twice when it is let."""
    result = convert(clip("surround.wav"), "aiff", channels=8)
    assert {prober.probe(result.path).audio[0].channels for _ in range(5)} == {8}


@pytest.mark.parametrize("target", ["mp3", "flac", "opus", "m4a"])
def test_normalised_sound_is_louder_and_keeps_its_rate(convert: Converter, target: str) -> None:
    quiet = decode_sound(clip("quiet.wav")).level_db()

    result = convert(clip("quiet.wav"), target, normalize=True)

    sound = decode_sound(result.path)
    assert sound.level_db() > quiet + 20
    assert sound.rate == (48000 if target == "opus" else 44100)
    assert sound.seconds == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize(("target", "bitrate"), [("mp3", 96000), ("aac", 64000), ("m4a", 96000)])
def test_bit_rate_is_about_what_was_asked(convert: Converter, target: str, bitrate: int) -> None:
    result = convert(clip("halves.wav"), target, bitrate=bitrate)
    found = result.path.stat().st_size * 8 / 4.0
    assert found == pytest.approx(bitrate, rel=0.35)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("ogg", {"bitrate": 32000, "sample_rate": 192000, "channels": 8}),
        ("ogg", {"bitrate": 500000, "sample_rate": 8000, "channels": 1}),
        ("ogg", {"bitrate": 128000}),
        ("opus", {"bitrate": 510000, "channels": 1}),
        ("opus", {"bitrate": 6000, "channels": 8}),
        ("aac", {"bitrate": 512000, "sample_rate": 7350, "channels": 1}),
        ("mp3", {"bitrate": 320000, "sample_rate": 8000, "channels": 1}),
    ],
)
def test_extremes_of_what_may_be_asked_are_made(convert: Converter, target: str, options: dict[str, int]) -> None:
    """Vorbis knows few bit rates at each sample rate, and Opus at most 256 kbit/s for a channel."""
    sound = decode_sound(convert(clip("song.wav"), target, **options).path)
    assert sound.tone_hz(0.2, 0.5) == pytest.approx(TONE_HZ, abs=4)


@pytest.mark.parametrize("target", ["mp3", "aac", "ogg", "opus", "m4a"])
def test_better_quality_takes_more_bytes(convert: Converter, target: str) -> None:
    sizes = [convert(clip("halves.wav"), target, quality=word).path.stat().st_size for word in ("small", "best")]
    assert sizes[0] < sizes[1]


def test_wav_is_converted_the_same_with_and_without_the_search_for_codecs(convert: Converter) -> None:
    """The command line tells ffmpeg not to look for DTS in WAV files, which saves time and must change nothing else."""
    for target in ("mp3", "flac", "m4a"):
        result = convert(clip("halves.wav"), target)
        fast = result.path.read_bytes()
        argv = list(result.argv)
        at = argv.index("-max_probe_packets")
        del argv[at : at + 2]
        subprocess.run(argv, check=True, capture_output=True)
        assert result.path.read_bytes() == fast


def test_film_is_not_longer_than_its_own_sound(convert: Converter) -> None:
    """The sound of this film of three seconds ends after one: so does the song made of it, and that is right."""
    assert convert(clip("short-sound.mkv"), "mp3").probe.duration_seconds == pytest.approx(1.0, abs=0.1)


def _digest(path: Path) -> str:
    sound = decode_sound(path)
    return hashlib.sha256(repr(sound.samples).encode()).hexdigest()
