"""The encoders of the format table: how each is asked for its three qualities, and what it can take.

An argument is an (option, value) pair without the dash and without a stream specifier, so that the same data serves
every stream it is applied to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

Arguments = tuple[tuple[str, str], ...]
"""Options of FFmpeg for one stream, e.g. `(("crf", "23"),)`."""

QUALITIES = ("small", "balanced", "best")
DEFAULT_QUALITY = "balanced"
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
DEFAULT_PRESET = "medium"


@dataclass(frozen=True, slots=True)
class Depth:
    """How a lossless encoder is asked for one sample depth."""

    encoder: str
    codec: str
    arguments: Arguments = ()


@dataclass(frozen=True, slots=True)
class AudioEncoder:
    """One way to make an audio stream. Exactly one of `quality`, `channel_bps` says what a quality word means."""

    name: str
    codec: str
    """What a probe of the result calls it."""
    quality: Mapping[str, Arguments] = field(default_factory=dict)
    channel_bps: Mapping[str, int] = field(default_factory=dict)
    """The bit rate of each channel, for encoders without a good variable bit rate of their own."""
    bitrates: tuple[int, int] | None = None
    """The bit rates it can be asked for, in bits per second; None when it is lossless."""
    most_channel_bps: int | None = None
    """More than this for each channel it refuses."""
    scale: tuple[tuple[int, float], ...] = ()
    """Bit rates of two channels and the quality that gives them, ascending: for an encoder that makes a bit rate only
    at some sample rates, but a quality at every one."""
    sample_rates: tuple[int, ...] = ()
    """All the rates it takes, ascending; empty when it takes any within `rate_limits`."""
    rate_limits: tuple[int, int] = (8_000, 192_000)
    max_channels: int = 8
    layouts: Mapping[int, str] = field(default_factory=dict)
    """Channels → the one layout of so many that it takes, when it refuses others instead of remixing."""
    depths: Mapping[str, Depth] = field(default_factory=dict)
    """For lossless encoders: "16", "24" and "float" bits per sample; what is missing is written as "24"."""


@dataclass(frozen=True, slots=True)
class VideoEncoder:
    """One way to make a video stream."""

    name: str
    codec: str
    quality: Mapping[str, Arguments]
    arguments: Arguments = ()
    pixel_format: str = "yuv420p"
    """What every player shows: 8 bits, 4:2:0."""
    crf: tuple[int, int, int] | None = None
    """The least, the greatest and the balanced constant rate factor."""
    crf_arguments: Arguments = ()
    """What must accompany a rate factor."""
    bitrates: tuple[int, int] | None = None
    most_fps: int = 120
    presets: Mapping[str, Arguments] = field(default_factory=dict)
    even: bool = True
    """4:2:0 halves both sides of the picture: they must be even."""


def _pcm(order: str) -> AudioEncoder:
    """PCM, least (`le`) or most (`be`) significant byte first, as deep as the source."""
    depths = {depth: f"pcm_{sample}{order}" for depth, sample in (("16", "s16"), ("24", "s24"), ("float", "f32"))}
    return AudioEncoder(
        name=depths["16"],
        codec=depths["16"],
        rate_limits=(8_000, 384_000),
        max_channels=64,
        depths={depth: Depth(name, name) for depth, name in depths.items()},
    )


PCM_LITTLE_ENDIAN = _pcm("le")
PCM_BIG_ENDIAN = _pcm("be")

MP3 = AudioEncoder(
    name="libmp3lame",
    codec="mp3",
    # LAME's levels of variable bit rate: about 115, 190 and 245 kbit/s for stereo.
    quality={"small": (("q", "6"),), "balanced": (("q", "2"),), "best": (("q", "0"),)},
    bitrates=(8_000, 320_000),
    sample_rates=(8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    max_channels=2,
)

FLAC = AudioEncoder(
    name="flac",
    codec="flac",
    quality={
        "small": (("compression_level", "8"),),
        "balanced": (("compression_level", "5"),),
        "best": (("compression_level", "8"),),
    },
    depths={
        "16": Depth("flac", "flac", (("sample_fmt", "s16"),)),
        "24": Depth("flac", "flac", (("sample_fmt", "s32"), ("bits_per_raw_sample", "24"))),
    },
)

AAC = AudioEncoder(
    name="aac",
    codec="aac",
    channel_bps={"small": 48_000, "balanced": 80_000, "best": 128_000},
    bitrates=(8_000, 512_000),
    sample_rates=(
        *(7_350, 8_000, 11_025, 12_000, 16_000, 22_050, 24_000),
        *(32_000, 44_100, 48_000, 64_000, 88_200, 96_000),
    ),
)

# ADTS has no channel configuration for eight channels in their usual layout.
AAC_IN_ADTS = replace(AAC, max_channels=7)

VORBIS = AudioEncoder(
    name="libvorbis",
    codec="vorbis",
    # About 110, 160 and 256 kbit/s for stereo.
    quality={"small": (("q", "3"),), "balanced": (("q", "5"),), "best": (("q", "8"),)},
    bitrates=(32_000, 500_000),
    # The nominal bit rates of libvorbis at 44.1 kHz (Xiph.org, Vorbis recommended encoder settings).
    scale=(
        *((45_000, -1.0), (64_000, 0.0), (80_000, 1.0), (96_000, 2.0), (112_000, 3.0), (128_000, 4.0)),
        *((160_000, 5.0), (192_000, 6.0), (224_000, 7.0), (256_000, 8.0), (320_000, 9.0), (500_000, 10.0)),
    ),
)

OPUS = AudioEncoder(
    name="libopus",
    codec="opus",
    channel_bps={"small": 32_000, "balanced": 64_000, "best": 96_000},
    bitrates=(6_000, 510_000),
    most_channel_bps=256_000,
    sample_rates=(8_000, 12_000, 16_000, 24_000, 48_000),
    # RFC 7845, section 5.1.1.2. FFmpeg refuses 5.1(side), the layout of most films, instead of taking it for 5.1.
    layouts={3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"},
)

H264 = VideoEncoder(
    name="libx264",
    codec="h264",
    quality={"small": (("crf", "28"),), "balanced": (("crf", "23"),), "best": (("crf", "18"),)},
    crf=(0, 51, 23),
    bitrates=(50_000, 200_000_000),
    presets={preset: (("preset", preset),) for preset in PRESETS},
)

_VP9_SPEEDS = (5, 5, 5, 5, 5, 4, 2, 1, 0)
"""libvpx's `cpu-used` of each preset; above 5 it means 5 when it encodes for files."""

