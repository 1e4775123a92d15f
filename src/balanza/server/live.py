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
from dataclasses import dataclass

from anyio import to_thread

from balanza.dispatch import signals
from balanza.errors import BalanzaError
from balanza.model import Event, Principal, Scope
from balanza.server.bells import Bells, wait_for_bell
from balanza.server.numbers import Numbers
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


@dataclass(frozen=True, slots=True)
class Told:
    """An event on the wire, in as many words as each may hear. Its number stands there as its `id:`, which is what a
    client sends as Last-Event-ID."""

    id: int
    owner_id: str | None
    whole: bytes
    """For the owner of what it is about; of the fleet, for administrators."""
    hint: bytes | None
    """For others who may know that something happened; None when nobody may."""

    def frame_for(self, principal: Principal) -> bytes | None:
        """None when it is nothing to them: nobody learns of other people's jobs and files."""
        is_admin = principal.scope.covers(Scope.ADMIN)
        if self.owner_id is None:
            return self.whole if is_admin else self.hint
        if self.owner_id == principal.user_id:
            return self.whole
        return self.hint if is_admin else None


def encode(event: Event, numbers: Numbers) -> Told:
    at = event.at.isoformat().replace("+00:00", "Z")
    data = {
        "type": event.type,
        "at": at,
        "job_id": event.job_id,
        "worker_id": event.worker_id,
        "media_id": event.media_id,
        **event.data,
    }
    kind = event.type if event.owner_id is None else FLEET_CHANGED
    hint = {"type": kind, "at": at, "worker_id": event.worker_id}
    shown = numbers.shown(event.id)
    told = None if event.type.startswith(_OF_ONE_PERSON) else _frame(kind, hint, shown)
    return Told(event.id, event.owner_id, _frame(event.type, data, shown), told)


def _frame(name: str, data: Mapping[str, object], shown: int | None = None) -> bytes:
    numbered = "" if shown is None else f"id: {shown}\n"
    return f"{numbered}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


OPENING = b"retry: 2000\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
PROGRESS = _frame("job.progress", {"type": "job.progress"})
"""A hint without a number: there is nothing to catch up on."""

FLEET_CHANGED = "fleet.changed"
"""What administrators hear of other people's jobs."""
_OF_ONE_PERSON = "share."
"""What begins so changes nothing in the fleet."""


class Feed:
    """The newest events, each encoded once, and everybody who waits for more. Lives in one event loop."""

    def __init__(self, database: Database, bells: Bells, numbers: Numbers) -> None:
        self._database = database
        self._numbers = numbers
        self._bells = bells
        self._listeners = 0
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._progress = 0
        """How often progress was told."""
        self._recent: deque[Told] = deque()
        self._base: int | None = None
        """All events after this one and up to `_head` are in `_recent`; None while nobody listens."""
        self._head = 0

    async def run(self) -> None:
        """Follows the database as long as anybody listens, until the server goes down."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_events())
            tasks.create_task(self._follow_progress())

    async def stream(self, last_event_id: str | None, principal: Principal) -> AsyncIterator[bytes]:
        """What happens after `last_event_id`, or from now on, as far as it concerns that person.

        Ends when the server goes down or the database cannot be read; the client then comes back with the last id.
        """
        with self._listening(), suppress(BalanzaError):
            yield OPENING
            oldest, newest = await to_thread.run_sync(self._database.read, events.bounds)
            position = self._position(last_event_id, oldest, newest)
            if position is None:
                yield _frame("reset", {"type": "reset"}, self._numbers.shown(newest))
            async for batch in self._follow(newest if position is None else position, principal):
                yield batch

    async def _follow(self, position: int, principal: Principal) -> AsyncIterator[bytes]:
        progress = self._progress
        while not self._bells.closed:
            news = self._news
            told = await self._after(position)
            if told:
                position = told[-1].id
                if mine := b"".join(filter(None, (one.frame_for(principal) for one in told))):
                    yield mine
            elif progress != self._progress:
                progress = self._progress
                yield PROGRESS
            elif not await _happens(news, KEEP_ALIVE_SECONDS):
                yield KEEP_ALIVE

    async def _after(self, position: int) -> list[Told]:
        """The events after `position`, oldest first, as far as they are at hand."""
        if self._base is not None and position >= self._base:
            return [one for one in self._recent if one.id > position]
        return await self._read(position)

    async def _read(self, position: int) -> list[Told]:
        rows = await to_thread.run_sync(self._database.read, lambda tx: events.after(tx, position, READ_AT_ONCE))
        return [encode(event, self._numbers) for event in rows]

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
        while told := await self._read(self._head):
            self._remember(told)
            self._tell()

    def _remember(self, told: list[Told]) -> None:
        self._recent.extend(told)
        self._head = told[-1].id
        while len(self._recent) > REMEMBERED:
            self._base = self._recent.popleft().id

    async def _follow_progress(self) -> None:
        with self._bells.listen(signals.PROGRESS) as bell:
            while not self._bells.closed:
                await bell.wait()
                bell.clear()
                self._progress += 1
                self._tell()
                await asyncio.sleep(PROGRESS_EVERY_SECONDS)

    def _position(self, last_event_id: str | None, oldest: int, newest: int) -> int | None:
        """Where to go on; None when what lies between is no longer kept (or never was: another database)."""
        if last_event_id is None:
            return newest
        if not last_event_id.isascii() or not last_event_id.isdecimal() or len(last_event_id) > 18:
            return None
        position = self._numbers.meant(int(last_event_id))
        return position if oldest - 1 <= position <= newest else None

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        return await asyncio.wait_for(event.wait(), seconds)
    return False
