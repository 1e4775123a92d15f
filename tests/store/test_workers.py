from datetime import timedelta

import pytest

from balanza.model import Worker
from balanza.protocol import Load
from balanza.store import workers
from tests.store.scene import START, Scene


def heartbeat(scene: Scene, *, worker_id: str = "worker_a", instance: str = "first") -> Worker | None:
    load = Load(cpu_load=0.75, memory_mb=200.5)
    return scene.do(workers.heartbeat, worker_id=worker_id, instance=instance, load=load, now=scene.now)


def test_a_registered_worker_is_what_it_says_of_itself(scene: Scene) -> None:
    worker = scene.worker()

    assert scene.see(workers.get, "worker_a") == worker
    assert worker == Worker(
        id="worker_a",
        instance="first",
        slots=2,
        cpus=1.5,
        memory_total_mb=8000.5,
        encoders=frozenset({"flac", "libmp3lame"}),
        tags=frozenset({"gpu"}),
        metrics_address="127.0.0.1:9101",
        registered_at=START,
        seen_at=START,
        cpu_load=0.25,
        memory_mb=100.5,
        scratch_free_bytes=5_000_000_000,
        received_bytes_per_second=None,
        sent_bytes_per_second=1.5,
        draining=False,
        drain_until=None,
        leaving=False,
        offline=False,
        chosen_at=None,
        assigned_jobs=0,
        running_jobs=0,
        conversions_success=0,
        conversions_failed=0,
        faults=0,
        succeeded_at=None,
        blamed_at=None,
        quarantines=0,
        quarantined_until=None,
        quarantine_reason=None,
    )
    assert (scene.last_event().type, scene.last_event().worker_id) == ("worker.registered", "worker_a")


def test_a_new_instance_replaces_the_old_one_and_keeps_its_counters_and_its_draining(scene: Scene) -> None:
    scene.worker()
    scene.submit("done", "worker_a")
    scene.submit("waiting", "worker_a")
    scene.leased()
    scene.complete()
    scene.do(workers.set_draining, "worker_a", True, now=START)
    scene.do(workers.set_offline, "worker_a", now=START, reason="silent")

    worker = scene.worker(instance="second", slots=4)

    assert (worker.instance, worker.slots, worker.draining, worker.offline) == ("second", 4, True, False)
    assert (worker.assigned_jobs, worker.running_jobs, worker.conversions_success) == (1, 0, 1)
    with scene.unchanged():
        assert heartbeat(scene, instance="first") is None


def test_a_heartbeat_says_that_the_worker_is_there_and_how_busy_it_is(scene: Scene) -> None:
    scene.worker()
    scene.now += timedelta(seconds=1)

    worker = heartbeat(scene)

    assert worker is not None
    assert worker == scene.see(workers.get, "worker_a")
    assert (worker.seen_at, worker.cpu_load, worker.memory_mb) == (scene.now, 0.75, 200.5)
    assert worker.registered_at == START
    assert scene.last_event().at == START


def test_a_heartbeat_of_an_unknown_worker_is_refused(scene: Scene) -> None:
    with scene.unchanged():
        assert heartbeat(scene) is None


def test_a_worker_that_was_offline_is_back_with_its_next_heartbeat(scene: Scene) -> None:
    scene.worker()
    scene.do(workers.set_offline, "worker_a", now=START, reason="silent")

    worker = heartbeat(scene)

    assert worker is not None
    assert not worker.offline
    assert (scene.last_event().type, scene.last_event().data) == ("worker.registered", {"reason": "back"})


def test_a_worker_goes_offline_once(scene: Scene) -> None:
    scene.worker()

    worker = scene.do(workers.set_offline, "worker_a", now=START, reason="silent")

    assert worker is not None
    assert worker.offline
    assert (scene.last_event().type, scene.last_event().data) == ("worker.offline", {"reason": "silent"})
    with scene.unchanged():
        assert scene.do(workers.set_offline, "worker_a", now=START, reason="silent") is None
        assert scene.do(workers.set_offline, "unknown", now=START, reason="silent") is None


def test_a_worker_that_goes_by_itself_has_left(scene: Scene) -> None:
    scene.worker()
    scene.do(workers.set_offline, "worker_a", now=START, reason="left")

    assert scene.last_event().type == "worker.left"


def test_draining_and_resuming_are_told_once_each(scene: Scene) -> None:
    scene.worker()

    for wanted, event_type in [(True, "worker.draining"), (False, "worker.resumed")]:
        worker = scene.do(workers.set_draining, "worker_a", wanted, now=START)
        assert worker is not None
        assert worker.draining is wanted
        assert scene.last_event().type == event_type
        with scene.unchanged():
            assert scene.do(workers.set_draining, "worker_a", wanted, now=START) == worker


def test_an_unknown_worker_cannot_be_drained(scene: Scene) -> None:
    with scene.unchanged():
        assert scene.do(workers.set_draining, "nobody", True, now=START) is None


@pytest.mark.parametrize("lock", [False, True])
def test_workers_are_listed_by_id_the_offline_ones_too(scene: Scene, lock: bool) -> None:
    for worker_id in ("worker_b", "worker_c", "worker_a"):
        scene.worker(worker_id)
    scene.do(workers.set_offline, "worker_b", now=START, reason="silent")

    listed = scene.do(workers.list_workers, lock=lock)

    assert [worker.id for worker in listed] == ["worker_a", "worker_b", "worker_c"]
    assert scene.do(workers.get, "worker_b", lock=lock) == listed[1]


def test_who_was_chosen_last_is_remembered(scene: Scene) -> None:
    scene.worker()
    scene.do(workers.mark_chosen, "worker_a", now=START)

    worker = scene.see(workers.get, "worker_a")
    assert worker is not None
    assert worker.chosen_at == START


def test_the_silent_ones_are_those_not_yet_offline(scene: Scene) -> None:
    for worker_id in ("gone", "silent", "silent_too"):
        scene.worker(worker_id)
    scene.do(workers.set_offline, "gone", now=START, reason="left")
    scene.now += timedelta(seconds=5)
    scene.worker("loud")

    assert scene.see(workers.silent_since, START) == []
    assert scene.see(workers.silent_since, scene.now) == ["silent", "silent_too"]
