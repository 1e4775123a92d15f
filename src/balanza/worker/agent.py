"""The agent: registers, heartbeats, asks for leases with its free slots, runs attempts, and hands everything back.

Docs: docs/leases.md.
"""

import asyncio
import logging
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from balanza.balancer.pausing import has_room
from balanza.errors import BalanzaError, WorkerReplaced, WorkerUnknown
from balanza.protocol import (
    Heartbeat,
    HeartbeatReply,
    LeaseReport,
    LeaseRequest,
    Registered,
    Registration,
)
from balanza.storage import Storage
from balanza.worker.conversion import Tools
from balanza.worker.fleet_client import FleetClient
from balanza.worker.link import Link
from balanza.worker.load import LoadSampler, Traffic, free_memory_mb
from balanza.worker.log import NamedLog
from balanza.worker.observer import Observer
from balanza.worker.reaper import Reaper
from balanza.worker.runner import Runner
from balanza.worker.shared_storage import shared_storage
from balanza.worker.slots import Slots
from balanza.worker.threads import in_thread
from balanza.worker.together import most_together

HAND_BACK_SECONDS = 2.0
"""What killing the conversions and releasing their leases may take; the leave then gives back what is left."""


@dataclass(frozen=True, slots=True)
class Identity:
    """How a worker presents itself."""

    worker_id: str
    slots: int
    cpus: float
    metrics_address: str | None = None
    memory_total_mb: float | None = None
    tags: frozenset[str] = frozenset()


