"""What is made of a file for the page: a thumbnail, the waveform of a song, subtitles as captions, a preview.

Pure: which files it can be made of, FFmpeg's command lines for it, and what its readers expect.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from balanza.errors import CannotBeMade
from balanza.media.ffmpeg import general_arguments, input_rules, written_seconds
from balanza.media.peaks import MOST_PEAKS
from balanza.model import JobKind, Needs, Options, Probe, Stream

STREAM = "stream"
"""The option of captions: the index of the subtitles in the file."""

THUMBNAIL_WIDTH = 320
_INTO_THE_FILM = 0.1
"""Films begin black, or with the name of who distributes them."""
_KEY_FRAMES = 24
_KEY_FRAMES_WITHIN_SECONDS = 300.0
"""What is read at most to find them, where they lie far apart or the film is dark."""
_PICTURES = 50
_DARK = 32
"""Mean luma of a picture that shows nothing: black is 16."""
_WINDOW_SECONDS = 0.5
"""Of one peak, where the file does not say how long it is."""
PREVIEW_WIDTH, PREVIEW_HEIGHT = 1280, 720
_PIECE_SECONDS = 4
"""Of a preview: it can begin to play once the first one is made."""
_SPARE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom a command line is to be."""

    program: str
    source: str
    output: str
    probe: Probe
    options: Options
    threads: int


@dataclass(frozen=True, slots=True)
class Derivation:
    """One kind of things that are derived from files."""

    mime_type: str
    encoders: frozenset[str]
    why_not: Callable[[Probe, Options], str | None]
    """The sentence that says why it can be made of no such file."""
    commands: Callable[[Asked], Sequence[list[str]]]
    """Command lines, each to be tried when those before it have left nothing in `output`."""


def derivation_of(kind: JobKind) -> Derivation:
    return DERIVATIONS[kind]


def derived_needs(kind: JobKind, probe: Probe, options: Options, *, size_bytes: int) -> Needs:
    """What it asks of a worker. Raises: CannotBeMade when the file has no such stream."""
    if why_not := DERIVATIONS[kind].why_not(probe, options):
        raise CannotBeMade(why_not)
    return Needs(DERIVATIONS[kind].encoders, scratch_bytes=size_bytes + _SPARE_BYTES)


def caption_streams(probe: Probe) -> tuple[Stream, ...]:
    """The subtitles that can be shown over a film; those made of pictures cannot."""
    return tuple(stream for stream in probe.subtitles if stream.is_text)


def _why_no_thumbnail(probe: Probe, _options: Options) -> str | None:
    return None if probe.video else "The file has no film, so there is no picture of it."


def _why_no_waveform(probe: Probe, _options: Options) -> str | None:
    return None if probe.audio else "The file has no sound, so it has no waveform."


def _why_no_captions(probe: Probe, options: Options) -> str | None:
    known = [stream.index for stream in caption_streams(probe)]
    if options[STREAM] in known:
        return None
    has = f"those of the streams {', '.join(map(str, known))}" if known else "none"
    return f"Stream {options[STREAM]} of the file is no subtitles made of text; it has {has}."


def _thumbnail(asked: Asked) -> Sequence[list[str]]:
    """The picture that is most like those around it (FFmpeg's `thumbnail` filter), near the tenth part of the film.

    First among key frames that are not dark, which are found at once in the longest film; a short one may have only one
    of them, at its beginning.
    """
    video = asked.probe.video[0]
    begin = (asked.probe.duration_seconds or 0.0) * _INTO_THE_FILM
    seek = ["-ss", written_seconds(begin)] if begin else []
    few = ["-t", written_seconds(_KEY_FRAMES_WITHIN_SECONDS)]
    bright = f"signalstats,metadata=mode=select:key=lavfi.signalstats.YAVG:value={_DARK}:function=greater"
    tries: tuple[tuple[list[str], list[str]], ...] = (
        (["-skip_frame", "nokey", "-noaccurate_seek", *seek, *few], [bright, f"thumbnail=n={_KEY_FRAMES}"]),
        (seek, [f"thumbnail=n={_PICTURES}"]),
        ([], []),
    )
    return [_picture(asked, video, hints, filters) for hints, filters in tries]


