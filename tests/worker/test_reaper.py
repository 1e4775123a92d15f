"""What is left behind when a process ends without a word."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from balanza.worker.reaper import Reaper, kill_group
from tests.support.waiting import eventually


@pytest.fixture
def groups() -> Iterator[list[int]]:
    """Three process groups of two processes each."""
    started = [subprocess.Popen(["sh", "-c", "sleep 600 & wait"], start_new_session=True) for _ in range(3)]
    yield [process.pid for process in started]
    for process in started:
        kill_group(process.pid)
        process.wait()


def runs(group: int) -> bool:
    return any(
        os.getpgid(process.pid) == group
        for process in psutil.process_iter()
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    )


def test_what_is_watched_is_killed_at_the_end_and_nothing_else(groups: list[int]) -> None:
    watched, forgotten, unknown = groups
    reaper = Reaper()
    for group in (forgotten, watched):
        reaper.watch(group)
    reaper.forget(forgotten)
    reaper.close()
    eventually(lambda: not runs(watched))
    assert runs(forgotten)
    assert runs(unknown)


def _shells() -> list[psutil.Process]:
    """A child that was just made bears its parent's command line still."""
    return [child for child in psutil.Process().children() if "forget" in " ".join(child.cmdline())]


def test_a_reaper_that_was_killed_is_replaced_by_one_that_knows_all(groups: list[int]) -> None:
    first, second, forgotten = groups
    reaper = Reaper()
    reaper.watch(first)
    (shell,) = eventually(_shells)
    shell.kill()
    eventually(lambda: shell.status() == psutil.STATUS_ZOMBIE)
    assert runs(first)
    reaper.watch(forgotten)
    reaper.watch(second)
    reaper.forget(forgotten)
    reaper.close()
    eventually(lambda: not runs(first) and not runs(second))
    assert runs(forgotten)


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGTERM"])
def test_it_outlives_a_kill_of_our_whole_process_group(groups: list[int], signal: str) -> None:
    watched = groups[0]
    dies = f"import os, signal\nfrom balanza.worker.reaper import Reaper\nReaper().watch({watched})\n" + (
        f"os.killpg(0, signal.{signal})"
    )
    subprocess.run([sys.executable, "-c", dies], start_new_session=True, check=False)
    eventually(lambda: not runs(watched))


def test_closing_one_that_never_watched_does_nothing() -> None:
    Reaper().close()
