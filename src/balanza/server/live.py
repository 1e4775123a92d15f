"""Events as they happen (server-sent events): read from the database once, however many are listening.

A connection holds only its position. Who is slow or was away reads what is missing from the database, so that nothing
grows with slow clients; for whom the events are no longer kept there is `reset`: fetch everything anew.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress

from anyio import to_thread

from balanza.dispatch import signals
from balanza.errors import BalanzaError
from balanza.model import Event
from balanza.server.bells import Bells, wait_for_bell
from balanza.store import events
from balanza.store.database import Database

log = logging.getLogger("balanza.server")

KEEP_ALIVE_SECONDS = 15.0
"""Half of the 30 s after which the strictest proxies cut a silent connection."""
LOOK_AGAIN_SECONDS = 1.0
"""Events that another server wrote to the same database make no signal here."""
PROGRESS_EVERY_SECONDS = 0.5
REMEMBERED = 1024
READ_AT_ONCE = 500


def encode(event: Event) -> bytes:
    """The event on the wire. Its `id:` is what a client sends back as Last-Event-ID."""
    data = {
        "type": event.type,
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "job_id": event.job_id,
        "worker_id": event.worker_id,
        "media_id": event.media_id,
        **event.data,
    }
    return _frame(event.type, data, event.id)


def _frame(name: str, data: Mapping[str, object], event_id: int | None = None) -> bytes:
    numbered = "" if event_id is None else f"id: {event_id}\n"
    return f"{numbered}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


OPENING = b"retry: 2000\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
PROGRESS = _frame("job.progress", {"type": "job.progress"})
"""A hint without a number: there is nothing to catch up on."""

_Frames = list[tuple[int, bytes]]


class Feed:
    """The newest events, each encoded once, and everybody who waits for more. Lives in one event loop."""

    def __init__(self, database: Database, bells: Bells) -> None:
        self._database = database
        self._bells = bells
        self._listeners = 0
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._progress = 0
        """How often progress was told."""
        self._recent: deque[tuple[int, bytes]] = deque()
        self._base: int | None = None
        """All events after this one and up to `_head` are in `_recent`; None while nobody listens."""
        self._head = 0

    async def run(self) -> None:
        """Follows the database as long as anybody listens, until the server goes down."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_events())
            tasks.create_task(self._follow_progress())

    async def stream(self, last_event_id: str | None) -> AsyncIterator[bytes]:
        """What happens after `last_event_id`, or from now on.

        Ends when the server goes down or the database cannot be read; the client then comes back with the last id.
        """
        with self._listening(), suppress(BalanzaError):
            yield OPENING
            oldest, newest = await to_thread.run_sync(self._database.read, events.bounds)
            position = _position(last_event_id, oldest, newest)
            if position is None:
                yield _frame("reset", {"type": "reset"}, newest)
            async for batch in self._follow(newest if position is None else position):
                yield batch

    async def _follow(self, position: int) -> AsyncIterator[bytes]:
        progress = self._progress
        while not self._bells.closed:
            news = self._news
            frames = await self._after(position)
            if frames:
                position = frames[-1][0]
                yield b"".join(frame for _, frame in frames)
            elif progress != self._progress:
                progress = self._progress
                yield PROGRESS
            elif not await _happens(news, KEEP_ALIVE_SECONDS):
                yield KEEP_ALIVE

    async def _after(self, position: int) -> _Frames:
        """The events after `position`, oldest first, as far as they are at hand."""
        if self._base is not None and position >= self._base:
            return [(event_id, frame) for event_id, frame in self._recent if event_id > position]
        return await self._read(position)

    async def _read(self, position: int) -> _Frames:
        rows = await to_thread.run_sync(self._database.read, lambda tx: events.after(tx, position, READ_AT_ONCE))
        return [(event.id, encode(event)) for event in rows]

    @contextmanager
    def _listening(self) -> Iterator[None]:
        self._listeners += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._wanted.clear()

    async def _follow_events(self) -> None:
        with self._bells.listen(signals.EVENTS) as bell:
            while not self._bells.closed:
                try:
                    await self._catch_up()
                except Exception:
                    # Whatever it is, the listeners must hear what comes after it.
                    log.exception("The events cannot be read; trying again")
                await wait_for_bell(bell, LOOK_AGAIN_SECONDS)
        self._tell()

    async def _catch_up(self) -> None:
        if not self._listeners:
            self._base = None
            self._recent.clear()
            await self._wanted.wait()
        if self._base is None:
            _, newest = await to_thread.run_sync(self._database.read, events.bounds)
            self._base = self._head = newest
            self._tell()
        while frames := await self._read(self._head):
            self._remember(frames)
            self._tell()

    def _remember(self, frames: _Frames) -> None:
        self._recent.extend(frames)
        self._head = frames[-1][0]
        while len(self._recent) > REMEMBERED:
            self._base, _ = self._recent.popleft()

    async def _follow_progress(self) -> None:
        with self._bells.listen(signals.PROGRESS) as bell:
            while not self._bells.closed:
                await bell.wait()
                bell.clear()
                self._progress += 1
                self._tell()
                await asyncio.sleep(PROGRESS_EVERY_SECONDS)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _position(last_event_id: str | None, oldest: int, newest: int) -> int | None:
    """Where to go on; None when what lies between is no longer kept (or never was: another database)."""
    if last_event_id is None:
        return newest
    if not last_event_id.isascii() or not last_event_id.isdecimal() or len(last_event_id) > 18:
        return None
    position = int(last_event_id)
    return position if oldest - 1 <= position <= newest else None


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        return await asyncio.wait_for(event.wait(), seconds)
    return False
