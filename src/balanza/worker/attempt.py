"""An attempt from the grant of its lease to what the server was told of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from logging import Logger, LoggerAdapter

from balanza.errors import AttemptFailed, BalanzaError, LeaseLost
from balanza.protocol import Completion, Failure, LeaseGrant, LeaseReport
from balanza.worker.completing import Completing
from balanza.worker.fleet_client import FleetClient
from balanza.worker.link import Link
from balanza.worker.pauses import Pauses
from balanza.worker.runner import Runner
from balanza.worker.together import Together

OUTCOME_SECONDS = 1.0
"""What an outcome that is on its way when the worker ends may take; handing the job back needs the rest."""


class Ending(StrEnum):
    """How an attempt ended for this worker."""

    COMPLETED = "completed"
    FAILED = "failed"
    LOST = "lost"
    """Cancelled, expired or given to another: the work was thrown away."""


class Attempt:
    """Runs one lease, whose ffmpeg can be stopped by its `pauses`."""

    def __init__(
        self,
        grant: LeaseGrant,
        *,
        runner: Runner | Together,
        client: FleetClient,
        link: Link,
        log: "LoggerAdapter[Logger]",
        completing: Completing | None = None,
    ) -> None:
        """`completing` tells completions together with those of other attempts."""
        self.grant = grant
        self.pauses = Pauses()
        self._started_at = time.monotonic()
        self._report = LeaseReport(token=grant.token, progress=0)
        self._runner = runner
        self._client = client
        self._complete_under = completing.complete if completing else client.complete
        self._link = link
        self._log = log
        self._work: asyncio.Task[Ending] | None = None
        self._killed = False
        self._outcome_sent = False

    @property
    def report(self) -> LeaseReport:
        """How far it is, at any time."""
        paused = {"paused": self.pauses.is_paused, "paused_seconds": self._paused_seconds}
        return self._report.model_copy(update=paused)

    @property
    def remaining_seconds(self) -> float | None:
        """What its conversion has still to run, unpaused; None while that is unknown."""
        told = self._report.eta_seconds
        return self.pauses.remaining_guess_seconds if told is None else told

    @property
    def elapsed_seconds(self) -> float:
        return time.monotonic() - self._started_at

    async def run(self) -> Ending:
        """Returns when the server knows the outcome or has taken the lease away.

        Cancelled, it kills the conversion and hands the job back; an outcome that is on its way gets a moment first.
        """
        self._work = work = asyncio.create_task(self._carry_out())
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            if self._outcome_sent:
                await asyncio.wait([work], timeout=OUTCOME_SECONDS)
            self._kill()
            await asyncio.wait([work])
            if work.cancelled():
                await self._release(_once)
            raise
        return Ending.LOST if work.cancelled() else work.result()

    async def hand_back(self) -> None:
        """In place of `run`: returns when the server has the job back, or knows better."""
        await self._release(self._link.persist)

    def lose(self) -> None:
        """The lease is gone: the conversion is killed and its work thrown away.

        Not once the outcome is on its way: a lease also ends by being completed, and then a heartbeat that crosses the
        completion finds it gone. The answer to the completion says which it was.
        """
        if not self._outcome_sent:
            self._kill()

    def _kill(self) -> None:
        """Once: a second cancellation would cut short the cleaning up after the first."""
        if self._work is not None and not self._killed:
            self._killed = True
            self._work.cancel()

    async def _carry_out(self) -> Ending:
        try:
            completion = await self._runner.run(self.grant, self._note, self.pauses)
        except asyncio.CancelledError:
            await self._withdraw()
            raise
        except LeaseLost:
            return Ending.LOST
        except AttemptFailed as failure:
            return await self._fail(failure)
        except Exception:  # noqa: BLE001 - a bug must cost one attempt, not the slot
            self._log.exception("💥 Error interno con el trabajo %s", self.grant.job_id)
            return await self._fail(AttemptFailed("The worker made a mistake of its own; its log says more."))
        return await self._complete(completion)

    async def _withdraw(self) -> None:
        """Only while no `complete` has been sent: after it the result may be published."""
        try:
            await self._runner.withdraw(self.grant)
        except BalanzaError as error:  # nobody sees it, and the server clears away what no job refers to
            self._log.warning("No pude borrar el resultado de %s: %s", self.grant.job_id, error.sentence)

    async def _complete(self, completion: Completion) -> Ending:
        self._outcome_sent = True
        told = completion.model_copy(update={"paused_seconds": self._paused_seconds})
        try:
            await self._link.persist(lambda: self._complete_under(self.grant.token, told))
        except LeaseLost:
            return Ending.LOST  # the server has removed the result
        except BalanzaError as error:
            return await self._fail(AttemptFailed(error.sentence, log_tail=completion.log_tail))
        return Ending.COMPLETED

    async def _fail(self, failure: AttemptFailed) -> Ending:
        self._outcome_sent = True
        self._log.warning("❌ Trabajo FALLIDO: %s: %s", self.grant.job_id, failure.sentence)
        told = Failure(error=failure.sentence, log_tail=failure.log_tail, paused_seconds=self._paused_seconds)
        try:
            await self._link.persist(lambda: self._client.fail(self.grant.token, told))
        except LeaseLost:
            return Ending.LOST
        except BalanzaError as error:
            self._log.warning("El servidor rechazó el fallo de %s: %s", self.grant.job_id, error.sentence)
        return Ending.FAILED

    async def _release(self, send: "Send") -> None:
        try:
            await send(lambda: self._client.release(self.grant.token))
        except LeaseLost:
            return
        except BalanzaError as error:
            self._log.warning("No pude devolver %s, caducará: %s", self.grant.job_id, error.sentence)
        else:
            self._log.info("↩️ Trabajo DEVUELTO: %s", self.grant.job_id)

    @property
    def _paused_seconds(self) -> float:
        return round(self.pauses.seconds, 3)

    def _note(self, report: LeaseReport) -> None:
        self._report = report


Send = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


async def _once(call: Callable[[], Awaitable[None]]) -> None:
    await call()
