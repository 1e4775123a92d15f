"""Carries the dispatcher's signals, which come from any thread, to those who wait in the event loop."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from fastapi import Request

from balanza.dispatch import signals
from balanza.dispatch.signals import Signals

MOST_ASKED = 50
"""So many workers look when there is a job that any may take, in turn: 1,000 at once would keep a server busy for
seconds. While it is pending the next ones look a second later."""


class Bells:
    """One listener for the whole server, however many requests wait. Used in the loop that made it."""

    def __init__(self, signals: Signals) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: defaultdict[str, dict[asyncio.Event, None]] = defaultdict(dict)
        """Whose turn it is comes first."""
        self._closed = False
        self._unsubscribe = signals.subscribe(self._carry)

    @property
    def closed(self) -> bool:
        """True when the server is going down: whoever waits should end."""
        return self._closed

    @contextmanager
    def listen(self, *topics: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of `topics` is signalled, and when the server goes down."""
        bell = asyncio.Event()
        if self._closed:
            bell.set()
        for topic in topics:
            self._waiting[topic][bell] = None
        try:
            yield bell
        finally:
            for topic in topics:
                self._waiting[topic].pop(bell, None)
                if not self._waiting[topic]:
                    del self._waiting[topic]

    def close(self) -> None:
        """Ends every wait, now and from now on."""
        if self._closed:
            return
        self._closed = True
        self._unsubscribe()
        for bells in self._waiting.values():
            for bell in bells:
                bell.set()

    def _carry(self, topic: str) -> None:
        self._loop.call_soon_threadsafe(self._ring, topic)

    def _ring(self, topic: str) -> None:
        waiting = self._waiting.get(topic, {})
        for bell in list(islice(waiting, MOST_ASKED if topic == signals.ANY_WORK else None)):
            bell.set()
            waiting[bell] = waiting.pop(bell)  # at the end


async def wait_for_bell(bell: asyncio.Event, seconds: float) -> bool:
    """Whether `bell` rang within `seconds`; it is silent again afterwards."""
    try:
        await asyncio.wait_for(bell.wait(), seconds)
    except TimeoutError:
        return False
    bell.clear()
    return True


@contextmanager
def departure(request: Request, bell: asyncio.Event) -> Iterator[asyncio.Future[None]]:
    """Done, and the bell rung, as soon as whoever sent the request has gone away. Its body must have been read."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        bell.set()

    watching = asyncio.create_task(gone())
    try:
        yield watching
    finally:
        watching.cancel()
