"""500 jobs at once on eight workers of different speed: is every worker busy until the end?"""

import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx2

from bench.fleet import Fleet, finished, fleet
from bench.rounds import percentile

SPEEDS = (1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 4.0, 0.5)
SIZES = (0.4, 0.8, 1.2, 1.6)
"""Seconds at speed 1. A worker of half the speed takes up to 3.2 s for one job."""
JOBS = 500
SUBMITTERS = 4
LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True)
class Run:
    """One attempt that was completed, in seconds since the first submission."""

    worker_id: str
    started: float
    ended: float


@dataclass(frozen=True)
class Balance:
    """How evenly the work of a burst was spread over the workers."""

    makespan_seconds: float
    busy_seconds: Mapping[str, float]
    imbalance: float
    """The longest busy time divided by the mean: 1 is perfect."""
    longest_idle_seconds: float
    """The longest time in which a worker ran nothing while a job was pending."""


@dataclass
class Watch:
    """What a client saw meanwhile: seconds each request took, and who measured the workers, by the clock."""

    latencies: list[tuple[float, float]] = field(default_factory=list)
    sources: list[tuple[float, str, float | None]] = field(default_factory=list)

    def seen(self, since: float) -> set[str]:
        return {source for at, source, _ in self.sources if at >= since}


def run(folder: Path, rounds: int) -> None:
    """500 jobs at once on eight workers, from half to four times the same speed: idle time and imbalance"""
    for number in range(rounds):
        place = folder / str(number)
        place.mkdir()
        with fleet(place, SPEEDS, SIZES) as running, watching(running.address) as watch:
            submit(running, JOBS)
            finished(running.client, JOBS, 300)
            balance = balance_of(runs(running.client))
        seconds = [latency for _, latency in watch.latencies]
        print(
            f"makespan {balance.makespan_seconds:.1f} s, bound {bound_seconds(JOBS):.1f} s; "
            f"imbalance {balance.imbalance:.3f}; longest idle {balance.longest_idle_seconds * 1e3:.0f} ms; "
            f"/workers/stats median {median(seconds) * 1e3:.1f} ms, p99 {percentile(seconds, 99) * 1e3:.1f} ms"
        )
    print("aim: imbalance at most 1.1, no worker idle for more than 1 s while a job is pending")


def submit(running: Fleet, count: int, seed: int = 1) -> list[str]:
    """Asks for so many conversions at once; the ids of the jobs."""

    def one(source: str) -> str:
        wanted = {"input_file": source, "output_format": "mp3"}
        return str(running.client.post("/convert", json=wanted).raise_for_status().json()["job_id"])

    with ThreadPoolExecutor(SUBMITTERS) as pool:
        return list(pool.map(one, [running.sources[size] for size in drawn(count, seed)]))


def drawn(count: int, seed: int = 1) -> list[float]:
    """The sizes of the jobs, the same each time."""
    return random.Random(seed).choices(SIZES, k=count)


def bound_seconds(count: int) -> float:
    """No order and no placement can be faster: all the work divided by all the speed."""
    return sum(drawn(count)) / sum(SPEEDS)


def runs(client: httpx2.Client) -> list[Run]:
    """The last attempts of all completed jobs."""
    jobs = list(_jobs(client))
    first = min(_seconds(job["created_at"]) for job in jobs)
    return [
        Run(job["worker_id"], _seconds(job["started_at"]) - first, _seconds(job["completed_at"]) - first)
        for job in jobs
        if job["status"] == "completed"
    ]


def balance_of(everything: Sequence[Run]) -> Balance:
    """While the last job to start was pending, no worker had a reason to be idle."""
    pending_until = max(one.started for one in everything)
    busy: dict[str, float] = {}
    idle = [0.0]
    for worker_id in sorted({one.worker_id for one in everything}):
        own = _spans([one for one in everything if one.worker_id == worker_id])
        busy[worker_id] = sum(ended - started for started, ended in own)
        ends = [0.0, *(ended for _, ended in own)]
        starts = [*(started for started, _ in own), pending_until]
        idle += [min(start, pending_until) - end for end, start in zip(ends, starts, strict=True)]
    return Balance(
        makespan_seconds=max(one.ended for one in everything),
        busy_seconds=busy,
        imbalance=max(busy.values()) / (sum(busy.values()) / len(busy)),
        longest_idle_seconds=max(idle),
    )


def _spans(runs: Sequence[Run]) -> list[tuple[float, float]]:
    """When a worker ran something: what runs while another is paused, or together with others, counts once."""
    spans: list[tuple[float, float]] = []
    for one in sorted(runs, key=lambda one: one.started):
        if spans and one.started <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], one.ended)
        else:
            spans.append((one.started, one.ended))
    return spans


@contextmanager
def watching(address: str) -> Iterator[Watch]:
    """Looks at /workers/stats several times a second, until the end of the block."""
    watch, ending = Watch(), threading.Event()

    def look() -> None:
        with httpx2.Client(base_url=address, timeout=60, trust_env=False) as client:
            while not ending.wait(LOOK_EVERY_SECONDS):
                asked_at = time.perf_counter()
                summary = client.get("/workers/stats").raise_for_status().json()["summary"]
                now = time.perf_counter()
                watch.latencies.append((now, now - asked_at))
                watch.sources.append((now, summary["metrics_source"], summary["metrics_age_seconds"]))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        ending.set()
        thread.join()


def _jobs(client: httpx2.Client) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        given = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/jobs", params=given).raise_for_status().json()
        yield from page["jobs"]
        if (cursor := page["next_cursor"]) is None:
            return


def _seconds(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()
