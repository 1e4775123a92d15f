"""The table of the states of a job."""

import pytest

from balanza.lifecycle import TRANSITIONS, Action, JobStatus, sources_of, target_of


def test_every_action_has_exactly_one_row() -> None:
    assert sorted(transition.action for transition in TRANSITIONS) == sorted(Action)


def test_nothing_happens_to_a_completed_job_any_more() -> None:
    assert not any(JobStatus.COMPLETED in sources_of(action) for action in Action)


@pytest.mark.parametrize("action", [Action.COMPLETE, Action.RELEASE, Action.EXPIRE, Action.FAIL_ATTEMPT, Action.FAIL])
def test_only_a_processing_job_can_end_an_attempt(action: Action) -> None:
    assert sources_of(action) == {JobStatus.PROCESSING}


def test_every_state_can_be_reached_from_pending() -> None:
    reached = {JobStatus.PENDING}
    while more := {target_of(action) for action in Action if sources_of(action) & reached} - reached:
        reached |= more
    assert reached == set(JobStatus)
