"""What a conversion would come to: its name, about how large, about how long. Nothing is made."""

from dataclasses import dataclass

from sqlalchemy import Connection

from balanza.dispatch.desk import Desk
from balanza.dispatch.dispatcher import Submission
from balanza.dispatch.library import find
from balanza.errors import MissingStream
from balanza.media import formats
from balanza.media.cost import work_of
from balanza.media.estimate import expected_bytes
from balanza.media.plan import COPY, Plan, make_plan
from balanza.model import Media, Options

LEAST_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Estimate:
    """The body of `POST /convert/estimate`."""

    output_file: str
    size_bytes: int | None
    """About; null when nothing can be said."""
    seconds: float | None
    """About how long it runs once it is its turn, as predicted; null when the source does not say how long it is."""
    runs_copy: bool
    """Nothing is encoded: streams are copied as they are."""


def estimate(desk: Desk, submission: Submission, owner_id: str) -> Estimate:
    """Raises as a submission does: NotFound, Gone, Conflict, UnknownFormat, InvalidOption, MissingStream."""
    format_ = formats.format_named(submission.output_format)
    options = formats.parse_options(format_.name, submission.options)

    def read(tx: Connection) -> Estimate:
        source = find(tx, submission.source, owner_id)
        try:
            plan = make_plan(format_, options, source.probe)
        except MissingStream as error:
            raise MissingStream(f"{source.name}: {error}") from error
        return Estimate(
            output_file=formats.output_name(source.name, format_.name),
            size_bytes=expected_bytes(plan, options, source.probe),
            seconds=_seconds(tx, desk, plan, source, options),
            runs_copy=all(stream.encoder == COPY for stream in plan.streams),
        )

    return desk.database.read(read)


def _seconds(tx: Connection, desk: Desk, plan: Plan, source: Media, options: Options) -> float | None:
    """On a usual worker of this fleet."""
    if plan.length_seconds is None and source.probe.duration_seconds is None:
        return None
    work = work_of(plan.format.name, options, source.probe, size_bytes=source.size_bytes)
    speeds = desk.predictions.speeds(tx, desk.clock())
    return max(LEAST_SECONDS, round(speeds.usual_seconds(work.kind, work.seconds), 1))
