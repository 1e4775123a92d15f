"""Who of many workers completes a job first, without looking at each of them. Pure.

Workers of about the same slowness stand together in a band. A band keeps those that are busy by when they are free, and
those that are idle both by slowness and by rank: when an idle one would end a job depends on its slowness alone, many
end it in the same tenth of a second, and then the rank decides. Bands are looked into from the fastest on, until one
could not end the job sooner if it were idle. What no longer holds stays in a heap until it comes to its top.
"""

from bisect import insort
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heapify, heappop, heappush
from math import floor, inf, isqrt, log

Rank = tuple[int | float | datetime | str, ...]
"""What decides between those who complete it in the same tenth of a second; the last is the worker's id."""

DIGITS = 1
"""As `policies.FINISHES_FIRST` compares."""
_MARGIN = 0.06
"""What is later by more than this cannot be as soon when rounded; to round costs more than to compare."""
_HALF = 0.05
"""So much later it rounds to the same."""
_SURELY = 3
"""Where so many times the square root of those there are seem to tie, one of them is soon found by rank."""
_GONE = 0
_WIDTH = log(1.1)
"""Of a band: one takes at most a tenth longer than another."""

Found = tuple[float, Rank]
"""In how many seconds, and who."""
NOBODY: Found = (inf, ())
_LAST: Rank = (inf,)
"""After every rank: their first part is a number."""


@dataclass(slots=True, eq=False)
class _Worker:
    band: "_Band"
    free_at: float
    slowness: float
    rank: Rank
    number: int
    """Of the last time it was put: an entry with another number no longer holds."""


_Entry = tuple[float, int, _Worker]


