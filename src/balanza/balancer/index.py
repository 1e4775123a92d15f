"""The choice of a policy among many workers, without looking at each of them. Pure.

It chooses whom `select_best_worker` chooses; only the reasons why not the others it does not give. Policies that draw
draw from the same list in the same order, so the same chance makes the same choice.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from heapq import heapify, heappop, heappush
from typing import Protocol

from balanza.balancer.policies import POLICIES, Chance, Criterion
from balanza.balancer.soonest import Rank, SoonestFinish
from balanza.model import Candidate

EARLIEST_FINISH = "earliest_finish"


@dataclass(slots=True)
class WorkerIndex:
    """The workers that can take a job, as one policy ranks them. Raises KeyError for a policy that does not exist."""

    policy: str
    _known: "_Workers" = field(init=False)
    _unknown: "_Workers" = field(init=False)
    """Whose CPU load is unknown: chosen only when no other can take the job."""
    _among: dict[str, "_Workers"] = field(init=False, default_factory=dict)
    """By id: with which of them it is."""

    def __post_init__(self) -> None:
        self._known, self._unknown = (_ranked_by(self.policy) for _ in range(2))

    def put(self, candidate: Candidate, *, free_at: float = 0.0, slowness: float = 1.0) -> None:
        """It is so from now on; one that cannot take the job is not there.

        `free_at` (on the clock of `now` below) and `slowness` are what `earliest_finish` goes by.
        """
        if candidate.cannot is not None:
            self.remove(candidate.worker_id)
            return
        among = self._unknown if candidate.cpu_load is None else self._known
        if self._among.get(candidate.worker_id) is not among:
            self.remove(candidate.worker_id)
            self._among[candidate.worker_id] = among
        among.put(candidate, free_at, slowness)

    def remove(self, worker_id: str) -> None:
        """It is gone; so it may have been before."""
        if worker_id in self._among:
            self._among.pop(worker_id).remove(worker_id)

    def pick(self, *, seconds: float = 0.0, now: float = 0.0, chance: Chance | None = None) -> str | None:
        """The worker for a job that takes so long on a usual worker; None when there is no worker.

        Raises ValueError when the policy draws and there is no `chance`.
        """
        return (self._known if self._known else self._unknown).first(seconds, now, chance)


def finish_seconds(free_at: float, slowness: float, *, seconds: float, now: float) -> float:
    """In how many seconds such a worker would complete such a job: what a candidate says of itself."""
    return max(0.0, free_at - now) + slowness * seconds


class _Workers(Protocol):
    """Those that can take a job, in the way that a policy needs them."""

    def __len__(self) -> int: ...
    def put(self, candidate: Candidate, free_at: float, slowness: float) -> None: ...
    def remove(self, worker_id: str) -> None: ...
    def first(self, seconds: float, now: float, chance: Chance | None) -> str | None: ...


class _Ranked:
    """Workers in the order of criteria that do not depend on the job: a heap whose stale entries are skipped."""

    def __init__(self, criteria: Iterable[Criterion]) -> None:
        self._values = [criterion.value for criterion in criteria]
        self._ranks: dict[str, Rank] = {}
        self._heap: list[tuple[Rank, str]] = []

    def __len__(self) -> int:
        return len(self._ranks)

    def put(self, candidate: Candidate, free_at: float, slowness: float) -> None:
        rank = tuple([value(candidate) for value in self._values])
        if self._ranks.get(candidate.worker_id) == rank:
            return
        self._ranks[candidate.worker_id] = rank
        heappush(self._heap, (rank, candidate.worker_id))
        if len(self._heap) > 4 * len(self._ranks) + 64:
            self._heap = [(rank, worker_id) for worker_id, rank in self._ranks.items()]
            heapify(self._heap)

    def remove(self, worker_id: str) -> None:
        self._ranks.pop(worker_id, None)

    def first(self, seconds: float, now: float, chance: Chance | None) -> str | None:
        while self._heap:
            rank, worker_id = self._heap[0]
            if self._ranks.get(worker_id) == rank:
                return worker_id
            heappop(self._heap)
        return None


class _Drawn:
    """Of some that are drawn, every set of them equally likely, the first: only those drawn are compared."""

    def __init__(self, criteria: Iterable[Criterion], drawn: int) -> None:
        self._values = [criterion.value for criterion in criteria]
        self._drawn = drawn
        self._candidates: dict[str, Candidate] = {}
        self._ids: list[str] = []

    def __len__(self) -> int:
        return len(self._ids)

    def put(self, candidate: Candidate, free_at: float, slowness: float) -> None:
        if candidate.worker_id not in self._candidates:
            insort(self._ids, candidate.worker_id)
        self._candidates[candidate.worker_id] = candidate

    def remove(self, worker_id: str) -> None:
        if self._candidates.pop(worker_id, None) is not None:
            del self._ids[bisect_left(self._ids, worker_id)]

    def first(self, seconds: float, now: float, chance: Chance | None) -> str | None:
        if chance is None:
            raise ValueError("A policy that draws needs a chance to draw from.")
        drawn = chance.sample(self._ids, min(self._drawn, len(self._ids)))
        return reduce(self._better, drawn) if drawn else None

    def _better(self, one_id: str, other_id: str) -> str:
        one, other = self._candidates[one_id], self._candidates[other_id]
        for value in self._values:
            of_one, of_other = value(one), value(other)
            if of_one != of_other:
                return one_id if (of_one,) < (of_other,) else other_id
        return one_id


class _Finishing:
    """By when they would complete the job."""

    def __init__(self, criteria: Iterable[Criterion]) -> None:
        self._values = [criterion.value for criterion in criteria]
        self._workers = SoonestFinish()

    def __len__(self) -> int:
        return len(self._workers)

    def put(self, candidate: Candidate, free_at: float, slowness: float) -> None:
        rank = tuple([value(candidate) for value in self._values])
        self._workers.put(candidate.worker_id, free_at, slowness, rank)

    def remove(self, worker_id: str) -> None:
        self._workers.remove(worker_id)

    def first(self, seconds: float, now: float, chance: Chance | None) -> str | None:
        return self._workers.first(seconds, now)


def _ranked_by(policy: str) -> _Workers:
    rules = POLICIES[policy]
    if policy == EARLIEST_FINISH:
        return _Finishing(rules.criteria[1:])
    return _Ranked(rules.criteria) if rules.drawn is None else _Drawn(rules.criteria, rules.drawn)
