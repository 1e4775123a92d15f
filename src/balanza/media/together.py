"""One ffmpeg process for several small conversions: which may share one, and its command line. Pure.

Starting ffmpeg takes as long as converting a second of sound, and a process with several inputs and outputs uses all
cores. Each output is what a process of its own would have made of its input: nothing of one depends on the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from balanza.errors import CallerError
from balanza.media.ffmpeg import general_arguments, input_arguments, output_arguments
from balanza.media.options import format_named
from balanza.media.plan import make_plan
from balanza.model import OptionValue, Probe

_MOST_PIXELS = 640 * 360
"""All pictures of a process are in memory at once: an encoder keeps some fifty of them."""
_ENLARGING = frozenset({"resolution"})


@dataclass(frozen=True, slots=True)
class Part:
    """One of the conversions."""

    source: str
    output: str
    probe: Probe


def can_share(format_name: str, options: Mapping[str, OptionValue], probe: Probe) -> bool:
    """Whether this conversion may share a process with others of the same format and options.

    Not when it needs a step of its own before (cover art for Ogg, Opus and Matroska), nor when its pictures are large.
    How long it takes is for the caller to judge: the first result of a process is not there before its last.
    """
    format_ = format_named(format_name)
    if format_.cover_aside is not None and probe.covers:
        return False
    try:
        plan = make_plan(format_, options, probe)
    except CallerError:
        return False
    pictures = [planned.source for planned in plan.streams if planned.source in probe.video]
    if pictures and _ENLARGING & options.keys():
        return False
    return all((picture.width or 0) * (picture.height or 0) <= _MOST_PIXELS for picture in pictures)


def build_shared_argv(
    *, program: str, parts: Sequence[Part], format_name: str, options: Mapping[str, OptionValue], threads: int
) -> list[str]:
    """The command line that makes every part's output of its source; `can_share` must hold for each.

    Each output is encoded as by `build_argv` with as many threads. Raises: UnknownFormat, MissingStream, InvalidOption.
    """
    format_ = format_named(format_name)
    plans = [make_plan(format_, options, part.probe) for part in parts]
    argv = [program, *general_arguments(threads)]
    for plan, part in zip(plans, parts, strict=True):
        argv += input_arguments(plan, part.probe, part.source, threads)
    for number, (plan, part) in enumerate(zip(plans, parts, strict=True)):
        argv += output_arguments(plan, part.probe, part.output, threads, number=number)
    return argv
