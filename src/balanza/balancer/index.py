"""The choice of a policy among many workers, without looking at each of them: logarithmic per decision. Pure.

It chooses whom `select_best_worker` chooses; only the reasons why not the others it does not give. Policies that draw
draw from the same list in the same order, so the same chance makes the same choice. `earliest_finish` depends on the
job: a tree over the workers bounds the finish of each half from below, by the half's least time until free and its
least slowness, and only halves that can hold the first are looked into (branch and bound, Land and Doig 1960).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from math import inf

from balanza.balancer.policies import POLICIES, Chance, Criterion
from balanza.model import Candidate

EARLIEST_FINISH = "earliest_finish"

Rank = tuple[int | float | datetime | str, ...]


@dataclass(slots=True)
class WorkerIndex:
    """The workers that can take a job, as one policy ranks them. Raises KeyError for a policy that does not exist."""

    policy: str
    _known: "_Ranked" = field(init=False)
    _unknown: "_Ranked" = field(init=False)
    """Whose CPU load is unknown: chosen only when no other can take the job."""

    def __post_init__(self) -> None:
        self._known, self._unknown = (_ranked_by(self.policy) for _ in range(2))

    def put(self, candidate: Candidate, *, free_at: float = 0.0, slowness: float = 1.0) -> None:
        """It is so from now on; one that cannot take the job is not there.

        `free_at` (on the clock of `now` below) and `slowness` are what `earliest_finish` goes by.
        """
        is_known = candidate.cpu_load is not None
        (self._unknown if is_known else self._known).remove(candidate.worker_id)
        of_its_kind = self._known if is_known else self._unknown
        if candidate.cannot is None:
            of_its_kind.put(candidate, free_at, slowness)
        else:
            of_its_kind.remove(candidate.worker_id)

    def remove(self, worker_id: str) -> None:
        """It is gone; so it may have been before."""
        self._known.remove(worker_id)
        self._unknown.remove(worker_id)

    def pick(self, *, seconds: float = 0.0, now: float = 0.0, chance: Chance | None = None) -> str | None:
        """The worker for a job that takes so long on a usual worker; None when there is no worker.

        Raises ValueError when the policy draws and there is no `chance`.
        """
        return (self._known if len(self._known) else self._unknown).first(seconds, now, chance)


def finish_seconds(free_at: float, slowness: float, *, seconds: float, now: float) -> float:
    """In how many seconds such a worker would complete such a job: what a candidate says of itself."""
    return max(0.0, free_at - now) + slowness * seconds


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


class _Drawn(_Ranked):
    """Of some that are drawn, every set of them equally likely, the first."""

    def __init__(self, criteria: Iterable[Criterion], drawn: int) -> None:
        super().__init__(criteria)
        self._drawn = drawn
        self._ids: list[str] = []

    def put(self, candidate: Candidate, free_at: float, slowness: float) -> None:
        if candidate.worker_id not in self._ranks:
            insort(self._ids, candidate.worker_id)
        self._ranks[candidate.worker_id] = tuple([value(candidate) for value in self._values])

    def remove(self, worker_id: str) -> None:
        if self._ranks.pop(worker_id, None) is not None:
            del self._ids[bisect_left(self._ids, worker_id)]

    def first(self, seconds: float, now: float, chance: Chance | None) -> str | None:
        if chance is None:
            raise ValueError("A policy that draws needs a chance to draw from.")
        drawn = chance.sample(self._ids, min(self._drawn, len(self._ids)))
        return min(drawn, key=self._ranks.__getitem__, default=None)


class _Finishing(_Ranked):
    """Who finishes first: a tree of halves, each with the least of what its workers have, worker by worker below.

    Side by side are workers of about the same slowness, so that what a half promises one of its workers can keep. As
    slowness is learned they fall out of order, and are laid out anew when many have.
    """

    def __init__(self, criteria: Iterable[Criterion]) -> None:
        super().__init__(criteria)
        self._leaves: dict[str, _Least] = {}
        self._places: dict[str, int] = {}
        self._placed: dict[str, float] = {}
        """By worker, the slowness by which its place was chosen."""
        self._astray = 0
        self._size = 1
        self._nodes: list[_Least] = [_NOBODY, _NOBODY]

    def put(self, candidate: Candidate, free_at: float, slowness: float) -> None:
        worker_id = candidate.worker_id
        rank = tuple([value(candidate) for value in self._values])
        self._ranks[worker_id], self._leaves[worker_id] = rank, (free_at, slowness, rank)
        placed = self._placed.get(worker_id)
        if placed is None or not _ALIKE * placed <= slowness <= placed / _ALIKE:
            self._astray += 1
            self._placed[worker_id] = slowness
        is_full = worker_id not in self._places and len(self._places) == self._size
        if is_full or self._astray > len(self._ranks) / 4 + 8:
            self._lay_out()
        else:
            self._set(self._places.setdefault(worker_id, len(self._places)), self._leaves[worker_id])

    def remove(self, worker_id: str) -> None:
        if self._ranks.pop(worker_id, None) is not None:
            del self._leaves[worker_id], self._placed[worker_id]
            self._set(self._places[worker_id], _NOBODY)

    def first(self, seconds: float, now: float, chance: Chance | None) -> str | None:
        """Depth first into the more promising half, so that the other one is mostly ruled out at once."""
        nodes, size = self._nodes, self._size
        best: tuple[float, Rank] | None = None
        stack = [(_bound(nodes[1], seconds, now), 1)] if self._ranks else []
        while stack:
            bound, node = stack.pop()
            if best is not None and bound >= best:
                continue
            if node >= size:
                best = bound
                continue
            left, right = _bound(nodes[2 * node], seconds, now), _bound(nodes[2 * node + 1], seconds, now)
            halves = [(left, 2 * node), (right, 2 * node + 1)]
            stack += halves if right < left else halves[::-1]
        return str(best[1][-1]) if best else None

    def _lay_out(self) -> None:
        """Places for those there are, and as many again."""
        ordered = sorted(self._leaves, key=lambda worker_id: self._leaves[worker_id][1])
        self._placed = {worker_id: self._leaves[worker_id][1] for worker_id in ordered}
        self._places = {worker_id: place for place, worker_id in enumerate(ordered)}
        self._astray, self._size = 0, 1 << len(ordered).bit_length()
        leaves = [self._leaves[worker_id] for worker_id in ordered]
        self._nodes = [_NOBODY] * self._size + leaves + [_NOBODY] * (self._size - len(leaves))
        for node in range(self._size - 1, 0, -1):
            self._nodes[node] = _least(self._nodes[2 * node], self._nodes[2 * node + 1])

    def _set(self, place: int, leaf: "_Least") -> None:
        nodes, node = self._nodes, self._size + place
        nodes[node] = leaf
        while node > 1:
            node //= 2
            both = _least(nodes[2 * node], nodes[2 * node + 1])
            if nodes[node] == both:
                return
            nodes[node] = both


_Least = tuple[float, float, Rank]
"""Of some workers: the least time at which one is free, the least slowness, the least rank otherwise."""
_NOBODY: _Least = (inf, inf, (inf,))
_ALIKE = 0.9
"""Of the greater slowness at least."""
_DIGITS = 1
"""As `policies.SOONEST_FINISH` compares."""


def _least(one: _Least, other: _Least) -> _Least:
    return min(one[0], other[0]), min(one[1], other[1]), min(one[2], other[2])


def _bound(least: _Least, seconds: float, now: float) -> tuple[float, Rank]:
    if least[1] == inf:
        return inf, least[2]
    return round(finish_seconds(least[0], least[1], seconds=seconds, now=now), _DIGITS), least[2]


def _ranked_by(policy: str) -> _Ranked:
    rules = POLICIES[policy]
    if policy == EARLIEST_FINISH:
        return _Finishing(rules.criteria[1:])
    return _Ranked(rules.criteria) if rules.drawn is None else _Drawn(rules.criteria, rules.drawn)
