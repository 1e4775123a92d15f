"""Reads, again and again in a thread of its own, what Prometheus measured of the workers.

Nobody waits for it. What it read is in `dispatch.measurements`, where it grows old by itself when Prometheus is gone.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import httpx2

from balanza.dispatch.measurements import FRESH_INTERVALS, Measurements
from balanza.errors import StartupError
from balanza.model import MetricsSource, Sample
from balanza.server.matrix import Samples, Unreadable, selector, series_in
from balanza.settings import Settings, is_loopback

log = logging.getLogger("balanza.server")

LAST_PORT = 65535
ANSWER_SECONDS = 2.0
"""For one answer from the look-up of the name to the last byte. A healthy Prometheus takes some milliseconds."""
MOST_BYTES = 2 * 2**20
"""Enough for 3,000 workers."""
SERIES_AT_ONCE = 20
PAUSE_SECONDS = 0.001
"""Between them other threads run: a request waits for the interpreter a millisecond, not until all is read."""
SHORTEST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
MARGIN_SCRAPES = 1
"""The range reaches further back than a sample lasts, so that it is our clock that decides."""
END_SECONDS = 0.5
"""How long the end of the server waits for the thread, which needs a moment at most."""


class Outcome(StrEnum):
    """How a refresh ended."""

    OK = "ok"
    EMPTY = "empty"
    """A proper answer without any sample of any worker."""
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    """Any status but 200."""
    NONSENSE = "nonsense"
    FAILED = "failed"
    """A fault of this program."""


class Unread(Exception):
    """Prometheus could not be read; the clause that follows `it` says why."""

    def __init__(self, outcome: Outcome, clause: str) -> None:
        super().__init__(clause)
        self.outcome = outcome
        self.clause = clause


class PrometheusClient:
    """One Prometheus, asked one question for all workers at once. Follows no redirects."""

    def __init__(self, url: str, *, scrape_seconds: float, answer_seconds: float = ANSWER_SECONDS) -> None:
        """Raises StartupError when the URL is none."""
        base = _address(url)
        self.shown = f"{base.scheme}://{base.netloc.decode('ascii')}{base.path.rstrip('/')}"
        """The address as it may be shown: without a password."""
        query = selector((FRESH_INTERVALS + MARGIN_SCRAPES) * scrape_seconds)
        parameters = {"query": query, "timeout": f"{answer_seconds:g}s"}
        path = f"{base.path.rstrip('/')}/api/v1/query"
        self._question = base.copy_with(path=path, query=None, fragment=None).copy_merge_params(parameters)
        self._answer_seconds = answer_seconds
        # One deadline for the whole in place of one for each read; identity, so that few bytes stay few.
        self._http = httpx2.AsyncClient(
            timeout=None,
            follow_redirects=False,
            trust_env=not is_loopback(base.host),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def samples(self) -> dict[str, Sample]:
        """The newest sample of each worker. Raises Unread, within `answer_seconds`."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await _samples_in(await self._answer())
        except TimeoutError as error:
            raise Unread(Outcome.TIMEOUT, f"did not answer within {self._answer_seconds:g} s") from error
        except Unreadable as error:
            raise Unread(Outcome.NONSENSE, str(error)) from error
        except (httpx2.HTTPError, OSError, ValueError) as error:
            # ValueError: a name that cannot be looked up at all.
            why = str(error).rstrip(".") or type(error).__name__
            raise Unread(Outcome.UNREACHABLE, f"cannot be reached: {why}") from error

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _answer(self) -> bytes:
        async with self._http.stream("GET", self._question) as response:
            if response.status_code != httpx2.codes.OK:
                raise Unread(Outcome.REFUSED, f"answered {response.status_code} {response.reason_phrase}".rstrip())
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Unread(Outcome.NONSENSE, f"answered more than {MOST_BYTES // 2**20} MiB")
            return bytes(body)


async def _samples_in(answer: bytes) -> dict[str, Sample]:
    found = Samples()
    for number, one in enumerate(series_in(answer)):
        found.add(one)
        if number % SERIES_AT_ONCE == 0:
            await asyncio.sleep(PAUSE_SECONDS)
    return found.newest()


def _address(url: str) -> httpx2.URL:
    sentence = "BALANZA_PROMETHEUS_URL is no address of a Prometheus; write it like http://127.0.0.1:9090."
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise StartupError(sentence) from error
    if address.scheme not in {"http", "https"} or not address.host or (address.port or 0) > LAST_PORT:
        raise StartupError(sentence)
    return address


class Refresher:
    """Fills the measurements, counts how each refresh ended, and logs each change of their source once."""

    def __init__(
        self,
        client: PrometheusClient,
        measurements: Measurements,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        refreshed: Callable[[str], None],
    ) -> None:
        scrape = settings.prometheus_scrape_seconds
        self.pause_seconds = min(LONGEST_PAUSE_SECONDS, max(SHORTEST_PAUSE_SECONDS, scrape / 2))
        self._client = client
        self._measurements = measurements
        self._clock = clock
        self._refreshed = refreshed
        self._said: MetricsSource | None = None
        self._outcome: Outcome | None = None
        self._patient_until = clock() + timedelta(seconds=FRESH_INTERVALS * scrape)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self.run_once()
                await asyncio.sleep(self.pause_seconds)
        finally:
            await self._client.aclose()

    async def run_once(self) -> Outcome:
        """One question; whatever comes of it, old samples are left to grow old."""
        outcome, clause = await self._refresh()
        self._refreshed(outcome)
        self._say(outcome, clause)
        self._outcome = outcome
        return outcome

    async def _refresh(self) -> tuple[Outcome, str]:
        try:
            samples = await self._client.samples()
        except Unread as error:
            return error.outcome, error.clause
        except Exception as error:
            # Whatever it is, the next answer may be better, and without the thread there would be none.
            if self._outcome is not Outcome.FAILED:
                log.exception("What Prometheus answered could not be read")
            return Outcome.FAILED, f"could not be read ({type(error).__name__})"
        self._measurements.replace(samples)
        return (Outcome.OK if samples else Outcome.EMPTY), "has no recent sample of any worker"

    def _say(self, outcome: Outcome, clause: str) -> None:
        source = self._measurements.source(self._clock())
        if source is self._said or self._is_starting(outcome):
            return
        self._said = source
        if source is MetricsSource.PROMETHEUS:
            log.info("Prometheus at %s says how loaded the workers are.", self._client.shown)
        else:
            log.warning(
                "Prometheus at %s is no source of metrics: it %s. Heartbeats say how loaded the workers are.",
                self._client.shown,
                clause,
            )

    def _is_starting(self, outcome: Outcome) -> bool:
        """At the start there is nothing yet that Prometheus could have scraped, which is worth no warning."""
        return self._said is None and outcome is Outcome.EMPTY and self._clock() < self._patient_until


@contextmanager
def refreshing(refresher: Refresher) -> Iterator[None]:
    """The refresher runs in a thread until the end of the block, which a silent Prometheus does not delay."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(_Abandoned())
    running = loop.create_task(refresher.run())

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(running)
        loop.close()

    # A daemon: should the end not wait for it to the last, it must not hold up the end of the process either.
    thread = threading.Thread(target=run, name="prometheus", daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(running.cancel)
        thread.join(END_SECONDS)


class _Abandoned(ThreadPoolExecutor):
    """Runs what the event loop hands out, look-ups of names, in daemon threads.

    A look-up cannot be cancelled and may take half a minute where no name server answers. The threads of an ordinary
    pool would be waited for at the end of the process.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - it is told to whoever waits, as every executor does
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name="prometheus-name", daemon=True).start()
        return future
