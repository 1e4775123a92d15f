"""What goes wrong in a scenario: workers that vanish and come back, and workers that become slow."""

from typing import TYPE_CHECKING

from balanza.balancer.rebalance import share_for_newcomer
from balanza.simulate.machines import Machine
from balanza.simulate.rules import OFFLINE_AFTER_SECONDS
from balanza.simulate.scenario import Slowdown
from balanza.simulate.snapshot import worker_of
from balanza.simulate.workload import Chances

if TYPE_CHECKING:
    from balanza.simulate.engine import Simulation


class Mishaps:
    """Failures and slow-downs."""

    def __init__(self, simulation: "Simulation", chances: Chances) -> None:
        self._simulation = simulation
        self._chance = chances("failures")
        self._failures = simulation.scenario.failures

    def begin(self) -> None:
        simulation = self._simulation
        if self._failures is not None:
            for machine in simulation.machines:
                self._fail_later(machine)
        for slowdown in simulation.scenario.slowdowns:
            self._slow_down_later(slowdown)

    # --- Failures

    def _fail_later(self, machine: Machine) -> None:
        if self._failures is not None:
            seconds = self._chance.expovariate(1 / self._failures.every_seconds)
            self._simulation.after(seconds, lambda: self._fail(machine))

    def _fail(self, machine: Machine) -> None:
        simulation = self._simulation
        simulation.touch(machine)
        lost = [*machine.runs, *machine.paused.values()]
        machine.runs.clear()
        machine.paused.clear()
        machine.is_up = False
        for run in lost:
            simulation.dispatching.forget(run)
            simulation.lose(run)
        if self._failures is not None:
            down = self._failures.down_seconds
            if down > OFFLINE_AFTER_SECONDS:
                simulation.after(OFFLINE_AFTER_SECONDS, lambda: self._notice(machine))
            simulation.after(down, lambda: self._come_back(machine))

    def _notice(self, machine: Machine) -> None:
        """Its own queue goes to others, job by job."""
        machine.is_offline = True
        simulation = self._simulation
        simulation.placement.changes(machine)
        if simulation.binds_late:
            for task in list(machine.queue.values()):
                simulation.unassign(task)
                simulation.assign(task)
                simulation.moves += 1
            simulation.dispatching.settle()

    def _come_back(self, machine: Machine) -> None:
        """It registers anew, and what it ran before goes to others at once."""
        simulation = self._simulation
        for run in list(machine.lost):
            simulation.expire(run)
        simulation.touch(machine)
        machine.is_up, machine.is_offline = True, False
        simulation.placement.changes(machine)
        if simulation.binds_late:
            self._welcome(machine)
        simulation.dispatching.settle(machine)
        self._fail_later(machine)

    def _welcome(self, newcomer: Machine) -> None:
        """It gets its share of what is in the own queues of the others."""
        simulation = self._simulation
        if not simulation.dispatching.pending:
            return
        fleet = [worker_of(machine) for machine in simulation.machines if not machine.is_offline]
        by_id = {machine.id: machine for machine in simulation.machines}
        for giver in share_for_newcomer(worker_of(newcomer), fleet):
            task = next(iter(by_id[giver].queue.values()))
            simulation.unassign(task)
            simulation.give(task, newcomer)
            simulation.moves += 1

    # --- Slow-downs

    def _slow_down_later(self, slowdown: Slowdown) -> None:
        machine = self._simulation.machines[slowdown.worker - 1]
        self._simulation.after(slowdown.at_seconds, lambda: self._change_speed(machine, slowdown.factor))
        if slowdown.for_seconds is not None:
            end = slowdown.at_seconds + slowdown.for_seconds
            self._simulation.after(end, lambda: self._change_speed(machine, 1 / slowdown.factor))

    def _change_speed(self, machine: Machine, factor: float) -> None:
        for run in [*machine.runs, *machine.paused.values()]:
            run.count(self._simulation.now)
        machine.speed *= factor
        for run in machine.runs:
            self._simulation.set_timer(run)
