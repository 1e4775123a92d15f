"""The answer to `balanza why`: why a job is where it is, in words."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from balanza.balancer.theft import STEALING
from balanza.cli.tables import table_of

GENERAL = "the general queue"

_Decision = Mapping[str, Any]

_BECAUSE = {
    "retried": "it was to be tried again",
    "failed": "the attempt before had failed",
    "expired": "the worker before had fallen silent",
    "released": "the worker before had handed it back",
    "stolen": "{target} had nothing to do",
    "joined": "{target} had just joined or come back",
    "draining": "{source} was draining",
    "left": "{source} was leaving",
    "offline": "{source} was offline",
    "quarantined": "{source} was in quarantine",
    "unable": "{source} could no longer run it",
}
"""By the reason of a decision: what a move was made for."""

_RULES = {
    "oldest": "It was next because it had waited longest: every tenth job that starts is the oldest.",
    "priority": "It was next because no other had so high a priority.",
    "fair_share": "It was next because less had been done for its owner than for others.",
    "shortest": "It was next because it was predicted to be the shortest.",
    "longest": "It was next because it was predicted to be the longest.",
    "arrival": "It was next because it had come first.",
}

_ENDED_ATTEMPTS = frozenset({"retried", "failed", "expired", "released"})
"""What comes from an attempt comes from no queue."""

_STATES = {
    "processing": "{worker} is converting it.",
    "completed": "{worker} completed it.",
    "failed": "It has failed.",
    "cancelled": "It was cancelled.",
}


def explanation(answer: Mapping[str, Any]) -> RenderableType:
    """First where the job is now, then the decision that sent it there first, then each move with its decision."""
    parts: list[RenderableType] = [Text(f"Job {answer['job_id']}: {_now(answer)}")]
    for number, decision in enumerate(answer["history"]):
        parts += ["", Text(_choice(decision) if number == 0 else _move(decision))]
        if rule := _RULES.get(str(decision["rule"])):
            parts.append(Text(rule))
        parts += _candidates(decision)
    if not answer["history"]:
        parts.append(Text("It ended so long ago that no decision about it was kept."))
    return Group(*parts)


def _now(answer: Mapping[str, Any]) -> str:
    waiting = answer["waits_for"]
    if waiting:
        return str(waiting["sentence"])
    return _STATES.get(answer["status"], str(answer["status"])).format(worker=answer["worker_id"])


def _choice(decision: _Decision) -> str:
    at, policy, chosen = _time(decision), decision["policy"], decision["worker_id"]
    if chosen is None:
        return f"At {at} nobody could take it, and it came into {GENERAL}."
    return f"At {at} {chosen} was chosen by {policy}."


def _move(decision: _Decision) -> str:
    source, target = decision["source"] or GENERAL, decision["worker_id"] or GENERAL
    reason = str(decision["reason"])
    whence = "" if decision["source"] is None and reason in _ENDED_ATTEMPTS else f" from {source}"
    because = _BECAUSE.get(reason, reason).format(source=source, target=target)
    how = f", chosen by {decision['policy']}" if decision["worker_id"] and decision["policy"] != STEALING else ""
    return f"At {_time(decision)} it went{whence} to {target}{how}, because {because}."


def _candidates(decision: _Decision) -> Iterable[RenderableType]:
    """The chosen one first, then why not the others."""
    if not decision["candidates"]:
        return [Text("There was no worker.")]
    table = table_of("worker", "why", "measured", "")
    for one in sorted(decision["candidates"], key=lambda one: not one["chosen"]):
        clause = f"was chosen, with {_jobs(one['jobs_in_progress'])}" if one["chosen"] else one["why_not"]
        table.add_row(Text(one["worker_id"], overflow="fold"), Text(clause or "-"), *_sample(one))
    return [table]


def _sample(one: Mapping[str, Any]) -> tuple[str, str]:
    if one["metrics_source"] is None:
        return "nothing", ""
    cpu = "CPU unknown" if one["cpu_load"] is None else f"CPU {one['cpu_load']:.2f}"
    return cpu, f"{one['metrics_source']}, {one['metrics_age_seconds']:.1f} s old"


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _time(decision: _Decision) -> str:
    """As a clock on the wall shows it: the date stands in `--json`."""
    return f"{datetime.fromisoformat(decision['at']).astimezone():%H:%M:%S}"
