"""Who takes which job now: order, guard, look-ahead, reservation and pausing, by the rules of the balancer."""

from collections.abc import Iterator
from itertools import chain, islice
from math import inf
from typing import TYPE_CHECKING

from balanza.balancer import lookahead, order, pausing
from balanza.balancer.lookahead import MOST_PENDING, Patience, Slot
from balanza.balancer.order import Head, Order
from balanza.balancer.theft import STEAL_AFTER_SECONDS
from balanza.simulate.machines import Machine, Run, Task
from balanza.simulate.pending import PendingJob, PendingJobs
from balanza.simulate.running import Running

if TYPE_CHECKING:
    from balanza.simulate.engine import Simulation

_LOOKED_AT = 32
"""So many of the runs that end last are looked at for a pause."""
_MOST_SLOTS = 256
"""In a larger fleet nobody looks ahead: it would take longer than it gains."""
_INSTANT = 1e-9


class Dispatching:
    """What the server does when a worker asks for a job."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._rules = simulation.rules
        self._tasks: dict[str, Task] = {}
        self.pending = PendingJobs()
        self.dispatches = 0
        self.wasted_seconds = self.held_seconds = 0.0
        """Of slots that were idle while jobs waited; held: because the job ends sooner with others."""
        self._counted_at = 0.0
        self._free = {machine.id: machine for machine in simulation.machines}
        """Workers that may have a free slot."""
        self._given: dict[str, Machine] = {}
        """Workers that have something new in their own queues."""
        self._runs = Running()
        """Those that could be paused, with when they are believed to end."""
        self._slots = sum(machine.slots for machine in simulation.machines)
        self._is_held = False
        self._patience = Patience()
        self._asks_again: set[str] = set()
        """Workers that leave a job to others, and ask when they have done so for long enough."""
        self._looks_at: set[float] = set()
        """When what is in own queues may be taken by others: looked at once each time, however many wait for it."""
        self._nobodys: dict[str, Task] = {}
        """Assigned to nobody: there was no worker."""
        self._known_slowness: dict[str, float] = {}

    # --- What is pending

    def add(self, task: Task) -> None:
        self._count_waste()
        self._tasks[task.job_id] = task
        self.pending.add(PendingJob(task.job_id, task.seq, task.share, task.arrival.priority, task.order_key))

    def _take(self, task: Task) -> None:
        self._count_waste()
        del self._tasks[task.job_id]
        self._nobodys.pop(task.job_id, None)
        self.pending.remove(task.job_id)
        self.pending.serve(task.share, task.predicted_seconds)

    def leave_to_anybody(self, task: Task) -> None:
        """It is in nobody's own queue."""
        self._nobodys[task.job_id] = task

    def gave(self, machine: Machine) -> None:
        """Something was put into its own queue."""
        self._given[machine.id] = machine

    # --- Who takes it

    def settle(self, first: Machine | None = None) -> None:
        """Whoever is idle takes what is next; first `first`, and who was given something for its own queue."""
        self._count_waste()
        self._is_held = False
        for machine in ([first] if first else []) + list(self._given.values()):
            self._free[machine.id] = machine
            self._fill(machine)
        self._given.clear()
        if not self.pending or not self._simulation.binds_late:
            return
        for machine_id in sorted(self._free):
            self._fill(self._free[machine_id])
            if not self.pending:
                return
        if self._rules.pausing and self._rules.order is not Order.LPT:
            self._pause()

    def _fill(self, machine: Machine) -> None:
        while machine.free_slots > 0:
            task = self._next_for(machine)
            if task is None:
                return
            self._take(task)
            self.dispatches += 1
            run = self._simulation.start(task, machine)
            self._runs.add(run, self._simulation.now + run.predicted_seconds)
        self._free.pop(machine.id, None)

    def _next_for(self, machine: Machine) -> Task | None:
        if not self._simulation.binds_late:
            return next(chain(machine.queue.values(), self._nobodys.values()), None)
        oldest = None
        if self._rules.guard and order.is_guards_turn(self.dispatches):
            oldest = self.pending.oldest()
        head = oldest or order.first_of(self.pending.heads())
        if head is None:
            return None
        first = self._tasks[head.job_id]
        if self._looks_ahead() and not first.attempts:  # the others may be those who failed at it
            chosen = self._looking_ahead(machine, oldest)
            if chosen is not None or self._leaves(first, machine):
                return chosen
        return self._or_own(first, machine)

    def _or_own(self, task: Task, machine: Machine) -> Task | None:
        """That job; while another worker is about to take it, the first of its own queue."""
        if self._is_free_to(task, machine):
            return task
        return min(machine.queue.values(), key=lambda own: (own.order_key, own.seq), default=None)

    def _is_free_to(self, task: Task, machine: Machine) -> bool:
        """Not while another worker, with a free slot, is about to take it from its own queue."""
        own = task.machine
        if own is None or own is machine or own.free_slots <= 0:
            return True
        due = task.assigned_at + STEAL_AFTER_SECONDS
        left = due - self._simulation.now
        if left > _INSTANT and due not in self._looks_at:
            self._looks_at.add(due)
            self._simulation.after(left, lambda: self._look_at(due))
        return left <= _INSTANT

    def _look_at(self, due: float) -> None:
        self._looks_at.discard(due)
        self.settle()

    def _looks_ahead(self) -> bool:
        """Of an order that is for the least total time the first jobs are looked at however many there are."""
        if not self._rules.look_ahead or self._slots > _MOST_SLOTS:
            return False
        if len(self.pending) > MOST_PENDING and self._rules.order is not Order.LPT:
            return False
        return lookahead.is_uneven([Slot(one.id, 0.0, self._slowness(one)) for one in self._simulation.machines])

    def _looking_ahead(self, machine: Machine, oldest: Head | None) -> Task | None:
        """On the guard's turn the oldest job comes before all others, and goes to whoever ends it first, as they do."""
        looked_at: list[Task] = []
        at = lookahead.first_for(machine.id, self._ahead(), self._seconds(oldest, looked_at))
        return None if at is None else looked_at[at]

    def _leaves(self, first: Task, machine: Machine) -> bool:
        """Whether it still leaves all of them to faster workers; it asks again when it has for long enough."""
        seconds = self._simulation.speeds.seconds_on(machine.id, first.arrival.kind, first.arrival.guess)
        left = self._patience.left_seconds(machine.id, first.job_id, seconds, self._simulation.now)
        if left <= _INSTANT:
            return False
        self._is_held = True
        if machine.id not in self._asks_again:
            self._asks_again.add(machine.id)
            self._simulation.after(left, lambda: self._ask_again(machine))
        return True

    def _ask_again(self, machine: Machine) -> None:
        self._asks_again.discard(machine.id)
        self.settle(machine)

    def _seconds(self, oldest: Head | None, looked_at: list[Task]) -> Iterator[float]:
        """Of the first jobs in their order; each is put into `looked_at`."""
        lengths = {job_id: task.predicted_seconds for job_id, task in self._tasks.items()}
        first = [oldest.job_id] if oldest else []
        others = (job_id for job_id in self.pending.in_order(lengths) if job_id not in first)
        for job_id in islice(chain(first, others), MOST_PENDING):
            looked_at.append(self._tasks[job_id])
            yield lengths[job_id]

    def _ahead(self) -> list[Slot]:
        now = self._simulation.now
        slots = []
        for machine in self._simulation.machines:
            if machine.is_offline:
                continue
            slowness = self._slowness(machine)
            for run in machine.runs:
                left = run.estimated_seconds(now)
                waiting = machine.paused.get(run)
                slots.append(Slot(machine.id, left + (waiting.estimated_seconds(now) if waiting else 0.0), slowness))
            slots += [Slot(machine.id, 0.0, slowness)] * (machine.slots - len(machine.runs))
        return slots

    def _slowness(self, machine: Machine) -> float:
        if machine.id not in self._known_slowness:
            self._known_slowness[machine.id] = self._simulation.speeds.slowness(machine.id)
        return self._known_slowness[machine.id]

    def learned(self, machine: Machine) -> None:
        """Its speed is known anew."""
        self._known_slowness.pop(machine.id, None)

    # --- Pausing

    def _pause(self) -> None:
        """Of each share the first job may be short enough; whose turn it is comes first."""
        while self.pending:
            found = next(self._pairs(), None)
            if found is None:
                return
            task, run = found
            run.count(self._simulation.now)
            run.paused_at = self._simulation.now
            run.timer += 1
            self._begin_short(task, run)

    def _pairs(self) -> Iterator[tuple[Task, Run]]:
        """Short jobs in their order, each with a run that may be paused for it."""
        for task in self._firsts():
            run = self._longest_beside(task)
            if run is not None:
                yield task, run

    def _firsts(self) -> list[Task]:
        """Of the shares whose turn it is first, in their order."""
        return [self._tasks[head.job_id] for head in self.pending.heads_in_order()[: pausing.SHARES_LOOKED_AT]]

    def _longest_beside(self, task: Task) -> Run | None:
        """Of the runs that may be paused for it the one that is believed to end last."""
        return next((run for run in self._runs.last(_LOOKED_AT) if self._may_pause(run, task)), None)

    def _may_pause(self, run: Run, task: Task) -> bool:
        now, arrival = self._simulation.now, task.arrival
        if run.machine.free_slots > 0 or not self._is_free_to(task, run.machine):
            return False
        seconds = self._simulation.speeds.seconds_on(run.machine.id, arrival.kind, arrival.guess)
        if not pausing.is_short_beside(seconds, run.estimated_seconds(now)) and not self._is_owed(run, task, seconds):
            return False
        elapsed, paused = now - run.started_at, run.paused_until(now)
        if pausing.may_be_paused(paused_seconds=paused, elapsed_seconds=elapsed):
            return True
        self._ask_later(run, (paused - pausing.GRACE_SECONDS) / pausing.MOST_PAUSED - elapsed)
        return False

    def _is_owed(self, run: Run, task: Task, seconds: float) -> bool:
        """Whether its owner holds so many slots fewer that it need not be short. Looked at again when the run may be
        paused for so long."""
        if not self._rules.slot_share or task.share == run.task.share:
            return False
        if task.arrival.priority < run.task.arrival.priority:
            return False
        now, held = self._simulation.now, self._simulation.held
        most = pausing.longest_pause(paused_seconds=run.paused_until(now), elapsed_seconds=now - run.started_at)
        own, other = held[task.share], held[run.task.share]
        left = run.estimated_seconds(now)
        if not pausing.is_owed_a_slot(seconds, left, held=own, held_by_other=other, pause_seconds=inf):
            return False
        if seconds > most:
            self._ask_later(run, seconds - most)  # every second that it runs is one more
        return seconds <= most

    def _ask_later(self, run: Run, seconds: float) -> None:
        """It may be paused then, for long enough, and may not now."""
        due = self._simulation.now + seconds + 0.001
        if run.looked_at_again <= due:
            return
        run.looked_at_again = due

        def ask() -> None:
            if run.looked_at_again == due:
                run.looked_at_again = inf
            if run in self._runs:
                self.settle()

        self._simulation.after(seconds + 0.001, ask)

    def _begin_short(self, task: Task, run: Run) -> None:
        self._take(task)
        self._simulation.pauses += 1
        machine = run.machine
        self._runs.discard(run)
        self._simulation.touch(machine)
        self._simulation.vacate(run)
        self._simulation.start(task, machine, instead_of=run)

    def resume(self, run: Run) -> None:
        now = self._simulation.now
        run.count(now)
        run.paused_seconds, run.paused_at = run.paused_until(now), None
        self._simulation.touch(run.machine)
        self._simulation.occupy(run)
        self._runs.add(run, now + run.estimated_seconds(now))
        self._simulation.set_timer(run)

    def forget(self, run: Run) -> None:
        """It has ended, or is lost."""
        self._runs.discard(run)

    # --- What it costs

    def _count_waste(self) -> None:
        now = self._simulation.now
        if now > self._counted_at and self.pending and self._free:
            idle = sum(machine.free_slots for machine in self._free.values())
            wasted = min(idle, len(self.pending)) * (now - self._counted_at)
            if self._is_held:
                self.held_seconds += wasted
            else:
                self.wasted_seconds += wasted
        self._counted_at = now
