"""How much the worker's process tree uses of what it may use: processor time and memory."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from balanza.protocol import MIB, Load

SHORTEST_WINDOW_SECONDS = 0.5
"""The kernel counts processor time in ticks of 10 ms: over a shorter window the share would be mostly rounding."""


class LoadSampler:
    """Samples this process and all its descendants."""

    def __init__(self, cpus: float) -> None:
        self._cpus = cpus
        self._sampled_at = time.monotonic()
        self._spent_seconds, memory_bytes = _tree_usage()
        self._load = Load(cpu_load=0, memory_mb=round(memory_bytes / MIB, 1))

    def sample(self) -> Load:
        """The share of the usable cores spent since the sample before, 0..1, and the resident memory now."""
        now = time.monotonic()
        elapsed = now - self._sampled_at
        if elapsed < SHORTEST_WINDOW_SECONDS:
            return self._load
        spent, memory_bytes = _tree_usage()
        # A child that ended between our reading of its parent and of itself is missing from this sum and back in the
        # next one: the sum may dip, but what was spent never shrinks.
        spent = max(spent, self._spent_seconds)
        share = (spent - self._spent_seconds) / elapsed / self._cpus
        self._sampled_at, self._spent_seconds = now, spent
        self._load = Load(cpu_load=round(min(1.0, share), 4), memory_mb=round(memory_bytes / MIB, 1))
        return self._load


def usable_cpus() -> float:
    """The cores this process may use: its affinity, or less where a control group limits its processor time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(0.01, min([float(cores), *_quotas(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"))]))


def _quotas(root: Path, membership: Path) -> Iterator[float]:
    """The limits, in cores, of every control group that this process is in (versions 2 and 1)."""
    with suppress(OSError):
        for line in membership.read_text().splitlines():
            number, controllers, group = line.split(":", 2)
            if number == "0":
                base, read_quota = root, _quota_v2
            elif "cpu" in controllers.split(","):
                base, read_quota = root / "cpu", _quota_v1
            else:
                continue
            here = base / group.lstrip("/")
            for folder in (here, *(parent for parent in here.parents if parent.is_relative_to(base))):
                with suppress(OSError, ValueError):
                    yield read_quota(folder)


def _quota_v2(folder: Path) -> float:
    quota, period = (folder / "cpu.max").read_text().split()
    return int(quota) / int(period)


def _quota_v1(folder: Path) -> float:
    quota = int((folder / "cpu.cfs_quota_us").read_text())
    if quota <= 0:
        raise ValueError("no limit")
    return quota / int((folder / "cpu.cfs_period_us").read_text())


def _tree_usage() -> tuple[float, int]:
    """Processor seconds spent by the tree so far, children that ended included, and its resident bytes.

    A process that ends and is waited for adds its times to its parent's `children_*` (getrusage(2), RUSAGE_CHILDREN).
    Parents are read before their children: a child that ends meanwhile is then missing, never counted twice.
    """
    spent, memory = 0.0, 0
    for process in _tree(psutil.Process()):
        with suppress(psutil.Error), process.oneshot():
            times = process.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
            memory += process.memory_info().rss
    return spent, memory


def _tree(process: psutil.Process) -> Iterator[psutil.Process]:
    yield process
    with suppress(psutil.Error):
        for child in _children(process):
            yield from _tree(child)


def _children(process: psutil.Process) -> list[psutil.Process]:
    """The kernel's own list where there is one: psutil would read every process of the machine (3 ms for 80)."""
    tasks = Path(f"/proc/{process.pid}/task")
    try:
        lists = [(task / "children").read_text() for task in tasks.iterdir()]
    except OSError:
        return process.children() if not tasks.exists() else []
    found = []
    for pid in " ".join(lists).split():
        with suppress(psutil.Error):
            found.append(psutil.Process(int(pid)))
    return found
