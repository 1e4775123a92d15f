"""How the picture of a source is encoded: size, frame rate, quality."""

from collections.abc import Mapping

from balanza.media.encoders import DEFAULT_PRESET, DEFAULT_QUALITY, Arguments, VideoEncoder
from balanza.media.table import Format
from balanza.model import OptionValue, Stream


def arguments(format_: Format, encoder: VideoEncoder, options: Mapping[str, OptionValue], stream: Stream) -> Arguments:
    """The encoder's arguments for this picture."""
    filters = _gif_filters(format_, options, stream) if format_.gif else _filters(encoder, options, stream)
    found = [*_quality(encoder, options), *_preset(encoder, options), *encoder.arguments]
    if encoder.pixel_format:
        found.append(("pix_fmt", encoder.pixel_format))
    if filters:
        found.append(("filter", filters))
    return tuple(found)


def _quality(encoder: VideoEncoder, options: Mapping[str, OptionValue]) -> Arguments:
    if "bitrate" in options:
        return (("b", str(options["bitrate"])),)
    if "crf" in options:
        return (("crf", str(options["crf"])), *encoder.crf_arguments)
    return encoder.quality[_word(options)]


def _preset(encoder: VideoEncoder, options: Mapping[str, OptionValue]) -> Arguments:
    return encoder.presets.get(str(options.get("preset", DEFAULT_PRESET)), ())


def _word(options: Mapping[str, OptionValue]) -> str:
    return str(options.get("quality", DEFAULT_QUALITY))


def _filters(encoder: VideoEncoder, options: Mapping[str, OptionValue], stream: Stream) -> str:
    filters = []
    if "fps" in options:
        filters.append(f"fps={_rate(options['fps'])}")
    if "resolution" in options:
        filters += [_fit(str(options["resolution"])), "setsar=1"]
    elif encoder.even and _is_odd(stream):
        filters.append("crop=2*trunc(iw/2):2*trunc(ih/2)")
    return ",".join(filters)


def _gif_filters(format_: Format, options: Mapping[str, OptionValue], stream: Stream) -> str:
    """A palette for every frame: memory stays bounded however long the film is, where one palette for all frames
    would hold them all (FFmpeg manual, palettegen `stats_mode=single`, paletteuse `new`)."""
    gif = format_.gif[_word(options)]
    fps = options.get("fps", min(gif.fps, stream.fps or gif.fps))
    size = _fit(str(options["resolution"])) if "resolution" in options else _capped(gif.width)
    palette = "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1"
    return f"fps={_rate(fps)},{size}:flags=lanczos,setsar=1,{palette}:dither={gif.dither}"


def _fit(resolution: str) -> str:
    """The scale filter that fits the picture, as it is displayed, into the box or to the length of its shorter side.

    Expressions and not numbers, because FFmpeg has turned the picture by the time it gets here, and knows the shape of
    its pixels (`dar`). Sides are even.
    """
    if resolution.endswith("p"):
        side = int(resolution[:-1])
        return f"scale=w='2*round(max({side},{side}*dar)/2)':h='2*round(max({side},{side}/dar)/2)'"
    width, height = resolution.split("x")
    return f"scale=w='2*round(min({width},{height}*dar)/2)':h='2*round(min({height},{width}/dar)/2)'"


def _capped(width: int) -> str:
    """The scale filter to square pixels, no wider than `width`."""
    return f"scale=w='round(min({width},iw*sar))':h='round(min({width},iw*sar)/dar)'"


def _is_odd(stream: Stream) -> bool:
    return any(side is not None and side % 2 for side in (stream.width, stream.height))


def _rate(fps: OptionValue) -> str:
    """The frame rate in FFmpeg's words: exact where it is one of television's, like 29.97 for 30000/1001."""
    rate = float(fps)
    nearest = round(rate * 1.001)
    return f"{nearest * 1000}/1001" if rate != int(rate) and abs(rate - nearest / 1.001) < 0.005 else f"{rate:.10g}"
