"""Waiting for a condition with a deadline, in place of sleeping for a guessed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], seconds: float = 10.0, *, every: float = 0.02) -> T:
    """The first truthy value of `condition`; AssertionError when `seconds` pass without one."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition.__name__} gave {value!r}")
        time.sleep(every)
