"""The slots of a worker: each asks for a lease, runs it, and asks again."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging import Logger, LoggerAdapter

from balanza.errors import BalanzaError, WorkerReplaced, WorkerUnknown
from balanza.protocol import LeaseGrant, LeaseRequest
from balanza.worker.attempt import Attempt, Ending
from balanza.worker.fleet_client import FleetClient
from balanza.worker.link import Link
from balanza.worker.observer import Observer
from balanza.worker.runner import Runner

LONG_POLL_SECONDS = 20.0
EMPTY_ANSWER_SECONDS = 0.05
"""A server that answers "nothing" at once, as it does while it shuts down, must not be asked in a tight loop."""


class Slots:
    """What runs, by lease token, is `attempts`. While it does not take, it asks for nothing."""

    def __init__(
        self,
        client: FleetClient,
        request: LeaseRequest,
        link: Link,
        log: "LoggerAdapter[Logger]",
        *,
        observer: Observer | None,
        gone: Callable[[], None],
    ) -> None:
        """`request` says whose they are; `gone` is called when the last attempt of a worker that leaves is over."""
        self.attempts: dict[str, Attempt] = {}
        self.taking = asyncio.Event()
        self.taking.set()
        self.leaving = False
        """What is granted all the same goes back unbegun."""
        self._client = client
        self._request = request.model_copy(update={"wait_seconds": LONG_POLL_SECONDS})
        self._link = link
        self._log = log
        self._observer = observer
        self._gone = gone
        self._runner: Runner | None = None
        self._refused_seconds = 1.0

    def equip(self, runner: Runner, *, refused_seconds: float) -> None:
        """Before `serve`, and again after each registration; a server that refuses is asked again after so long."""
        self._runner = runner
        self._refused_seconds = refused_seconds

    async def serve(self) -> None:
        """One slot, until it is cancelled; then what it runs is killed and handed back."""
        while True:
            await self.taking.wait()
            asked_at = time.monotonic()
            grant = await self._ask()
            if grant is None:
                await asyncio.sleep(max(0.0, asked_at + EMPTY_ANSWER_SECONDS - time.monotonic()))
            elif self.leaving:
                await self._decline(grant)
            else:
                await self._attend(grant)

    async def _ask(self) -> LeaseGrant | None:
        async def lease() -> LeaseGrant | None:
            await self.taking.wait()  # between two tries, too
            return await self._client.lease(self._request)

        try:
            return await self._link.persist(lease)
        except WorkerUnknown:  # the next heartbeat registers again
            await asyncio.sleep(self._refused_seconds)
        except WorkerReplaced:
            raise
        except BalanzaError as error:
            self._log.warning("El servidor rechazó mi petición de trabajo: %s", error.sentence)
            await asyncio.sleep(self._refused_seconds)
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
        self.attempts[grant.token] = attempt
        self._count_running()
        try:
            yield attempt
        finally:
            del self.attempts[grant.token]
            self._count_running()
            if self.leaving and not self.attempts:
                self._gone()

    def _ended(self, grant: LeaseGrant, ending: Ending, seconds: float) -> None:
        if ending is Ending.COMPLETED:
            self._log.info("✅ Trabajo COMPLETADO: %s en %.1f s", grant.job_id, seconds)
        elif ending is Ending.LOST:
            self._log.info("🛑 Trabajo RETIRADO: %s", grant.job_id)
        if self._observer and grant.kind.is_listed and ending is not Ending.LOST:
            self._observer.ended("success" if ending is Ending.COMPLETED else "failed", seconds)

    def _count_running(self) -> None:
        if self._observer:
            self._observer.running(len(self.attempts))
