"""One run of ffmpeg for a job: its progress, and the watch over it."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from balanza.errors import AttemptFailed
from balanza.media.ffmpeg import Progress, ProgressReader
from balanza.media.formats import asked_duration
from balanza.media.probe import Prober
from balanza.media.program import Program
from balanza.protocol import LeaseGrant, LeaseReport
from balanza.worker.failures import why_ffmpeg_failed
from balanza.worker.pauses import Pauses
from balanza.worker.process import Ended, FfmpegProcess
from balanza.worker.progress import ProgressMeter
from balanza.worker.reaper import Reaper
from balanza.worker.scratch import Scratch

SOURCE = "source/input"
RESULT = "result"
"""Relative to the attempt's folder, where ffmpeg runs: its messages show these and no path of the machine. The source
is alone in its folder under a name that says nothing, so that no file can refer to another one beside it."""

WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Tools:
    """What every attempt of a worker uses."""

    program: Program
    prober: Prober
    scratch: Scratch
    threads: int
    """For each ffmpeg."""
    stall_seconds: float = 60.0


class Conversion:
    """Makes RESULT of SOURCE in `folder`, and reports how it gets on."""

    def __init__(
        self,
        grant: LeaseGrant,
        argv: Sequence[str],
        folder: Path,
        tools: Tools,
        reaper: Reaper,
        report: Callable[[LeaseReport], None],
        pauses: Pauses,
    ) -> None:
        self._grant = grant
        self._folder = folder
        self._tools = tools
        self._report = report
        self._pauses = pauses
        self._reader = ProgressReader()
        self._meter = ProgressMeter(
            duration_seconds=asked_duration(grant.options, grant.source.probe),
            source_bytes=grant.source.size_bytes,
            started_at=pauses.working_time(),
        )
        self._progress: Progress | None = None
        self._signs_of_life: tuple[object, ...] = ()
        self._alive_at = pauses.working_time()
        self._paused_before_seconds = pauses.seconds
        self._process = FfmpegProcess(argv, folder, reaper, pauses)

    async def run(self) -> str:
        """The last lines ffmpeg wrote. Raises AttemptFailed when it failed, or made no progress for too long."""
        every = min(WATCH_SECONDS, self._tools.stall_seconds / 4)
        ended = await self._process.run(self._hear, self._has_stalled, every_seconds=every)
        if failure := self._why_failed(ended):
            raise AttemptFailed(failure, log_tail=ended.log_tail)
        return ended.log_tail

    def _hear(self, output: bytes) -> None:
        for progress in self._reader.feed(output):
            self._progress = progress
            was_paused = self._pauses.seconds > self._paused_before_seconds
            self._meter.update(progress, now=self._pauses.working_time(), was_paused=was_paused)
            self._tell()

    def _tell(self) -> None:
        meter = self._meter
        self._report(
            LeaseReport(
                token=self._grant.token,
                progress=round(meter.percent, 2),
                speed=meter.speed,
                eta_seconds=meter.eta_seconds,
            )
        )

    def _has_stalled(self) -> bool:
        """Whether nothing has moved for `stall_seconds` of work: neither what ffmpeg reports nor the file it writes."""
        now = self._pauses.working_time()
        if self._meter.needs_input_position:
            self._meter.update_from_input(self._input_position(), now=now)
            self._tell()
        elif self._meter.eta_seconds is None:
            self._guess_remainder(now)
        signs = self._signs()
        if signs != self._signs_of_life:
            self._signs_of_life, self._alive_at = signs, now
        return now - self._alive_at >= self._tools.stall_seconds

    def _guess_remainder(self, now: float) -> None:
        """Before ffmpeg has written anything: an encoder that looks far ahead (x264's slow presets) takes 10 s or more.

        It has read more than it has done, so the guess is rather too short. Not for a part of a source, which does not
        read all of it.
        """
        if not {"start", "end"} & self._grant.options.keys():
            guess = self._meter.remaining_by_input(self._input_position(), now=now)
            self._pauses.remaining_guess_seconds = guess

    def _signs(self) -> tuple[object, ...]:
        said = self._progress
        spoken: tuple[object, ...] = (said.out_time_seconds, said.frame, said.total_size) if said else ()
        if not self._grant.kind.is_listed:  # what looks for one picture, or for subtitles, may read for long
            spoken = (*spoken, self._input_position())
        with suppress(OSError):
            written = (self._folder / RESULT).stat()
            return (*spoken, written.st_size, written.st_mtime_ns)
        return spoken

    def _input_position(self) -> int:
        """How far ffmpeg has read its source, where the system tells (Linux); 0 elsewhere."""
        with suppress(OSError, ValueError, IndexError):
            files = Path(f"/proc/{self._process.pid}/fd")
            source = (self._folder / SOURCE).stat()
            for file in files.iterdir():
                with suppress(OSError):
                    if os.path.samestat(file.stat(), source):
                        told = (files.parent / "fdinfo" / file.name).read_text()
                        return int(told.split()[1])
        return 0

    def _why_failed(self, ended: Ended) -> str | None:
        if ended.stalled:
            return f"No progress for {self._tools.stall_seconds:g} s: ffmpeg was killed."
        if ended.returncode != 0:
            return why_ffmpeg_failed(ended.returncode, ended.log_tail)
        return None
