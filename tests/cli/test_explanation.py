"""What `balanza why` says of each kind of decision."""

from datetime import datetime
from typing import Any

import pytest

from balanza.balancer.order import Rule
from balanza.cli import explanation
from balanza.cli.explanation import explanation as explain
from balanza.model import Reason
from balanza.server.decision_shapes import DecisionOut, JobDecisions
from tests.cli.test_tables import lines_of

AT = "2026-11-23T10:05:07.250000Z"
CLOCK = f"{datetime.fromisoformat(AT).astimezone():%H:%M:%S}"


def candidate(worker_id: str, jobs: int, why_not: str | None, **facts: object) -> dict[str, Any]:
    return {
        "worker_id": worker_id,
        "jobs_in_progress": jobs,
        "cpu_load": 0.125,
        "memory_mb": 64.0,
        "metrics_source": "prometheus",
        "metrics_age_seconds": 2.06,
        "load_score": 30,
        "chosen": why_not is None,
        "why_not": why_not,
        "why_not_code": None,
        "why_not_values": {},
        "finish_seconds": None,
    } | facts


def decision(worker_id: str | None = "worker_a", reason: str = "submitted", **facts: object) -> dict[str, Any]:
    others = [candidate("worker_a", 0, None), candidate("worker_b", 1, "had 1 job, worker_a 0")]
    made = {
        "id": 1,
        "at": AT,
        "job_id": "j1",
        "reason": reason,
        "policy": "least_loaded",
        "worker_id": worker_id,
        "source": None,
        "rule": None,
        "candidates": others,
    }
    return made | facts


def why(*history: dict[str, Any], status: str = "completed", waits_for: object = None, width: int = 80) -> list[str]:
    answer = {
        "job_id": "j1",
        "status": status,
        "worker_id": "worker_b",
        "waits_for": waits_for,
        "decision": history[-1] if history else None,
        "history": list(history),
    }
    JobDecisions.model_validate(answer)
    return [line.rstrip() for line in lines_of(explain(answer), width)]


def test_it_says_who_was_chosen_and_why_not_the_others() -> None:
    lines = why(decision())
    assert max(map(len, lines)) <= 80
    assert lines[0] == "Job j1: worker_b completed it."
    assert f"At {CLOCK} worker_a was chosen by least_loaded." in lines
    assert [" ".join(line.split()) for line in lines if line.startswith("worker_")] == [
        "worker_a was chosen, with 0 jobs CPU 0.12 prometheus, 2.1 s old",
        "worker_b had 1 job, worker_a 0 CPU 0.12 prometheus, 2.1 s old",
    ]


def test_a_pending_job_says_first_what_it_waits_for() -> None:
    sentence = "No worker can take it: worker_a has no tag gpu."
    waits_for: dict[str, object] = {"code": "tag", "worker_id": None, "sentence": sentence}
    waits_for |= {"sentence_code": None, "sentence_values": {}, "obstacles": [], "more": 0}
    nobody = decision(None, candidates=[candidate("worker_a", 0, "has no tag gpu")])
    lines = why(nobody, status="pending", waits_for=waits_for)
    assert lines[0] == f"Job j1: {sentence}"
    assert f"At {CLOCK} nobody could take it, and it came into the general queue." in lines


def test_a_running_job_says_first_who_converts_it() -> None:
    nobody = decision(None, candidates=[])
    assert why(nobody, status="processing")[0] == "Job j1: worker_b is converting it."
    assert why(decision(), status="cancelled")[0] == "Job j1: It was cancelled."


def test_without_workers_it_says_so() -> None:
    assert why(decision(None, candidates=[]))[-1] == "There was no worker."


def test_an_unknown_load_is_not_shown_as_zero() -> None:
    unknown = {"cpu_load": None, "metrics_source": None, "metrics_age_seconds": None}
    lines = why(decision(candidates=[candidate("worker_b", 0, "its CPU load is unknown", **unknown)]))
    (line,) = [line for line in lines if line.startswith("worker_b")]
    assert line.split("unknown", 1)[1].strip() == "nothing"


def test_each_move_says_from_where_to_where_and_because_of_what() -> None:
    stolen = decision("worker_b", "stolen", policy="stealing", source="worker_a")
    sent = decision("worker_a", "offline", source="worker_b")
    freed = decision(None, "draining", source="worker_a")
    again = decision("worker_b", "failed")
    taken = decision("worker_a", "stolen", policy="stealing")
    history = (decision(), stolen, sent, freed, again, taken)
    told = [line for line in why(*history, width=160) if line.startswith("At")]
    assert told[1:] == [
        f"At {CLOCK} it went from worker_a to worker_b, because worker_b had nothing to do.",
        f"At {CLOCK} it went from worker_b to worker_a, chosen by least_loaded, because worker_b was offline.",
        f"At {CLOCK} it went from worker_a to the general queue, because worker_a was draining.",
        f"At {CLOCK} it went to worker_b, chosen by least_loaded, because the attempt before had failed.",
        f"At {CLOCK} it went from the general queue to worker_a, because worker_a had nothing to do.",
    ]


@pytest.mark.parametrize("rule", Rule)
def test_a_worker_that_took_a_job_says_why_it_was_the_next(rule: Rule) -> None:
    stolen = decision("worker_b", "stolen", policy="stealing", source="worker_a", rule=rule.value)
    assert explanation._RULES[rule.value] in why(decision(), stolen, width=120)


def test_a_job_whose_decisions_are_gone_says_so() -> None:
    assert why()[-1] == "It ended so long ago that no decision about it was kept."


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.SUBMITTED])
def test_there_are_words_for_every_reason(reason: Reason) -> None:
    assert reason.value in explanation._BECAUSE
    shown = " ".join(why(decision("worker_a", "submitted"), decision("worker_b", reason.value, source="worker_a")))
    assert f"because {explanation._BECAUSE[reason].format(source='worker_a', target='worker_b')}." in shown


def test_every_field_of_a_decision_is_the_servers() -> None:
    DecisionOut.model_validate(decision())
    assert decision().keys() == DecisionOut.model_fields.keys()
