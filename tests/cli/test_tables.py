"""The tables of `balanza jobs` and `balanza workers`, as wide as a terminal."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from rich.console import Console, RenderableType

from balanza.cli import tables
from balanza.cli.api import Api
from balanza.errors import InvalidRequest


def job(job_id: str, **facts: object) -> dict[str, object]:
    return {
        "job_id": job_id,
        "status": "processing",
        "input_file": "a-rather-long-name-without-any-space-in-it.wav",
        "output_format": "opus",
        "progress": 100.0,
        "speed": 12.34,
        "duration_seconds": 3599.0,
        "started_at": None,
        "completed_at": None,
        "assigned_worker": "worker_of_the_long_name",
        "worker_id": None,
        "paused": False,
    } | facts


def lines_of(shown: RenderableType, width: int = 80) -> list[str]:
    console = Console(width=width, highlight=False, emoji=False, markup=False)
    with console.capture() as capture:
        console.print(shown)
    return capture.get().splitlines()


def test_jobs_fit_80_columns_and_their_ids_are_not_cut() -> None:
    ids = [str(uuid4()) for _ in range(3)]
    lines = lines_of(tables.jobs({"jobs": [job(one) for one in ids], "next_cursor": None}))
    assert max(map(len, lines)) <= 80
    for one in ids:
        line = next(line for line in lines if line.startswith(f"{one[:8]} "))
        assert all(part in line for part in ("processing", "a-rather-", "opus", "100 %", "59 min 59 s")), line


def test_a_pending_job_is_shown_with_the_worker_that_has_it_now() -> None:
    moved = job("x", status="pending", assigned_worker="worker_a", worker_id="worker_b")
    lines = lines_of(tables.jobs({"jobs": [moved], "next_cursor": None}))
    assert lines[-1].split()[-1] == "worker_a"


def test_a_conversion_that_stands_still_for_a_short_one_is_told_from_one_that_runs() -> None:
    lines = lines_of(tables.jobs({"jobs": [job("one", paused=True), job("other")], "next_cursor": None}), 160)
    assert [line.split()[1] for line in lines[2:]] == ["paused", "processing"]


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2026-11-30T10:00:00Z", "2026-11-30T10:01:00Z", ["from", "to"]),
        ("2026-11-30T10:00:00Z", None, ["from"]),
        (None, "2026-11-30T10:01:00Z", ["done at"]),
        (None, None, []),
    ],
    ids=["pending", "pending for years", "running", "not foreseen"],
)
def test_of_when_a_job_is_expected_is_shown_what_is_foreseen(
    start: str | None, end: str | None, shown: list[str]
) -> None:
    more = dict.fromkeys(("waits_for", "batch_id", "output_id", "error", "log_tail", "tags", "options", "history"))
    told = more | {"priority": 50, "attempts": 0, "max_attempts": 3, "history": []}
    lines = lines_of(tables.job(job("x", expected_start_at=start, expected_end_at=end) | told))
    facts = [line for line in lines if line.startswith("expected")]
    assert len(facts) == bool(shown)
    assert [word for word in ("from", "to", "done at") if any(f" {word} " in line for line in facts)] == shown


def test_ids_that_begin_alike_are_shown_as_far_as_they_differ() -> None:
    ids = ["12345678-aaaa", "12345678-abbb"]
    lines = lines_of(tables.jobs({"jobs": [job(one) for one in ids], "next_cursor": None}), 120)
    assert [line.split()[0] for line in lines[2:]][:1] == ["12345678-aa"]


def test_a_name_cannot_steer_the_terminal() -> None:
    shown = tables.jobs({"jobs": [job("x", input_file="a\n\x1b[31m.wav")], "next_cursor": None})
    assert r"a\n\x1b[31m.wav" in "".join(lines_of(shown, 160))


def a_worker(**facts: object) -> dict[str, object]:
    return {
        "worker_id": "worker_a",
        "status": "available",
        "load_score": 123.5,
        "cpu_load": 1.0,
        "memory_mb": 12345.0,
        "running_jobs": 2,
        "slots": 2,
        "assigned_jobs": 10,
        "conversions_success": 12345,
        "conversions_failed": 123,
        "quarantined_until": None,
        "quarantine_reason": None,
    } | facts


def workers_shown(
    *found: dict[str, object], source: str = "heartbeat", age: float | None = 0.44, width: int = 80
) -> list[str]:
    names = ("active_workers", "total_workers", "total_jobs_processing")
    summary: dict[str, object] = dict.fromkeys((*names, "total_conversions_success", "total_conversions_failed"), 1)
    summary |= {"metrics_source": source, "metrics_age_seconds": age}
    return lines_of(tables.workers({"workers": list(found), "summary": summary}), width)


def test_workers_fit_80_columns() -> None:
    lines = workers_shown(a_worker(status="quarantined"))
    assert max(map(len, lines)) <= 80
    parts = ("worker_a", "quarantined", "123.5", "100 %", "12345 MB", "2/2", "10", "12345", "123")
    assert any(all(part in line for part in parts) for line in lines), lines


@pytest.mark.parametrize(
    ("source", "age", "told"),
    [
        ("prometheus", 2.06, "measured by Prometheus, 2.1 s ago"),
        ("heartbeat", 0.44, "measured by their own heartbeats, 0.4 s ago"),
        ("heartbeat", None, "measured by their own heartbeats, nothing lately"),
    ],
)
def test_below_the_workers_stands_who_measured_them_and_when(source: str, age: float | None, told: str) -> None:
    assert told in workers_shown(a_worker(), source=source, age=age)


def test_a_quarantine_is_told_with_its_end_and_its_reason() -> None:
    reason = "It failed at 3 jobs that others completed."
    until = datetime.now(UTC) + timedelta(minutes=1)
    lines = workers_shown(
        a_worker(quarantined_until=until.isoformat(), quarantine_reason=reason),
        a_worker(worker_id="worker_b", quarantined_until="2026-01-01T00:00:00Z", quarantine_reason=reason),
        a_worker(worker_id="worker_c"),
        width=120,
    )
    told = [line for line in lines if "uarantine" in line]
    assert told == [
        f"worker_a is in quarantine until {until.astimezone():%H:%M:%S}: {reason}",
        f"worker_b gets one job at a time after its quarantine: {reason}",
    ]


def test_a_beginning_of_an_id_stands_for_the_one_job_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {
        None: {"jobs": [{"job_id": "aa11"}, {"job_id": "bb22"}], "next_cursor": "7"},
        "7": {"jobs": [{"job_id": "bb33"}], "next_cursor": None},
    }
    with Api("http://127.0.0.1:1") as api:
        monkeypatch.setattr(api, "get", lambda _path, *, limit, cursor: pages[cursor])
        assert [api.job_id(typed) for typed in ("aa", "bb3", "zz", "")] == ["aa11", "bb33", "zz", ""]
        with pytest.raises(InvalidRequest, match="bb begins the ids of 2 jobs"):
            api.job_id("bb")
