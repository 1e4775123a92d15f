"""What jobs require, kept once; why each worker was chosen, kept with the job."""

from dataclasses import replace

from balanza.model import Candidate, Decision, MetricsSource, Needs, Reason
from balanza.store import decisions, requirements
from balanza.store.decisions import CANDIDATES_KEPT
from tests.store.scene import Scene


def candidate(worker_id: str, why_not: str | None = "had 2 jobs, worker_a 0") -> Candidate:
    return Candidate(
        worker_id=worker_id,
        jobs_in_progress=2,
        cpu_load=0.25,
        chosen_at=None,
        memory_mb=100.5,
        metrics_source=MetricsSource.PROMETHEUS,
        metrics_age_seconds=1.5,
        load_score=72,
        why_not=why_not,
    )


def decide(scene: Scene, job_id: str, decision: Decision, reason: Reason = Reason.SUBMITTED) -> None:
    scene.do(decisions.insert, [(job_id, None, decision)], reason=reason, now=scene.now)


def chosen_of(*others: Candidate) -> Decision:
    best = candidate("worker_a", None)
    return Decision("least_loaded", best, (best, *others))


def test_a_requirement_is_kept_once_and_no_needs_are_none(scene: Scene) -> None:
    gpu = Needs(frozenset({"libx264", "aac"}), frozenset({"gpu"}))
    first = scene.do(requirements.id_of, gpu)
    other = scene.do(requirements.id_of, replace(gpu, tags=frozenset()))

    assert scene.do(requirements.id_of, replace(gpu, scratch_bytes=5)) == first
    assert None is not other != first
    assert scene.do(requirements.id_of, Needs(scratch_bytes=5)) is None
    known = scene.see(requirements.list_requirements)
    assert requirements.needs_of(known, first, 7) == replace(gpu, scratch_bytes=7)
    assert requirements.needs_of(known, None, 7) == Needs(scratch_bytes=7)


def test_a_decision_is_read_as_it_was_made(scene: Scene) -> None:
    scene.submit("job")
    decision = chosen_of(candidate("worker_b"), replace(candidate("worker_c"), cpu_load=None, metrics_source=None))
    decide(scene, "job", decision)

    (record,) = scene.see(decisions.of_job, "job")

    assert record.decision == decision
    assert (record.at, record.reason, record.source) == (scene.now, Reason.SUBMITTED, None)


def test_a_decision_for_nobody_says_why_for_each(scene: Scene) -> None:
    scene.submit("job")
    decide(scene, "job", Decision("least_loaded", None, (candidate("worker_b", "is offline"),)))

    (record,) = scene.see(decisions.of_job, "job")

    assert record.decision.chosen is None
    assert [one.why_not for one in record.decision.candidates] == ["is offline"]


def test_decisions_are_listed_newest_first_and_page_by_page(scene: Scene) -> None:
    for number in range(5):
        scene.submit(f"job {number}")
        decide(scene, f"job {number}", chosen_of())

    first = scene.see(decisions.list_decisions, owner_id="local", before_id=None, limit=2)
    second = scene.see(decisions.list_decisions, owner_id="local", before_id=first[-1].id, limit=10)

    assert [record.job_id for record in [*first, *second]] == [f"job {number}" for number in (4, 3, 2, 1, 0)]


def test_of_a_large_fleet_the_chosen_one_and_some_others_are_kept(scene: Scene) -> None:
    scene.submit("job")
    best = candidate("worker_z", None)
    fleet = tuple(candidate(f"worker_{number:04}") for number in range(300))
    decide(scene, "job", Decision("least_loaded", best, (*fleet, best)))

    (record,) = scene.see(decisions.of_job, "job")

    assert len(record.decision.candidates) == CANDIDATES_KEPT
    assert record.decision.worker_id == "worker_z"


def test_old_decisions_are_forgotten_but_not_those_of_live_jobs(scene: Scene) -> None:
    scene.worker()
    scene.submit("waiting")
    scene.submit("done")
    for job_id in ("waiting", "done", "waiting"):
        decide(scene, job_id, chosen_of())
    scene.cancel("done")

    assert scene.do(decisions.prune, 1) == 1

    assert len(scene.see(decisions.of_job, "waiting")) == 2
    assert scene.see(decisions.of_job, "done") == []
