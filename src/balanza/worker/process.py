"""One ffmpeg process in a process group of its own: started, listened to, watched, and never left behind."""

import asyncio
import os
import re
import shutil
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TAIL_BYTES = 8 * 1024
TAIL_LINES = 40
LINGER_SECONDS = 1.0
"""How long the pipes may stay open after ffmpeg has ended, before its group is killed."""
KILLED_SECONDS = 5.0
"""How long we wait for a killed process; one that hangs in the kernel (a lost network disk) may never end."""

_FOLDERS = re.compile(r"(?<![\w./])/(?:[^\s/:'\"]+/)+")
_CONTROL = re.compile(r"[^\S\n]+|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Ended:
    """How ffmpeg ended; a negative return code is the signal that ended it."""

    returncode: int
    log_tail: str
    stalled: bool = False


class FfmpegProcess:
    """Runs one command in `folder`; whatever happens, its whole process group is gone when `run` returns or raises."""

    def __init__(self, argv: Sequence[str], folder: Path) -> None:
        self._argv = [*_dies_with_us(), *argv]
        self._folder = folder
        self._tail = bytearray()
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def run(
        self, on_output: Callable[[bytes], None], has_stalled: Callable[[], bool], *, every_seconds: float
    ) -> Ended:
        """Hands its standard output to `on_output`, and kills it when `has_stalled`, which is asked every so often."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self._argv, cwd=self._folder, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
        listening = asyncio.gather(self._read_output(process, on_output), self._read_log(process))
        exited = asyncio.create_task(process.wait())
        stalled = False
        try:
            while not stalled and not (await asyncio.wait([exited], timeout=every_seconds))[0]:
                stalled = has_stalled()
            await asyncio.wait([listening], timeout=0 if stalled else LINGER_SECONDS)
        finally:
            self.kill()
            await asyncio.wait([exited, listening], timeout=KILLED_SECONDS)  # type: ignore[type-var]
            exited.cancel()
            listening.cancel()
        if listening.done():
            listening.result()  # raises what `on_output` raised
        returncode = exited.result() if exited.done() and not exited.cancelled() else -signal.SIGKILL
        return Ended(returncode, self.log_tail, stalled)

    def kill(self) -> None:
        """Kills the whole group, stopped processes and children that outlive ffmpeg included."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def log_tail(self) -> str:
        """The last lines of standard error, readable, without the folders of this machine."""
        text = self._tail.decode(errors="replace").replace("\r", "\n")
        if len(self._tail) == TAIL_BYTES:
            text = text.partition("\n")[2]
        text = _FOLDERS.sub("", text.replace(f"{self._folder}/", ""))
        lines = [_CONTROL.sub(" ", line).rstrip() for line in text.split("\n")]
        return "\n".join([line for line in lines if line][-TAIL_LINES:])

    async def _read_output(self, process: Process, on_output: Callable[[bytes], None]) -> None:
        assert process.stdout is not None  # noqa: S101 - asked for above
        while piece := await process.stdout.read(TAIL_BYTES):
            on_output(piece)

    async def _read_log(self, process: Process) -> None:
        assert process.stderr is not None  # noqa: S101 - asked for above
        while piece := await process.stderr.read(TAIL_BYTES):
            self._tail += piece
            del self._tail[:-TAIL_BYTES]


@cache
def _dies_with_us() -> list[str]:
    """A prefix that has the kernel kill the process when the thread that started it ends, be it by SIGKILL.

    That thread runs the event loop, which lasts as long as the worker. setpriv (util-linux) sets it and becomes the
    program, in 1.3 ms; prctl between fork and exec would do the same but forbids vfork. Where there is no setpriv, a
    worker killed by SIGKILL leaves its conversions running to their end.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
