"""Work on passwords, which takes long on purpose, waits for its turn without holding up everything else."""

from collections.abc import Callable
from typing import TypeVar

from anyio import to_thread

from balanza.errors import Retryable
from balanza.server.parts import LoopParts

T = TypeVar("T")

MOST_WAITING = 50
"""A second or two of work. Whoever comes then is told to come again, instead of waiting behind all of them."""


async def in_turn(loop_parts: LoopParts, call: Callable[[], T]) -> T:
    """What `call` returned, from one of the few threads that work on passwords. Raises Retryable when many wait."""
    threads = loop_parts.password_threads
    if threads.statistics().tasks_waiting >= MOST_WAITING:
        raise Retryable("Very many people are logging in at this moment. Try again in a few seconds.")
    return await to_thread.run_sync(call, limiter=threads)
