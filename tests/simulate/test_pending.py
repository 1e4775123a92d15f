"""The pending jobs in memory give the same heads as looking at all of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from balanza.balancer.order import Head, first_of
from balanza.simulate.pending import PendingJob, PendingJobs

jobs = st.builds(
    lambda number, share, priority, key: PendingJob(f"job{number}", number, share, priority, key),
    st.integers(0, 30),
    st.sampled_from(["ana", "berta", "carla"]),
    st.sampled_from([50, 50, 90]),
    st.sampled_from([1.0, 2.0, 8.0]),
)


def head_of(one: PendingJob, pending: PendingJobs) -> Head:
    served = pending.served_seconds[one.share]
    return Head(one.job_id, one.seq, one.share, one.priority, served, one.order_key)


@settings(deadline=None, max_examples=60)
@given(st.lists(jobs | st.sampled_from(["dispatch", "oldest", "last"]), max_size=60))
def test_heads_and_oldest_are_those_of_a_search_through_all(steps: list[PendingJob | str]) -> None:
    pending, there = PendingJobs(), dict[str, PendingJob]()
    for step in steps:
        if isinstance(step, PendingJob):
            if step.job_id not in there:
                pending.add(step)
                there[step.job_id] = step
        elif there:
            chosen = {"dispatch": first_of(pending.heads()), "oldest": pending.oldest()}.get(step)
            gone = pending.remove(chosen.job_id if chosen else max(there))
            pending.serve(gone.share, gone.order_key)
            assert there.pop(gone.job_id) == gone
        heads = [head_of(one, pending) for one in there.values()]
        assert len(pending) == len(there)
        assert first_of(pending.heads()) == first_of(heads)
        assert pending.oldest() == min(heads, key=lambda one: one.seq, default=None)
        assert {one.share for one in pending.heads()} == {one.share for one in there.values()}
        lengths = {one.job_id: one.order_key for one in there.values()}
        assert sorted(pending.in_order(lengths)) == sorted(there)
        assert list(pending.in_order(lengths))[:1] == [one.job_id for one in [first_of(heads)] if one]


def test_what_comes_back_to_another_share_is_of_that_one_alone() -> None:
    pending = PendingJobs()
    for number in range(2):
        pending.add(PendingJob(f"job{number}", number, "carla", 50, 1.0))
    pending.remove("job1")
    pending.add(PendingJob("job1", 1, "ana", 50, 1.0))
    pending.remove("job0")
    assert [one.share for one in pending.heads()] == ["ana"]
    pending.add(PendingJob("job2", 2, "carla", 50, 1.0))
    assert [one.job_id for one in pending.heads()] == ["job1", "job2"]


def test_who_was_away_saves_up_no_credit() -> None:
    pending = PendingJobs()
    pending.add(PendingJob("one", 1, "ana", 50, 8))
    pending.serve("ana", 100)
    pending.add(PendingJob("two", 2, "berta", 50, 8))
    assert pending.served_seconds == {"ana": 100, "berta": 100}
