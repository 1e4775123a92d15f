"""The answers of a server as tables for people."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from balanza.cli.api import WHOLE_ID
from balanza.cli.inputs import printable
from balanza.cli.report import human_bytes
from balanza.model import USUAL_PRIORITY

UNKNOWN = "-"
NARROWEST = 80
"""A narrower terminal wraps the lines; nothing that has to be typed again is cut."""
ID_SHOWN = 8
"""So much of a job's id is shown at least: as long as it takes to tell 10,000 random UUIDs apart, nearly always."""
WIDE = 400
"""Where there is no terminal nothing is cut off: a program reads it."""

STATE_STYLES = {
    "pending": "yellow",
    "processing": "blue",
    "paused": "yellow",
    "completed": "green",
    "failed": "red",
    "cancelled": "bright_black",
    "idle": "green",
    "available": "cyan",
    "busy": "yellow",
    "draining": "magenta",
    "quarantined": "magenta",
    "offline": "red",
}


def console() -> Console:
    is_terminal = sys.stdout.isatty()
    shown = Console(width=None if is_terminal else WIDE, highlight=False, emoji=False, markup=False)
    shown.width = max(shown.width, NARROWEST)
    return shown


def jobs(answer: dict[str, Any]) -> RenderableType:
    found = answer["jobs"]
    if not found:
        return Text("There are no jobs.")
    table = table_of("job", "state", "file", "to", ">done", ">speed", ">time", "worker")
    length = _telling_length([one["job_id"] for one in found])
    for one in found:
        table.add_row(
            one["job_id"][:length],
            _state("paused" if one["paused"] else one["status"]),
            Text(printable(one["input_file"]), overflow="ellipsis"),
            one["output_format"],
            _percent(one["progress"]),
            _speed(one["speed"]),
            _seconds(_time_of(one)),
            Text(_whose(one), overflow="fold"),
        )
    more = [Text("There are more; say how many with --limit.")] if answer["next_cursor"] else []
    return Group(table, *more)


def job(answer: dict[str, Any]) -> RenderableType:
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(answer):
        facts.add_row(Text(name, style="bold"), value)
    history = table_of("attempt", "worker", "outcome", ">time", "why")
    for attempt in answer["history"]:
        took = _between(attempt["started_at"], attempt["ended_at"])
        history.add_row(
            str(attempt["number"]),
            attempt["worker_id"],
            attempt["outcome"] or "running",
            _seconds(took),
            attempt["error"] or "",
        )
    parts: list[RenderableType] = [facts]
    if answer["history"]:
        parts.append(history)
    if answer["log_tail"] and answer["status"] != "completed":
        parts += [Text("What ffmpeg wrote last:", style="bold"), Text(answer["log_tail"])]
    return Group(*parts)


def workers(answer: dict[str, Any]) -> RenderableType:
    found, summary = answer["workers"], answer["summary"]
    if not found:
        return Text("There are no workers; `balanza up` starts two, `balanza worker` one more.")
    table = table_of("worker", "state", ">score", ">CPU", ">memory", ">running", ">assigned", ">done", ">failed")
    for one in found:
        table.add_row(
            Text(one["worker_id"], overflow="fold"),
            _state(one["status"]),
            str(one["load_score"]),
            _percent(None if one["cpu_load"] is None else 100 * one["cpu_load"]),
            UNKNOWN if one["memory_mb"] is None else f"{one['memory_mb']:.0f} MB",
            f"{one['running_jobs']}/{one['slots']}",
            str(one["assigned_jobs"]),
            str(one["conversions_success"]),
            str(one["conversions_failed"]),
        )
    total = (
        f"{summary['active_workers']} of {summary['total_workers']} active, "
        f"{summary['total_jobs_processing']} jobs in progress, {summary['total_conversions_success']} converted, "
        f"{summary['total_conversions_failed']} failed"
    )
    return Group(table, Text(total), Text(_measured(summary)), *map(Text, _quarantines(found)))


def _measured(summary: Mapping[str, Any]) -> str:
    source, age = summary["metrics_source"], summary["metrics_age_seconds"]
    name = {"prometheus": "Prometheus", "heartbeat": "their own heartbeats"}.get(source, source)
    return f"measured by {name}, {'nothing lately' if age is None else f'{age:.1f} s ago'}"