class SoonestFinish:
    """Workers by when they are free and how slow they are."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        self._bands: dict[int, _Band] = {}
        self._ordered: list[_Band] = []
        """From the fastest on."""
        self._number = 0
        self._now = -inf

    def __len__(self) -> int:
        return len(self._workers)

    def put(self, worker_id: str, free_at: float, slowness: float, rank: Rank) -> None:
        """It is so from now on; `slowness` is more than 0."""
        self._number += 1
        worker = self._workers.get(worker_id)
        if worker is None:
            worker = _Worker(self._band(slowness), free_at, slowness, rank, self._number)
            self._workers[worker_id] = worker
            worker.band.count += 1
        else:
            if worker.slowness != slowness:
                self._move(worker, slowness)
            worker.free_at, worker.rank, worker.number = free_at, rank, self._number
        worker.band.add(worker)

    def _move(self, worker: _Worker, slowness: float) -> None:
        worker.band.count -= 1
        worker.band, worker.slowness = self._band(slowness), slowness
        worker.band.count += 1

    def remove(self, worker_id: str) -> None:
        worker = self._workers.pop(worker_id, None)
        if worker is not None:
            worker.number = _GONE
            worker.band.count -= 1

    def first(self, seconds: float, now: float) -> str | None:
        """Whom a look at all would find: the first to complete it in tenths of a second, of equals by rank."""
        if now < self._now:
            for band in self._ordered:
                band.forget_time()
        self._now, best = now, NOBODY
        for band in self._ordered:
            if band.least * seconds > best[0] + _MARGIN:
                break
            if band.may_be_free_at - now + band.least * seconds <= best[0] + _MARGIN:
                best = band.first(seconds, now, best)
        return str(best[1][-1]) if best[1] else None

    def _band(self, slowness: float) -> "_Band":
        level = floor(log(slowness) / _WIDTH)
        band = self._bands.get(level)
        if band is None:
            band = self._bands[level] = _Band(level)
            insort(self._ordered, band, key=lambda one: one.level)
        return band


@dataclass(slots=True, eq=False)
class _Band:
    """Workers of about the same slowness."""

    level: int
    count: int = 0
    least: float = inf
    most: float = 0.0
    """Of the slowness of all that were ever here."""
    _busy: list[_Entry] = field(default_factory=list)
    """By when they are free."""
    _idle: list[_Entry] = field(default_factory=list)
    """By slowness."""
    _ranked: list[tuple[Rank, int, _Worker]] = field(default_factory=list)
    """The idle ones by rank."""

    def add(self, worker: _Worker) -> None:
        if not self.least <= worker.slowness <= self.most:
            self.least, self.most = min(self.least, worker.slowness), max(self.most, worker.slowness)
        heappush(self._busy, (worker.free_at, worker.number, worker))
        if len(self._busy) + len(self._idle) > 4 * self.count + 64:
            self._clean()

    @property
    def may_be_free_at(self) -> float:
        """None of these is free sooner."""
        if self._idle:
            return -inf
        return self._busy[0][0] if self._busy else inf

    def first(self, seconds: float, now: float, best: Found) -> Found:
        """The best of these, or the one there is when none of these is better."""
        self._release(now)
        if self._idle:
            best = self._first_idle(seconds, best)
        if self._busy:
            best = self._first_busy(seconds, now, best)
        return best

    def forget_time(self) -> None:
        """Whoever was idle may not yet be so: the clock went back."""
        for _, number, worker in self._idle:
            if number == worker.number:
                self._busy.append((worker.free_at, number, worker))
        self._idle, self._ranked = [], []
        heapify(self._busy)

    def _clean(self) -> None:
        """Only what still holds."""
        self._busy = [entry for entry in self._busy if entry[1] == entry[2].number]
        self._idle = [entry for entry in self._idle if entry[1] == entry[2].number]
        self._ranked = [(worker.rank, number, worker) for _, number, worker in self._idle]
        heapify(self._busy)
        heapify(self._idle)
        heapify(self._ranked)

    def _release(self, now: float) -> None:
        """Who is free by now is idle."""
        busy, idle, ranked = self._busy, self._idle, self._ranked
        while busy and (busy[0][0] <= now or busy[0][1] != busy[0][2].number):
            _, number, worker = heappop(busy)
            if number == worker.number:
                heappush(idle, (worker.slowness, number, worker))
                heappush(ranked, (worker.rank, number, worker))
        while idle and idle[0][1] != idle[0][2].number:
            heappop(idle)
        while ranked and ranked[0][1] != ranked[0][2].number:
            heappop(ranked)

    def _first_idle(self, seconds: float, best: Found) -> Found:
        least = self._idle[0][0]
        soonest = round(least * seconds, DIGITS)
        if soonest > best[0]:
            return best
        if self.most == self.least or round(self.most * seconds, DIGITS) == soonest:
            return min(best, (soonest, self._ranked[0][0]))
        few = isqrt(len(self._idle))
        share = (soonest + _HALF - least * seconds) / seconds / (self.most - least)
        rank = self._by_rank(seconds, soonest, few) if share * few > _SURELY else None
        rank = rank or self._by_slowness(seconds, soonest, few)
        return min(best, (soonest, rank or self._by_rank(seconds, soonest, len(self._ranked)) or _LAST))

    def _by_rank(self, seconds: float, soonest: float, most: int) -> Rank | None:
        """The first by rank of the idle ones that are as soon, if it is among the first `most` in the heap by rank."""
        ranked = self._ranked
        frontier = [(ranked[0], 0)]
        for _ in range(min(most, len(ranked))):
            (rank, number, worker), at = heappop(frontier)
            if number == worker.number and round(worker.slowness * seconds, DIGITS) == soonest:
                return rank
            for below in range(2 * at + 1, min(2 * at + 3, len(ranked))):
                heappush(frontier, (ranked[below], below))
        return None

    def _by_slowness(self, seconds: float, soonest: float, few: int) -> Rank | None:
        """The same by looking at all that are as soon, if they are few: from the fastest on through the heap."""
        idle, stack, first = self._idle, [0], _LAST
        for _ in range(_SURELY * few + 8):
            if not stack:
                return first
            at = stack.pop()
            if at >= len(idle):
                continue
            slowness, number, worker = idle[at]
            estimate = slowness * seconds
            if estimate > soonest + _MARGIN:
                continue
            if number == worker.number and worker.rank < first and round(estimate, DIGITS) == soonest:
                first = worker.rank
            stack += 2 * at + 1, 2 * at + 2
        return None

    def _first_busy(self, seconds: float, now: float, best: Found) -> Found:
        """Through the heap, as long as who is free then could be better if it were the fastest here."""
        busy, stack, least = self._busy, [0], self.least * seconds
        while stack:
            at = stack.pop()
            if at >= len(busy):
                continue
            free_at, number, worker = busy[at]
            if free_at - now + least > best[0] + _MARGIN:
                continue
            estimate = free_at - now + worker.slowness * seconds
            if number == worker.number and estimate <= best[0] + _MARGIN:
                best = min(best, (round(estimate, DIGITS), worker.rank))
            stack += 2 * at + 1, 2 * at + 2
        return best
