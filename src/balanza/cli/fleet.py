"""The way between a worker and a dispatcher in one process: function calls."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

from balanza.dispatch.fleet import Fleet
from balanza.dispatch.signals import Signals
from balanza.errors import BalanzaError, StorageError
from balanza.lifecycle import JobStatus
from balanza.model import Job
from balanza.protocol import (
    Completion,
    Failure,
    Heartbeat,
    HeartbeatReply,
    LeaseGrant,
    LeaseRequest,
    Load,
    Registered,
    Registration,
    StoredObject,
)
from balanza.storage import LocalStorage

NOT_COMPUTED = "0" * 64

Ended = Callable[[Job, Path | None], Awaitable[None]]
"""Told of each job that has ended, with the file that holds its result, if it has one."""


class UnhashedStorage(LocalStorage):
    """Storage whose linked and adopted files carry no SHA-256: nobody asks for it while the command lasts, and
    computing it would read every file once more."""

    def link(self, path: Path, key: str) -> StoredObject:
        try:
            self.path(key).symlink_to(path.absolute())
            return StoredObject(size_bytes=path.stat().st_size, sha256=NOT_COMPUTED)
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}.") from error

    def adopt(self, path: Path, key: str) -> StoredObject:
        try:
            path.rename(self.path(key))
            return StoredObject(size_bytes=self.path(key).stat().st_size, sha256=NOT_COMPUTED)
        except OSError as error:
            raise StorageError(f"The result cannot be kept: {error.strerror}.") from error

    def adopt_several(self, paths: Mapping[str, Path]) -> Mapping[str, StoredObject]:
        return {key: self.adopt(path, key) for key, path in paths.items()}


class LocalFleet:
    """A FleetClient that calls the dispatcher in its own thread: an operation of a store in memory takes less time
    than handing it to another."""

    def __init__(self, fleet: Fleet, signals: Signals, storage: LocalStorage, ended: Ended) -> None:
        """To be made inside the event loop that uses it."""
        self._fleet = fleet
        self._storage = storage
        self._ended = ended
        self._output_keys: dict[str, str] = {}
        self._news = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hear(topic: str) -> None:
            if not topic.startswith("work:"):
                return
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._news.set)

        self._unsubscribe = signals.subscribe(hear)

    async def register(self, registration: Registration) -> Registered:
        return self._fleet.register(registration.model_copy(update={"load": _boundless(registration.load)}))

    async def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatReply:
        return self._fleet.heartbeat(heartbeat.model_copy(update={"load": _boundless(heartbeat.load)}))

    async def lease(self, request: LeaseRequest) -> LeaseGrant | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(request.wait_seconds):
                while True:
                    self._news.clear()
                    if grant := self._fleet.lease(request):
                        self._output_keys |= {one.token: one.output_key for one in (grant, *grant.companions)}
                        return grant
                    await self._news.wait()
        return None

    async def fetch_source(self, token: str, target: Path) -> None:
        raise NotImplementedError("The worker shares the storage.")

    async def send_result(self, token: str, result: Path) -> StoredObject:
        raise NotImplementedError("The worker shares the storage.")

    async def send_piece(self, token: str, number: int, piece: Path) -> StoredObject:
        raise NotImplementedError("The worker shares the storage.")

    async def complete(self, token: str, completion: Completion) -> None:
        job = self._fleet.complete(token, completion)
        await self._ended(job, self._storage.path(self._output_keys.pop(token)))

    async def complete_several(self, completions: Mapping[str, Completion]) -> Mapping[str, BalanzaError]:
        refused = {}
        for token, completion in completions.items():
            try:
                await self.complete(token, completion)
            except BalanzaError as error:
                refused[token] = error
        return refused

    async def fail(self, token: str, failure: Failure) -> None:
        job = self._fleet.fail(token, failure)
        if job.status is JobStatus.FAILED:
            await self._ended(job, None)

    async def release(self, token: str) -> None:
        self._fleet.release(token)

    async def leave(self, worker_id: str, instance: str) -> None:
        self._fleet.leave(worker_id, instance)

    async def aclose(self) -> None:
        self._unsubscribe()


def _boundless(load: Load) -> Load:
    """Nobody else could take a job that is too large for the disk by the estimate: it would wait for ever. The disk
    itself will tell, and the job fails."""
    return load.model_copy(update={"scratch_free_bytes": None})
