"""The runs that could be paused, those that are believed to end last first."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import count

from balanza.simulate.machines import Run


class Running:
    """A sorted list: of many thousands only the last few are looked at."""

    def __init__(self) -> None:
        self._places: dict[Run, tuple[float, int]] = {}
        self._ordered: list[tuple[float, int, Run]] = []
        self._numbers = count()

    def __contains__(self, run: Run) -> bool:
        return run in self._places

    def add(self, run: Run, ends_at: float) -> None:
        place = ends_at, next(self._numbers)
        self._places[run] = place
        insort(self._ordered, (*place, run))

    def discard(self, run: Run) -> None:
        place = self._places.pop(run, None)
        if place is not None:
            del self._ordered[bisect_left(self._ordered, place)]

    def last(self, most: int) -> Iterator[Run]:
        """So many, from the one that ends last."""
        return (run for _, _, run in self._ordered[: -most - 1 : -1])
