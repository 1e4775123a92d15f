"""What a conversion would come to: its name, about how large, about how long. Nothing is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from sqlalchemy import Connection

from balanza.dispatch.dispatcher import Submission
from balanza.dispatch.library import find
from balanza.errors import MissingStream
from balanza.media import formats
from balanza.media.estimate import expected_bytes
from balanza.media.plan import COPY, Plan, make_plan
from balanza.model import Probe
from balanza.store import timeline
from balanza.store.database import Database

LOOKED_AT = 200
"""Of the jobs that were completed last, so many are looked at for ones of the same format."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The body of `POST /convert/estimate`."""

    output_file: str
    size_bytes: int | None
    """About; null when nothing can be said."""
    seconds: float | None
    """About how long it runs once it is its turn; null when none of the last conversions was into this format."""
    runs_copy: bool
    """Nothing is encoded: streams are copied as they are."""


def estimate(database: Database, submission: Submission, owner_id: str) -> Estimate:
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
            seconds=_seconds(plan, source.probe, timeline.speeds(tx, format_.name, LOOKED_AT)),
            runs_copy=all(stream.encoder == COPY for stream in plan.streams),
        )

    return database.read(read)


def _seconds(plan: Plan, probe: Probe, speeds: Sequence[float]) -> float | None:
    """At the speed of the usual one of the last: media seconds per second."""
    length = plan.length_seconds if plan.length_seconds is not None else probe.duration_seconds
    if length is None or not speeds:
        return None
    return max(0.1, round(length / median(speeds), 1))
