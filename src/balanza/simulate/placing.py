"""The policy at work in a simulation: candidates with live counts, or with those of the last scrape."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from balanza.balancer.policies import select_best_worker
from balanza.model import Candidate, Obstacle, WhyNot
from balanza.simulate.machines import Machine
from balanza.simulate.rules import SCRAPE_SECONDS, Rules
from balanza.simulate.workload import Chance

_OFFLINE = WhyNot(Obstacle.OFFLINE, "is offline")
_START = datetime(2026, 1, 1, tzinfo=UTC)


class Placement:
    """Chooses a worker for each job that comes, as the server does in the transaction that stores it."""

    def __init__(self, machines: Sequence[Machine], rules: Rules, sample_seconds: float, chance: Chance) -> None:
        self._machines = {machine.id: machine for machine in machines}
        self._rules = rules
        self.sample_seconds = SCRAPE_SECONDS if rules.stale_counts else sample_seconds
        self._chance = chance
        self.decisions = 0

    def choose(self, now: float) -> Machine | None:
        """None when nobody is there."""
        candidates = [self._candidate(machine, now) for machine in self._machines.values()]
        decision = select_best_worker(candidates, self._rules.policy, chance=self._chance)
        self.decisions += 1
        if decision.worker_id is None:
            return None
        chosen = self._machines[decision.worker_id]
        chosen.chosen = self.decisions
        return chosen

    def changed(self, machine: Machine) -> None:
        """It went offline, or came back."""

    def _candidate(self, machine: Machine, now: float) -> Candidate:
        in_progress, running = machine.sample(now, self.sample_seconds)
        is_stale = self._rules.stale_counts
        return Candidate(
            worker_id=machine.id,
            jobs_in_progress=in_progress if is_stale else machine.jobs_in_progress,
            cpu_load=min(1.0, running / machine.slots),
            chosen_at=_moment(machine.chosen) if machine.chosen and not is_stale else None,
            cannot=_OFFLINE if machine.is_offline else None,
        )


def _moment(number: int) -> datetime:
    """When the decision of that number was made: only which was earlier counts."""
    return _START + timedelta(microseconds=number)
