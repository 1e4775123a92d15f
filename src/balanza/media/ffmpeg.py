"""FFmpeg's command line for a conversion, and the reading of what `-progress` says while it runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from balanza.media.encoders import Arguments
from balanza.media.inputs import (
    FORMAT_WHITELIST,
    MAKE_TIMES,
    PROTOCOL_WHITELIST,
    WITHOUT_TIMES,
    known_of,
    run_up_seconds,
)
from balanza.media.options import format_named
from balanza.media.plan import COPY, Plan, make_plan
from balanza.media.table import Aside
from balanza.model import OptionValue, Probe, Stream

PROGRESS_SECONDS = 0.5
"""How often FFmpeg reports."""


def build_argv(
    *,
    program: str,
    source: str,
    output: str,
    format_name: str,
    options: Mapping[str, OptionValue],
    probe: Probe,
    threads: int,
    cover: str | None = None,
) -> list[str]:
    """The whole command line that makes `output` of `source`.

    `options` come from `parse_options`, `probe` from the source. An existing `output` is overwritten: give a path in a
    folder of this attempt's own. Each of decoders, filters and encoders gets `threads` threads. `cover` is what
    `covers.cover_file` returned; without it Ogg, Opus and Matroska results have no cover art, others are the same.
    Raises: UnknownFormat, MissingStream, InvalidOption.
    """
    plan = make_plan(format_named(format_name), options, probe)
    return [
        program,
        *general_arguments(threads),
        *input_arguments(plan, probe, source, threads),
        *(["-f", "ffmetadata", "-i", f"file:{cover}"] if cover and plan.format.cover_aside is Aside.COMMENT else []),
        *_mapping(plan, probe, 0),
        *(_cover(plan, probe, cover) if cover else []),
        *_codecs(plan),
        *_output(plan, output, threads),
    ]


def input_rules(probe: Probe) -> list[str]:
    """What keeps a file from making FFmpeg open other files or connections, and what is known of it already; belongs
    before every `-i`."""
    rules = ["-protocol_whitelist", PROTOCOL_WHITELIST, "-format_whitelist", FORMAT_WHITELIST]
    return [*rules, *_rendered(known_of(probe), "")]


def general_arguments(threads: int) -> list[str]:
    """What every command line begins with."""
    return [
        *("-hide_banner", "-nostdin", "-y", "-loglevel", "error"),
        *("-nostats", "-stats_period", str(PROGRESS_SECONDS), "-progress", "pipe:1"),
        *("-filter_threads", str(threads), "-filter_complex_threads", str(threads)),
    ]


def input_arguments(plan: Plan, probe: Probe, source: str, threads: int) -> list[str]:
    """One input: its rules, and where to begin to read."""
    hints: Arguments = ()
    if probe.container in WITHOUT_TIMES and any(stream.encoder == COPY for stream in plan.streams):
        hints = MAKE_TIMES
    return [
        *(*input_rules(probe), *_rendered(hints, ""), "-threads", str(threads)),
        *(*_seek(plan, probe), "-i", f"file:{source}"),
    ]


def _seek(plan: Plan, probe: Probe) -> list[str]:
    """Reading begins a run-up before the start, so that decoders have found their feet when it comes; time is counted
    so that the start is at 0, and the output, told to begin at 0, leaves out what comes before.

    An output told to begin later would leave out cover art too, which is at 0.
    """
    run_up = min(plan.start_seconds, run_up_seconds(probe))
    sought = plan.start_seconds - run_up
    return [
        *(["-itsoffset", f"-{written_seconds(run_up)}"] if run_up else []),
        *(["-ss", written_seconds(sought)] if sought else []),
    ]


def output_arguments(plan: Plan, probe: Probe, output: str, threads: int, *, number: int) -> list[str]:
    """One output without cover art taken aside, made of the input of that number."""
    return [*_mapping(plan, probe, number), *_codecs(plan), *_output(plan, output, threads)]


def _mapping(plan: Plan, probe: Probe, number: int) -> list[str]:
    argv = [part for stream in plan.streams for part in ("-map", f"{number}:{stream.source.index}")]
    # Ogg keeps the tags of a song with its stream, where other containers keep them with the file.
    tags = f"{number}:s:{plan.streams[0].source.index}" if probe.container == "ogg" else str(number)
    argv += ["-map_metadata", tags, "-map_chapters", str(number) if plan.format.chapters else "-1"]
    return argv


def _cover(plan: Plan, probe: Probe, cover: str) -> list[str]:
    if plan.format.cover_aside is Aside.COMMENT:
        return ["-map_metadata:s:a:0", "1:g"]
    if plan.format.cover_aside is Aside.ATTACHMENT:
        number = sum(stream.letter == "t" for stream in plan.streams)
        tags = {"mimetype": picture_type(probe.covers[0]), "filename": "cover"}
        named = [part for tag, value in tags.items() for part in (f"-metadata:s:t:{number}", f"{tag}={value}")]
        return ["-attach", f"file:{cover}", *named]
    return []


def cover_argv(*, program: str, source: str, output: str, format_name: str, probe: Probe) -> list[str] | None:
    """The command line that takes the cover art out of `source`; None when the format does not need that."""
    if format_named(format_name).cover_aside is None or not probe.covers:
        return None
    cover = probe.covers[0]
    encoder = COPY if cover.codec in PICTURE_TYPES else "mjpeg"
    return [
        *(program, "-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-nostats"),
        *(*input_rules(probe), "-threads", "1", "-i", f"file:{source}"),
        *("-map", f"0:{cover.index}", "-c", encoder, "-threads", "1", "-f", "image2pipe", f"file:{output}"),
    ]


PICTURE_TYPES = {"mjpeg": "image/jpeg", "png": "image/png"}


def picture_type(cover: Stream) -> str:
    """The MIME type of cover art that `cover_argv` has taken out."""
    return PICTURE_TYPES.get(cover.codec, PICTURE_TYPES["mjpeg"])


def _codecs(plan: Plan) -> list[str]:
    argv: list[str] = []
    counts: dict[str, int] = {}
    for stream in plan.streams:
        number = counts.get(stream.letter, 0)
        counts[stream.letter] = number + 1
        argv += _rendered((("c", stream.encoder), *stream.arguments), f":{stream.letter}:{number}")
    return argv


def _output(plan: Plan, output: str, threads: int) -> list[str]:
    trim = ["-ss", "0"] if plan.start_seconds else []
    trim += ["-t", written_seconds(plan.length_seconds)] if plan.length_seconds else []
    muxer = _rendered(plan.format.muxer_arguments, "")
    return [*trim, "-threads", str(threads), *muxer, "-f", plan.format.muxer, f"file:{output}"]


def _rendered(arguments: Arguments, specifier: str) -> list[str]:
    return [part for option, value in arguments for part in (f"-{option}{specifier}", value)]


def written_seconds(seconds: float) -> str:
    """In microseconds' steps, as short as can be."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Progress:
    """One report of a running FFmpeg. What it does not know yet is None."""

    out_time_seconds: float | None = None
    speed: float | None = None
    """Media seconds converted per second."""
    frame: int | None = None
    total_size: int | None = None
    """Bytes written so far."""
    ended: bool = False


def parse_progress(lines: Iterable[str]) -> Progress:
    """The report made of these `key=value` lines; unknown keys and values that are no numbers are passed over."""
    values = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    micros = _number(values.get("out_time_us"))
    frame, size = _number(values.get("frame")), _number(values.get("total_size"))
    return Progress(
        out_time_seconds=None if micros is None else max(0.0, micros / 1e6),
        speed=_number(values.get("speed", "").strip().removesuffix("x")),
        frame=None if frame is None else int(frame),
        total_size=None if size is None else int(size),
        ended=values.get("progress") == "end",
    )


class ProgressReader:
    """Cuts what FFmpeg writes to `-progress` into reports, however the bytes arrive."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> list[Progress]:
        """The reports that `data` completes, oldest first."""
        *complete, self._rest = (self._rest + data).split(b"\n")
        reports = []
        for raw in complete:
            line = raw.decode("utf-8", "replace").strip()
            self._lines.append(line)
            if line.startswith("progress="):
                reports.append(parse_progress(self._lines))
                self._lines.clear()
        return reports


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None