VP9 = VideoEncoder(
    name="libvpx-vp9",
    codec="vp9",
    quality={
        "small": (("crf", "38"), ("b", "0")),
        "balanced": (("crf", "32"), ("b", "0")),
        "best": (("crf", "24"), ("b", "0")),
    },
    arguments=(("deadline", "good"), ("row-mt", "1")),
    crf=(0, 63, 32),
    # Without a bit rate of 0 the rate factor is only a bound (FFmpeg manual, libvpx, crf).
    crf_arguments=(("b", "0"),),
    bitrates=(50_000, 200_000_000),
    presets={preset: (("cpu-used", str(speed)),) for preset, speed in zip(PRESETS, _VP9_SPEEDS, strict=True)},
)

MPEG4 = VideoEncoder(
    name="mpeg4",
    codec="mpeg4",
    quality={"small": (("q", "8"),), "balanced": (("q", "4"),), "best": (("q", "2"),)},
    # The four letters that old players know it by.
    arguments=(("tag", "xvid"),),
    bitrates=(50_000, 200_000_000),
)

GIF = VideoEncoder(
    name="gif",
    codec="gif",
    quality=dict.fromkeys(QUALITIES, ()),
    pixel_format="",
    # Pictures last whole hundredths of a second, and players take less than two for ten.
    most_fps=50,
    even=False,
)
