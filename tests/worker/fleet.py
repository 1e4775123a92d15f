"""A server in memory: the network of the worker's tests. Everything else in them is real."""

import asyncio
import itertools
import shutil
import sys
import time
import wave
from array import array
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import sin, tau
from pathlib import Path
from typing import TypeVar

from balanza.errors import BalanzaError, LeaseLost, ServerUnreachable, WorkerReplaced, WorkerUnknown
from balanza.media.formats import parse_options
from balanza.media.probe import Prober
from balanza.media.program import Program
from balanza.model import JobKind, piece_key
from balanza.protocol import (
    Completion,
    Failure,
    Heartbeat,
    HeartbeatReply,
    LeaseGrant,
    LeaseRequest,
    Registered,
    Registration,
    Source,
    StoredObject,
)
from balanza.storage import LocalStorage

T = TypeVar("T")


async def until(condition: Callable[[], T | None], seconds: float = 30.0) -> T:
    """The first truthy value of `condition`; AssertionError when `seconds` pass without one."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not (value := condition()):
        if loop.time() > deadline:
            raise AssertionError(f"not within {seconds} s: {value!r}")
        await asyncio.sleep(0.01)
    return value


def write_tone(path: Path, seconds: float, *, rate: int = 8000) -> Path:
    """A WAV file with a tone of 440 Hz."""
    second = array("h", (int(9000 * sin(tau * 440 * n / rate)) for n in range(rate)))
    if sys.byteorder == "big":
        second.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        for _ in range(int(seconds)):
            file.writeframes(second.tobytes())
        file.writeframes(second[: int(rate * (seconds % 1))].tobytes())
    return path


def write_program(path: Path, script: str) -> Program:
    """A double of ffmpeg: a shell script; `"$@"` is ffmpeg's command line."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Program(str(path), "double", frozenset(), frozenset(), frozenset(), frozenset())


