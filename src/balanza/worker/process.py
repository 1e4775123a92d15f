"""One ffmpeg process in a process group of its own: started, listened to, watched, and never left behind.

Made of Popen and the event loop's readers, at half the processor time of asyncio's subprocesses (0.6 against 1.2 ms;
those use a thread for each process on Python 3.11): with clips of a second that is felt.
"""

import asyncio
import os
import re
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import IO

from balanza.worker.pauses import Pauses
from balanza.worker.reaper import Reaper, kill_group
from balanza.worker.threads import in_thread

TAIL_BYTES = 8 * 1024
TAIL_LINES = 40
PIECE_BYTES = 64 * 1024
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

    def __init__(self, argv: Sequence[str], folder: Path, reaper: Reaper, pauses: Pauses | None = None) -> None:
        """Without `pauses` it is never paused."""
        self._argv = argv
        self._folder = folder
        self._reaper = reaper
        self._pauses = pauses or Pauses()
        self._tail = bytearray()
        self.pid: int | None = None

    async def run(
        self, on_output: Callable[[bytes], None], has_stalled: Callable[[], bool], *, every_seconds: float
    ) -> Ended:
        """Hands its standard output to `on_output`, and kills it when `has_stalled`, which is asked every so often."""
        process = Popen(self._argv, cwd=self._folder, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True)
        self.pid = process.pid
        stalled = False
        tasks: list[asyncio.Task[None] | asyncio.Task[int]] = []
        try:
            exited = asyncio.create_task(_exit_of(process))
            tasks.append(exited)
            listening = [
                asyncio.create_task(_read(process.stdout, on_output)),
                asyncio.create_task(_read(process.stderr, self._keep_tail)),
            ]
            tasks += listening
            self._reaper.watch(process.pid)  # may need a new shell, which the system may refuse
            with self._pauses.over(process.pid):
                while not stalled and not (await asyncio.wait([exited], timeout=every_seconds))[0]:
                    stalled = has_stalled()
            await asyncio.wait(listening, timeout=0 if stalled else LINGER_SECONDS)
        finally:
            kill_group(process.pid)
            if tasks:
                await asyncio.wait(tasks, timeout=KILLED_SECONDS)
            for task in tasks:
                task.cancel()
            self._reaper.forget(process.pid)
        for task in listening:
            if task.done() and not task.cancelled():
                task.result()  # raises what `on_output` raised
        return Ended(exited.result() if exited.done() else -signal.SIGKILL, self.log_tail, stalled)

    @property
    def log_tail(self) -> str:
        """The last lines of standard error, readable, without the folders of this machine."""
        text = self._tail.decode(errors="replace").replace("\r", "\n")
        if len(self._tail) == TAIL_BYTES:
            text = text.partition("\n")[2]
        text = _FOLDERS.sub("", text.replace(f"{self._folder}/", ""))
        lines = [_CONTROL.sub(" ", line).rstrip() for line in text.split("\n")]
        return "\n".join([line for line in lines if line][-TAIL_LINES:])

    def _keep_tail(self, piece: bytes) -> None:
        self._tail += piece
        del self._tail[:-TAIL_BYTES]


async def _read(pipe: IO[bytes] | None, on_piece: Callable[[bytes], None]) -> None:
    """Hands over what comes through the pipe until its other end is closed."""
    if pipe is None:
        return
    loop = asyncio.get_running_loop()
    os.set_blocking(pipe.fileno(), False)
    readable = asyncio.Event()
    loop.add_reader(pipe, readable.set)
    try:
        while await readable.wait():
            readable.clear()
            with suppress(BlockingIOError):
                if not (piece := os.read(pipe.fileno(), PIECE_BYTES)):
                    return
                on_piece(piece)
    finally:
        loop.remove_reader(pipe)
        pipe.close()


async def _exit_of(process: "Popen[bytes]") -> int:
    """The return code, awaited by a descriptor of the process where there are such (Linux), in a thread elsewhere."""
    if not hasattr(os, "pidfd_open"):
        return await in_thread(process.wait)
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(process.pid)
    has_ended = asyncio.Event()
    loop.add_reader(descriptor, has_ended.set)
    try:
        await has_ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return process.wait()
