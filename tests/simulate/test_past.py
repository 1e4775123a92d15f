"""What a server has run, as a scenario."""

import pytest

from balanza.simulate.past import PastJob, apart, arrivals_in, speeds_in


def test_jobs_that_shared_a_process_took_a_part_of_its_time() -> None:
    tiny = [PastJob(0.0, seconds, "worker_a", 0.1, process="one") for seconds in (0.2, 0.6, 0.4)]
    jobs = apart([*tiny, PastJob(1.0, 9.0, "worker_a", 9.0)])
    assert [job.run_seconds for job in jobs] == pytest.approx([0.2, 0.2, 0.2, 9.0])


def test_sizes_are_those_on_a_usual_worker_and_times_begin_with_the_first() -> None:
    jobs = [PastJob(100.0 + number, 2.0 if number % 2 else 8.0, f"worker_{number % 2}", 4.0) for number in range(40)]
    speeds = speeds_in(jobs)
    assert speeds["worker_1"] > 3 * speeds["worker_0"]
    arrivals = arrivals_in(jobs, speeds)
    assert [job.at for job in arrivals] == list(range(40))
    assert max(job.size for job in arrivals) < 1.4 * min(job.size for job in arrivals)
