"""How long a job will run on a worker, learned online from attempts that completed. Pure.

A job comes with a first guess in seconds (`media.cost`) and the name of its kind of work. Kept are factors, as
logarithms: of each kind over the whole fleet, of each worker over all kinds, and of each worker for each kind. A factor
moves towards what was observed by a step that shrinks with the number of samples, and a residual counts at most
`_FAR`: one attempt that hung says little. Docs: docs/balancing.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, log

FLEET = ""
"""In the place of a worker's id: of all of them."""
ANY_KIND = ""
"""In the place of a kind of work: of all kinds."""

LEAST_SECONDS = 0.001
_LAST_STEP = 0.1
"""Never less, so that a machine that changes is learned anew within some twenty jobs."""
EVEN = 1.5
"""Workers whose slowness differs by less are taken as equally fast."""
_FAR = log(4)
_FAR_AT_FIRST = log(100)
"""Of the first samples of a kind of work. No machine is so much faster or slower than that of the first guess,
but so it seems when a file lies of its length, or a computer slept meanwhile."""
_TRUSTED_AFTER = 3
"""So many samples of a worker weigh as much as what is known without them."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The logarithm of a factor, and of how many attempts it was learned."""

    log_factor: float = 0.0
    samples: int = 0

    def after(self, log_factor: float) -> "Learned":
        """With one more sample."""
        step = max(_LAST_STEP, 1 / (self.samples + 1))
        residual = log_factor - self.log_factor
        if self.samples >= _TRUSTED_AFTER:
            residual = min(_FAR, max(-_FAR, residual))
        return Learned(self.log_factor + step * residual, self.samples + 1)

    @property
    def trusted(self) -> float:
        """Shrunk towards nothing while there are few samples."""
        return self.log_factor * self.samples / (self.samples + _TRUSTED_AFTER)


NOTHING = Learned()

Key = tuple[str, str]
"""A worker's id or FLEET, and a kind of work or ANY_KIND."""


@dataclass(frozen=True)
class Speeds:
    """What was learned of the fleet."""

    learned: Mapping[Key, Learned] = field(default_factory=dict)

    @cached_property
    def are_uneven(self) -> bool:
        """Whether workers differ so much that it matters who takes a job."""
        slownesses = [self.slowness(worker_id) for worker_id, kind in self.learned if worker_id and kind == ANY_KIND]
        return bool(slownesses) and max(1.0, *slownesses) > EVEN * min(1.0, *slownesses)

    def knows(self, kind: str) -> bool:
        """Whether enough was seen of that kind of work not to go by the first guess alone."""
        return self._of(FLEET, kind).samples >= _TRUSTED_AFTER

    def usual_seconds(self, kind: str, guess_seconds: float) -> float:
        """On a usual worker of this fleet."""
        return max(LEAST_SECONDS, guess_seconds * exp(self._of(FLEET, kind).log_factor))

    def seconds_on(self, worker_id: str, kind: str, guess_seconds: float) -> float:
        """On that worker."""
        return self.usual_seconds(kind, guess_seconds) * self.slowness(worker_id, kind)

    def slowness(self, worker_id: str, kind: str = ANY_KIND) -> float:
        """How many times as long as a usual worker it takes."""
        special, general = self._of(worker_id, kind), self._of(worker_id, ANY_KIND)
        if kind == ANY_KIND:
            return exp(general.trusted)
        weight = special.samples / (special.samples + _TRUSTED_AFTER)
        return exp(weight * special.log_factor + (1 - weight) * general.trusted)

    def after(self, worker_id: str, kind: str, guess_seconds: float, seconds: float) -> dict[Key, Learned]:
        """What changes when the worker has needed `seconds` for a job of that first guess."""
        before = self._of(FLEET, kind)
        ratio = log(max(LEAST_SECONDS, seconds) / max(LEAST_SECONDS, guess_seconds))
        if before.samples < _TRUSTED_AFTER:
            ratio = min(_FAR_AT_FIRST, max(-_FAR_AT_FIRST, ratio))
        usual = before.after(ratio)
        residual = ratio - usual.log_factor
        return {
            (FLEET, kind): usual,
            (worker_id, kind): self._of(worker_id, kind).after(residual),
            (worker_id, ANY_KIND): self._of(worker_id, ANY_KIND).after(residual),
        }

    def _of(self, worker_id: str, kind: str) -> Learned:
        return self.learned.get((worker_id, kind), NOTHING)
