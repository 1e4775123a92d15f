"""What a worker does for each kind of job: which command lines it runs, and what it makes of what they leave."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from balanza.errors import AttemptFailed
from balanza.media.derivations import Asked, derivation_of
from balanza.media.ffmpeg import build_argv
from balanza.media.peaks import peaks_of
from balanza.media.verify import check_result
from balanza.model import JobKind, Probe
from balanza.protocol import LeaseGrant
from balanza.worker.conversion import RESULT, SOURCE, Tools
from balanza.worker.cover import fetch_cover
from balanza.worker.pieces import pieces_in
from balanza.worker.reaper import Reaper

MOST_BYTES = 16 * 1024 * 1024
"""Of a thumbnail or of captions: a page loads them whole."""

_JPEG = b"\xff\xd8\xff"
_VTT = b"WEBVTT"

Commands = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one kind of job is done."""

    commands: Callable[[LeaseGrant, Path, Tools, Reaper], Awaitable[Commands]]
    """What to run in the attempt's folder; each but the last may come to nothing."""
    finish: Callable[[LeaseGrant, Path, Tools], Probe]
    """Makes the result of what they left, checks it, and says what is in it. Raises AttemptFailed, NotMedia."""


async def _conversion(grant: LeaseGrant, folder: Path, tools: Tools, reaper: Reaper) -> Commands:
    cover = await fetch_cover(grant, SOURCE, folder, tools.program.path, reaper)
    argv = build_argv(
        program=tools.program.path,
        source=SOURCE,
        output=RESULT,
        format_name=grant.output_format,
        options=grant.options,
        probe=grant.source.probe,
        threads=tools.threads,
        cover=cover,
    )
    return [argv]


def _check_conversion(grant: LeaseGrant, result: Path, tools: Tools) -> Probe:
    return _checked(grant, tools.prober.probe(result))


def right_conversions(made: Sequence[tuple[LeaseGrant, Path]], tools: Tools) -> Mapping[str, Probe]:
    """What is in the results that are what was asked for, by the tokens of their leases."""
    there = [(grant, result) for grant, result in made if result.exists()]
    right = {}
    for (grant, _), found in zip(there, tools.prober.probe_several([result for _, result in there]), strict=True):
        if isinstance(found, Probe):
            with suppress(AttemptFailed):
                right[grant.token] = _checked(grant, found)
    return right


def _checked(grant: LeaseGrant, probe: Probe) -> Probe:
    check_result(format_name=grant.output_format, options=grant.options, source=grant.source.probe, result=probe)
    return probe


async def _derivation(grant: LeaseGrant, _folder: Path, tools: Tools, _reaper: Reaper) -> Commands:
    asked = Asked(tools.program.path, SOURCE, RESULT, grant.source.probe, grant.options, tools.threads)
    return derivation_of(grant.kind).commands(asked)


def _check_thumbnail(_grant: LeaseGrant, result: Path, _tools: Tools) -> Probe:
    if not _read(result).startswith(_JPEG):
        raise AttemptFailed("No picture of the film could be read.")
    return _of_nothing("jpeg")


def _check_captions(_grant: LeaseGrant, result: Path, _tools: Tools) -> Probe:
    if not _read(result).startswith(_VTT):
        raise AttemptFailed("The subtitles could not be read.")
    return _of_nothing("webvtt")


def _check_preview(_grant: LeaseGrant, result: Path, _tools: Tools) -> Probe:
    playlist = result.read_text()
    if not pieces_in(playlist) or not playlist.rstrip().endswith("#EXT-X-ENDLIST"):
        raise AttemptFailed("Neither picture nor sound of the file could be read.")
    return _of_nothing("hls")


def _keep_peaks(_grant: LeaseGrant, result: Path, _tools: Tools) -> Probe:
    with result.open(encoding="ascii", errors="replace") as lines:
        peaks = peaks_of(lines)
    if not peaks:
        raise AttemptFailed("No sound of the file could be read.")
    result.write_bytes(peaks)
    return _of_nothing("peaks")


def _read(result: Path) -> bytes:
    """The first of its bytes."""
    if result.stat().st_size > MOST_BYTES:
        raise AttemptFailed(f"The result has {result.stat().st_size} bytes, which is too much for a page to load.")
    with result.open("rb") as file:
        return file.read(len(_VTT))


def _of_nothing(container: str) -> Probe:
    """What a probe would say of a result that is neither sound nor film."""
    return Probe(container, None, None, ())


RECIPES: Mapping[JobKind, Recipe] = {
    JobKind.CONVERT: Recipe(_conversion, _check_conversion),
    JobKind.THUMBNAIL: Recipe(_derivation, _check_thumbnail),
    JobKind.WAVEFORM: Recipe(_derivation, _keep_peaks),
    JobKind.CAPTIONS: Recipe(_derivation, _check_captions),
    JobKind.PREVIEW: Recipe(_derivation, _check_preview),
}
