"""Converting on a running server: upload, ask, follow, download."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

from balanza.cli.api import TIMEOUT, answer_of, base_of, credentials, is_own, reachable
from balanza.cli.events import Events
from balanza.cli.inputs import PIECE_BYTES, Input, Wanted, pieces
from balanza.cli.outputs import Outputs
from balanza.cli.report import PASSED_OVER, Outcome, Report, write_out
from balanza.cli.submitting import Job, Submissions
from balanza.errors import BalanzaError, StorageError

TRANSFERS = 4
"""How many files go each way at once: enough to keep a fleet busy, few enough to finish one after another."""
REMOVE_SECONDS = 5.0


class RemoteRun:
    """One run of `balanza convert --server`."""

    def __init__(self, server: str, folder: Path, wanted: Wanted, outputs: Outputs, report: Report) -> None:
        """Results pass through `folder`."""
        self._server = base_of(server)
        self._folder = folder
        self._wanted = wanted
        self._outputs = outputs
        self._report = report
        self._uploads = asyncio.Semaphore(wanted.jobs or TRANSFERS)
        self._downloads = asyncio.Semaphore(wanted.jobs or TRANSFERS)
        self._stopping = threading.Event()
        self._interrupted_by: int | None = None

    def run(self, sources: Sequence[Input]) -> int | None:
        """Converts; what became of each source is in the report. The signal that interrupted it, if one did."""
        asyncio.run(self._convert(sources))
        return self._interrupted_by

    async def _convert(self, sources: Sequence[Input]) -> None:
        async with httpx2.AsyncClient(
            base_url=self._server,
            timeout=TIMEOUT,
            trust_env=not is_own(self._server),
            limits=httpx2.Limits(max_connections=None),
            headers=credentials(),
        ) as http:
            events = Events(http, self._server)
            submissions = Submissions(http, self._server, self._wanted, sources)
            listening = asyncio.create_task(events.listen())
            working = asyncio.gather(
                *(self._attend(http, events, submissions, source) for source in sources),
                return_exceptions=True,  # also when it is interrupted, all clean up before it ends
            )
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._interrupt, number, working, submissions)
            ended: list[BaseException | None] = []
            with suppress(asyncio.CancelledError):
                ended = await working
            listening.cancel()
        if bugs := [error for error in ended if error is not None]:
            raise bugs[0]

    def _interrupt(self, number: int, working: "asyncio.Future[Any]", submissions: Submissions) -> None:
        if self._interrupted_by is not None:
            os._exit(128 + number)
        self._interrupted_by = number
        self._stopping.set()
        submissions.close()
        working.cancel()

    async def _attend(self, http: httpx2.AsyncClient, events: Events, submissions: Submissions, source: Input) -> None:
        """One source from here to its result; whatever fails is in the report."""
        try:
            await self._bring_through(http, events, submissions, source)
        except PASSED_OVER as error:
            if source.is_named:
                self._report.fail(source, error.sentence)
            else:
                self._report.skip(source)
        except (BalanzaError, OSError) as error:
            self._report.fail(source, str(error))
        finally:
            submissions.leave(source)

    async def _bring_through(
        self, http: httpx2.AsyncClient, events: Events, submissions: Submissions, source: Input
    ) -> None:
        place = self._outputs.claim(source)
        left = Left(http)
        try:
            async with self._uploads:
                left.upload = asyncio.create_task(self._upload(http, source))
                left.media_ids.append(await asyncio.shield(left.upload))
            left.job = submissions.ask(source, left.media_ids[0])
            job = await self._converted(events, source, await asyncio.shield(left.job))
            left.job = None
            async with self._downloads:
                await self._download(http, source, place, job)
            left.media_ids.append(job["output_id"])
        except (BalanzaError, OSError):
            self._outputs.release(place)
            raise
        finally:
            await left.remove()
        self._report.done(
            source,
            Outcome(
                source.shown, place, None, job["input_size_bytes"], job["output_size_bytes"], job["duration_seconds"]
            ),
        )

    async def _upload(self, http: httpx2.AsyncClient, source: Input) -> str:
        headers = {"X-Filename": quote(os.fsencode(source.name)), "Content-Type": "application/octet-stream"}
        if not source.is_stream:
            headers["Content-Length"] = str(source.size_bytes)
        with reachable(self._server):
            answer = answer_of(await http.post("/upload", content=self._pieces(source), headers=headers))
        return str(answer["id"])

    async def _pieces(self, source: Input) -> AsyncIterator[bytes]:
        sent = 0
        following = pieces(source, self._stopping)
        while piece := await asyncio.to_thread(next, following, b""):
            if self._stopping.is_set():
                raise InterruptedError(f"Uploading {source.shown} was interrupted.")
            yield piece
            sent += len(piece)
            self._report.progress(source, "uploading", 100 * sent / source.size_bytes if source.size_bytes else 0)

    async def _converted(self, events: Events, source: Input, job_id: str) -> dict[str, Any]:
        """The job, completed. Raises BalanzaError."""

        def tell(job: dict[str, Any]) -> None:
            stage = "converting" if job["status"] == "processing" else "waiting"
            self._report.progress(source, stage, job["progress"], job["speed"])

        job = await events.until_ended(job_id, tell)
        if job["status"] != "completed":
            raise BalanzaError(job["error"] or f"The job was {job['status']}.")
        return job

    async def _download(self, http: httpx2.AsyncClient, source: Input, place: Path | None, job: dict[str, Any]) -> None:
        """The result at its place, whole. Raises BalanzaError."""
        result = self._folder / job["job_id"]
        expected = job["output_size_bytes"]
        received = 0
        with reachable(self._server), result.open("xb") as file:
            async with http.stream("GET", f"/media/{job['output_id']}") as response:
                response.raise_for_status()
                async for piece in response.aiter_raw(PIECE_BYTES):
                    received += await asyncio.to_thread(file.write, piece)
                    self._report.progress(source, "downloading", 100 * received / expected)
        if received != expected:
            raise StorageError(f"{received} bytes of the result arrived, not {expected}; try again.")
        if place is None:
            write_out(result)
        else:
            await asyncio.to_thread(self._outputs.publish, result, place)


class Left:
    """What one source has on the server: nobody else asked for it, so nothing of it stays there."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self.media_ids: list[str] = []
        """The upload; and the result, when it has been downloaded."""
        self.upload: asyncio.Task[str] | None = None
        """It may be there already when an interruption comes before the answer."""
        self.job: Job | None = None
        """A job that was asked for and has not ended as far as we know."""

    async def remove(self) -> None:
        """Cancels the job, then deletes the files. What the server does not do stays there."""
        with suppress(httpx2.HTTPError):
            if job_id := await _known(self.job):
                await self._http.post(f"/jobs/{job_id}/cancel", timeout=REMOVE_SECONDS)
            if not self.media_ids and (media_id := await _known(self.upload)):
                self.media_ids.append(media_id)
            for media_id in self.media_ids:
                await self._http.delete(f"/media/{media_id}", params={"forever": "true"}, timeout=REMOVE_SECONDS)


async def _known(answer: asyncio.Future[str] | None) -> str | None:
    """None when there is none: it was refused, not asked for, or is too long in coming."""
    if answer is None:
        return None
    done, _ = await asyncio.wait([answer], timeout=REMOVE_SECONDS)
    return None if not done or answer.cancelled() or answer.exception() else answer.result()
