"""Starts the server and its workers as child processes, keeps them running, and ends them in order.

Drain: the workers end first, while the server still answers, and hand their running jobs back to it; then the server.
Nobody waits for the conversions: they are started without a grace, so that Ctrl-C stays quick.
"""

import asyncio
import http.client
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

from balanza.cli.children import Child, Say, Spec

ASK_EVERY_SECONDS = 0.05
GRACE_SECONDS = 15.0
"""How long children may take to end after SIGTERM: a worker that finds no server gives up sooner than this."""


class Supervisor:
    """One server and its workers. Lives in one event loop, in the main thread."""

    def __init__(self, server: Spec, workers: Sequence[Spec], *, port: int, host: str, say: Say) -> None:
        self._address = (host, port)
        self._say = say
        self._stopping = asyncio.Event()
        self._server = Child(server, say, self._stopping)
        self._workers = [Child(spec, say, self._stopping) for spec in workers]
        self._tasks: dict[Child, asyncio.Task[int]] = {}

    async def run(self, announce: Callable[[Sequence[Child]], None]) -> int:
        """Runs until Ctrl-C, SIGTERM, or a child that cannot start at all; returns the exit code.

        `announce` is called once, when the server answers and the workers were started.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        try:
            self._keep(self._server)
            if await self._is_ready() and not self._stopping.is_set():
                for worker in self._workers:
                    self._keep(worker)
                announce([self._server, *self._workers])
            await self._stopping.wait()
        finally:
            await self._drain()
        return max(task.result() for task in self._tasks.values())

    def stop(self) -> None:
        """Drains; asked again, kills."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._say("balanza", "stopping: running conversions go back to pending (Ctrl-C again: at once)")
            return
        for child in self._tasks:
            child.kill()

    def _keep(self, child: Child) -> None:
        async def keep() -> int:
            try:
                return await child.keep()
            finally:
                # It ends by itself only when it cannot run: then nothing of this can.
                self._stopping.set()

        self._tasks[child] = asyncio.create_task(keep())

    async def _is_ready(self) -> bool:
        """Waits for the server's first answer; False when told to stop before."""
        while not self._stopping.is_set():
            if await asyncio.to_thread(_answers, *self._address):
                return True
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_EVERY_SECONDS):
                    await self._stopping.wait()
        return False

    async def _drain(self) -> None:
        await self._end([worker for worker in self._workers if worker in self._tasks])
        await self._end([self._server])

    async def _end(self, children: Sequence[Child]) -> None:
        for child in children:
            child.terminate()
        tasks = [self._tasks[child] for child in children]
        if tasks and (await asyncio.wait(tasks, timeout=GRACE_SECONDS))[1]:
            for child in children:
                child.kill()
            await asyncio.wait(tasks)


def _answers(host: str, port: int) -> bool:
    """Whether the server says that it is ready. Never through a proxy."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
