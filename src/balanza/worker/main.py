"""A worker as a process: its settings, its signals, its log, its end."""

import asyncio
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from balanza.errors import StartupError
from balanza.media.probe import Prober
from balanza.media.program import find_program
from balanza.protocol import MOST_TAGS, TAG, LeaseRequest
from balanza.worker.agent import Agent, Identity
from balanza.worker.client import HttpFleetClient
from balanza.worker.conversion import Tools
from balanza.worker.load import usable_cpus, usable_memory_mb
from balanza.worker.metrics import LOOPBACK, MetricsServer, WorkerMetrics
from balanza.worker.scratch import Scratch

SUPERVISED = "BALANZA_SUPERVISED"
"""Set to 1 by a supervisor that holds the worker's standard input open: when it closes, the supervisor has died."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is told when it is started."""

    server: str
    """The address of the server, e.g. http://127.0.0.1:8000."""
    worker_id: str
    slots: int = 1
    tags: frozenset[str] = frozenset()
    """What jobs can ask for by name, e.g. `gpu`."""
    grace_seconds: float = 30.0
    """How long what runs may go on after SIGTERM; what has not ended then is handed back."""
    metrics_port: int = 0
    """0 is none."""
    metrics_host: str = LOOPBACK
    scratch: Path = Path("data/scratch")
    """Each worker makes a folder of its own name in it."""
    ffmpeg: str | None = None
    stall_seconds: float = 60.0
    pausing: bool = True
    """Whether a long conversion pauses for a short job."""
    fleet_token: str | None = field(default=None, repr=False)
    """What a server with accounts asks of its workers."""


def tags_from(given: Sequence[str] | None) -> frozenset[str]:
    """Those given, or else those that BALANZA_TAGS names, separated by commas."""
    names = os.environ.get("BALANZA_TAGS", "").split(",") if given is None else given
    return frozenset(name.strip() for name in names if name.strip())


async def run_worker(settings: WorkerSettings) -> None:
    """Works until a signal or the loss of its supervisor.

    After SIGTERM it takes nothing new, finishes what it can within its grace, hands back the rest, and returns. After
    SIGINT, a second signal, or the loss of its supervisor it hands back everything at once. One more signal ends the
    process. Raises StartupError when it cannot start, WorkerReplaced when another process has taken its id.
    """
    _log_to_stdout()
    _check(settings)
    cpus = usable_cpus()
    program = await asyncio.to_thread(find_program, settings.ffmpeg)
    scratch = Scratch(settings.scratch / settings.worker_id)
    client = HttpFleetClient(settings.server, settings.fleet_token)
    prober = Prober()
    metrics = WorkerMetrics(settings.worker_id, client.traffic)
    metrics_server = None
    try:
        if settings.metrics_port:
            metrics_server = MetricsServer(metrics, settings.metrics_port, settings.metrics_host)
        agent = Agent(
            client,
            Identity(
                settings.worker_id,
                settings.slots,
                cpus,
                metrics_address=metrics_server.address if metrics_server else None,
                memory_total_mb=usable_memory_mb(),
                tags=settings.tags,
            ),
            Tools(program, prober, scratch, max(1, int(cpus // settings.slots)), settings.stall_seconds),
            observer=metrics,
            traffic=client.traffic,
            pausing=settings.pausing,
        )
        with _ended_by_signals(agent, settings.grace_seconds):
            await agent.run()
    finally:
        if metrics_server:
            metrics_server.close()
        await client.aclose()
        prober.close()
        scratch.close()


@contextmanager
def _ended_by_signals(agent: Agent, grace_seconds: float) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    draining = stopping = False

    def end(number: int) -> None:
        nonlocal draining, stopping
        if stopping:
            os._exit(128 + number)  # the reaper kills what still runs
        if number == signal.SIGTERM and not draining and grace_seconds > 0:
            draining = True
            agent.drain(grace_seconds)
        else:
            stopping = True
            agent.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    if os.environ.get(SUPERVISED) == "1":
        threading.Thread(target=_await_supervisor, args=(loop, agent), daemon=True).start()
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _await_supervisor(loop: asyncio.AbstractEventLoop, agent: Agent) -> None:
    """Returns when standard input is closed, having stopped the agent."""
    while os.read(0, 1024):
        pass
    loop.call_soon_threadsafe(agent.stop)


def _log_to_stdout() -> None:
    """Our own lines only, bare: they begin with the worker's id."""
    logger = logging.getLogger("balanza")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _check(settings: WorkerSettings) -> None:
    parts = urlsplit(settings.server)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise StartupError(f"{settings.server!r} is no address of a server. Write it like http://127.0.0.1:8000.")
    try:
        LeaseRequest(worker_id=settings.worker_id, instance="")
    except ValidationError as error:
        raise StartupError(f"{settings.worker_id!r} cannot be the name of a worker. Use {_named(64)}.") from error
    if settings.slots < 1:
        raise StartupError(f"A worker has at least 1 slot, not {settings.slots}.")
    if not (settings.grace_seconds >= 0 and isfinite(settings.grace_seconds)):
        raise StartupError(f"A grace is a number of seconds, 0 or more, not {settings.grace_seconds}.")
    _check_tags(settings.tags)


def _check_tags(tags: frozenset[str]) -> None:
    for tag in sorted(tags):
        if not re.fullmatch(TAG, tag):
            raise StartupError(f"{tag!r} cannot be a tag. Use {_named(32)}.")
    if len(tags) > MOST_TAGS:
        raise StartupError(f"A worker has at most {MOST_TAGS} tags, not {len(tags)}.")


def _named(length: int) -> str:
    return f"up to {length} letters, digits, dots, hyphens and underscores, beginning with a letter or a digit"
