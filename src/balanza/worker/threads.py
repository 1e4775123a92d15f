"""Blocking work beside the event loop, in threads that never hold up the end of the process."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns or raises, from a daemon thread.

    A caller that is cancelled still waits until the function has ended: what it was writing can then be removed. A
    process that ends does not wait, as it would for the threads of an executor: a file of many gigabytes that is being
    hashed must not delay SIGTERM.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def work() -> None:
        try:
            result = function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            _tell(loop, _settle, future, error)
        else:
            _tell(loop, _resolve, future, result)

    threading.Thread(target=work, name=f"worker-{function.__name__}", daemon=True).start()
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        with suppress(Exception):  # the caller is gone; nobody is left to hear of it
            await future
        raise


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: object) -> None:
    with suppress(RuntimeError):  # the loop was closed while the thread worked
        loop.call_soon_threadsafe(callback, *args)


def _resolve(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _settle(future: asyncio.Future[T], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
