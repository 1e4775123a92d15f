"""The simulation: jobs arrive, workers take them, some vanish or slow down; the rules are the server's own.

Discrete events by SimPy. After each event whoever is idle is asked to take what is next, and then what is short may
pause what is long: a real worker asks by a long poll, which is answered at once.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from math import log
from statistics import fmean
from typing import Any

import simpy

from balanza.balancer import order as ordering
from balanza.balancer.prediction import Key, Learned, Speeds
from balanza.simulate.clairvoyant import clairvoyant
from balanza.simulate.dispatching import Dispatching
from balanza.simulate.machines import Machine, Run, Task
from balanza.simulate.measures import Costs, Outcome, fate_of, outcome_of
from balanza.simulate.mishaps import Mishaps
from balanza.simulate.placing import Placement
from balanza.simulate.rules import LEASE_SECONDS, MAX_ATTEMPTS, Binding, Rules
from balanza.simulate.scenario import Scenario
from balanza.simulate.workload import Arrival, Chances, arrivals_of

_MANY_SAMPLES = 100_000
"""So many that what was learned before counts wholly."""


def simulate(
    scenario: Scenario,
    rules: Rules,
    chances: Chances,
    *,
    arrivals: Sequence[Arrival] | None = None,
    on_ended: Callable[[int], None] | None = None,
) -> Outcome:
    """Runs the scenario to its end by these rules, with its own jobs or those given in the order of their arrival.

    `on_ended` is told now and then how many jobs have ended.
    """
    jobs = arrivals_of(scenario, chances) if arrivals is None else arrivals
    if rules.clairvoyant:
        return clairvoyant(scenario, jobs)
    return Simulation(scenario, rules, chances, jobs, on_ended).run()


class Simulation:
    """One run."""

    def __init__(
        self,
        scenario: Scenario,
        rules: Rules,
        chances: Chances,
        arrivals: Sequence[Arrival],
        on_ended: Callable[[int], None] | None = None,
    ) -> None:
        self.env = simpy.Environment()
        self.scenario, self.rules, self.arrivals = scenario, rules, arrivals
        self.machines = machines_of(scenario)
        self.learned: dict[Key, Learned] = speeds_of(self.machines) if scenario.speeds_known else {}
        self.speeds = Speeds(self.learned)
        self.placement = Placement(
            self.machines, rules, self.speeds, sample_seconds=scenario.sample_seconds, chance=chances("policy")
        )
        self.dispatching = Dispatching(self)
        self.mishaps = Mishaps(self, chances)
        self.tasks: list[Task] = []
        self.held: Counter[str] = Counter()
        """By share, in how many slots something of it runs, as far as the server knows."""
        self.moves = self.pauses = self.ended = 0
        self._done = self.env.event()
        self._on_ended = on_ended

    @property
    def now(self) -> float:
        return float(self.env.now)

    def run(self) -> Outcome:
        """Raises RuntimeError when jobs remain that nobody will ever run."""
        self.env.process(self._arrive())
        self.mishaps.begin()
        self.env.run(until=self._done)
        for machine in self.machines:
            machine.changes(self.now, 0)
        return self._outcome()

    def after(self, seconds: float, then: Callable[[], None]) -> None:
        self.env.timeout(max(0.0, seconds)).callbacks.append(lambda _: then())

    # --- What happens to a job

    def _arrive(self) -> Any:
        means = _means_of_batches(self.arrivals)
        for seq, arrival in enumerate(self.arrivals, 1):
            if arrival.at > self.now:
                yield self.env.timeout(arrival.at - self.now)
            usual = self.speeds.usual_seconds(arrival.kind, arrival.guess)
            slower = usual / arrival.guess if arrival.guess else 1.0
            batch_mean = means[_batch(arrival)] * slower if arrival.batch else None
            key = ordering.order_key(self.rules.order, usual, arrived_at=arrival.at, batch_mean_seconds=batch_mean)
            share = ordering.share_of(self.rules.order, arrival.owner) if self.rules.fair_share else ""
            task = Task(f"job{seq}", seq, arrival, usual, share, key)
            self.tasks.append(task)
            self.submit(task)
            upcoming = self.arrivals[seq].at if seq < len(self.arrivals) else None
            if upcoming is None or upcoming > self.now:
                self.dispatching.settle()

    def submit(self, task: Task) -> None:
        """It is pending, and with the worker that the policy chooses, if there is one."""
        self.dispatching.add(task)
        self.assign(task)

    def assign(self, task: Task) -> None:
        chosen = self.placement.choose(task.predicted_seconds, self.now)
        task.assigned_at = self.now
        if chosen is not None:
            self.give(task, chosen)
        else:
            self.dispatching.leave_to_anybody(task)

    def give(self, task: Task, machine: Machine) -> None:
        """It comes into the worker's own queue."""
        self.touch(machine)
        machine.queue[task.job_id] = task
        task.machine, task.assigned_at = machine, self.now
        self.dispatching.gave(machine)

    def unassign(self, task: Task) -> None:
        if task.machine is not None:
            self.touch(task.machine)
            del task.machine.queue[task.job_id]
            task.machine = None

    def start(self, task: Task, machine: Machine, instead_of: Run | None = None) -> Run:
        """The job leaves its queue and runs, in a slot of its own or in that of a run that is paused for it."""
        if task.machine is not machine:
            self.moves += task.machine is not None
        self.unassign(task)
        self.touch(machine)
        predicted = self.speeds.seconds_on(machine.id, task.arrival.kind, task.arrival.guess)
        run = Run(task, machine, self.now, predicted, instead_of is not None, counted_at=self.now)
        task.started_at = self.now if task.started_at is None else task.started_at
        self.occupy(run)
        if instead_of is not None:
            machine.paused[run] = instead_of
        self.set_timer(run)
        return run

    def occupy(self, run: Run) -> None:
        """It is in a slot from now on."""
        run.machine.runs.append(run)
        self.held[run.task.share] += 1

    def vacate(self, run: Run) -> None:
        """Its slot is another's, or free."""
        run.machine.runs.remove(run)
        self.held[run.task.share] -= 1

    def set_timer(self, run: Run) -> None:
        """It ends after what is left of it, at the present speed."""
        run.timer += 1
        due = run.timer
        self.after(run.left_seconds(), lambda: self._complete(run, due))

    def _complete(self, run: Run, due: int) -> None:
        if due != run.timer:
            return
        task, machine = run.task, run.machine
        self.touch(machine)
        run.timer += 1
        self.vacate(run)
        self.dispatching.forget(run)
        task.completed_at = self.now
        taken = self.now - run.started_at - run.paused_seconds
        arrival = task.arrival
        self.learned.update(self.speeds.after(machine.id, arrival.kind, arrival.guess, taken))
        self.dispatching.learned(machine)
        paused = machine.paused.pop(run, None)
        if paused is not None:
            self.dispatching.resume(paused)
        self._count_end()
        self.dispatching.settle(machine)

    def lose(self, run: Run) -> None:
        """Its worker vanished: nobody knows before the lease expires, and then the job is tried again.

        Until then it holds its slot, unless it was paused.
        """
        run.timer += 1
        run.machine.lost.append(run)
        self.after(LEASE_SECONDS, lambda: self.expire(run))

    def expire(self, run: Run) -> None:
        """Its lease is over; so it may have been before, when the worker came back sooner."""
        if run not in run.machine.lost:
            return
        self.touch(run.machine)
        run.machine.lost.remove(run)
        self.held[run.task.share] -= run.paused_at is None
        self.dispatching.pending.unserve(run.task.share, run.task.predicted_seconds)
        run.task.attempts += 1
        if run.task.attempts >= MAX_ATTEMPTS:
            self._count_end()
        else:
            self.submit(run.task)
        self.dispatching.settle()

    def _count_end(self) -> None:
        self.ended += 1
        if self._on_ended and self.ended % 500 == 0:
            self._on_ended(self.ended)
        if self.ended == len(self.arrivals):
            self._done.succeed()

    def _outcome(self) -> Outcome:
        fastest = max(speed for speed, _ in self.scenario.speeds)
        fates = [
            fate_of(task.arrival, task.started_at or 0.0, task.completed_at, fastest)
            for task in self.tasks
            if task.completed_at is not None
        ]
        busy = [(machine.busy_seconds, machine.slots) for machine in self.machines]
        work = self.dispatching
        decisions = self.placement.decisions + work.dispatches + self.pauses
        costs = Costs(work.wasted_seconds, work.held_seconds, self.moves, self.pauses, decisions)
        return outcome_of(self.arrivals, fates, self.scenario, ended_at=self.now, busy=busy, costs=costs)

    def touch(self, machine: Machine) -> None:
        """Before its runs or its queue change."""
        machine.changes(self.now, self.placement.sample_seconds)
        self.placement.changes(machine)

    @property
    def binds_late(self) -> bool:
        return self.rules.binding is Binding.LATE


def machines_of(scenario: Scenario) -> list[Machine]:
    """Named so that their order is that of their numbers."""
    speeds = scenario.speeds
    width = len(str(len(speeds)))
    return [Machine(f"worker_{number:0{width}}", *speed) for number, speed in enumerate(speeds, 1)]


def speeds_of(machines: Sequence[Machine]) -> dict[Key, Learned]:
    """As if each had run many jobs."""
    return {(one.id, ""): Learned(-log(one.speed), _MANY_SAMPLES) for one in machines}


def _batch(arrival: Arrival) -> tuple[str, float]:
    """What is submitted at once by one owner."""
    return arrival.owner, arrival.at


def _means_of_batches(arrivals: Sequence[Arrival]) -> dict[tuple[str, float], float]:
    guesses: dict[tuple[str, float], list[float]] = {}
    for arrival in arrivals:
        if arrival.batch:
            guesses.setdefault(_batch(arrival), []).append(arrival.guess)
    return {batch: fmean(some) for batch, some in guesses.items()}
