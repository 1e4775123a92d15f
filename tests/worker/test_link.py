"""Trying again: bounded, jittered, woken by the first answer, and announced once per change."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from balanza.errors import AttemptFailed, LeaseLost, Retryable, ServerUnreachable
from balanza.worker import link as link_module
from balanza.worker.link import Link

pytestmark = pytest.mark.anyio


@pytest.fixture
def link(caplog: pytest.LogCaptureFixture) -> Link:
    caplog.set_level(logging.INFO, "tested")
    return Link(logging.LoggerAdapter(logging.getLogger("tested"), {}))


class Flaky:
    """Raises `error` so many times, then answers."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.times = times
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return "answer"


async def test_what_may_be_tried_again_is_tried_until_it_is_answered(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    flaky = Flaky(ServerUnreachable("The server is away."), 3)
    assert await link.persist(flaky) == "answer"
    assert flaky.calls == 4
    assert caplog.messages == [
        "⚠️ El servidor no responde, sigo intentándolo: The server is away.",
        "🔌 El servidor responde de nuevo",
    ]


async def test_a_server_that_answers_not_now_is_not_called_unreachable(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    assert await link.persist(Flaky(Retryable("The database is away."), 3)) == "answer"
    assert caplog.messages == ["⚠️ Ahora no es posible, sigo intentándolo: The database is away."]


async def test_any_other_error_is_an_answer(link: Link) -> None:
    flaky = Flaky(LeaseLost("It is lost."), 9)
    with pytest.raises(LeaseLost):
        await link.persist(flaky)
    assert flaky.calls == 1


async def test_an_answer_to_one_call_wakes_those_that_wait(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "FIRST_PAUSE_SECONDS", 60)
    monkeypatch.setattr(link_module, "LONGEST_PAUSE_SECONDS", 60)
    waiting = [asyncio.create_task(link.persist(Flaky(ServerUnreachable("Away."), 1))) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    link.answered()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == ["answer"] * 3


async def test_pauses_grow_up_to_a_bound_and_are_spread(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[float] = []

    def timeout(seconds: float) -> asyncio.Timeout:
        bounds.append(seconds)
        return asyncio.timeout_at(0)

    monkeypatch.setattr("balanza.worker.link.asyncio.timeout", timeout)
    for tries in (0, 1, 2, 50):
        for _ in range(20):
            await link.pause(tries)
    per_try = [bounds[i : i + 20] for i in range(0, 80, 20)]
    for seen, bound in zip(per_try, (0.1, 0.2, 0.4, 2.0), strict=True):
        assert all(bound / 2 <= seconds <= bound for seconds in seen)
        assert len(set(seen)) > 10


@asynccontextmanager
async def heartbeats(link: Link, *, answered: bool) -> AsyncIterator[None]:
    """Other calls, as often as can be: all answered, or every other one lost."""

    async def beat() -> None:
        while True:
            if not answered:
                link.failed(ServerUnreachable("Away."))
                await asyncio.sleep(0)
            link.answered()
            await asyncio.sleep(0)

    beating = asyncio.create_task(beat())
    yield
    beating.cancel()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "TRANSFER_PAUSE_SECONDS", 0)


@pytest.mark.usefixtures("no_pauses")
async def test_a_transfer_that_fails_while_other_calls_are_answered_is_given_up(link: Link) -> None:
    flaky = Flaky(ServerUnreachable("It was cut."), 99)
    async with heartbeats(link, answered=True):
        with pytest.raises(AttemptFailed, match="The source could not be transferred in 5 tries: It was cut"):
            await link.transfer("source", flaky)
    assert flaky.calls == 5


@pytest.mark.usefixtures("no_pauses")
async def test_a_transfer_that_fails_with_all_other_calls_is_tried_until_it_succeeds(link: Link) -> None:
    flaky = Flaky(ServerUnreachable("Away."), 30)
    async with heartbeats(link, answered=False):
        assert await link.transfer("source", flaky) == "answer"
    assert flaky.calls == 31


async def test_a_failed_transfer_waits_until_the_server_answers(link: Link) -> None:
    flaky = Flaky(ServerUnreachable("Away."), 1)
    transfer = asyncio.create_task(link.transfer("source", flaky))
    for _ in range(10):
        await asyncio.sleep(0)
    assert flaky.calls == 1
    link.answered()
    async with asyncio.timeout(5):
        assert await transfer == "answer"


async def test_an_answer_ends_a_transfer(link: Link) -> None:
    flaky = Flaky(LeaseLost("It is lost."), 9)
    with pytest.raises(LeaseLost):
        await link.transfer("result", flaky)
    assert flaky.calls == 1
