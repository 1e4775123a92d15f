"""What the choice of a worker costs on this computer."""

import gc
import time
from random import Random

from balanza.balancer.index import WorkerIndex
from balanza.balancer.policies import POLICIES
from balanza.model import Candidate
from scripts.balancing_runs import Made, Runs, table

ROUNDS = 3
"""Of which the least counts: whatever else the computer does only adds."""


def decisions(_runs: Runs) -> Made:
    """What a decision costs, in microseconds of this computer."""
    sizes = (10, 100, 1000, 10_000)
    rows = [
        [f"`{policy}`", *(f"{min(_decision_us(policy, size) for _ in range(ROUNDS)):.1f}" for size in sizes)]
        for policy in POLICIES
    ]
    return Made(table(["µs per decision; workers", *(f"{size:,}" for size in sizes)], rows))


def _decision_us(policy: str, size: int, count: int = 20_000) -> float:
    """A choice, and the change of one worker, by the index; processor time."""
    chance, index = Random(1), WorkerIndex(policy)
    names = [f"worker_{number:05}" for number in range(size)]
    fleet = [Candidate(name, chance.randrange(4), chance.random(), None) for name in names]
    for one in fleet:
        index.put(one, free_at=100 * chance.random(), slowness=1 / (1 + chance.randrange(4)))
    changed = [Candidate(chance.choice(names), chance.randrange(4), chance.random(), None) for _ in range(count)]
    gc.collect()
    gc.freeze()  # what is there already is not looked through again and again
    began = time.process_time()
    for at, one in enumerate(changed):
        index.put(one, free_at=at / 10 + 50, slowness=0.5)
        index.pick(seconds=8.0, now=at / 10, chance=chance)
    return (time.process_time() - began) / count * 1e6
