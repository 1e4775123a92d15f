"""Whether a result is what was asked for: container, kinds of streams, codecs, duration."""

import math
from collections import Counter
from collections.abc import Mapping

from balanza.errors import AttemptFailed
from balanza.media.options import format_named
from balanza.media.plan import COPY, Plan, Planned, make_plan
from balanza.model import OptionValue, Probe, StreamKind

TOLERANCE_SECONDS = 0.5
TOLERANCE_RATIO = 0.01

_CHECKED = (StreamKind.VIDEO, StreamKind.AUDIO, StreamKind.SUBTITLE)
_TIMED = (StreamKind.VIDEO, StreamKind.AUDIO)

_MATROSKA = "matroska,webm"
_MOV = "mov,mp4,m4a,3gp,3g2,mj2"


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
    found = result.duration_seconds
    if found is None:
        return
    least, most = _least(plan, source), _most(plan, source)
    # A film of less than two pictures a second ends with a whole picture.
    picture = max((1 / stream.fps for stream in result.video if stream.fps), default=0.0)
    for asked, is_wrong in ((most, found > most), (least, found < least)):
        if is_wrong and abs(found - asked) > max(TOLERANCE_SECONDS, TOLERANCE_RATIO * asked, picture):
            raise AttemptFailed(
                f"The result lasts {found:.2f} s instead of {asked:.2f} s; the source may be damaged or cut off."
            )


def _most(plan: Plan, source: Probe) -> float:
    """No result is longer than this: what was asked for of the whole file, whose end the streams may not reach.

    Infinite where the file may hold more than it says: a chain of Ogg recordings, of which a probe may see the last
    only, and a film that was cut without encoding (edit lists), of which a copy takes what is hidden too.
    """
    hidden = source.container == _MOV and any(planned.encoder == COPY for planned in plan.streams)
    if source.duration_seconds is None or source.container == "ogg" or hidden:
        return math.inf
    known = [planned.source.duration_seconds or 0.0 for planned in _taken(plan)]
    return _overlap(plan, 0.0, max(source.duration_seconds, *known, 0.0))


def _least(plan: Plan, source: Probe) -> float:
    """No result that is whole is shorter than this. 0 where that cannot be known."""
    taken = _taken(plan)
    if plan.format.is_audio and source.container == _MATROSKA and all(planned.encoder == COPY for planned in taken):
        return 0.0  # Gaps in the sound, of which the source does not tell, are lost.
    known = [planned.source.duration_seconds for planned in taken if planned.source.duration_seconds is not None]
    if known:
        return max(_shortest(plan, length, source.duration_seconds or length) for length in known)
    is_all = {planned.source for planned in taken} == {*source.audio, *source.video}
    return _overlap(plan, 0.0, source.duration_seconds) if is_all and source.duration_seconds is not None else 0.0


def _shortest(plan: Plan, length: float, whole: float) -> float:
    """How much was asked for of a stream that may lie anywhere in the file: least at one of the ends, if not equal."""
    latest = max(0.0, whole - length)
    return min(_overlap(plan, 0.0, length), _overlap(plan, latest, latest + length))


def _overlap(plan: Plan, begins: float, ends: float) -> float:
    """How many seconds of the time between these two were asked for."""
    end = math.inf if plan.length_seconds is None else plan.start_seconds + plan.length_seconds
    return max(0.0, min(ends, end) - max(begins, plan.start_seconds))


def _taken(plan: Plan) -> list[Planned]:
    return [planned for planned in plan.streams if any(_is_of(planned, kind) for kind in _TIMED)]


def _counted(codecs: Counter[str]) -> str:
    return ", ".join(f"{count} x {codec}" for codec, count in sorted(codecs.items())) or "nothing"
