"""Decisions on the wire. Fields may be added, none may change."""

from datetime import datetime

from balanza import wording
from balanza.lifecycle import JobStatus
from balanza.model import Candidate, DecisionRecord, Job, MetricsSource, Reason, Waiting
from balanza.server.job_shapes import WaitingOut
from balanza.server.numbers import Numbers
from balanza.server.shapes import Shape
from balanza.wording import Value


class CandidateOut(Shape):
    """A worker as it was when the decision was made. What was not known of it is null."""

    worker_id: str
    jobs_in_progress: int
    """Live: running and in its own queue."""
    cpu_load: float | None
    """0..1."""
    memory_mb: float | None
    metrics_source: MetricsSource | None
    """Who measured CPU and memory."""
    metrics_age_seconds: float | None
    """How old that was."""
    load_score: int
    """0..100."""
    chosen: bool
    finish_seconds: float | None
    """In how many seconds it would complete the job, as predicted; null where the policy predicts nothing."""
    why_not: str | None
    """A clause that follows the worker's name, such as `had 1 job, worker_a 0`; null for the chosen one."""
    why_not_code: str | None
    """Which clause it is, such as `more_jobs`, to say it in another language; null for one that has no code."""
    why_not_values: dict[str, Value]
    """What stands in it, such as `{"count": 1, "winner": "worker_a", "least": 0}`."""

    @classmethod
    def of(cls, candidate: Candidate, *, chosen: bool) -> "CandidateOut":
        same = {name: getattr(candidate, name) for name in cls.model_fields if hasattr(candidate, name)}
        said = wording.clause(candidate.why_not)
        return cls(**same, chosen=chosen, why_not_code=said.code, why_not_values=dict(said.values))


class DecisionOut(Shape):
    """Which worker was chosen for a job, by which policy, and why not the others."""

    id: int
    """In no order."""
    at: datetime
    job_id: str
    reason: Reason
    """What the decision was made for."""
    policy: str
    """`stealing` when an idle worker took the job itself."""
    worker_id: str | None
    """Who was chosen; null when nobody could take it."""
    source: str | None
    """Whose own queue the job was in before; null for a new job, and for one of the general queue."""
    rule: str | None
    """Why the job was the next, when a worker took it: `oldest`, `priority`, `fair_share`, `shortest`, `longest`,
    `arrival`."""
    candidates: list[CandidateOut]
    """By id. Of a large fleet, some of those that were not chosen are left out."""

    @classmethod
    def of(cls, record: DecisionRecord, numbers: Numbers) -> "DecisionOut":
        decision = record.decision
        return cls(
            id=numbers.shown(record.id),
            at=record.at,
            job_id=record.job_id,
            reason=record.reason,
            policy=decision.policy,
            worker_id=decision.worker_id,
            source=record.source,
            rule=decision.rule,
            candidates=[
                CandidateOut.of(one, chosen=one.worker_id == decision.worker_id) for one in decision.candidates
            ],
        )


class DecisionPage(Shape):
    decisions: list[DecisionOut]
    next_cursor: str | None


class JobDecisions(Shape):
    """Why a job is where it is."""

    job_id: str
    status: JobStatus
    worker_id: str | None
    """Who runs it, or ran it last: whoever is free takes what is in the general queue, without a decision."""
    waits_for: WaitingOut | None
    """Null unless it is pending."""
    decision: DecisionOut | None
    """The last one; null when the job ended so long ago that it was not kept."""
    history: list[DecisionOut]
    """All that were made about the job, oldest first."""

    @classmethod
    def of(cls, job: Job, records: list[DecisionRecord], waiting: Waiting | None, numbers: Numbers) -> "JobDecisions":
        history = [DecisionOut.of(record, numbers) for record in records]
        return cls(
            job_id=job.id,
            status=job.status,
            worker_id=job.worker_id,
            waits_for=WaitingOut.of(waiting),
            decision=history[-1] if history else None,
            history=history,
        )
