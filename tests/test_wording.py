"""Every sentence that a page shows has a code, under which the page says it in the language of its reader."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest

import balanza
from balanza import errors
from balanza.balancer.capability import why_not
from balanza.balancer.policies import POLICIES, select_best_worker
from balanza.balancer.theft import theft
from balanza.balancer.waiting import waits_for
from balanza.media.options import options_of, parse_options
from balanza.media.table import FORMATS
from balanza.model import Needs
from balanza.wording import CLAUSES, FAILURES, FAULTS, PROBLEMS, WAITS, Coded, clause, coded, failure
from balanza.worker.failures import DISK_FULL, why_ffmpeg_failed, why_not_done
from tests.balancer.crew import START, a_pending_job, a_worker, candidate

PACKAGE = Path(balanza.__file__).parent
LATER = START + timedelta(minutes=1)

NOT_IN_A_PAGE = {
    r"Job 7 is no preview|Piece 7 of job|The result of job 7": "between workers and the server",
    r"Only workers of this server|An API token cannot|This needs an API token|A session's cookie": "to programs",
    r"Log in first: in the page": "the page leads to the log-in",
    r"There is no account 7\.|The Idempotency-Key|There are 7 files named": "pages ask by ids, with keys of their own",
    r"The upload 7 has|The header|The filename|A piece of an upload|This server speaks": "the upload goes on by itself",
    r"The file has no name|The Content-Type|There is (no|more than one) file in the form": "forms of programs",
    r"No 7 could be made|The file has no film|The file has no sound, so it has|Stream 7": "there is no picture then",
    r"No worker is registered|Another process is registered|This lease is over": "to workers",
    r"The multipart body": "forms of programs",
    r"7 cannot be 7: for 7 give 7": "each kind of option is told apart: see the test of options",
    r"There is no such preview": "the player says so itself",
    r"The (code|provider|ID token|answer of)|This log-in was not|No name could be": "comes back as #problem=",
    r"7: 7\.?$|7$": "what it passes on is told apart",
    r"The (stored )?file .* (does not have|cannot be read)|7 is no storage key": "the download breaks off",
    r"The file is empty|The file is a still|The file has neither|The file is not an": "after the file's name",
    r"The file has no (sound|video), so it cannot": "after the file's name",
}
"""The sentences that no page shows, and why not. 7 stands for whatever stands there."""


def raised_sentences() -> Iterator[str]:
    """What is said wherever the server raises an error on purpose, with 7 in the place of each value."""
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)} - {"StartupError", "AttemptFailed"}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in {"cli", "worker", "simulate", "errors.py"}:
            yield from _raised_in(path, kinds)


def _raised_in(path: Path, kinds: set[str]) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in kinds and call.args:
            yield from _sentences(call.args[0], tree)


def sentences_of_failures() -> Iterator[str]:
    """Why attempts at conversions fail: what a worker says, and what the server says of a worker."""
    for path in (*sorted((PACKAGE / "worker").glob("*.py")), PACKAGE / "media/verify.py"):
        if path.name != "kinds.py":  # of thumbnails and the like, which no list shows
            yield from _raised_in(path, {"AttemptFailed"})
    for part in ("fleet", "upkeep"):
        tree = ast.parse((PACKAGE / f"dispatch/{part}.py").read_text())
        for said in ast.walk(tree):
            if isinstance(said, ast.Assign) and ast.unparse(said.targets[0]) == "why":
                yield from _sentences(said.value, tree)
    for returncode in (183, -9):
        yield why_ffmpeg_failed(returncode, "")
        yield why_ffmpeg_failed(returncode, "[in#0 @ 0x7f] Invalid data found when processing input")
    yield DISK_FULL
    yield why_not_done(PermissionError(13, "Permission denied"))


def _sentences(said: ast.expr, module: ast.Module) -> Iterator[str]:
    """Of the constant or the function of the module, too, by whose name it is meant."""
    if isinstance(said, ast.Constant):
        yield str(said.value)
    elif isinstance(said, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in said.values)
    elif isinstance(said, ast.Name):
        for node in module.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == said.id:
                yield from _sentences(node.value, module)
    elif isinstance(said, ast.Call):
        for function in ast.walk(module):
            if isinstance(function, ast.FunctionDef) and function.name == getattr(said.func, "id", ""):
                for answer in ast.walk(function):
                    if isinstance(answer, ast.Return) and answer.value:
                        yield from _sentences(answer.value, module)


def test_every_problem_that_a_page_shows_has_a_code() -> None:
    unknown = {
        sentence
        for sentence in raised_sentences()
        if coded(PROBLEMS, sentence).code is None and not any(re.match(start, sentence) for start in NOT_IN_A_PAGE)
    }
    assert unknown == set()


def test_every_failure_that_a_page_shows_has_a_code() -> None:
    said = {sentence for sentence in sentences_of_failures() if sentence != "7"}  # what it passes on
    # What was to be transferred is one of two words.
    said = {re.sub("^The 7 could not", "The source could not", sentence) for sentence in said}
    assert {sentence for sentence in said if failure(sentence).code is None} == set()
    assert {failure(sentence).code for sentence in said} | {"stalled", "result_not_brought"} == FAILURES.keys()


def test_a_failure_is_told_with_what_stands_in_it() -> None:
    said = "ffmpeg ended with code 183: Invalid data found when processing input."
    assert failure(said) == Coded("ffmpeg", {"code": 183, "why": "Invalid data found when processing input"})
    assert failure("No progress for 60 s: ffmpeg was killed.") == Coded("stalled", {"seconds": 60.0})
    assert failure(None) == Coded(None, {})


@pytest.mark.parametrize(
    "sentences",
    [CLAUSES, WAITS, FAULTS, FAILURES, PROBLEMS],
    ids=["clauses", "waits", "faults", "failures", "problems"],
)
def test_every_sentence_is_told_apart_from_the_others(sentences: dict[str, str]) -> None:
    for code, sentence in sentences.items():
        plain = re.sub(r"\{\w+:size\}", "7 B", sentence)
        said = coded(sentences, re.sub(r"\{.*?\}|\[\w+\]", lambda part: "7" if part[0][0] == "{" else "", plain))
        assert said.code == code


def test_it_knows_all_that_is_said_of_those_who_were_not_chosen() -> None:
    busy, other = candidate("b", jobs=1, cpu=0.5), candidate("c", jobs=2, cpu=None)
    crew = [candidate("a"), busy, other, candidate("d"), candidate("e", cpu=0.7), candidate("f")]
    decisions = [select_best_worker(crew, policy, chance=Random(1)) for policy in POLICIES]
    decisions.append(theft(crew, thief_id="worker_a", victim_id="worker_b"))
    said = {one.why_not for decision in decisions for one in decision.candidates if one.why_not}
    assert {text for text in said if clause(text) is None} == set()
    assert {found.code for text in said if (found := clause(text))} >= {
        "more_jobs",
        "more_cpu",
        "unmeasured",
        "not_drawn",
    }
    assert clause("had 1 job, worker_a 0") == Coded("more_jobs", {"count": 1, "winner": "worker_a", "least": 0})


def test_it_knows_all_that_a_job_can_wait_for() -> None:
    needs = Needs(frozenset({"flac"}), frozenset({"gpu"}), 2_000_000)
    able = partial(a_worker, encoders="flac", tags="gpu")
    unable = [
        able("a", offline=True),
        able("b", leaving=True),
        able("c", draining=True),
        able("d", quarantined_until=LATER),
        able("e", quarantined_until=START, running=1),
        a_worker("f", encoders="aac"),
        a_worker("g", encoders="flac"),
        able("h", scratch_free_bytes=1_200_000),
    ]
    for worker in unable:
        found = why_not(worker, needs, now=START)
        assert found is not None
        assert clause(found.clause).code == found.obstacle
    fleets = {
        "turn": ([able("a", running=2, assigned=1)], "worker_a"),
        "soon": ([able("a", assigned=1)], "worker_a"),
        "free_slot": ([able("a")], None),
        "no_worker": ([], None),
        "none_online": (unable[:1], None),
        "nobody_able": (unable, None),
    }
    for code, (fleet, own) in fleets.items():
        told = coded(WAITS, waits_for(a_pending_job(own), needs, fleet, now=START).sentence)
        assert told.code == code


def test_it_knows_all_that_an_option_can_be_refused_for() -> None:
    codes = set()
    for format_ in FORMATS.values():
        for name in options_of(format_):
            with pytest.raises(errors.InvalidOption) as refused:
                parse_options(format_.name, {name: "?"})
            said = coded(PROBLEMS, refused.value.sentence)
            codes.add(said.code)
    assert codes == {f"option_{kind}" for kind in ("whole", "number", "flag", "time", "resolution", "choice")}


def test_sizes_are_told_in_bytes() -> None:
    said = clause("has 1.2 GB of scratch space free, the job needs about 999 B")
    assert said == Coded("scratch", {"free_bytes": 1_200_000_000, "needed_bytes": 999})


def test_what_is_not_known_has_no_code() -> None:
    assert clause("is on strike") == clause(None) == Coded(None, {})
