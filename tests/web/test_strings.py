"""Spanish and English say the same things."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from balanza.balancer.score import WorkerStatus
from balanza.lifecycle import JobStatus
from balanza.model import MetricsSource, Obstacle, Outcome, Reason
from balanza.settings import PolicyName
from balanza.store.points import Measure
from tests.web.stage import WEB

LANGUAGES = ("en", "es")
PLURAL = re.compile(r"\.(one|other)$")

NEVER_ALONE = {Obstacle.OFFLINE, Obstacle.LEAVING, Obstacle.FAILED_BEFORE}
"""Obstacles that no job waits for: who is gone is no worker, and who failed at a job gets it when nobody else can."""

DYNAMIC = {
    "state.": [status.value for status in JobStatus],
    "waits.": ["slot", "any_slot", "worker", *(obstacle.value for obstacle in Obstacle if obstacle not in NEVER_ALONE)],
    "connection.": ["interrupted", "unreachable"],
    "quality.": ["small", "balanced", "best", "small_hint", "balanced_hint", "best_hint"],
    "kind.": ["audio", "video"],
    "announce.": ["completed", "failed"],
    "player.": ["unplayable", "deleted", "unreachable", "skipped_unplayable", "skipped_deleted"],
    "player.repeat_": ["off", "all", "one"],
    "share.time_": ["hour", "day", "week", "month"],
    "share.state_": ["open", "expired", "revoked"],
    "upload.": ["waiting", "checking", "interrupted"],
    "action.": ["cancel", "retry", "cancel_name", "retry_name"],
    "worker.": [status.value for status in WorkerStatus],
    "source.": [source.value for source in MetricsSource],
    "measure.": [measure.value for measure in Measure],
    "why.": ["processing", "completed", "failed", "cancelled"],
    "policy.": list(get_args(PolicyName)),
    "because.": [reason.value for reason in Reason],
    "outcome.": ["running", *(outcome.value for outcome in Outcome)],
    "timeline.": ["processing", "completed", "failed", "cancelled"],
    "grace.": ["null", "0", "60", "600", "3600"],
    "fleet.": [f"{action}{what}" for action in ("drain", "resume", "remove") for what in ("", "_name")]
    + ["drained", "resumed", "removed"],
}
"""The keys that the modules put together, by what they begin with."""


def table(language: str) -> dict[str, str]:
    _, _, body = (WEB / "i18n" / f"{language}.js").read_text().partition("export default ")
    strings: dict[str, str] = json.loads(body.rstrip().removesuffix(";"), object_pairs_hook=_without_repeats)
    return strings


def _without_repeats(pairs: list[tuple[str, str]]) -> dict[str, str]:
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), "a key stands twice"
    return dict(pairs)


def modules() -> dict[str, str]:
    folders = ("*.js", "dashboard/*.js", "player/*.js", "share/*.js")
    return {str(path): path.read_text() for folder in folders for path in sorted(WEB.glob(folder))}


def used_keys() -> set[str]:
    source = "\n".join(modules().values())
    plain = set(re.findall(r"\bt\('([^']+)'", source))
    chosen = {key for pair in re.findall(r"\bt\([^()`]*\? '([^']+)' : '([^']+)'", source) for key in pair}
    plural = {f"{key}.{form}" for key in re.findall(r"\btn\('([^']+)'", source) for form in ("one", "other")}
    put_together = {start + end for start, ends in DYNAMIC.items() for end in ends}
    return plain | chosen | plural | put_together


def test_every_key_is_in_both_languages() -> None:
    assert table("en").keys() == table("es").keys()


def test_every_key_the_page_uses_is_in_the_tables() -> None:
    assert used_keys() - table("en").keys() == set()


def test_no_string_is_left_over() -> None:
    problems = {key for key in table("en") if key.startswith("problem.")}
    assert table("en").keys() - used_keys() - problems == set()


def test_every_problem_of_the_server_has_a_line_of_its_own() -> None:
    errors = Path(WEB.parent / "errors.py").read_text()
    slugs = set(re.findall(r'slug[^=\n]*= "([^"]+)"', errors))
    unseen = {
        "error",
        "bad-request",
        "lease-lost",
        "worker-replaced",
        "worker-unknown",
        "attempt-failed",
        "cannot-start",
    }
    assert {f"problem.{slug}" for slug in slugs - unseen} - table("en").keys() == set()


@pytest.mark.parametrize("key", sorted(table("en")))
def test_a_string_names_the_same_values_in_both_languages(key: str) -> None:
    english, spanish = (set(re.findall(r"\{\w+\}", table(language)[key])) for language in LANGUAGES)
    assert english == spanish


def test_the_two_lines_of_the_workers_read_as_in_the_seed() -> None:
    lines = [table(language)[f"jobs.{line}"] for language in ("es", "en") for line in ("assigned_to", "processed_by")]
    assert lines == [
        "🎯 Asignado a: {worker}",
        "⚙️ Procesado por: {worker}",
        "🎯 Assigned to: {worker}",
        "⚙️ Processed by: {worker}",
    ]
