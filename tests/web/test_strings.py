"""Spanish and English say the same things."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from balanza.balancer.order import Rule
from balanza.balancer.score import WorkerStatus
from balanza.lifecycle import JobStatus
from balanza.media.options import options_of
from balanza.media.table import FORMATS
from balanza.model import MetricsSource, Obstacle, Outcome, Reason, Role, Scope
from balanza.settings import PolicyName
from balanza.store.points import Measure
from balanza.store.search import Sort
from balanza.wording import CLAUSES, FAILURES, FAULTS, PROBLEMS, WAITS
from tests.web.stage import WEB

LANGUAGES = ("en", "es")
ENTRIES = sorted(
    {
        WEB / source
        for page in WEB.glob("*.html")
        for source in re.findall(r'src="(?:\.\./)?web/(.+?)"', page.read_text())
    }
    - {WEB / "docs.js", WEB / "vendor/swagger-ui/swagger-ui-bundle.js"}
)
"""The first module of each page; Swagger UI speaks for itself."""
TABLE = re.compile(r"\blearn\('(\w+)'\)")
IMPORT = re.compile(r"""(?:from|import) ?\(?'(\.[^']+)'""")

NEVER_ALONE = {Obstacle.OFFLINE, Obstacle.LEAVING, Obstacle.FAILED_BEFORE}
"""Obstacles that no job waits for: who is gone is no worker, and who failed at a job gets it when nobody else can."""


def put_in_words(sentences: Mapping[str, str]) -> list[str]:
    """The keys of what the server says under these codes, with both forms where it counts something."""
    return [
        key
        for code, sentence in sentences.items()
        for key in ([f"{code}.one", f"{code}.other"] if "{count:whole} job[s]" in sentence else [code])
    ]


DYNAMIC = {
    "state.": [*(status.value for status in JobStatus), "paused"],
    "rule.": [rule.value for rule in Rule],
    "waits.": ["slot", "any_slot", "worker", *(obstacle.value for obstacle in Obstacle if obstacle not in NEVER_ALONE)],
    "connection.": ["interrupted", "unreachable"],
    "quality.": ["small", "balanced", "best", "small_hint", "balanced_hint", "best_hint"],
    "goal.": ["slowdown", "makespan", "slowdown_hint", "makespan_hint"],
    "level.": ["low", "usual", "high"],
    "kind.": ["audio", "video"],
    "announce.": ["completed", "failed"],
    "player.": ["unplayable", "no_preview", "deleted", "unreachable", "skipped_no_preview", "skipped_deleted"],
    "player.repeat_": ["off", "all", "one"],
    "library.kind_": ["all", "audio", "video"],
    "library.sort_": [sort.value for sort in Sort],
    "option.": sorted({name for format_ in FORMATS.values() for name in options_of(format_)} - {"quality"}),
    "share.time_": ["minute", "hour", "day", "week", "month"],
    "share.state_": ["open", "expired", "revoked"],
    "role.": [role.value for role in Role],
    "scope.": [scope.value for scope in Scope],
    "invitation.for_": [role.value for role in Role],
    "invitation.time_": ["day", "week", "month"],
    "oidc.": ["refused", "not-found", "unavailable", "login-denied", "account-disabled", "failed"],
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
    "format.": [one.title for one in FORMATS.values() if re.search(r"\b[a-z]", one.title)],
    "clause.": put_in_words(CLAUSES),
    "wait.": put_in_words(WAITS),
    "fault.": put_in_words(FAULTS),
    "failure.": put_in_words(FAILURES),
    "detail.": put_in_words(PROBLEMS),
    "grace.": ["null", "0", "60", "600", "3600"],
    "fleet.": [f"{action}{what}" for action in ("drain", "resume", "remove") for what in ("", "_name")]
    + ["drained", "resumed", "removed"],
}
"""The keys that the modules put together, by what they begin with."""


def strings_of(path: Path) -> list[tuple[str, str]]:
    """The keys and values of one table."""
    _, _, body = path.read_text().partition("export default ")
    pairs: list[tuple[str, str]] = json.loads(body.rstrip().removesuffix(";"), object_pairs_hook=list)
    return pairs


def table(language: str) -> dict[str, str]:
    """All tables of a language in one."""
    pairs = [pair for path in sorted((WEB / "i18n" / language).glob("*.js")) for pair in strings_of(path)]
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), "a key stands twice"
    return dict(pairs)


@cache
def modules_of(entry: Path) -> frozenset[Path]:
    """All modules that the page with this first one loads, at once or later."""
    found: set[Path] = set()
    ahead = [entry]
    while ahead:
        path = ahead.pop().resolve()
        if path not in found and "vendor" not in path.parts:
            found.add(path)
            text = path.read_text()
            ahead += [path.parent / name for name in IMPORT.findall(text)]
            ahead += [WEB / "i18n/en" / f"{table}.js" for table in TABLE.findall(text)]
    return frozenset(found)


def used_keys(paths: Iterable[Path]) -> set[str]:
    """Of these modules, but for the `DYNAMIC` ones."""
    source = "\n".join(path.read_text() for path in paths if "i18n" not in path.parts)
    plain = set(re.findall(r"\bt\('([^']+)'", source))
    chosen = {key for pair in re.findall(r"\bt\([^()`]*\? '([^']+)' : '([^']+)'", source) for key in pair}
    plural = {f"{key}.{form}" for key in re.findall(r"\btn\('([^']+)'", source) for form in ("one", "other")}
    return plain | chosen | plural


def put_together_keys(paths: Iterable[Path]) -> set[str]:
    """Those that these modules put together."""
    source = "\n".join(path.read_text() for path in paths)
    return {start + end for start, ends in DYNAMIC.items() if f"`{start}${{" in source for end in ends}


@pytest.mark.parametrize("path", sorted((WEB / "i18n/en").glob("*.js")), ids=lambda path: path.stem)
def test_every_key_is_in_both_languages(path: Path) -> None:
    other = WEB / "i18n/es" / path.name
    assert [key for key, _ in strings_of(path)] == [key for key, _ in strings_of(other)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda path: str(path.relative_to(WEB)))
def test_every_key_a_page_uses_is_in_the_tables_it_loads(entry: Path) -> None:
    paths = modules_of(entry)
    there = {key for path in paths if path.parent.name == "en" for key, _ in strings_of(path)}
    assert (used_keys(paths) | put_together_keys(paths)) - there == set()


def test_no_string_is_left_over() -> None:
    paths = {path for entry in ENTRIES for path in modules_of(entry)}
    problems = {key for key in table("en") if key.startswith("problem.")}
    assert table("en").keys() - used_keys(paths) - put_together_keys(paths) - problems == set()


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


def test_a_string_names_the_same_values_in_both_languages() -> None:
    english, spanish = (
        {key: set(re.findall(r"\{\w+\}", value)) for key, value in table(language).items()} for language in LANGUAGES
    )
    assert english == spanish


def test_the_two_lines_of_the_workers_read_as_in_the_seed() -> None:
    lines = [table(language)[f"jobs.{line}"] for language in ("es", "en") for line in ("assigned_to", "processed_by")]
    assert lines == [
        "🎯 Asignado a: {worker}",
        "⚙️ Procesado por: {worker}",
        "🎯 Assigned to: {worker}",
        "⚙️ Processed by: {worker}",
    ]
