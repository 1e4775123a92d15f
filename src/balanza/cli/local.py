"""Converting without a server: the dispatcher and one worker in this very process, on a store of their own.

It is the same dispatcher, the same worker and the same ffmpeg commands as a server's; only the way between them is a
function call, and the store goes when the command ends.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from balanza.cli.fleet import LocalFleet, UnhashedStorage
from balanza.cli.inputs import Input, Wanted, pieces
from balanza.cli.outputs import Outputs
from balanza.cli.report import PASSED_OVER, Outcome, Report, write_out
from balanza.dispatch.desk import Desk
from balanza.dispatch.dispatcher import Dispatcher, Submission
from balanza.dispatch.fleet import Fleet
from balanza.dispatch.library import Library
from balanza.dispatch.signals import Signals
from balanza.errors import BalanzaError, StartupError
from balanza.media.formats import check_source, parse_options
from balanza.media.needs import needs_of
from balanza.media.probe import Prober
from balanza.media.program import Program
from balanza.model import Job, Media
from balanza.settings import Settings
from balanza.store.database import Database
from balanza.worker.agent import Agent, Identity
from balanza.worker.conversion import Tools
from balanza.worker.load import usable_cpus
from balanza.worker.scratch import Scratch

WORKER_ID = "local"
NEVER_SECONDS = 10.0**7
"""A lease here is lost with the whole process, or not at all: not by a computer that was asleep. So there is nothing
that a heartbeat could tell."""
SHOW_EVERY_SECONDS = 0.2


def threads_of_each(slots: int, cpus: float) -> int:
    """Two at least, where there are two cores: the last conversion of a run has them for itself."""
    return max(min(2, round(cpus)), int(cpus) // slots, 1)


@dataclass(frozen=True, slots=True)
class Kit:
    """What conversions here need and the command has prepared."""

    folder: Path
    """The workspace: the store, and the scratch folder."""
    program: Program
    prober: Prober
    settings: Settings


class LocalRun:
    """One run of `balanza convert` without a server."""

    def __init__(self, kit: Kit, wanted: Wanted, outputs: Outputs, report: Report) -> None:
        self._kit = kit
        self._wanted = wanted
        self._options = parse_options(wanted.format_name, wanted.options)
        self._outputs = outputs
        self._report = report
        self._stopping = threading.Event()
        self._under_way: dict[str, tuple[Input, Path | None]] = {}
        """By the media id of the source."""
        self._jobs: dict[str, Input] = {}
        self._ended: asyncio.Event
        self._all_submitted = False
        self._interrupted_by: int | None = None

    def run(self, sources: Sequence[Input]) -> int | None:
        """Converts; what became of each source is in the report. The signal that interrupted it, if one did."""
        with closing(Database.open(self._kit.folder / "balanza.db", durable=False)) as database:
            storage = UnhashedStorage(self._kit.folder / "storage", durable=False)
            own = {
                "data": self._kit.folder,
                "max_attempts": 1,
                "lease_seconds": NEVER_SECONDS,
                "heartbeat_seconds": NEVER_SECONDS,
                # What the environment says of a server's people: here is nobody but who runs the command.
                "auth": "off",
                "quota_bytes": None,
                "quota_jobs": None,
            }
            desk = Desk(database, storage, self._kit.settings.model_copy(update=own), Signals())
            asyncio.run(self._convert(desk, storage, sources))
        return self._interrupted_by

    async def _convert(self, desk: Desk, storage: UnhashedStorage, sources: Sequence[Input]) -> None:
        self._ended = asyncio.Event()
        client = LocalFleet(Fleet(desk), desk.signals, storage, self._take_result)
        scratch = Scratch(self._kit.folder / "scratch")
        agent = self._agent(client, storage, scratch, len(sources))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._interrupt, number)
        submitting = threading.Thread(target=self._submit_all, args=(desk, sources, loop))
        submitting.start()
        working = asyncio.create_task(agent.run())
        showing = asyncio.create_task(self._show(agent))
        done = asyncio.create_task(self._ended.wait())
        await asyncio.wait([working, done], return_when=asyncio.FIRST_COMPLETED)
        self._stopping.set()
        showing.cancel()
        done.cancel()
        agent.stop()
        await working
        scratch.close()
        await asyncio.to_thread(submitting.join)

    def _agent(self, client: LocalFleet, storage: UnhashedStorage, scratch: Scratch, sources: int) -> Agent:
        cpus = usable_cpus()
        slots = min(self._wanted.jobs or max(1, round(cpus)), max(1, sources))
        threads = threads_of_each(slots, cpus)
        tools = Tools(self._kit.program, self._kit.prober, scratch, threads, self._kit.settings.stall_seconds)
        return Agent(client, Identity(WORKER_ID, slots, cpus), tools, storage=storage)

    def _interrupt(self, number: int) -> None:
        if self._interrupted_by is not None:
            os._exit(128 + number)  # ffmpeg ends with us; the workspace is removed by the next run
        self._interrupted_by = number
        self._stopping.set()
        self._ended.set()

    # --- Submitting, in a thread of its own: the first conversion runs while the other files are still looked into

    def _submit_all(self, desk: Desk, sources: Sequence[Input], loop: asyncio.AbstractEventLoop) -> None:
        library, dispatcher = Library(desk, self._kit.prober), Dispatcher(desk)
        for source in sources:
            if self._stopping.is_set():
                return
            try:
                self._submit(library, dispatcher, source)
            except PASSED_OVER as error:
                if source.is_named:
                    self._report.fail(source, error.sentence)
                else:
                    self._report.skip(source)
            except (BalanzaError, OSError) as error:
                if not self._stopping.is_set():
                    self._report.fail(source, str(error))
        with suppress(RuntimeError):  # interrupted: the loop is closed
            loop.call_soon_threadsafe(self._submitted)

    def _submit(self, library: Library, dispatcher: Dispatcher, source: Input) -> None:
        media = self._admit(library, source)
        check_source(self._wanted.format_name, self._options, media.probe)
        self._check_program(media)
        place = self._outputs.claim(source)
        self._under_way[media.id] = source, place
        try:
            job = dispatcher.submit(Submission(media.id, self._wanted.format_name, self._options))
        except BalanzaError:
            del self._under_way[media.id]
            self._outputs.release(place)
            raise
        self._jobs[job.id] = source

    def _check_program(self, media: Media) -> None:
        """Raises StartupError when ffmpeg lacks an encoder: the job would wait for a worker that never comes."""
        needs = needs_of(self._wanted.format_name, self._options, media.probe, size_bytes=media.size_bytes)
        if lacking := needs.encoders - self._kit.program.encoders:
            raise StartupError(
                f"{self._kit.program.path} has no {', '.join(sorted(lacking))}. Unset BALANZA_FFMPEG to use the ffmpeg "
                "that comes with Balanza, or name another."
            )

    def _admit(self, library: Library, source: Input) -> Media:
        if source.path is not None and not source.is_stream:
            return library.add_link(source.path, source.name)
        upload = library.receive(source.name)
        try:
            for piece in pieces(source, self._stopping):
                upload.write(piece)
        except BaseException:
            upload.abort()
            raise
        return upload.finish()

    def _submitted(self) -> None:
        self._all_submitted = True
        self._check_ended()

    # --- Results

    async def _take_result(self, job: Job, result: Path | None) -> None:
        """The job has ended: its result, if there is one, goes to its place."""
        source, place = self._under_way[job.source_id]
        if result is None:
            self._report.fail(source, job.error or "The conversion failed.")
            self._outputs.release(place)
        else:
            await asyncio.to_thread(self._publish, source, place, job, result)
        del self._under_way[job.source_id]
        self._check_ended()

    def _publish(self, source: Input, place: Path | None, job: Job, result: Path) -> None:
        try:
            if place is None:
                write_out(result)
            else:
                self._outputs.publish(result, place)
        except (BalanzaError, OSError) as error:
            self._report.fail(source, str(error))
            return
        seconds = (job.completed_at - job.started_at).total_seconds() if job.completed_at and job.started_at else None
        self._report.done(
            source, Outcome(source.shown, place, None, job.input_size_bytes, job.output_size_bytes, seconds)
        )

    def _check_ended(self) -> None:
        if self._all_submitted and not self._under_way:
            self._ended.set()

    async def _show(self, agent: Agent) -> None:
        while True:
            await asyncio.sleep(SHOW_EVERY_SECONDS)
            for job_id, report in agent.running.items():
                if source := self._jobs.get(job_id):
                    self._report.progress(source, "converting", report.progress, report.speed)
