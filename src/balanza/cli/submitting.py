"""Asking a server for the conversions of several sources: together, where more than one has been uploaded."""

import asyncio
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx2

from balanza.cli.api import answer_of, reachable
from balanza.cli.inputs import Wanted
from balanza.errors import (
    BalanzaError,
    Conflict,
    Gone,
    InvalidOption,
    MissingStream,
    NotFound,
    QuotaExceeded,
    ServerUnreachable,
)

MOST_IN_BATCH = 200
"""As many as a server takes at once."""
ASK_AGAIN_SECONDS = 1.0
MAKESPAN = "makespan"
OF_ONE = (Conflict, Gone, InvalidOption, MissingStream, NotFound)
"""Refusals that one file of a batch may be the cause of."""

Job = asyncio.Future[str]
"""The id of a job that was asked for, sooner or later."""


class Submissions:
    """What is asked for together goes as one batch: whatever has been uploaded since the last answer.

    Who wants the shortest total time waits until all have been uploaded, or as many as make a batch: the longest is to
    go first.
    """

    def __init__(self, http: httpx2.AsyncClient, server: str, wanted: Wanted, expected: Iterable[Hashable]) -> None:
        """`expected` are the sources that may still come."""
        self._http = http
        self._server = server
        self._wanted = wanted
        self._expected = set(expected)
        self._ahead: dict[str, Job] = {}
        self._sending: asyncio.Task[None] | None = None
        self._closed = False

    def ask(self, source: Hashable, media_id: str) -> Job:
        """The future job of what was uploaded for `source`; it may raise BalanzaError."""
        job = self._ahead[media_id] = asyncio.get_running_loop().create_future()
        self.leave(source)
        return job

    def leave(self, source: Hashable) -> None:
        """Nobody waits for this source any more."""
        self._expected.discard(source)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())

    def close(self) -> None:
        """What has not been sent will not be, nor what would be sent by itself. What is on its way gets its answer."""
        self._closed = True
        for job in self._ahead.values():
            job.cancel()
        self._ahead.clear()

    async def _send_all(self) -> None:
        while group := self._next():
            try:
                await self._send(group)
            except Exception as error:  # noqa: BLE001 - a bug: whoever waits is to see it, not to wait for ever
                for job in group.values():
                    _settle(job, error)

    def _next(self) -> dict[str, Job]:
        if self._wanted.goal == MAKESPAN and self._expected and len(self._ahead) < MOST_IN_BATCH:
            return {}
        return {media_id: self._ahead.pop(media_id) for media_id in list(self._ahead)[:MOST_IN_BATCH]}

    async def _send(self, group: Mapping[str, Job]) -> None:
        if self._closed:
            for job in group.values():
                job.cancel()
            return
        try:
            job_ids = await self._submitted(list(group))
        except BalanzaError as error:
            if len(group) > 1 and isinstance(error, OF_ONE):
                await self._send_apart(group)
            elif len(group) > 1 and isinstance(error, QuotaExceeded):
                await self._send_one_by_one(group)
            else:
                for job in group.values():
                    _settle(job, error)
        else:
            for job, job_id in zip(group.values(), job_ids, strict=True):
                _settle(job, job_id)

    async def _send_apart(self, group: Mapping[str, Job]) -> None:
        """One may be the cause: those that are refused by themselves hear why, the others go together."""
        rest = dict(group)
        for media_id in group:
            if self._closed:
                break
            try:
                await self._post("/convert/estimate", {"input_file": media_id, **self._body()})
            except BalanzaError as error:
                _settle(rest.pop(media_id), error)
        if len(rest) == len(group):  # none of them is the cause any more
            await self._send_one_by_one(group)
        elif rest:
            await self._send(rest)

    async def _send_one_by_one(self, group: Mapping[str, Job]) -> None:
        """As many as there is room for; the first that there is none for speaks for the others."""
        full: QuotaExceeded | None = None
        for media_id, job in group.items():
            if full:
                _settle(job, full)
                continue
            await self._send({media_id: job})
            if not job.cancelled() and isinstance(error := job.exception(), QuotaExceeded):
                full = error

    async def _submitted(self, media_ids: list[str]) -> list[str]:
        """The ids of the jobs. An answer that was lost is asked for again, under the same key. Raises BalanzaError."""
        path, wanted = "/convert", {"input_file": media_ids[0], **self._body()}
        if len(media_ids) > 1:
            path, wanted = "/convert/batch", {"input_files": media_ids, **self._body(), **self._goal()}
        key = {"Idempotency-Key": str(uuid4())}
        try:
            answer = await self._post(path, wanted, key)
        except ServerUnreachable:
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            answer = await self._post(path, wanted, key)
        return [one["job_id"] for one in answer.get("jobs", [answer])]

    async def _post(self, path: str, wanted: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        with reachable(self._server):
            return answer_of(await self._http.post(path, json=wanted, headers=headers))

    def _body(self) -> dict[str, Any]:
        body = {"output_format": self._wanted.format_name, "options": dict(self._wanted.options)}
        return body if self._wanted.priority is None else {**body, "priority": self._wanted.priority}

    def _goal(self) -> dict[str, str]:
        return {} if self._wanted.goal is None else {"goal": self._wanted.goal}


def _settle(job: Job, found: str | Exception) -> None:
    """Nothing when nobody waits for it any more."""
    with suppress(asyncio.InvalidStateError):
        if isinstance(found, str):
            job.set_result(found)
        else:
            job.set_exception(found)
