"""The policy at work in a simulation: candidates with live counts, or with those of the last scrape."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from balanza.balancer.index import EARLIEST_FINISH, WorkerIndex, finish_seconds
from balanza.balancer.policies import select_best_worker
from balanza.balancer.prediction import Speeds
from balanza.model import Candidate, Obstacle, WhyNot
from balanza.simulate.machines import Machine
from balanza.simulate.rules import SCRAPE_SECONDS, Rules
from balanza.simulate.workload import Chance

MANY = 32
"""With more workers the index chooses, which chooses the same; with fewer every worker is looked at, as by a server."""
_OFFLINE = WhyNot(Obstacle.OFFLINE, "is offline")
_START = datetime(2026, 1, 1, tzinfo=UTC)


class Placement:
    """Chooses a worker for each job that comes, as the server does in the transaction that stores it."""

    def __init__(
        self, machines: Sequence[Machine], rules: Rules, speeds: Speeds, *, sample_seconds: float, chance: Chance
    ) -> None:
        self._machines = {machine.id: machine for machine in machines}
        self._rules, self._speeds, self._chance = rules, speeds, chance
        self.sample_seconds = SCRAPE_SECONDS if rules.stale_counts else sample_seconds
        self._index = WorkerIndex(rules.policy) if len(machines) > MANY else None
        self._changed = dict(self._machines)
        """Those that the index knows as they were before."""
        self._unsampled: dict[str, Machine] = {}
        """Those that the next sample sees changed."""
        self._tick = 0.0
        self.decisions = 0

    def changes(self, machine: Machine) -> None:
        """Something of it is about to be different."""
        self._changed[machine.id] = machine

    def choose(self, seconds: float, now: float) -> Machine | None:
        """For a job that takes so long on a usual worker; None when nobody is there."""
        if self._index is None:
            candidates = [self._candidate(machine, seconds, now) for machine in self._machines.values()]
            worker_id = select_best_worker(candidates, self._rules.policy, chance=self._chance).worker_id
        else:
            self._refresh(self._index, now)
            worker_id = self._index.pick(seconds=seconds, now=now, chance=self._chance)
        self.decisions += 1
        if worker_id is None:
            return None
        chosen = self._machines[worker_id]
        chosen.chosen = self.decisions
        self.changes(chosen)
        return chosen

    def _refresh(self, index: WorkerIndex, now: float) -> None:
        if self.sample_seconds > 0 and now // self.sample_seconds != self._tick:
            self._tick = now // self.sample_seconds
            self._changed.update(self._unsampled)
            self._unsampled.clear()
        for machine in self._changed.values():
            slowness = self._speeds.slowness(machine.id)
            index.put(self._candidate(machine, None, now), free_at=self._free_at(machine, now), slowness=slowness)
        self._unsampled.update(self._changed)
        self._changed.clear()

    def _candidate(self, machine: Machine, seconds: float | None, now: float) -> Candidate:
        in_progress, running = machine.sample(now, self.sample_seconds)
        is_stale, finish = self._rules.stale_counts, None
        if seconds is not None and self._rules.policy == EARLIEST_FINISH:
            slowness = self._speeds.slowness(machine.id)
            finish = finish_seconds(self._free_at(machine, now), slowness, seconds=seconds, now=now)
        return Candidate(
            worker_id=machine.id,
            jobs_in_progress=in_progress if is_stale else machine.jobs_in_progress,
            cpu_load=min(1.0, running / machine.slots),
            chosen_at=_moment(machine.chosen) if machine.chosen and not is_stale else None,
            cannot=_OFFLINE if machine.is_offline else None,
            finish_seconds=finish,
        )

    def _free_at(self, machine: Machine, now: float) -> float:
        """When it is believed to begin a job that it is given now."""
        if self._rules.policy != EARLIEST_FINISH or machine.jobs_in_progress < machine.slots:
            return now
        ahead = sum(run.estimated_seconds(now) for run in (*machine.runs, *machine.paused.values()))
        queued = sum(task.predicted_seconds for task in machine.queue.values())
        return now + (ahead + queued * self._speeds.slowness(machine.id)) / machine.slots


def _moment(number: int) -> datetime:
    """When the decision of that number was made: only which was earlier counts."""
    return _START + timedelta(microseconds=number)
