"""The nouns, frozen: what the store returns and everything above it speaks of. Times are aware datetimes in UTC."""

from balanza.model.decisions import (
    Candidate,
    Decision,
    DecisionRecord,
    Reason,
    Waiting,
)
from balanza.model.jobs import (
    GENERAL_QUEUE,
    Attempt,
    Event,
    Job,
    Lease,
    Options,
    OptionValue,
    Outcome,
    own_queue,
    result_key,
)
from balanza.model.media import (
    Media,
    Probe,
    Share,
    Stream,
    StreamKind,
)
from balanza.model.workers import (
    LEFT,
    MetricsSource,
    Needs,
    Obstacle,
    Requirement,
    Sample,
    WhyNot,
    Worker,
)

__all__ = [
    "GENERAL_QUEUE",
    "LEFT",
    "Attempt",
    "Candidate",
    "Decision",
    "DecisionRecord",
    "Event",
    "Job",
    "Lease",
    "Media",
    "MetricsSource",
    "Needs",
    "Obstacle",
    "OptionValue",
    "Options",
    "Outcome",
    "Probe",
    "Reason",
    "Requirement",
    "Sample",
    "Share",
    "Stream",
    "StreamKind",
    "Waiting",
    "WhyNot",
    "Worker",
    "own_queue",
    "result_key",
]
