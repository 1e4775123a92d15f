"""Attempts at tiny jobs that share one ffmpeg process. Each is a lease of its own all the same: it has a folder, is
checked, stored and completed by itself, and can be lost without harm to the others.

Whatever goes wrong in common is nobody's fault in particular: then each is run alone, one after the other, so that
only the bad one fails, and with what ffmpeg says of it alone. Docs: docs/leases.md.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from balanza.errors import BalanzaError
from balanza.media.ffmpeg import Progress, ProgressReader
from balanza.media.together import Part, build_shared_argv, can_share
from balanza.model import JobKind
from balanza.protocol import MOST_LEASES, Completion, LeaseGrant, LeaseReport
from balanza.worker.conversion import WATCH_SECONDS
from balanza.worker.pauses import Pauses
from balanza.worker.process import FfmpegProcess
from balanza.worker.runner import Runner
from balanza.worker.threads import in_thread

MOST = 16
"""Of 200 clips of a second, shared by 4, 8 and 16, two processes at a time made 41, 52 and 54 a
second into MP3, and none more by 30, on a machine where one process each made 24."""
STALL_SECONDS = 10.0
"""A hanging process holds up all its jobs. They are tiny, and each that is run alone afterwards has the usual time."""
_LEAST = 2
_PUBLISHED_AT_ONCE = 2


def most_together(slots: int) -> int:
    """How many to ask for with so many slots: what all of them hold, a short job in a pause of each too, has to go into
    one heartbeat."""
    return max(1, min(MOST, MOST_LEASES // slots - 1))


@dataclass(frozen=True, slots=True)
class _Member:
    """One attempt: its number, by which its files are called, and how long its source travelled."""

    grant: LeaseGrant
    number: int
    fetching_seconds: float = 0.0


class Together:
    """The runner of several attempts: each calls `run` for itself. `close` when all have ended."""

    def __init__(self, runner: Runner, grants: Sequence[LeaseGrant]) -> None:
        """To be made inside the event loop. The first grant says for which format and options."""
        self._runner = runner
        self._grants = grants
        self._folder = runner.tools.scratch.folder_of_several(grants[0].job_id, grants[0].attempt)
        loop = asyncio.get_running_loop()
        self._outcomes: dict[str, asyncio.Future[Completion | None]] = {
            grant.token: loop.create_future() for grant in grants
        }
        """None: to be run alone."""
        self._dropped: set[str] = set()
        self._one_by_one = asyncio.Lock()
        self._working: asyncio.Task[None] | None = None

    async def run(self, grant: LeaseGrant, report: Callable[[LeaseReport], None], pauses: Pauses) -> Completion:
        """As Runner.run. Cancelled, it returns when its result cannot appear any more: perhaps after the others do."""
        if completion := await self._shared(grant.token):
            return completion
        async with self._one_by_one:
            started_at = time.monotonic()
            completion = await self._runner.run(grant, report, pauses)
            return completion.model_copy(update={"run_seconds": time.monotonic() - started_at})

    async def withdraw(self, grant: LeaseGrant) -> None:
        """As Runner.withdraw."""
        await self._runner.withdraw(grant)

    async def close(self) -> None:
        """Returns when nothing is left of what they had in common."""
        if self._working is not None:
            await asyncio.wait([self._working])

    async def _shared(self, token: str) -> Completion | None:
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        try:
            return await asyncio.shield(self._outcomes[token])
        except asyncio.CancelledError:
            self._dropped.add(token)
            if all(outcome.done() or other in self._dropped for other, outcome in self._outcomes.items()):
                self._working.cancel()
            await asyncio.wait([self._working])
            raise

    async def _work(self) -> None:
        """Settles every outcome, whatever happens."""
        try:
            await self._convert()
        except (OSError, BalanzaError):
            pass  # running each alone will show what it is
        except Exception:
            logging.getLogger("balanza.worker").exception("💥 Error interno con varios trabajos a la vez")
        finally:
            try:  # first: a full disk has room for each alone again
                await in_thread(shutil.rmtree, self._folder, ignore_errors=True)
            finally:
                for outcome in self._outcomes.values():
                    if not outcome.done():
                        outcome.set_result(None)

    async def _convert(self) -> None:
        members = await self._bring_sources()
        started_at = time.monotonic()
        if len(members) < _LEAST or not await self._has_converted(members):
            return
        each_seconds = (time.monotonic() - started_at) / len(members)
        published = await self._published([member for member in members if member.grant.token not in self._dropped])
        for token, completion in published.items():  # at the same moment, so that they are told in one request
            self._outcomes[token].set_result(completion.model_copy(update={"run_seconds": each_seconds}))

    async def _published(self, members: Sequence[_Member]) -> Mapping[str, Completion]:
        """By token; those that are missing are to be run alone."""
        if self._runner.shares_storage:
            made = [(member.grant, self._result_of(member)) for member in members]
            return await in_thread(self._runner.publish_several, made)
        waiting, published = iter(members), {}

        async def publish() -> None:
            for member in waiting:
                with suppress(OSError, BalanzaError):
                    result, seconds = self._result_of(member), member.fetching_seconds
                    published[member.grant.token] = await self._runner.publish(member.grant, result, "", seconds)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(_PUBLISHED_AT_ONCE):
                tasks.create_task(publish())
        return published

    async def _bring_sources(self) -> list[_Member]:
        """Those that have their source and may share."""
        members = await in_thread(self._prepared)
        if self._runner.shares_storage:
            return members
        return [member for member in await asyncio.gather(*map(self._fetched, members)) if member is not None]

    def _prepared(self) -> list[_Member]:
        first, members = self._grants[0], []
        self._folder.mkdir()
        for number, grant in enumerate(self._grants):
            alike = (grant.output_format, grant.options) == (first.output_format, first.options)
            if alike and grant.kind is JobKind.CONVERT and _can_share(grant):
                with suppress(OSError, BalanzaError):
                    self._runner.prepare(grant, self._folder / _source_name(number))
                    members.append(_Member(grant, number))
        return members

    async def _fetched(self, member: _Member) -> _Member | None:
        source = self._folder / _source_name(member.number)
        with suppress(OSError, BalanzaError):
            return _Member(member.grant, member.number, await self._runner.fetch_source(member.grant, source))
        return None

    async def _has_converted(self, members: Sequence[_Member]) -> bool:
        """Whether ffmpeg ended well and had nothing to say: it would not say of whom."""
        grant, tools = members[0].grant, self._runner.tools
        argv = build_shared_argv(
            program=tools.program.path,
            parts=[
                Part(_source_name(member.number), _result_name(member.number), member.grant.source.probe)
                for member in members
            ],
            format_name=grant.output_format,
            options=grant.options,
            threads=tools.threads,
        )
        stall_seconds = min(tools.stall_seconds, STALL_SECONDS)
        watch = _Watch([self._result_of(member) for member in members], stall_seconds)
        process = FfmpegProcess(argv, self._folder, self._runner.reaper)
        ended = await process.run(watch.hear, watch.has_stalled, every_seconds=min(WATCH_SECONDS, stall_seconds / 4))
        return not ended.stalled and ended.returncode == 0 and not ended.log_tail

    def _result_of(self, member: _Member) -> Path:
        return self._folder / _result_name(member.number)


def _source_name(number: int) -> str:
    """Alone in its folder, as that of a job by itself."""
    return f"{number}/input"


def _result_name(number: int) -> str:
    return f"result-{number}"


def _can_share(grant: LeaseGrant) -> bool:
    return can_share(grant.output_format, grant.options, grant.source.probe)


class _Watch:
    """Over one process of several outputs: it has stalled when neither its reports nor any output moves."""

    def __init__(self, results: Sequence[Path], stall_seconds: float) -> None:
        self._results = results
        self._stall_seconds = stall_seconds
        self._reader = ProgressReader()
        self._said = Progress()
        self._signs: tuple[object, ...] = ()
        self._alive_at = time.monotonic()

    def hear(self, output: bytes) -> None:
        for progress in self._reader.feed(output):
            self._said = progress

    def has_stalled(self) -> bool:
        now = time.monotonic()
        said = (self._said.out_time_seconds, self._said.frame, self._said.total_size)
        signs = (said, *map(_written, self._results))
        if signs != self._signs:
            self._signs, self._alive_at = signs, now
        return now - self._alive_at >= self._stall_seconds


def _written(result: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = result.stat()
        return found.st_size, found.st_mtime_ns
    return None