class Agent:
    """A worker. It knows no HTTP: any FleetClient will do. One agent runs once."""

    def __init__(
        self,
        client: FleetClient,
        identity: Identity,
        tools: Tools,
        *,
        storage: Storage | None = None,
        observer: Observer | None = None,
        traffic: Traffic | None = None,
        pausing: bool = True,
    ) -> None:
        """With a `storage` it is used as it is; otherwise the server's folder is, when it can be reached from here.

        `traffic` is what the client counts. With `pausing` long conversions pause for short ones, if there is memory.
        """
        self._client = client
        self._identity = identity
        self._tools = tools
        self._storage = storage
        self._observer = observer
        self._pausing = pausing
        self._log = NamedLog(logging.getLogger("balanza.worker"), {"worker_id": identity.worker_id})
        self._link = Link(self._log)
        self._reaper = Reaper()
        self._sampler = LoadSampler(identity.cpus, tools.scratch.folder, traffic)
        self._instance = uuid.uuid4().hex
        self._registered: Registered | None = None
        self._pace_seconds: float | None = None
        """Between heartbeats, as the server told it last; None: as it did when it registered."""
        self._news = asyncio.Event()
        """Set when the next heartbeat must not wait for its second."""
        self._slots = Slots(
            client,
            LeaseRequest(worker_id=identity.worker_id, instance=self._instance, most=most_together(identity.slots)),
            self._link,
            self._log,
            observer=observer,
            gone=self.stop,
            changed=self._news.set,
            has_room=self._has_room,
        )
        self._stop = asyncio.Event()

    @property
    def running(self) -> Mapping[str, LeaseReport]:
        """How far each running job is, by job id."""
        return {attempt.grant.job_id: attempt.report for attempt in self._slots.attempts.values()}

    def drain(self, grace_seconds: float) -> None:
        """Takes nothing new, says so to the server at once, and has `run` return when what runs has ended.

        What has not ended after `grace_seconds` is killed and handed back, as by `stop`. Call it from the event loop's
        thread.
        """
        if self._slots.leaving or self._stop.is_set():
            return
        self._slots.leaving = True
        self._slots.taking.clear()
        if not self._slots.attempts:
            self._log.info("⏸️ Me voy: no tengo nada a medias")
            self.stop()
            return
        self._log.info("⏸️ Me voy: termino lo que tengo (hasta %g s)", grace_seconds)
        self._news.set()
        asyncio.get_running_loop().call_later(grace_seconds, self._end_grace)

    def _end_grace(self) -> None:
        if not self._stop.is_set():
            self._log.info("⌛ Se acabó el plazo: devuelvo lo que no terminé")
            self.stop()

    def stop(self) -> None:
        """Has `run` kill what runs, hand it back, take leave, and return. Call it from the event loop's thread."""
        self._stop.set()

    async def run(self) -> None:
        """Works until `stop` or the end of `drain`.

        Raises WorkerReplaced when another process has taken this worker's id.
        """
        serving = asyncio.create_task(self._serve())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            replaced = serving.done() and isinstance(serving.exception(), WorkerReplaced)
            serving.cancel()
            await asyncio.wait([serving], timeout=HAND_BACK_SECONDS)
            if self._registered and not replaced:
                await self._leave()
            self._reaper.close()
        if serving.done() and not serving.cancelled():
            serving.result()

    async def _serve(self) -> None:
        await self._register()
        loops = [self._heartbeats(), *(self._slots.serve() for _ in range(self._identity.slots))]
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()  # the loops do not end: this raises what ended one
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _register(self) -> None:
        registration = Registration(
            worker_id=self._identity.worker_id,
            instance=self._instance,
            slots=self._identity.slots,
            cpus=self._identity.cpus,
            memory_total_mb=self._identity.memory_total_mb,
            encoders=self._tools.program.encoders,
            tags=self._identity.tags,
            metrics_address=self._identity.metrics_address,
            load=self._sampler.sample(),
        )
        registered = await self._link.persist(lambda: self._client.register(registration))
        storage = self._storage or await in_thread(shared_storage, registered)
        self._registered = registered
        runner = Runner(self._tools, self._reaper, self._client, self._link, storage)
        self._slots.equip(runner, refused_seconds=registered.heartbeat_seconds)
        self._log.info(
            "✅ Registrado (slots: %d, %s)",
            self._identity.slots,
            "almacén compartido" if storage else "archivos a través del servidor",
        )

    async def _leave(self) -> None:
        try:
            await self._client.leave(self._identity.worker_id, self._instance)
        except BalanzaError as error:
            self._log.warning("No pude despedirme del servidor: %s", error.sentence)

    def _has_room(self) -> bool:
        return self._pausing and has_room(free_memory_mb(), self._identity.memory_total_mb)

    # --- Heartbeats: in a loop of their own, whatever the slots are doing

    async def _heartbeats(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began_at = loop.time()
            self._news.clear()
            await self._beat()
            next_at = began_at + (self._pace_seconds or self._session.heartbeat_seconds)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_at):
                    await self._news.wait()

    async def _beat(self) -> None:
        load = self._sampler.sample()
        if self._observer:
            self._observer.measured(load)
        heartbeat = Heartbeat(
            worker_id=self._identity.worker_id,
            instance=self._instance,
            load=load,
            leases=tuple(attempt.report for attempt in self._slots.attempts.values()),
            leaving=self._slots.leaving,
        )
        try:
            reply = await self._client.heartbeat(heartbeat)
        except WorkerUnknown:
            await self._start_over()
        except WorkerReplaced:
            raise
        except BalanzaError as error:
            self._link.failed(error)
        else:
            self._link.answered()
            self._obey(reply)

    async def _start_over(self) -> None:
        """The server has forgotten this worker, and with it every lease."""
        if self._slots.leaving:
            for attempt in self._slots.attempts.values():
                attempt.lose()
            return
        self._log.info("El servidor ya no me conoce; me registro otra vez")
        await self._register()

    def _obey(self, reply: HeartbeatReply) -> None:
        self._pace_seconds = reply.heartbeat_seconds
        for token in reply.lost:
            if attempt := self._slots.attempts.get(token):
                attempt.lose()
        if self._slots.leaving:
            return
        if reply.drain == self._slots.taking.is_set():
            self._log.info("⏸️ En drenaje: no tomo más trabajos" if reply.drain else "▶️ Tomo trabajos otra vez")
        if reply.drain:
            self._slots.taking.clear()
        else:
            self._slots.taking.set()

    @property
    def _session(self) -> Registered:
        assert self._registered is not None  # noqa: S101 - set before any loop starts
        return self._registered