@dataclass
class Fleet:
    """A FleetClient whose server is in memory; `storage` is what it stores."""

    storage: LocalStorage
    prober: Prober
    shared: bool = True
    heartbeat_seconds: float = 0.05
    pace_seconds: float | None = None
    """As the answers to heartbeats tell it."""
    down: bool = False
    draining: bool = False
    instance: str | None = None
    """The registered instance."""
    registrations: list[Registration] = field(default_factory=list)
    heartbeats: list[Heartbeat] = field(default_factory=list)
    live: dict[str, LeaseGrant] = field(default_factory=dict)
    completed: dict[str, Completion] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    polls: int = 0
    together: bool = False
    """Whether jobs for the same format are given at once to who asks for several."""
    offers: list[LeaseRequest] = field(default_factory=list)
    """The requests that offered to pause something."""
    said_together: list[int] = field(default_factory=list)
    """How many completions came in each request for several."""
    _pending: deque[LeaseGrant] = field(default_factory=deque)
    _short: deque[LeaseGrant] = field(default_factory=deque)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def derive(self, source: Path, kind: JobKind, **options: int) -> LeaseGrant:
        """A pending job that is no conversion."""
        grant = self.add(source).model_copy(update={"kind": kind, "options": options, "output_format": kind.value})
        self._pending[-1] = grant
        return grant

    def add(self, source: Path, to: str = "flac", *, assigned: bool = True, **options: object) -> LeaseGrant:
        """A pending job; its grant, whose job id is `job-<n>` and token `token-<n>`."""
        number = next(self._numbers)
        copy = source.with_name(f"copy-{number}")
        shutil.copy(source, copy)
        probe = self.prober.probe(copy)
        stored = self.storage.adopt(copy, f"source-{number}")
        grant = LeaseGrant(
            token=f"token-{number}",
            job_id=f"job-{number}",
            attempt=1,
            output_format=to,
            options=parse_options(to, options),
            source=Source(
                media_id=f"media-{number}",
                name=source.name,
                size_bytes=stored.size_bytes,
                sha256=stored.sha256,
                storage_key=f"source-{number}",
                probe=probe,
            ),
            output_key=f"result-job-{number}-1",
            was_assigned=assigned,
        )
        self._pending.append(grant)
        return grant

    def add_short(self, source: Path, to: str = "flac", **options: object) -> LeaseGrant:
        """A pending job that is given in a pause only."""
        grant = self.add(source, to, assigned=True, **options)
        self._short.append(self._pending.pop())
        return grant

    def take_away(self, grant: LeaseGrant) -> None:
        """Cancelled, expired, given to another: the lease is no longer live."""
        del self.live[grant.token]

    def forget_everything(self) -> None:
        """As a server that starts with a new store."""
        self.instance = None
        self.live.clear()

    def stored(self) -> set[str]:
        return {key for key, _ in self.storage.objects() if key.startswith("result")}

    # --- FleetClient

    async def register(self, registration: Registration) -> Registered:
        self._reach()
        self.registrations.append(registration)
        self.instance = registration.instance
        return Registered(
            heartbeat_seconds=self.heartbeat_seconds,
            lease_seconds=10,
            storage_folder=str(self.storage.folder) if self.shared else "/nowhere",
            storage_marker=self.storage.marker,
        )

    async def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatReply:
        self._reach()
        self._check(heartbeat.instance)
        self.heartbeats.append(heartbeat)
        lost = tuple(report.token for report in heartbeat.leases if report.token not in self.live)
        return HeartbeatReply(lost=lost, drain=self.draining, heartbeat_seconds=self.pace_seconds)

    async def lease(self, request: LeaseRequest) -> LeaseGrant | None:
        self._reach()
        self._check(request.instance)
        if request.pauses:
            return await self._lease_in_pause(request, request.pauses)
        self.polls += 1
        deadline = time.monotonic() + request.wait_seconds
        while not self._pending or self.draining:
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(0.005)
            self._reach()
        grant = self._pending.popleft()
        self.live[grant.token] = grant
        companions = self._alike(grant, request.most - 1) if self.together else []
        self.live |= {companion.token: companion for companion in companions}
        return grant.model_copy(update={"companions": tuple(companions)})

    def _alike(self, grant: LeaseGrant, most: int) -> list[LeaseGrant]:
        alike = [other for other in self._pending if other.output_format == grant.output_format][:most]
        for companion in alike:
            self._pending.remove(companion)
        return alike

    async def _lease_in_pause(self, request: LeaseRequest, long: str) -> LeaseGrant | None:
        self.offers.append(request)
        deadline = time.monotonic() + request.wait_seconds
        while not self._short or self.draining:
            if time.monotonic() > deadline or long not in self.live:
                return None
            await asyncio.sleep(0.005)
            self._reach()
        grant = self._short.popleft().model_copy(update={"pauses": long})
        self.live[grant.token] = grant
        return grant

    async def fetch_source(self, token: str, target: Path) -> None:
        self._reach()
        key = self.held(token).source.storage_key
        target.write_bytes(b"".join(self.storage.read(key)))

    async def send_result(self, token: str, result: Path) -> StoredObject:
        self._reach()
        writer = self.storage.writer(self.held(token).output_key)
        writer.write(result.read_bytes())
        return writer.commit()

    async def send_piece(self, token: str, number: int, piece: Path) -> StoredObject:
        self._reach()
        writer = self.storage.writer(piece_key(self.held(token).output_key, number))
        writer.write(piece.read_bytes())
        return writer.commit()

    async def complete(self, token: str, completion: Completion) -> None:
        self._reach()
        self.held(token)
        self.completed[token] = completion
        del self.live[token]

    async def complete_several(self, completions: Mapping[str, Completion]) -> Mapping[str, BalanzaError]:
        self._reach()
        self.said_together.append(len(completions))
        refused: dict[str, BalanzaError] = {}
        for token, completion in completions.items():
            try:
                await self.complete(token, completion)
            except LeaseLost as error:
                refused[token] = error
        return refused

    async def fail(self, token: str, failure: Failure) -> None:
        self._reach()
        self.held(token)
        self.failed[token] = failure
        del self.live[token]

    async def release(self, token: str) -> None:
        self._reach()
        self.held(token)
        self.released.append(token)
        del self.live[token]

    async def leave(self, worker_id: str, instance: str) -> None:
        self._reach()
        self.left.append(instance)

    async def aclose(self) -> None:
        pass

    def _reach(self) -> None:
        if self.down:
            raise ServerUnreachable("The server cannot be reached.")

    def _check(self, instance: str) -> None:
        if self.instance is None:
            raise WorkerUnknown("The server does not know this worker.")
        if instance != self.instance:
            raise WorkerReplaced("Another process has taken the id of this worker.")

    def held(self, token: str) -> LeaseGrant:
        if token not in self.live:
            raise LeaseLost("The lease is lost.")
        return self.live[token]
