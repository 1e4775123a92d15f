"""The link to the server: whether it answers, said once per change, and how long to wait before asking again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from logging import Logger, LoggerAdapter
from typing import TypeVar

from balanza.errors import AttemptFailed, BalanzaError, Retryable, ServerUnreachable

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
"""Short: an idle worker that notices late leaves a job waiting. Jittered: a whole fleet comes back at once."""
TRANSFER_TRIES = 5
TRANSFER_PAUSE_SECONDS = 0.5
"""Before a transfer is tried again; doubled for each try that counts, so that the five take some 15 s."""


class Link:
    """Shared by all calls of one agent: the first one that gets an answer wakes those that wait to try again."""

    def __init__(self, log: "LoggerAdapter[Logger]") -> None:
        self._log = log
        self._up = True
        self._failures = 0
        self._restored = asyncio.Event()

    def answered(self) -> None:
        if not self._up:
            self._up = True
            self._log.info("🔌 El servidor responde de nuevo")
        self._restored.set()

    def failed(self, error: BalanzaError) -> None:
        self._restored.clear()
        self._failures += 1
        if self._up:
            self._up = False
            self._log.warning("⚠️ El servidor no responde, sigo intentándolo: %s", error.sentence)

    async def persist(self, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` returns, tried again and again while it raises Retryable; any other error is an answer."""
        for tries in count():
            try:
                result = await call()
            except ServerUnreachable as error:
                self.failed(error)
            except Retryable as error:
                self._restored.clear()
                if tries == 0:
                    self._log.warning("⚠️ Ahora no es posible, sigo intentándolo: %s", error.sentence)
            except BalanzaError:
                self.answered()
                raise
            else:
                self.answered()
                return result
            await self.pause(tries)
        raise AssertionError("unreachable")

    async def transfer(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """What `call`, which moves `what`, returns; tried again while it raises Retryable, but not for ever.

        A proxy that refuses large bodies, or a file that is shorter than it should be, fails each time, while the
        heartbeats keep the lease alive. So a failed try counts when the server answers other calls before and after
        it; one of an outage does not. Raises AttemptFailed when TRANSFER_TRIES have counted; any other error of `call`
        is an answer.
        """
        counted = 0
        while True:
            try:
                result = await call()
            except Retryable as error:
                reason = error
            except BalanzaError:
                self.answered()
                raise
            else:
                self.answered()
                return result
            self._log.warning("⚠️ La transferencia se interrumpió: %s", reason.sentence)
            counted += await self._server_answers_others()
            if counted == TRANSFER_TRIES:
                raise AttemptFailed(
                    f"The {what} could not be transferred in {TRANSFER_TRIES} tries: {reason.sentence}"
                ) from reason
            await asyncio.sleep(_jittered(TRANSFER_PAUSE_SECONDS * 2**counted))

    async def _server_answers_others(self) -> bool:
        """Waits until the server answers another call; False when meanwhile, or just before, it did not."""
        was_up, failures = self._up, self._failures
        self._restored.clear()
        await self._restored.wait()
        return was_up and self._failures == failures

    async def pause(self, tries: int) -> None:
        """Waits longer after each try, between half of a doubling bound and all of it, or until the server answers."""
        bound = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(tries, 10))
        with suppress(TimeoutError):
            async with asyncio.timeout(_jittered(bound)):
                await self._restored.wait()


def _jittered(bound_seconds: float) -> float:
    return bound_seconds * random.uniform(0.5, 1)  # noqa: S311 - no secret
