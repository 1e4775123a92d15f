"""The link to the server: whether it answers, said once per change, and how long to wait before asking again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from logging import Logger, LoggerAdapter
from typing import TypeVar

from balanza.errors import BalanzaError, Retryable, ServerUnreachable

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
"""Short: an idle worker that notices late leaves a job waiting. Jittered: a whole fleet comes back at once."""


class Link:
    """Shared by all calls of one agent: the first one that gets an answer wakes those that wait to try again."""

    def __init__(self, log: "LoggerAdapter[Logger]") -> None:
        self._log = log
        self._up = True
        self._restored = asyncio.Event()

    def answered(self) -> None:
        if not self._up:
            self._up = True
            self._log.info("🔌 El servidor responde de nuevo")
        self._restored.set()

    def failed(self, error: BalanzaError) -> None:
        self._restored.clear()
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

    async def pause(self, tries: int) -> None:
        """Waits longer after each try, between half of a doubling bound and all of it, or until the server answers."""
        bound = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(tries, 10))
        with suppress(TimeoutError):
            async with asyncio.timeout(bound * random.uniform(0.5, 1)):  # noqa: S311 - no secret
                await self._restored.wait()
