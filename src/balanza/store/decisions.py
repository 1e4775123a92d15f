"""Why each worker was chosen: one row per decision, written in the transaction of that decision."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, exists, func, select

from balanza.lifecycle import LIVE
from balanza.model import Candidate, Decision, DecisionRecord, JobKind, MetricsSource, Reason
from balanza.store.tables import decisions, jobs
from balanza.store.transitions import has_status

CANDIDATES_KEPT = 100
"""Of a larger fleet the chosen one and as many others are kept: 10,000 decisions of 1,000 workers would fill a disk."""

_KEPT = tuple(
    name for name in Candidate.__dataclass_fields__ if name not in {"cannot", "chosen_at"}
)  # what `cannot` said is in `why_not`

_INSERT = decisions.insert()
_OF_JOB = select(decisions).where(decisions.c.job_id == bindparam("of")).order_by(decisions.c.id)
_IS_LISTED = exists(select(1).where(jobs.c.id == decisions.c.job_id, jobs.c.kind == JobKind.CONVERT))
# Always with a bound: the walk along the ids is the same, and seen to be one.
_BEFORE = decisions.c.id < bindparam("before")
_NEWEST = select(decisions).where(_BEFORE, _IS_LISTED).order_by(decisions.c.id.desc()).limit(bindparam("most"))
_LATEST = 2**62
_IS_OWN = exists(select(1).where(jobs.c.id == decisions.c.job_id, jobs.c.owner_id == bindparam("owner")))
_LAST = select(func.max(decisions.c.id))
_IS_LIVE = exists(select(1).where(jobs.c.id == decisions.c.job_id, has_status(*LIVE)))
_PRUNE = delete(decisions).where(decisions.c.id <= bindparam("last"), ~_IS_LIVE)


def insert(
    tx: Connection, decided: Sequence[tuple[str, str | None, Decision]], *, reason: Reason, now: datetime
) -> None:
    """Keeps each decision with its job: the job's id, the worker whose own queue it was in before, the decision."""
    values = [
        {
            "at": now,
            "job_id": job_id,
            "reason": reason.value,
            "source": source,
            "policy": decision.policy,
            "worker_id": decision.worker_id,
            "rule": decision.rule,
            "candidates": [_values(candidate) for candidate in _shown(decision)],
        }
        for job_id, source, decision in decided
    ]
    if values:
        tx.execute(_INSERT, values)


def of_job(tx: Connection, job_id: str) -> list[DecisionRecord]:
    """All that was decided about the job, in order; those of jobs that ended long ago are gone."""
    return [_record(row) for row in tx.execute(_OF_JOB, {"of": job_id})]


def list_decisions(tx: Connection, *, owner_id: str | None, before_id: int | None, limit: int) -> list[DecisionRecord]:
    """Those about somebody's jobs, or about all (None), newest first."""
    query = _NEWEST if owner_id is None else _NEWEST.where(_IS_OWN)
    values = {"owner": owner_id, "before": _LATEST if before_id is None else before_id, "most": limit}
    rows = tx.execute(query, values)
    return [_record(row) for row in rows]


def prune(tx: Connection, keep: int) -> int:
    """Removes all but about the newest `keep`, and those of jobs that are still live; how many went."""
    newest: int = tx.execute(_LAST).scalar() or 0
    return tx.execute(_PRUNE, {"last": newest - keep}).rowcount


def _shown(decision: Decision) -> list[Candidate]:
    others = [one for one in decision.candidates if one.worker_id != decision.worker_id]
    kept = {one.worker_id for one in others[: CANDIDATES_KEPT - 1]} | {decision.worker_id}
    return [one for one in decision.candidates if one.worker_id in kept]


def _values(candidate: Candidate) -> list[Any]:
    return [getattr(candidate, name) for name in _KEPT]


def _record(row: Row[*tuple[Any, ...]]) -> DecisionRecord:
    # Of an older version they lack what has come last.
    candidates = tuple(_candidate(dict(zip(_KEPT, values, strict=False))) for values in row.candidates)
    chosen = next((one for one in candidates if one.worker_id == row.worker_id), None)
    decision = Decision(row.policy, chosen, candidates, row.rule)
    return DecisionRecord(row.id, row.at, row.job_id, Reason(row.reason), row.source, decision)


def _candidate(values: Mapping[str, Any]) -> Candidate:
    source = values["metrics_source"]
    return Candidate(chosen_at=None, **{**values, "metrics_source": MetricsSource(source) if source else None})
