"""Following jobs on a server: its event stream says which to look at again."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx2

from balanza.cli.api import answer_of, reachable
from balanza.errors import BalanzaError, ServerUnreachable

LOOK_AGAIN_SECONDS = 10.0
"""Events are hints: what no event told is seen at the latest after this time."""
RECONNECT_SECONDS = 1.0
GIVE_UP_AFTER = 60
"""So many looks in vain, one a second: a server that restarts is back long before."""


class Events:
    """Listens as long as `listen` runs."""

    def __init__(self, http: httpx2.AsyncClient, server: str) -> None:
        self._http = http
        self._server = server
        self._hints: dict[str, asyncio.Event] = {}
        self._running: set[str] = set()

    async def listen(self) -> None:
        """Never returns. A broken connection is made again, and everybody looks for what was missed."""
        while True:
            with suppress(httpx2.HTTPError, BalanzaError):
                await self._stream()
            for hint in self._hints.values():
                hint.set()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def until_ended(self, job_id: str, tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """The job, when it has ended; `tell` hears of its progress. Raises BalanzaError."""
        hint = self._hints[job_id] = asyncio.Event()
        misses = 0
        try:
            while True:
                hint.clear()
                try:
                    job = await self._look(job_id)
                except ServerUnreachable:
                    misses += 1
                    if misses > GIVE_UP_AFTER:
                        raise
                    await asyncio.sleep(RECONNECT_SECONDS)
                    continue
                misses = 0
                if job["status"] not in {"pending", "processing"}:
                    return job
                tell(job)
                (self._running.add if job["status"] == "processing" else self._running.discard)(job_id)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                        await hint.wait()
        finally:
            del self._hints[job_id]
            self._running.discard(job_id)

    async def _look(self, job_id: str) -> dict[str, Any]:
        with reachable(self._server):
            job: dict[str, Any] = answer_of(await self._http.get(f"/jobs/{job_id}"))
        return job

    async def _stream(self) -> None:
        timeout = httpx2.Timeout(5.0, read=60.0)  # four keep-alives
        async with self._http.stream("GET", "/events", timeout=timeout) as response:
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    self._hear(json.loads(line.removeprefix("data:")))

    def _hear(self, event: dict[str, Any]) -> None:
        job_id = event.get("job_id")
        concerned = [job_id] if job_id else self._running if event.get("type") == "job.progress" else self._hints
        for one in concerned:
            if hint := self._hints.get(one):
                hint.set()