def _quarantines(found: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Over, too: until it completes a job, it gets one at a time."""
    for one in found:
        if one["quarantined_until"] is not None:
            until = datetime.fromisoformat(one["quarantined_until"])
            state = (
                f"is in quarantine until {until.astimezone():%H:%M:%S}"
                if until > datetime.now(UTC)
                else "gets one job at a time after its quarantine"
            )
            yield f"{one['worker_id']} {state}: {one['quarantine_reason'] or UNKNOWN}"


def _facts(answer: dict[str, Any]) -> Iterable[tuple[str, RenderableType]]:
    yield "job", answer["job_id"]
    yield "state", _state(answer["status"])
    yield "file", printable(f"{answer['input_file']} → {answer['output_format']}")
    if answer["options"]:
        yield "options", ", ".join(f"{name}={value}" for name, value in answer["options"].items())
    yield "🎯 assigned to", answer["assigned_worker"] or UNKNOWN
    yield "⚙️ processed by", answer["worker_id"] or UNKNOWN
    if answer["waits_for"]:
        yield "waits for", answer["waits_for"]["sentence"]
    if answer["priority"] != USUAL_PRIORITY:
        yield "priority", str(answer["priority"])
    if answer["batch_id"]:
        yield "batch", answer["batch_id"]
    if answer["tags"]:
        yield "tags", ", ".join(answer["tags"])
    if expected := _expected(answer["expected_start_at"], answer["expected_end_at"]):
        yield "expected", expected
    yield "progress", _percent(answer["progress"]) + (", paused for a short job" if answer["paused"] else "")
    yield "attempts", f"{answer['attempts']} of {answer['max_attempts']}"
    if answer["output_id"]:
        sizes = f"{human_bytes(answer['input_size_bytes'])} → {human_bytes(answer['output_size_bytes'])}"
        yield "result", printable(f"{answer['output_file']} ({answer['output_id']}), {sizes}")
    if answer["error"]:
        yield "error", Text(answer["error"], style="red")


def _expected(start_at: str | None, end_at: str | None) -> str | None:
    """The end of what claims to last for years is not foreseen, though its start is."""
    if start_at is None:
        return end_at and f"done at {_clock(end_at)}"
    return f"from {_clock(start_at)} to {_clock(end_at)}" if end_at else f"from {_clock(start_at)}"


def _clock(written: str) -> str:
    """As a clock on the wall shows it; with the date when that is not today's."""
    at = datetime.fromisoformat(written).astimezone()
    return f"{at:%H:%M:%S}" if at.date() == datetime.now(UTC).astimezone().date() else f"{at:%Y-%m-%d %H:%M}"


def table_of(*headings: str) -> Table:
    """A heading that begins with > stands over numbers."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        is_number = heading.startswith(">")
        table.add_column(
            heading.lstrip(">"),
            justify="right" if is_number else "left",
            no_wrap=heading not in {"file", "worker", "why", "found", "encoders", "missing"},
        )
    return table


def _telling_length(ids: Sequence[str]) -> int:
    """How much of each id tells it from the others."""
    return next(
        (length for length in range(ID_SHOWN, WHOLE_ID) if len({one[:length] for one in ids}) == len(set(ids))),
        WHOLE_ID,
    )


def _state(name: str) -> Text:
    return Text(name, style=STATE_STYLES.get(name, ""))


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0f} %"


def _whose(one: dict[str, Any]) -> str:
    """Who converts or converted it; of a pending job whose it is now, not who failed at it before."""
    processed_by = None if one["status"] == "pending" else one["worker_id"]
    return processed_by or one["assigned_worker"] or UNKNOWN


def _speed(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3g}×"


def _seconds(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    minutes, seconds = divmod(value, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {int(seconds):02d} s" if minutes else f"{seconds:.1f} s"


def _time_of(one: dict[str, Any]) -> float | None:
    """How long the conversion took, or has been running."""
    return one["duration_seconds"] or _between(one["started_at"], one["completed_at"])


def _between(start: str | None, end: str | None) -> float | None:
    if start is None:
        return None
    ended = datetime.fromisoformat(end) if end else datetime.now(UTC)
    return max(0.0, (ended - datetime.fromisoformat(start)).total_seconds())
