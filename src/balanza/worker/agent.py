"""The agent: registers, heartbeats, asks for leases with its free slots, runs attempts, and hands everything back.

Docs: docs/leases.md.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from balanza.errors import BalanzaError, WorkerReplaced, WorkerUnknown
from balanza.protocol import (
    Heartbeat,
    HeartbeatReply,
    LeaseGrant,
    LeaseReport,
    LeaseRequest,
    Registered,
    Registration,
)
from balanza.storage import Storage
from balanza.worker.attempt import Attempt, Ending
from balanza.worker.conversion import Tools
from balanza.worker.fleet_client import FleetClient
from balanza.worker.link import Link
from balanza.worker.load import LoadSampler, Traffic
from balanza.worker.log import NamedLog
from balanza.worker.observer import Observer
from balanza.worker.reaper import Reaper
from balanza.worker.runner import Runner
from balanza.worker.shared_storage import shared_storage
from balanza.worker.threads import in_thread

LONG_POLL_SECONDS = 20.0
EMPTY_ANSWER_SECONDS = 0.05
"""A server that answers "nothing" at once, as it does while it shuts down, must not be asked in a tight loop."""
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
    ) -> None:
        """With a `storage` it is used as it is; otherwise the server's folder is, when it can be reached from here.

        `traffic` is what the client counts.
        """
        self._client = client
        self._identity = identity
        self._tools = tools
        self._storage = storage
        self._observer = observer
        self._log = NamedLog(logging.getLogger("balanza.worker"), {"worker_id": identity.worker_id})
        self._link = Link(self._log)
        self._reaper = Reaper()
        self._sampler = LoadSampler(identity.cpus, tools.scratch.folder, traffic)
        self._instance = uuid.uuid4().hex
        self._registered: Registered | None = None
        self._runner: Runner | None = None
        self._attempts: dict[str, Attempt] = {}
        self._taking = asyncio.Event()
        self._taking.set()
        self._leaving = False
        self._news = asyncio.Event()
        """Set when the next heartbeat must not wait for its second."""
        self._stop = asyncio.Event()

    @property
    def running(self) -> Mapping[str, LeaseReport]:
        """How far each running job is, by job id."""
        return {attempt.grant.job_id: attempt.report for attempt in self._attempts.values()}

    def drain(self, grace_seconds: float) -> None:
        """Takes nothing new, says so to the server at once, and has `run` return when what runs has ended.

        What has not ended after `grace_seconds` is killed and handed back, as by `stop`. Call it from the event loop's
        thread.
        """
        if self._leaving or self._stop.is_set():
            return
        self._leaving = True
        self._taking.clear()
        if not self._attempts:
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
        loops = [self._heartbeats(), *(self._slot() for _ in range(self._identity.slots))]
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
        self._runner = Runner(self._tools, self._reaper, self._client, self._link, storage)
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

    # --- Heartbeats: in a loop of their own, whatever the slots are doing

    async def _heartbeats(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            next_at = loop.time() + self._session.heartbeat_seconds
            self._news.clear()
            await self._beat()
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
            leases=tuple(attempt.report for attempt in self._attempts.values()),
            leaving=self._leaving,
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
        if self._leaving:
            for attempt in self._attempts.values():
                attempt.lose()
            return
        self._log.info("El servidor ya no me conoce; me registro otra vez")
        await self._register()

    def _obey(self, reply: HeartbeatReply) -> None:
        for token in reply.lost:
            if attempt := self._attempts.get(token):
                attempt.lose()
        if self._leaving:
            return
        if reply.drain == self._taking.is_set():
            self._log.info("⏸️ En drenaje: no tomo más trabajos" if reply.drain else "▶️ Tomo trabajos otra vez")
        if reply.drain:
            self._taking.clear()
        else:
            self._taking.set()

    # --- Slots: each asks for a lease, runs it, asks again

    async def _slot(self) -> None:
        while True:
            await self._taking.wait()
            asked_at = time.monotonic()
            grant = await self._ask()
            if grant is None:
                await asyncio.sleep(max(0.0, asked_at + EMPTY_ANSWER_SECONDS - time.monotonic()))
            elif self._leaving:
                await self._decline(grant)
            else:
                await self._attend(grant)

    async def _ask(self) -> LeaseGrant | None:
        request = LeaseRequest(
            worker_id=self._identity.worker_id, instance=self._instance, wait_seconds=LONG_POLL_SECONDS
        )

        async def lease() -> LeaseGrant | None:
            await self._taking.wait()  # between two tries, too
            return await self._client.lease(request)

        try:
            return await self._link.persist(lease)
        except WorkerUnknown:  # the next heartbeat registers again
            await asyncio.sleep(self._session.heartbeat_seconds)
        except WorkerReplaced:
            raise
        except BalanzaError as error:
            self._log.warning("El servidor rechazó mi petición de trabajo: %s", error.sentence)
            await asyncio.sleep(self._session.heartbeat_seconds)
        return None

    async def _attend(self, grant: LeaseGrant) -> None:
        kind = "⭐ Trabajo ASIGNADO" if grant.was_assigned else "📋 Trabajo de cola GENERAL"
        self._log.info("%s recibido: %s", kind, grant.job_id)
        started_at = time.monotonic()
        with self._holding(grant) as attempt:
            ending = await attempt.run()
        self._ended(grant, ending, time.monotonic() - started_at)

    async def _decline(self, grant: LeaseGrant) -> None:
        """The grant crossed the word that this worker leaves. Heartbeats renew it until the server has it back."""
        with self._holding(grant) as attempt:
            await attempt.hand_back()

    @contextmanager
    def _holding(self, grant: LeaseGrant) -> Iterator[Attempt]:
        """Whoever leaves has gone when the last attempt is over."""
        assert self._runner is not None  # noqa: S101 - slots start after the registration
        attempt = Attempt(grant, runner=self._runner, client=self._client, link=self._link, log=self._log)
        self._attempts[grant.token] = attempt
        self._count_running()
        try:
            yield attempt
        finally:
            del self._attempts[grant.token]
            self._count_running()
            if self._leaving and not self._attempts:
                self._stop.set()

    def _ended(self, grant: LeaseGrant, ending: Ending, seconds: float) -> None:
        if ending is Ending.COMPLETED:
            self._log.info("✅ Trabajo COMPLETADO: %s en %.1f s", grant.job_id, seconds)
        elif ending is Ending.LOST:
            self._log.info("🛑 Trabajo RETIRADO: %s", grant.job_id)
        if self._observer and grant.kind.is_listed and ending is not Ending.LOST:
            self._observer.ended("success" if ending is Ending.COMPLETED else "failed", seconds)

    def _count_running(self) -> None:
        if self._observer:
            self._observer.running(len(self._attempts))

    @property
    def _session(self) -> Registered:
        assert self._registered is not None  # noqa: S101 - set before any loop starts
        return self._registered