def _picture(asked: Asked, video: Stream, hints: list[str], filters: list[str]) -> list[str]:
    # As wide as it is shown: the pictures of a film need not be made of squares.
    width = rf"2*ceil(min({THUMBNAIL_WIDTH}\,iw*sar)/2)"
    small = rf"scale=w={width}:h=2*ceil(min({THUMBNAIL_WIDTH}\,ow*ih/(iw*sar))/2),setsar=1,format=yuv420p"
    return [
        *_begin(asked, hints),
        *("-map", f"0:{video.index}", "-vf", ",".join([small, *filters]), "-frames:v", "1"),
        *("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "4", "-threads", str(asked.threads)),
        *("-f", "image2pipe", f"file:{asked.output}"),
    ]


def _waveform(asked: Asked) -> Sequence[list[str]]:
    """Writes a line for the peak of each part of the sound, as `peaks` reads them; FFmpeg alone sees the samples.

    The sound is cut at the length that the file tells: one that lies makes no more lines than another.
    """
    sound, length = asked.probe.audio[0], asked.probe.duration_seconds
    rate = sound.sample_rate_hz or 1
    samples = max(1, round(rate * (length / MOST_PEAKS if length else _WINDOW_SECONDS)))
    measure = "astats=metadata=1:reset=1:measure_perchannel=none:measure_overall=Peak_level"
    write = f"ametadata=mode=print:key=lavfi.astats.Overall.Peak_level:file={asked.output}"
    argv = [
        *_begin(asked, ["-t", written_seconds(length + 1)] if length else []),
        *("-map", f"0:{sound.index}", "-af", f"asetnsamples=n={samples}:p=0,{measure},{write}"),
        *("-f", "null", "-"),
    ]
    return [argv]


def _captions(asked: Asked) -> Sequence[list[str]]:
    argv = [*_begin(asked, []), "-map", f"0:{asked.options[STREAM]}", "-c:s", "webvtt", "-f", "webvtt"]
    return [[*argv, f"file:{asked.output}"]]


def _why_no_preview(probe: Probe, _options: Options) -> str | None:
    return None if probe.video or probe.audio else "The file has neither film nor sound."


def piece_name(number: int) -> str:
    """What FFmpeg calls that piece of a preview. The first one only says what is in the others."""
    return f"{number}.mp4"


def _preview(asked: Asked) -> Sequence[list[str]]:
    """Writes a playlist (HTTP Live Streaming, RFC 8216) that grows with each piece, and the pieces beside it: H.264 and
    AAC in fragmented MP4, which every browser plays."""
    video, audio = asked.probe.video[:1], asked.probe.audio[:1]
    whole = rf"min(1\,min({PREVIEW_WIDTH}/(iw*sar)\,{PREVIEW_HEIGHT}/ih))"
    small = f"scale=w=2*ceil(iw*sar*{whole}/2):h=2*ceil(ih*{whole}/2),setsar=1,format=yuv420p"
    picture = [
        *("-vf", small, "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-crf", "25"),
        *("-force_key_frames", f"expr:gte(t,n_forced*{_PIECE_SECONDS})"),
    ]
    sound = ["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "48000"]
    argv = [
        *_begin(asked, []),
        *(part for stream in (*video, *audio) for part in ("-map", f"0:{stream.index}")),
        *(*(picture if video else []), *(sound if audio else []), "-threads", str(asked.threads)),
        *("-f", "hls", "-hls_time", str(_PIECE_SECONDS), "-hls_playlist_type", "event"),
        *("-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", piece_name(0), "-start_number", "1"),
        *("-hls_segment_filename", "%d.mp4", "-hls_flags", "temp_file+independent_segments", f"file:{asked.output}"),
    ]
    return [argv]


def _begin(asked: Asked, hints: list[str]) -> list[str]:
    return [
        *(asked.program, *general_arguments(asked.threads), *input_rules(asked.probe), *hints),
        *("-threads", str(asked.threads), "-i", f"file:{asked.source}"),
    ]


DERIVATIONS: Mapping[JobKind, Derivation] = {
    JobKind.THUMBNAIL: Derivation("image/jpeg", frozenset({"mjpeg"}), _why_no_thumbnail, _thumbnail),
    JobKind.WAVEFORM: Derivation("application/octet-stream", frozenset(), _why_no_waveform, _waveform),
    JobKind.CAPTIONS: Derivation("text/vtt; charset=utf-8", frozenset({"webvtt"}), _why_no_captions, _captions),
    JobKind.PREVIEW: Derivation(
        "application/vnd.apple.mpegurl", frozenset({"libx264", "aac"}), _why_no_preview, _preview
    ),
}
