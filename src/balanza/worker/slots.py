"""The slots of a worker: each asks for a lease, runs it, and asks again. Short jobs run in pauses of long ones.

Docs: docs/leases.md.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from logging import Logger, LoggerAdapter

from balanza.balancer.pausing import longest_pause, may_be_paused
from balanza.errors import BalanzaError, WorkerReplaced, WorkerUnknown
from balanza.protocol import LeaseGrant, LeaseRequest
from balanza.worker.attempt import Attempt, Ending
from balanza.worker.completing import Completing
from balanza.worker.fleet_client import FleetClient
from balanza.worker.link import Link
from balanza.worker.observer import Observer
from balanza.worker.runner import Runner
from balanza.worker.together import Together

LONG_POLL_SECONDS = 20.0
EMPTY_ANSWER_SECONDS = 0.05
"""A server that answers "nothing" at once, as it does while it shuts down, must not be asked in a tight loop."""

LEAST_REMAINING_SECONDS = 1.0
"""With less to go a pause is not worth the asking."""
LONGEST_OFFER_SECONDS = 5.0
OFFERED_SHARE = 0.25
"""Of what remains: the server takes what it was told for true, and it may have shrunk by so much."""
LOOK_SECONDS = 0.25
"""How soon it is seen that what remains is known, or that there may be a pause again."""


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
        changed: Callable[[], None],
        has_room: Callable[[], bool],
    ) -> None:
        """`request` says whose they are; `gone` is called when the last attempt of a worker that leaves is over.

        `changed` is called when a pause begins or ends, `has_room` before another conversion is asked for in one.
        """
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
        self._changed = changed
        self._has_room = has_room
        self._late: set[asyncio.Task[None]] = set()
        """Offers of what has ended meanwhile, until the server has answered."""
        self._runner: Runner | None = None
        self._refused_seconds = 1.0

    def equip(self, runner: Runner, *, refused_seconds: float) -> None:
        """Before `serve`, and again after each registration; a server that refuses is asked again after so long."""
        self._runner = runner
        self._refused_seconds = refused_seconds

    async def serve(self) -> None:
        """One slot, until it is cancelled; then what it runs is killed and handed back."""
        try:
            while True:
                await self.taking.wait()
                asked_at = time.monotonic()
                grant = await self._ask()
                if grant is None:
                    await asyncio.sleep(max(0.0, asked_at + EMPTY_ANSWER_SECONDS - time.monotonic()))
                elif self.leaving:
                    await asyncio.gather(*map(self._decline, _each_of(grant)))
                elif grant.companions:
                    await self._attend_together(_each_of(grant))
                else:
                    await self._attend(grant)
        finally:
            for task in self._late:
                task.cancel()

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
        """Returns when it has ended, and with it every short job that came in a pause of it."""
        with ExitStack() as held:
            attempt = held.enter_context(self._holding(grant))
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(self._run(attempt))
                running.add_done_callback(lambda _running: held.close())
                while not running.done():
                    short = await self._short_beside(attempt, running)
                    if short is None:
                        continue
                    if self.leaving:
                        await self._decline(short)
                    else:
                        await asyncio.wait([tasks.create_task(self._run_in_pause_of(attempt, short))])

    async def _run(self, attempt: Attempt) -> None:
        grant = attempt.grant
        kind = "⭐ Trabajo ASIGNADO" if grant.was_assigned else "📋 Trabajo de cola GENERAL"
        self._log.info("%s recibido: %s", kind, grant.job_id)
        started_at = time.monotonic()
        ending = await attempt.run()
        self._ended(grant, ending, time.monotonic() - started_at)

    async def _attend_together(self, grants: Sequence[LeaseGrant]) -> None:
        """Returns when all have ended. None of them is paused: they are tiny."""
        together, completing = Together(self._equipment, grants), Completing(self._client)

        async def attend(grant: LeaseGrant) -> None:
            with self._holding(grant, together, completing) as attempt:
                await self._run(attempt)

        try:
            async with asyncio.TaskGroup() as tasks:
                for grant in grants:
                    tasks.create_task(attend(grant))
        finally:
            await together.close()

    # --- Short jobs, in pauses of a long one

    async def _short_beside(self, attempt: Attempt, running: "asyncio.Task[None]") -> LeaseGrant | None:
        """A job that `attempt` is to be paused for; after a while, or when it has ended, None."""
        offer = self._offer_of(attempt)
        if offer is None:
            await asyncio.wait([running], timeout=LOOK_SECONDS)
            return None
        asking = asyncio.create_task(self._ask_for_short_one(offer))
        try:
            await asyncio.wait([asking, running], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            asking.cancel()
            raise
        if asking.done():
            return asking.result()
        late = asyncio.create_task(self._decline_late(asking))
        self._late.add(late)
        late.add_done_callback(self._late.discard)
        return None

    def _offer_of(self, attempt: Attempt) -> LeaseRequest | None:
        """What to ask for in place of this attempt; None while it is not to be paused."""
        remaining = attempt.remaining_seconds
        if remaining is None or remaining < LEAST_REMAINING_SECONDS or not self.taking.is_set():
            return None
        paused, elapsed = attempt.pauses.seconds, attempt.elapsed_seconds
        if not may_be_paused(paused_seconds=paused, elapsed_seconds=elapsed) or not self._has_room():
            return None
        return self._request.model_copy(
            update={
                "most": 1,
                "wait_seconds": min(LONGEST_OFFER_SECONDS, OFFERED_SHARE * remaining),
                "pauses": attempt.grant.token,
                "remaining_seconds": remaining,
            }
        )

    async def _ask_for_short_one(self, offer: LeaseRequest) -> LeaseGrant | None:
        asked_at = time.monotonic()
        try:
            if grant := await self._client.lease(offer):
                return grant
        except BalanzaError:  # the heartbeats tell what it is, and whether to go on
            await asyncio.sleep(self._refused_seconds)
        await asyncio.sleep(max(0.0, asked_at + EMPTY_ANSWER_SECONDS - time.monotonic()))
        return None

    async def _run_in_pause_of(self, long: Attempt, grant: LeaseGrant) -> None:
        """Whatever becomes of either, the long one goes on afterwards. If it has just ended, nothing is paused.

        It goes on beside the other when that takes longer than it may be paused.
        Nor for a job that is not meant so: a server that knows nothing of pauses counted another slot as free.
        """
        with self._holding(grant) as short:
            if grant.pauses == long.grant.token and long.pauses.begin():
                self._log.info("⏸️ Pausa por un trabajo corto: %s espera a %s", long.grant.job_id, grant.job_id)
            self._changed()
            paused, elapsed = long.pauses.seconds, long.elapsed_seconds
            most_seconds = longest_pause(paused_seconds=paused, elapsed_seconds=elapsed)
            limit = asyncio.get_running_loop().call_later(most_seconds, self._go_on, long)
            try:
                await self._run(short)
            finally:
                limit.cancel()
                self._go_on(long)

    def _go_on(self, long: Attempt) -> None:
        if long.pauses.is_paused:
            self._log.info("▶️ Sigue tras la pausa: %s (%.1f s en pausa)", long.grant.job_id, long.pauses.seconds)
        long.pauses.end()
        self._changed()

    async def _decline_late(self, asking: "asyncio.Task[LeaseGrant | None]") -> None:
        """The long one ended before the answer came. Cut off, it might hold a lease that nobody knows of here."""
        if grant := await asking:
            await self._decline(grant)

    async def _decline(self, grant: LeaseGrant) -> None:
        """The grant came too late: this worker leaves, say. Heartbeats renew it until the server has it back."""
        with self._holding(grant) as attempt:
            await attempt.hand_back()

    @contextmanager
    def _holding(
        self, grant: LeaseGrant, together: Together | None = None, completing: Completing | None = None
    ) -> Iterator[Attempt]:
        """Whoever leaves has gone when the last attempt is over."""
        runner = together or self._equipment
        attempt = Attempt(
            grant, runner=runner, client=self._client, link=self._link, log=self._log, completing=completing
        )
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

    @property
    def _equipment(self) -> Runner:
        assert self._runner is not None  # noqa: S101 - slots start after the registration
        return self._runner

    def _count_running(self) -> None:
        if self._observer:
            self._observer.running(len(self.attempts))


def _each_of(grant: LeaseGrant) -> Sequence[LeaseGrant]:
    return (grant.model_copy(update={"companions": ()}), *grant.companions)
