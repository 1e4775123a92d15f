from balanza.store import events
from tests.store.scene import START, Scene


def test_an_event_comes_out_as_it_went_in(scene: Scene) -> None:
    data: events.EventData = {"text": "ñ\0", "whole": 7, "part": 0.5, "yes": True, "nothing": None}
    event_id = scene.do(
        events.append, "job.tested", now=START, job_id="job", worker_id="worker", media_id="media", data=data
    )

    [event] = scene.see(events.after, 0, 10)
    assert (event.id, event.type, event.at) == (event_id, "job.tested", START)
    assert (event.job_id, event.worker_id, event.media_id) == ("job", "worker", "media")
    assert event.data == data


def test_events_follow_one_another_from_any_place(scene: Scene) -> None:
    ids = [scene.do(events.append, f"test.{number}", now=START) for number in range(5)]

    assert ids == sorted(ids)
    assert [event.type for event in scene.see(events.after, ids[1], 2)] == ["test.2", "test.3"]
    assert scene.see(events.after, ids[-1], 2) == []
    assert scene.see(events.bounds) == (ids[0], ids[-1])


def test_only_the_newest_events_are_kept(scene: Scene) -> None:
    ids = [scene.do(events.append, "test", now=START) for _ in range(10)]

    assert scene.do(events.prune, 4) == 6

    assert [event.id for event in scene.see(events.after, 0, 100)] == ids[-4:]
    assert scene.see(events.bounds) == (ids[-4], ids[-1])
    assert scene.do(events.prune, 4) == 0


def test_the_id_of_a_pruned_event_is_never_given_again(scene: Scene) -> None:
    last = scene.do(events.append, "test", now=START)
    scene.do(events.prune, 0)

    assert scene.see(events.bounds) == (0, 0)
    assert scene.do(events.append, "test", now=START) > last
