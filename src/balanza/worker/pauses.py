"""The pauses of one attempt: its ffmpeg is stopped while a short job runs, and the time that it lost so is known.

A stopped process keeps its memory and what it has done, and SIGKILL ends it like any other. Docs: docs/leases.md.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


class Pauses:
    """One at a time. Between two programs of an attempt, and before and after them, there is nothing to stop."""

    def __init__(self) -> None:
        self.remaining_guess_seconds: float | None = None
        """What the program has still to run, as far as that can be guessed before it tells."""
        self._is_wanted = False
        self._group: int | None = None
        self._stopped_at: float | None = None
        self._seconds_before = 0.0

    @property
    def is_paused(self) -> bool:
        return self._stopped_at is not None

    @property
    def seconds(self) -> float:
        """All of them together, with the one that lasts."""
        return self._seconds_before + (time.monotonic() - self._stopped_at if self._stopped_at is not None else 0.0)

    def working_time(self) -> float:
        """Seconds on a clock that stands still in pauses."""
        return (time.monotonic() if self._stopped_at is None else self._stopped_at) - self._seconds_before

    def begin(self) -> bool:
        """Whether a program was stopped. One that is started during the pause is stopped then."""
        self._is_wanted = True
        self._stop()
        return self.is_paused

    def end(self) -> None:
        self._is_wanted = False
        self._go_on()

    @contextmanager
    def over(self, group: int) -> Iterator[None]:
        """Meanwhile the attempt's program is the process `group`, named after the process that leads it."""
        self._group = group
        try:
            if self._is_wanted:
                self._stop()
            yield
        finally:
            self._go_on()
            self._group = None

    def _stop(self) -> None:
        if self._group is not None and not self.is_paused and stop_group(self._group):
            self._stopped_at = time.monotonic()

    def _go_on(self) -> None:
        if self._stopped_at is None:
            return
        self._seconds_before, self._stopped_at = self.seconds, None
        if self._group is not None:
            continue_group(self._group)


HAS_SIGNALS = hasattr(signal, "SIGSTOP")
"""Windows has not; psutil there suspends the threads of each process."""


def stop_group(group: int) -> bool:
    """Whether there was a process to stop."""
    if not HAS_SIGNALS:
        return _suspend_tree(group)
    try:
        os.killpg(group, signal.SIGSTOP)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def continue_group(group: int) -> None:
    """Nothing happens when there is none."""
    if not HAS_SIGNALS:
        _resume_tree(group)
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGCONT)


def _suspend_tree(pid: int) -> bool:
    """The parent before its children: it starts no more of them meanwhile."""
    try:
        leader = psutil.Process(pid)
        leader.suspend()
    except psutil.Error:
        return False
    for child in _descendants(leader):
        with suppress(psutil.Error):
            child.suspend()
    return True


def _resume_tree(pid: int) -> None:
    with suppress(psutil.Error):
        leader = psutil.Process(pid)
        for process in (*_descendants(leader), leader):
            with suppress(psutil.Error):
                process.resume()


def _descendants(leader: psutil.Process) -> list[psutil.Process]:
    try:
        return leader.children(recursive=True)
    except psutil.Error:
        return []
