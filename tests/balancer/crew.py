"""Candidates, workers and a job for the balancer: what a test does not name is unremarkable."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from balanza.lifecycle import JobStatus
from balanza.model import Candidate, Job, Obstacle, WhyNot, Worker

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
NAMES = [f"worker_{letter}" for letter in "abcdefgh"]
NEITHER = WhyNot(Obstacle.OFFLINE, "is offline")

candidates = st.builds(
    Candidate,
    worker_id=st.sampled_from(NAMES),
    jobs_in_progress=st.integers(0, 5),
    cpu_load=st.none() | st.floats(0, 1),
    chosen_at=st.none() | st.integers(0, 10).map(lambda seconds: START + timedelta(seconds=seconds)),
    cannot=st.sampled_from([None, None, None, NEITHER, WhyNot(Obstacle.TAG, "has no tag gpu")]),
    finish_seconds=st.none() | st.sampled_from([0.5, 2.0, 30.0]),
)
fleets = st.lists(candidates, max_size=8, unique_by=lambda candidate: candidate.worker_id)


def candidate(letter: str, jobs: int = 0, cpu: float | None = 0.0, chosen: int | None = None) -> Candidate:
    chosen_at = None if chosen is None else START + timedelta(seconds=chosen)
    return Candidate(f"worker_{letter}", jobs, cpu, chosen_at)


def given_one(one: Candidate, second: int) -> Candidate:
    """The candidate after it was chosen, `second` seconds after the start."""
    return replace(one, jobs_in_progress=one.jobs_in_progress + 1, chosen_at=START + timedelta(seconds=second))


def a_worker(
    letter: str,
    *,
    assigned: int = 0,
    running: int = 0,
    slots: int = 1,
    encoders: str = "flac libmp3lame",
    tags: str = "",
    scratch_free_bytes: int | None = None,
    offline: bool = False,
    leaving: bool = False,
    draining: bool = False,
    quarantined_until: datetime | None = None,
) -> Worker:
    return Worker(
        id=f"worker_{letter}",
        instance="first",
        slots=slots,
        cpus=2,
        memory_total_mb=None,
        encoders=frozenset(encoders.split()),
        tags=frozenset(tags.split()),
        metrics_address=None,
        registered_at=START,
        seen_at=START,
        cpu_load=0.0,
        memory_mb=50.0,
        scratch_free_bytes=scratch_free_bytes,
        draining=draining,
        drain_until=None,
        leaving=leaving,
        offline=offline,
        chosen_at=None,
        assigned_jobs=assigned,
        running_jobs=running,
        conversions_success=0,
        conversions_failed=0,
        faults=0,
        succeeded_at=None,
        blamed_at=None,
        quarantines=0,
        quarantined_until=quarantined_until,
        quarantine_reason=None,
    )


def a_pending_job(worker_id: str | None = None) -> Job:
    return Job(
        id="job",
        seq=1,
        status=JobStatus.PENDING,
        source_id="song",
        input_file="song.wav",
        input_size_bytes=1000,
        output_format="flac",
        options={},
        requirement_id=1,
        scratch_bytes=0,
        assigned_worker=worker_id,
        assigned_at=START,
        worker_id=None,
        progress=0,
        speed=None,
        eta_seconds=None,
        attempts=0,
        max_attempts=3,
        created_at=START,
        started_at=None,
        completed_at=None,
        result_id=None,
        output_file=None,
        output_size_bytes=None,
        error=None,
        log_tail=None,
    )
