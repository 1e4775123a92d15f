"""A large fleet that waits for work: what each worker more costs the one job that comes.

The workers are connections of one process: each is registered, tells its heartbeats and asks for jobs in a long poll,
as a worker does. One job at a time is submitted, to whichever of them is chosen.
"""

import selectors
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from balanza.storage import LocalStorage
from bench.aims import at_most
from bench.hands import FORMAT, uploaded_second
from bench.noop import LOAD, RESULT, complete, registration
from bench.rounds import percentile
from bench.server import Running, running
from bench.wire import Wire

SIZES = (1, 100, 1000)
JOBS = 50
WAIT_SECONDS = 25
MOST_SECONDS = 240
MEGABYTE = 1e6
BETWEEN_SECONDS = 0.05
"""The worker waits in its long poll again; and heartbeats have their turn."""


@dataclass
class Figures:
    """Of a fleet of one size."""

    delays: list[float] = field(default_factory=list)
    """Seconds from just before POST /convert until the grant has come."""
    peak_bytes: int = 0
    """The most that the server had resident."""
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    beats: int = 0

    def told(self, size: int) -> str:
        if not self.seconds:
            return f"{size:>5,} workers: no figures"
        delays = [seconds * 1e3 for seconds in self.delays]
        return (
            f"{size:>5,} workers: in hands {median(delays):.1f} ms (at best {min(delays):.1f}, p99 "
            f"{percentile(delays, 99):.1f}); server {self.peak_bytes / MEGABYTE:.0f} MB, "
            f"{100 * self.cpu_seconds / self.seconds:.0f} % of a core, {self.beats / self.seconds:.0f} heartbeats/s"
        )


class Crowd:
    """Workers of one slot, all waiting."""

    def __init__(self, address: str, stack: ExitStack) -> None:
        self._address, self._stack = address, stack
        self._selector = stack.enter_context(selectors.DefaultSelector())
        self._speaking = stack.enter_context(Wire.to(address))
        self._asking: list[Wire] = []
        self._own: list[dict[str, str]] = []
        self._every_seconds = 1.0
        self.beats = 0
        ending = threading.Event()
        thread = threading.Thread(target=self._beat, args=(ending,))
        thread.start()
        stack.callback(thread.join)
        stack.callback(ending.set)

    def grow(self, size: int) -> None:
        """As workers that are started one after the other. Raises TimeoutError."""
        deadline = time.monotonic() + MOST_SECONDS
        for number in range(size):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{number} of {size} workers had registered after {MOST_SECONDS} s")
            own = {"worker_id": f"worker_{number}", "instance": "crowd"}
            told = self._speaking.post("/fleet/register", registration(**own))
            self._storage = Path(told["storage_folder"])
            self._own.append(own)
            self._asking.append(self._stack.enter_context(Wire.to(self._address)))
            self._selector.register(self._asking[number], selectors.EVENT_READ, number)
            self._ask(number)
            self.settle(0)

    def hand(self, source: str) -> float:
        """Seconds until the job is in some worker's hands. It is completed then."""
        asked_at = time.perf_counter()
        self._speaking.send("/convert", {"input_file": source, "output_format": FORMAT})
        number, grant = self._granted()
        delay = time.perf_counter() - asked_at
        self._speaking.receive()  # it may come after the grant
        LocalStorage(self._storage, durable=False).path(grant["output_key"]).write_bytes(RESULT)
        complete(self._speaking, [grant["token"]])
        self._ask(number)
        return delay

    def settle(self, seconds: float) -> None:
        """Long polls that end meanwhile are begun anew."""
        until = time.monotonic() + seconds
        while ready := self._ready(max(0.0, until - time.monotonic())):
            for number in ready:
                if self._asking[number].receive() is not None:
                    raise RuntimeError("there was a job that nobody had asked for")
                self._ask(number)

    def _beat(self, ending: threading.Event) -> None:
        """Each worker's heartbeats, evenly over the time between two of one worker; late ones are not caught up."""
        with Wire.to(self._address) as wire:
            due = time.monotonic()
            while not ending.wait(0 if self._own else 0.01):
                for own in list(self._own):
                    due = max(due + self._every_seconds / len(self._own), time.monotonic() - self._every_seconds)
                    if ending.wait(max(0.0, due - time.monotonic())):
                        return
                    wire.post("/fleet/heartbeat", {**own, "load": LOAD, "leases": []})
                    self._every_seconds = wire.heartbeat_seconds or self._every_seconds
                    self.beats += 1

    def _granted(self) -> tuple[int, Mapping[str, Any]]:
        deadline = time.monotonic() + MOST_SECONDS
        while time.monotonic() < deadline:
            for number in self._ready(1):
                grant = self._asking[number].receive()
                if grant is not None:
                    return number, grant
                self._ask(number)
        raise TimeoutError(f"nobody was given the job within {MOST_SECONDS} s")

    def _ready(self, seconds: float) -> list[int]:
        return [key.data for key, _ in self._selector.select(seconds)]

    def _ask(self, number: int) -> None:
        self._asking[number].send("/fleet/lease", {**self._own[number], "wait_seconds": WAIT_SECONDS})


def run(folder: Path, rounds: int) -> None:
    """1 to 1,000 workers in long poll, heartbeats and all: submit to the worker's hands, and the server's memory"""
    figures = {size: Figures() for size in SIZES}
    for number in range(rounds):
        for size in SIZES if number % 2 else SIZES[::-1]:
            try:
                _measure(folder / f"{number}-{size}", size, figures[size])
            except (TimeoutError, RuntimeError) as error:
                print(f"{size:>5,} workers: {error}")
    for size, found in figures.items():
        print(found.told(size))
    if not all(found.seconds for found in figures.values()):
        return
    few, many = figures[SIZES[0]], figures[SIZES[-1]]
    ratio = median(many.delays) / median(few.delays)
    print(f"{SIZES[-1]:,} workers to one, median: {ratio:.2f}; {at_most(ratio, 1.5)}")
    memory = many.peak_bytes / MEGABYTE
    print(f"the server's memory with {SIZES[-1]:,}: {memory:.0f} MB; {at_most(memory, 150, 'MB')}")


def _measure(folder: Path, size: int, figures: Figures) -> None:
    folder.mkdir()
    with ExitStack() as stack:
        live = stack.enter_context(running(folder, workers=0))
        source = uploaded_second(live.client)
        crowd = Crowd(str(live.client.base_url).rstrip("/"), stack)
        crowd.grow(size)
        crowd.hand(source)  # the first one of a process is not measured
        crowd.settle(1)
        cpu, beats, started_at = _cpu_seconds(live), crowd.beats, time.monotonic()
        for _ in range(JOBS):
            figures.delays.append(crowd.hand(source))
            crowd.settle(BETWEEN_SECONDS)
            figures.peak_bytes = max(figures.peak_bytes, live.server().memory_info().rss)
        figures.cpu_seconds += _cpu_seconds(live) - cpu
        figures.beats += crowd.beats - beats
        figures.seconds += time.monotonic() - started_at


def _cpu_seconds(live: Running) -> float:
    times = live.server().cpu_times()
    return float(times.user + times.system)
