"""How the sound of a source is encoded: rate, channels, depth, quality, loudness."""

from collections.abc import Mapping
from itertools import pairwise

from balanza.media.encoders import DEFAULT_QUALITY, Arguments, AudioEncoder, Depth
from balanza.model import OptionValue, Stream

_LOUDNORM = "loudnorm=I=-16:TP=-1.5:LRA=11"
"""EBU R 128 normalisation (FFmpeg manual, loudnorm) to -16 LUFS, within what supplement 2 of R 128 recommends for
streaming. It works at 192 kHz: the rate has to be set back."""

_LONGEST_SILENCE_SECONDS = 300
"""Of a longer gap only so much is filled. FFmpeg makes all of the silence at once: an hour of it took 3 GB and 70 s,
two minutes 130 MB and 1 s. A forged time stamp could ask for any length."""

_IN_STEP = (
    f"asetpts='st(0,ld(0)+max(0,PTS-ld(1)-{_LONGEST_SILENCE_SECONDS}/TB));st(1,PTS+NB_SAMPLES/SR/TB);PTS-ld(0)'"
    ",aresample=async=1:first_pts=0"
)
"""Silence where the source has none of the sound: before a late beginning, and in gaps (FFmpeg manual, aresample and
resampler options). The first filter shortens gaps: variable 0 is what was left out so far, 1 the end of the frame
before."""

_LARGE_LAYOUTS = frozenset({10, 12, 14, 16, 24})
"""5.1.4, 7.1.4, 9.1.4, 9.1.6 and 22.2: what FFmpeg takes so many channels for, and can mix."""

_FLOAT_FORMATS = ("pcm_f32", "pcm_f64")
_DEEP_FORMATS = ("s32", "s32p", "s64", "s64p")


def arguments(
    encoder: AudioEncoder, options: Mapping[str, OptionValue], track: Stream, *, is_film: bool, has_clock: bool
) -> tuple[str, str, Arguments]:
    """The encoder's name, the codec it makes of this track, and its arguments; `bitrate` of a film is the picture's.

    `has_clock` says that the source tells when each piece of the sound is heard. A film tells it too; where only the
    sound is left, it is kept in step.
    """
    depth = _depth(encoder, options, track)
    name, codec = (depth.encoder, depth.codec) if depth else (encoder.name, encoder.codec)
    mixed, rate = _channels(encoder, options, track), _rate(encoder, options, track)
    channels = mixed or track.channels or 2
    layout = encoder.layouts.get(channels)
    filters = [_spread(track)] if mixed is not None and _is_loose(track) else []
    filters += [_IN_STEP] if has_clock and not is_film else []
    filters += [_LOUDNORM] if options.get("normalize") else []
    filters += [f"aformat=channel_layouts={layout}"] if layout else []
    found = [*_quality(encoder, options, channels, is_film=is_film), *(depth.arguments if depth else ())]
    if rate is not None and (rate != track.sample_rate_hz or options.get("normalize")):
        found.append(("ar", str(rate)))
    if mixed is not None and layout is None:
        found.append(("ac", str(mixed)))
    if filters:
        found.append(("filter", ",".join(filters)))
    return name, codec, tuple(found)


def _quality(encoder: AudioEncoder, options: Mapping[str, OptionValue], channels: int, *, is_film: bool) -> Arguments:
    bitrate = None if is_film else options.get("bitrate")
    if bitrate is not None and encoder.bitrates:
        return _bitrate(encoder, int(bitrate), channels)
    word = str(options.get("quality", DEFAULT_QUALITY))
    if encoder.channel_bps:
        return (("b", str(encoder.channel_bps[word] * channels)),)
    return encoder.quality.get(word, ())


def _bitrate(encoder: AudioEncoder, bitrate: int, channels: int) -> Arguments:
    if encoder.scale:
        return (("q", f"{_interpolated(encoder.scale, bitrate * 2 / channels):.2f}"),)
    most = encoder.most_channel_bps
    return (("b", str(min(bitrate, most * channels) if most else bitrate)),)


def _interpolated(scale: tuple[tuple[int, float], ...], bps: float) -> float:
    """The quality that lies between its neighbours on the scale as `bps` does; the nearest end's beyond it."""
    for (low, low_quality), (high, high_quality) in pairwise(scale):
        if bps <= high:
            share = max(0.0, (bps - low) / (high - low))
            return low_quality + share * (high_quality - low_quality)
    return scale[-1][1]


def _rate(encoder: AudioEncoder, options: Mapping[str, OptionValue], track: Stream) -> int | None:
    """The rate asked for, or the source's own, or the next one above that the encoder takes; None when unknown."""
    asked = options.get("sample_rate", track.sample_rate_hz)
    if asked is None:
        return max(encoder.sample_rates) if encoder.sample_rates and options.get("normalize") else None
    rate = int(asked)
    if encoder.sample_rates:
        return next((taken for taken in encoder.sample_rates if taken >= rate), encoder.sample_rates[-1])
    least, greatest = encoder.rate_limits
    return min(max(rate, least), greatest)


def _channels(encoder: AudioEncoder, options: Mapping[str, OptionValue], track: Stream) -> int | None:
    """How many channels to mix to; None leaves them as they are. More than the encoder takes become 5.1 or stereo."""
    asked = options.get("channels")
    if asked is not None:
        return int(asked)
    if (track.channels or 0) <= encoder.max_channels:
        return None
    return 6 if encoder.max_channels >= 6 and not _is_loose(track) else 2


def _is_loose(track: Stream) -> bool:
    """Whether so many channels are no known arrangement of loudspeakers but the tracks of a recorder, say."""
    return (track.channels or 0) > 8 and track.channels not in _LARGE_LAYOUTS


def _spread(track: Stream) -> str:
    """The filter that mixes loose tracks to stereo, which FFmpeg refuses to do by itself: odd ones left, even ones
    right, each side as loud as its tracks allow without clipping."""
    tracks = range(track.channels or 0)
    left, right = ("+".join(f"c{track}" for track in tracks[side::2]) for side in (0, 1))
    return f"pan=stereo|c0<{left}|c1<{right}"


def _depth(encoder: AudioEncoder, options: Mapping[str, OptionValue], track: Stream) -> Depth | None:
    """As deep as the source, where the encoder is lossless; what lossy codecs decode to is worth 16 bits."""
    if not encoder.depths:
        return None
    if options.get("quality") == "small":
        return encoder.depths["16"]
    if track.codec.startswith(_FLOAT_FORMATS):
        return encoder.depths.get("float", encoder.depths["24"])
    return encoder.depths["24" if track.sample_format in _DEEP_FORMATS else "16"]
