"""The pending jobs in their order, in memory: what the server's indexes answer. Pure.

A heap per share, and one by arrival; what was removed is dropped from a heap when it comes to its top. So the head of
a share and the oldest job are found in logarithmic time, whatever order they came and went in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import TypeVar

from balanza.balancer.order import Head, first_of, in_order, joined_at

Entry = TypeVar("Entry", tuple[int, float, int, str, str], tuple[int, str])
"""In the heap of a share, and by age: the last is the job's id."""


@dataclass(frozen=True, slots=True)
class PendingJob:
    """What decides when a job runs."""

    job_id: str
    seq: int
    """The order of arrival."""
    share: str
    """`order.share_of` its owner."""
    priority: int
    order_key: float
    """`order.order_key` of the job."""


@dataclass(slots=True)
class PendingJobs:
    """All jobs that wait, and how much each share has been served."""

    served_seconds: dict[str, float] = field(default_factory=dict)
    """By share; one that is not there has had nothing."""
    _jobs: dict[str, PendingJob] = field(default_factory=dict)
    _shares: dict[str, list[tuple[int, float, int, str, str]]] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=dict)
    _by_age: list[tuple[int, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def add(self, job: PendingJob) -> None:
        """It waits from now on; a share that had nothing pending starts where the least served of the others is."""
        if not self._count.get(job.share):
            self._join(job.share)
        self._jobs[job.job_id] = job
        self._count[job.share] = self._count.get(job.share, 0) + 1
        heappush(self._shares.setdefault(job.share, []), (*_rank(job), job.job_id))
        heappush(self._by_age, (job.seq, job.job_id))

    def remove(self, job_id: str) -> PendingJob:
        """It was dispatched, or cancelled. Raises KeyError when it does not wait."""
        job = self._jobs.pop(job_id)
        self._count[job.share] -= 1
        self._shed(self._shares[job.share])
        self._shed(self._by_age)
        return job

    def serve(self, share: str, seconds: float) -> None:
        """So much predicted work of the share was dispatched."""
        self.served_seconds[share] = self.served_seconds.get(share, 0.0) + seconds

    def unserve(self, share: str, seconds: float) -> None:
        """So much of it was lost with its worker, and was not served."""
        self.served_seconds[share] = max(0.0, self.served_seconds.get(share, 0.0) - seconds)

    def heads(self) -> list[Head]:
        """Of each share that has pending jobs the one that comes first; by share."""
        return [self._head(self._jobs[heap[0][-1]]) for _, heap in sorted(self._shares.items()) if heap]

    def heads_in_order(self) -> list[Head]:
        """The same, whose turn it is first."""
        heads, ordered = self.heads(), []
        while first := first_of(heads):
            heads.remove(first)
            ordered.append(first)
        return ordered

    def oldest(self) -> Head | None:
        """What the guard takes."""
        return self._head(self._jobs[self._by_age[0][-1]]) if self._by_age else None

    def in_order(self, seconds: Mapping[str, float]) -> Iterator[str]:
        """The ids of all jobs in the order in which they would be dispatched; `seconds`: of each its predicted work."""
        waiting = [heap for heap in self._shares.values() if heap]
        if len(waiting) == 1:
            yield from self._drained(list(waiting[0]))
        elif waiting:
            yield from in_order([self._head(job) for job in self._jobs.values()], seconds)

    def _drained(self, heap: list[tuple[int, float, int, str, str]]) -> Iterator[str]:
        """The order of one share, which needs no knowledge of the others: only as much is sorted as is asked for."""
        last = None
        while heap:
            entry = heappop(heap)
            if entry != last and self._waits(entry):
                yield entry[-1]
            last = entry

    def _head(self, job: PendingJob) -> Head:
        served = self.served_seconds.get(job.share, 0.0)
        return Head(job.job_id, job.seq, job.share, job.priority, served, job.order_key)

    def _join(self, share: str) -> None:
        others = [self.served_seconds.get(other, 0.0) for other, count in self._count.items() if count]
        self.served_seconds[share] = joined_at(self.served_seconds.get(share, 0.0), others)

    def _shed(self, heap: list[Entry]) -> None:
        """Drops what has gone from its top, and all of it when it is more than what waits."""
        while heap and not self._waits(heap[0]):
            heappop(heap)
        if len(heap) > 64 and len(heap) > 4 * len(self._jobs):
            heap[:] = [entry for entry in heap if self._waits(entry)]
            heapify(heap)

    def _waits(self, entry: Entry) -> bool:
        """Not when the job went and came back, after a failure for one, with another key or share."""
        job = self._jobs.get(entry[-1])
        return job is not None and (len(entry) == 2 or entry[:-1] == _rank(job))


def _rank(job: PendingJob) -> tuple[int, float, int, str]:
    """By share at last: an entry is of this share alone."""
    return -job.priority, job.order_key, job.seq, job.share
