"""Whether a result is what was asked for: container, kinds of streams, codecs, duration."""

from collections import Counter
from collections.abc import Mapping

from balanza.errors import AttemptFailed
from balanza.media.options import format_named
from balanza.media.plan import Plan, Planned, make_plan
from balanza.model import OptionValue, Probe, StreamKind

TOLERANCE_SECONDS = 0.5
TOLERANCE_RATIO = 0.01

_CHECKED = (StreamKind.VIDEO, StreamKind.AUDIO, StreamKind.SUBTITLE)


def check_result(*, format_name: str, options: Mapping[str, OptionValue], source: Probe, result: Probe) -> None:
    """Returns when the result is right.

    Raises: AttemptFailed, saying what is wrong.
    """
    format_ = format_named(format_name)
    plan = make_plan(format_, options, source)
    if result.container != format_.demuxer:
        raise AttemptFailed(f"The result is a {result.container} file, not the {format_.title} that was asked for.")
    _check_streams(plan, result)
    _check_duration(plan, source, result)


def _check_streams(plan: Plan, result: Probe) -> None:
    for kind in _CHECKED:
        expected = Counter(stream.codec for stream in plan.streams if _is_of(stream, kind))
        found = Counter(stream.codec for stream in result.streams if stream.kind is kind and not stream.is_cover)
        if expected != found:
            raise AttemptFailed(
                f"The result should have {_counted(expected)} as {kind.value} but has {_counted(found)}."
            )


def _is_of(planned: Planned, kind: StreamKind) -> bool:
    """Cover art is not counted: a song without it is still the song."""
    return planned.source.kind is kind and not planned.source.is_cover


def _check_duration(plan: Plan, source: Probe, result: Probe) -> None:
    available, is_exact = _available(plan, source)
    found = result.duration_seconds
    if available is None or found is None:
        return
    asked = max(0.0, available - plan.start_seconds)
    if plan.length_seconds is not None:
        asked = min(asked, plan.length_seconds)
    # A film of less than two pictures a second ends with a whole picture.
    picture = max((1 / stream.fps for stream in result.video if stream.fps), default=0.0)
    allowed = max(TOLERANCE_SECONDS, TOLERANCE_RATIO * asked, picture)
    if found > asked + allowed or (is_exact and found < asked - allowed):
        raise AttemptFailed(
            f"The result lasts {found:.2f} s instead of {asked:.2f} s; the source may be damaged or cut off."
        )


def _available(plan: Plan, source: Probe) -> tuple[float | None, bool]:
    """How long the sound and pictures taken from the source last, and whether that is known or only their most.

    They may be shorter than the file: the sound of a film, say. Not every container tells of each stream.
    """
    taken = {planned.source for planned in plan.streams if planned.source in (*source.audio, *source.video)}
    known = [stream.duration_seconds for stream in taken if stream.duration_seconds is not None]
    if known and len(known) == len(taken):
        return max(known), True
    return source.duration_seconds, taken == {*source.audio, *source.video}


def _counted(codecs: Counter[str]) -> str:
    return ", ".join(f"{count} x {codec}" for codec, count in sorted(codecs.items())) or "nothing"
