"""Which streams of a source go into a result, and whether each is copied or encoded, and how.

Pure: from a format, options and a probe it decides everything that the command line and the check of the result need.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from balanza.errors import InvalidOption, MissingStream
from balanza.media import pictures, sounds
from balanza.media.encoders import Arguments
from balanza.media.inputs import WITHOUT_CLOCK
from balanza.media.table import Format
from balanza.model import OptionValue, Probe, Stream, StreamKind

COPY = "copy"

_LETTERS = {StreamKind.VIDEO: "v", StreamKind.AUDIO: "a", StreamKind.SUBTITLE: "s", StreamKind.OTHER: "t"}


@dataclass(frozen=True, slots=True)
class Planned:
    """One stream of the result."""

    source: Stream
    encoder: str
    """FFmpeg's name of the encoder, or `copy`."""
    codec: str
    """What a probe of the result will call it."""
    arguments: Arguments = ()

    @property
    def letter(self) -> str:
        """How FFmpeg's stream specifiers call its kind."""
        return _LETTERS[self.source.kind]


@dataclass(frozen=True, slots=True)
class Plan:
    format: Format
    start_seconds: float
    length_seconds: float | None
    """How much of the source is asked for; None is all from the start on."""
    streams: tuple[Planned, ...]


def make_plan(format_: Format, options: Mapping[str, OptionValue], probe: Probe) -> Plan:
    """What the result will consist of.

    Raises: MissingStream, InvalidOption, as `check_source` does.
    """
    check_source(format_, options, probe)
    start, end = start_of(options), options.get("end")
    streams = [*_video(format_, options, probe), *_audio(format_, options, probe)]
    streams += [_cover(stream, format_) for stream in probe.covers[:1] if format_.covers]
    streams += _subtitles(format_, probe)
    streams += [Planned(stream, COPY, stream.codec) for stream in probe.streams if _is_font(stream) and format_.fonts]
    length = None if end is None else float(end) - start
    return Plan(format_, start, length, tuple(streams))


def start_of(options: Mapping[str, OptionValue]) -> float:
    return float(options.get("start", 0.0))


def check_source(
    format_: Format, options: Mapping[str, OptionValue], probe: Probe, *, called: str = "the file"
) -> None:
    """Returns when the format can be made of the source, which is `called` so where an option does not fit it.

    Raises: MissingStream when it lacks the sound or the picture that the format needs; InvalidOption when the trim
        begins after its end.
    """
    if format_.is_audio and not probe.audio:
        raise MissingStream(f"The file has no sound, so it cannot become {format_.title}.")
    if not format_.is_audio and not probe.video:
        advice = "for a song, choose m4a, mp3 or another audio format" if probe.audio else "choose another file"
        raise MissingStream(f"The file has no video, so it cannot become {format_.title}: {advice}.")
    start, duration = start_of(options), probe.duration_seconds
    if duration is not None and start > 0 and start >= duration:
        raise InvalidOption(f"start is {start:g} s, but {called} ends at {duration:g} s.")


def _video(format_: Format, options: Mapping[str, OptionValue], probe: Probe) -> list[Planned]:
    if format_.video is None or format_.is_audio:
        return []
    stream = probe.video[0]
    # A copy can only begin at a key frame, which may lie seconds before the start that was asked for.
    if options.get("copy") and stream.codec in format_.copied_video and start_of(options) == 0:
        return [Planned(stream, COPY, stream.codec, _tag(stream, format_))]
    arguments = pictures.arguments(format_, format_.video, options, stream)
    return [Planned(stream, format_.video.name, format_.video.codec, arguments)]


def _audio(format_: Format, options: Mapping[str, OptionValue], probe: Probe) -> list[Planned]:
    """The first track for an audio format, every track for a film."""
    encoder = format_.audio
    if encoder is None:
        return []
    tracks = probe.audio[:1] if format_.is_audio else probe.audio
    planned = []
    for track in tracks:
        if options.get("copy") and track.codec in format_.copied_audio:
            planned.append(Planned(track, COPY, track.codec))
        else:
            name, codec, arguments = sounds.arguments(
                encoder, options, track, is_film=not format_.is_audio, has_clock=probe.container not in WITHOUT_CLOCK
            )
            planned.append(Planned(track, name, codec, arguments))
    return planned


def _subtitles(format_: Format, probe: Probe) -> list[Planned]:
    """Those that the container holds as they are, and text that can be written its way; pictures of text are left."""
    rules = format_.subtitles
    planned = []
    for stream in probe.subtitles:
        if stream.codec in rules.copied:
            planned.append(Planned(stream, COPY, stream.codec))
        elif stream.is_text and rules.text_encoder:
            planned.append(Planned(stream, rules.text_encoder, rules.text_codec))
    return planned


def _cover(stream: Stream, format_: Format) -> Planned:
    flagged: Arguments = (("disposition", "attached_pic"),)
    if stream.codec in format_.covers:
        return Planned(stream, COPY, stream.codec, flagged)
    return Planned(stream, "mjpeg", "mjpeg", (("pix_fmt", "yuvj420p"), ("q", "3"), *flagged))


def _tag(stream: Stream, format_: Format) -> Arguments:
    tag = format_.copy_tags.get(stream.codec)
    return (("tag", tag),) if tag else ()


def _is_font(stream: Stream) -> bool:
    return stream.kind is StreamKind.OTHER and stream.codec == "font"
