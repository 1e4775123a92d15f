"""One child process of `balanza up`: started, listened to, started again with back-off when it ends unasked."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from balanza.cli import FAILED, NOT_STARTED, REPLACED

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
RAN_WELL_SECONDS = 30.0
"""A child that lived this long did not fail at its start: the next pause is the first one again."""
LINGER_SECONDS = 0.5
"""How long what a child printed last may take to arrive after its end."""
PIECE_BYTES = 64 * 1024

SUPERVISED = "BALANZA_SUPERVISED"
"""Set for children: they end when their standard input does, which is when the supervisor is gone."""

Say = Callable[[str, str], None]
"""Prints one line under the name of the child."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A child as it is to be: its name in the log, and the arguments of its `balanza` command."""

    name: str
    arguments: Sequence[str]


class Backoff:
    """How long to wait before starting again: 1, 2, 4 … 30 s."""

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE_SECONDS

    def after(self, ran_seconds: float) -> float:
        if ran_seconds >= RAN_WELL_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        pause = self._pause
        self._pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
        return pause


class Child:
    """Keeps one process alive from `keep` until `stopping` is set; ending it then is up to the caller."""

    def __init__(self, spec: Spec, say: Say, stopping: asyncio.Event) -> None:
        self.spec = spec
        self._say = say
        self._stopping = stopping
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def keep(self) -> int:
        """Runs until told to stop: 0. A first process that cannot start at all has said why: its exit code."""
        backoff = Backoff()
        is_first = True
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run()
            if self._stopping.is_set():
                break
            if is_first and code == NOT_STARTED:
                return code
            if code == REPLACED:
                # Started again it would replace the other one, and so on for ever.
                self._say(self.spec.name, "stays down: another process works under its name")
                await self._stopping.wait()
                break
            is_first = False
            pause = backoff.after(time.monotonic() - started)
            self._say(self.spec.name, f"ended unexpectedly ({_how(code)}); it is started again in {pause:g} s")
            await self._rest(pause)
        return 0

    def terminate(self) -> None:
        """Asks the process to end; nothing happens when it has ended."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        """Kills the process and what it started in its group; nothing happens when it has ended."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _run(self) -> int:
        # A session of its own: Ctrl-C reaches the supervisor alone, which then ends its children in order. The pipe
        # to its standard input is never written to: the kernel closes it when the supervisor ends, however it ends.
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "balanza", *self.spec.arguments),
                stdin=PIPE,
                stdout=PIPE,
                stderr=STDOUT,
                start_new_session=True,
                env={**os.environ, SUPERVISED: "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
            )
        except OSError as error:
            self._say(self.spec.name, f"cannot be started: {error.strerror}")
            return FAILED
        if self._stopping.is_set():
            self.terminate()
        forwarding = asyncio.ensure_future(self._forward(process))
        # Not `wait` alone: it would also wait for whoever inherited the pipe from a child that was killed.
        while process.returncode is None and not forwarding.done():
            await asyncio.wait([forwarding], timeout=LINGER_SECONDS)
        await asyncio.wait([forwarding], timeout=LINGER_SECONDS)
        forwarding.cancel()
        return await process.wait() if process.returncode is None else process.returncode

    async def _forward(self, process: Process) -> None:
        """Says every line the child prints, until it ends."""
        assert process.stdout is not None  # noqa: S101 - asked for above
        rest = b""
        while piece := await process.stdout.read(PIECE_BYTES):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._say(self.spec.name, line.decode(errors="replace").rstrip("\r"))
        if rest:
            self._say(self.spec.name, rest.decode(errors="replace"))

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
