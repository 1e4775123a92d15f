"""What the worker's tests share: a prober, ffmpeg, a folder with everything in it, and agents that run in it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from balanza.media.probe import Prober
from balanza.media.program import Program, find_program
from balanza.storage import LocalStorage
from balanza.worker.agent import Agent, Identity
from balanza.worker.conversion import Tools
from balanza.worker.scratch import Scratch
from tests.worker.fleet import Fleet, write_program, write_tone


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def prober() -> Iterator[Prober]:
    with Prober() as prober:
        yield prober


@pytest.fixture(scope="session")
def ffmpeg() -> Program:
    return find_program(None)


@pytest.fixture
def slow_ffmpeg(ffmpeg: Program, tmp_path: Path) -> Program:
    """The real one, reading its input no faster than it would be played."""
    return write_program(tmp_path / "slow-ffmpeg", f'exec {ffmpeg.path} -readrate 1 -readrate_initial_burst 0.1 "$@"')


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Half a second."""
    return write_tone(tmp_path / "song.wav", 0.5)


@pytest.fixture
def long_song(tmp_path: Path) -> Path:
    """As long as any test might run when it is read by `slow_ffmpeg`."""
    return write_tone(tmp_path / "long.wav", 120)


@pytest.fixture
def fleet(tmp_path: Path, prober: Prober) -> Fleet:
    return Fleet(LocalStorage(tmp_path / "storage", durable=False), prober)


@pytest.fixture
def tools(tmp_path: Path, prober: Prober, ffmpeg: Program) -> Iterator[Tools]:
    scratch = Scratch(tmp_path / "scratch")
    yield Tools(ffmpeg, prober, scratch, threads=1)
    left = [path.name for path in scratch.folder.iterdir()]
    scratch.close()
    assert left == [".lock"], "the scratch folder holds something after the test"


Working = Callable[..., AbstractAsyncContextManager[Agent]]


@pytest.fixture
def working(fleet: Fleet, tools: Tools) -> Working:
    """`async with working(program=…, slots=…, …) as agent` runs an agent of `fleet`; it must end without an error."""

    @asynccontextmanager
    async def work(
        *,
        slots: int = 1,
        observer: object = None,
        memory_mb: float | None = None,
        pausing: bool = True,
        **changed: object,
    ) -> AsyncIterator[Agent]:
        agent = Agent(
            fleet,
            Identity("worker_a", slots, 2.0, memory_total_mb=memory_mb),
            replace(tools, **changed),  # type: ignore[arg-type]
            observer=observer,  # type: ignore[arg-type]
            pausing=pausing,
        )
        running = asyncio.create_task(agent.run())
        try:
            yield agent
        finally:
            agent.stop()
            await running

    return work
