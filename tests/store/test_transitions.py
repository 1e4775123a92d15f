"""Every action in every state: what the transition table allows happens, the rest is refused and changes nothing."""

from collections.abc import Callable

import pytest

from balanza.lifecycle import Action, JobStatus, sources_of, target_of
from balanza.model import Job, Lease
from tests.store.scene import LEASE_TIME, Scene


def _after_the_lease(scene: Scene) -> Job | None:
    scene.now += LEASE_TIME
    return scene.expire()


ACT: dict[Action, Callable[[Scene], Job | Lease | None]] = {
    Action.LEASE: lambda scene: scene.lease("worker_a", "another token"),
    Action.COMPLETE: lambda scene: scene.complete(result_id="another result"),
    Action.RELEASE: lambda scene: scene.release(),
    Action.EXPIRE: _after_the_lease,
    Action.FAIL_ATTEMPT: lambda scene: scene.fail(),
    Action.FAIL: lambda scene: scene.fail(),
    Action.CANCEL: lambda scene: scene.cancel(),
    Action.RETRY: lambda scene: scene.retry(),
}

REACH: dict[JobStatus, Callable[[Scene], object]] = {
    JobStatus.PENDING: lambda scene: scene.release(),
    JobStatus.PROCESSING: lambda scene: None,
    JobStatus.COMPLETED: lambda scene: scene.complete(),
    JobStatus.FAILED: lambda scene: scene.fail(),
    JobStatus.CANCELLED: lambda scene: scene.cancel(),
}


def _bring_to(status: JobStatus, scene: Scene, *, max_attempts: int) -> None:
    """The job was leased under `token`, which is stale now unless the job is processing."""
    scene.worker()
    scene.submit(max_attempts=1 if status is JobStatus.FAILED else max_attempts)
    scene.leased()
    REACH[status](scene)
    assert scene.job().status is status


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("status", JobStatus)
def test_an_action_does_what_the_table_says_and_nothing_else(scene: Scene, status: JobStatus, action: Action) -> None:
    _bring_to(status, scene, max_attempts=1 if action is Action.FAIL else 3)

    if status in sources_of(action):
        assert ACT[action](scene) is not None
        assert scene.job().status is target_of(action)
    else:
        with scene.unchanged():
            assert ACT[action](scene) is None


@pytest.mark.parametrize(
    "act",
    [
        lambda scene: scene.complete("stranger", result_id="another result"),
        lambda scene: scene.release("stranger"),
        lambda scene: scene.fail("stranger"),
        lambda scene: scene.expire("stranger"),
        lambda scene: scene.cancel("stranger"),
        lambda scene: scene.retry("stranger"),
    ],
)
def test_an_unknown_token_or_job_changes_nothing(scene: Scene, act: Callable[[Scene], Job | None]) -> None:
    _bring_to(JobStatus.PROCESSING, scene, max_attempts=3)

    with scene.unchanged():
        assert act(scene) is None
