"""What the worker may use (processors, memory, scratch), how much of it its process tree uses, and its transfers."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from balanza.protocol import MIB, Load

SHORTEST_WINDOW_SECONDS = 0.5
"""The kernel counts processor time in ticks of 10 ms: over a shorter window the share would be mostly rounding."""
MOST_BYTES = 2**62
"""What the protocol carries; some network disks claim to be endless."""
CGROUPS, MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_MEMORY_FILES = {
    2: ("memory.max", "memory.current", "inactive_file"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
"""By version: the limit, the usage, and in `memory.stat` what of it is cache that nobody has used lately."""


@dataclass(slots=True)
class Traffic:
    """The bytes of sources and results that went over the network since the worker was started."""

    received_bytes: int = 0
    sent_bytes: int = 0


class LoadSampler:
    """Samples this process and all its descendants, the disk of the scratch folder, and what went over the network."""

    def __init__(self, cpus: float, scratch: Path, traffic: Traffic | None = None) -> None:
        self._cpus = cpus
        self._scratch = scratch
        self._traffic = traffic or Traffic()
        self._counted = replace(self._traffic)
        self._sampled_at = time.monotonic()
        self._spent_seconds, memory_bytes = _tree_usage()
        self._load = self._loaded(0.0, memory_bytes, Traffic(), 1.0)

    @property
    def latest(self) -> Load:
        """Of the last sample."""
        return self._load

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
        counted = replace(self._traffic)
        moved = Traffic(
            counted.received_bytes - self._counted.received_bytes, counted.sent_bytes - self._counted.sent_bytes
        )
        self._counted = counted
        self._load = self._loaded(round(min(1.0, share), 4), memory_bytes, moved, elapsed)
        return self._load

    def _loaded(self, cpu_load: float, memory_bytes: int, moved: Traffic, seconds: float) -> Load:
        return Load(
            cpu_load=cpu_load,
            memory_mb=round(memory_bytes / MIB, 1),
            scratch_free_bytes=free_bytes(self._scratch),
            received_bytes_per_second=round(moved.received_bytes / seconds, 1),
            sent_bytes_per_second=round(moved.sent_bytes / seconds, 1),
        )


def free_bytes(folder: Path) -> int | None:
    """What an unprivileged user may still write there; None when the file system does not tell."""
    try:
        told = os.statvfs(folder)
    except OSError:
        return None
    # One that does not count its blocks, as some network disks do not, is not for that reason full.
    return min(told.f_bavail * told.f_frsize, MOST_BYTES) if told.f_blocks else None


def usable_cpus() -> float:
    """The cores this process may use: its affinity, or less where a control group limits its processor time."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(0.01, min([float(cores), *_quotas(CGROUPS, MEMBERSHIP)]))


def usable_memory_mb() -> float:
    """The memory this process may use: that of the machine, or less where a control group limits it."""
    return round(min([psutil.virtual_memory().total, *_memory_limits(CGROUPS, MEMBERSHIP)]) / MIB, 1)


def free_memory_mb() -> float:
    """What is left of it, whoever uses the rest: other workers and programs too. What the system can take back at once,
    as the files that it remembers, is free."""
    return round(min([psutil.virtual_memory().available, *_memory_left(CGROUPS, MEMBERSHIP)]) / MIB, 1)


def _quotas(root: Path, membership: Path) -> Iterator[float]:
    """The limits, in cores, of every control group that this process is in."""
    for version, folder in _groups(root, membership, "cpu"):
        with suppress(OSError, ValueError):
            yield _quota_v2(folder) if version == 2 else _quota_v1(folder)


def _memory_limits(root: Path, membership: Path) -> Iterator[int]:
    """The same, in bytes; version 1 writes no limit as one that no machine reaches."""
    for version, folder in _groups(root, membership, "memory"):
        with suppress(OSError, ValueError):
            yield int((folder / _MEMORY_FILES[version][0]).read_text())


def _memory_left(root: Path, membership: Path) -> Iterator[int]:
    """What every control group has left of its limit, in bytes."""
    for version, folder in _groups(root, membership, "memory"):
        limit, usage, cached = _MEMORY_FILES[version]
        with suppress(OSError, ValueError, KeyError):
            told = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            used = int((folder / usage).read_text()) - int(told[cached])
            yield int((folder / limit).read_text()) - used


def _groups(root: Path, membership: Path, controller: str) -> Iterator[tuple[int, Path]]:
    """The version (2 or 1) and the folder of every control group above this process, its own first."""
    with suppress(OSError):
        for line in membership.read_text().splitlines():
            number, controllers, group = line.split(":", 2)
            if number == "0":
                version, base = 2, root
            elif controller in controllers.split(","):
                version, base = 1, root / controller
            else:
                continue
            here = base / group.lstrip("/")
            for folder in (here, *here.parents):
                if folder.is_relative_to(base):
                    yield version, folder


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
