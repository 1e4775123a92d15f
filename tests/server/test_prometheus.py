"""Reading Prometheus: what is made of its answers, and what of its silence."""

import asyncio
import gzip
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from balanza.dispatch.measurements import Measurements
from balanza.dispatch.pace import Pace
from balanza.errors import StartupError
from balanza.model import MetricsSource
from balanza.server.main import opened
from balanza.server.prometheus import MOST_BYTES, Outcome, PrometheusClient, Refresher, refreshing
from balanza.settings import Settings
from tests.server.fake_prometheus import Answer, FakePrometheus, fake_prometheus, matrix, measured, saying
from tests.server.stand import Stand, running
from tests.support.live import free_port
from tests.support.waiting import eventually

PATIENCE_SECONDS = 0.3
NOTHING = matrix()


class Reading:
    """A refresher and all that it told."""

    def __init__(self, address: str, *, patience: float = PATIENCE_SECONDS, scrape: float = 5.0) -> None:
        settings = Settings(prometheus_scrape_seconds=scrape)
        self.late = timedelta()
        self.outcomes: list[str] = []
        self.measurements = Measurements(settings, Pace(settings))
        client = PrometheusClient(address, scrape_seconds=scrape, answer_seconds=patience)
        self.refresher = Refresher(
            client, self.measurements, settings, clock=self.clock, refreshed=self.outcomes.append
        )

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.late

    def once(self) -> Outcome:
        return asyncio.run(self.refresher.run_once())

    @property
    def source(self) -> MetricsSource:
        return self.measurements.source(self.clock())


@contextmanager
def reading(answer: Answer, **options: Any) -> Iterator[tuple[Reading, FakePrometheus]]:
    with fake_prometheus(answer) as fake:
        yield Reading(fake.address, **options), fake


def test_one_request_brings_the_samples_of_all_workers() -> None:
    with reading(saying(matrix(*measured("worker_a"), *measured("worker_b", 0.5)))) as (one, fake):
        assert one.once() is Outcome.OK
        assert one.source is MetricsSource.PROMETHEUS
        age = one.measurements.age_seconds(one.clock())
        assert age is not None
        assert 0 <= age < 15
    [asked] = fake.asked
    method, target, _ = asked.split()
    assert (method, urlsplit(target).path) == ("GET", "/api/v1/query")
    names = "worker_cpu_load|worker_memory_usage_mb|worker_jobs_in_progress"
    assert parse_qs(urlsplit(target).query) == {"query": [f'{{__name__=~"{names}"}}[20000ms]'], "timeout": ["0.3s"]}


def test_a_prometheus_below_a_path_is_asked_there() -> None:
    with fake_prometheus(saying(NOTHING)) as fake:
        assert Reading(f"{fake.address}/metrics/prom/").once() is Outcome.EMPTY
    assert fake.asked[0].startswith("GET /metrics/prom/api/v1/query?query=")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (saying(NOTHING), Outcome.EMPTY),
        (saying(b"<html>Log in</html>"), Outcome.NONSENSE),
        (saying(b'{"status": "error", "error": "no"}'), Outcome.NONSENSE),
        (saying(b"[" * 100_000), Outcome.NONSENSE),
        (saying(b" " * (MOST_BYTES + 1)), Outcome.NONSENSE),
        (saying(gzip.compress(NOTHING), "200 OK", "Content-Encoding: gzip"), Outcome.NONSENSE),
        (saying(b"", "204 No Content"), Outcome.REFUSED),
        (saying(b"", "302 Found", "Location: /elsewhere"), Outcome.REFUSED),
        (saying(b'{"status": "error", "error": "query timed out"}', "503 Service Unavailable"), Outcome.REFUSED),
        (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"), Outcome.UNREACHABLE),
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"), Outcome.UNREACHABLE),
        (lambda connection: None, Outcome.UNREACHABLE),
    ],
)
def test_what_is_no_answer_is_told_apart_and_leaves_the_samples_to_grow_old(answer: Answer, outcome: Outcome) -> None:
    with reading(saying(matrix(*measured("worker_a")))) as (one, fake):
        one.once()
        fake.answer = answer
        assert one.once() is outcome
        assert one.outcomes == ["ok", outcome]
        assert len(fake.asked) == 2, "a redirect is not followed"
        assert one.source is (MetricsSource.HEARTBEAT if outcome is Outcome.EMPTY else MetricsSource.PROMETHEUS)
        one.late = timedelta(seconds=15.1)
        assert one.source is MetricsSource.HEARTBEAT


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    sent = 0

    def pour(connection: Any) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b" " * 65536)
            sent += 65536

    with reading(pour, patience=10) as (one, _):
        assert one.once() is Outcome.NONSENSE
    assert sent < 5 * MOST_BYTES


@pytest.mark.parametrize("slow", ["hang", "drip", "drip_body"])
def test_a_slow_answer_is_given_up_after_one_patience_in_all(slow: str) -> None:
    with reading(saying(NOTHING)) as (one, fake):
        fake.answer = getattr(fake, slow)
        began = time.monotonic()
        assert one.once() is Outcome.TIMEOUT
        assert PATIENCE_SECONDS <= time.monotonic() - began < PATIENCE_SECONDS + 5


def test_nobody_listening_is_unreachable() -> None:
    assert Reading(f"http://127.0.0.1:{free_port()}").once() is Outcome.UNREACHABLE


@pytest.mark.parametrize("host", ["a..b", "x" * 300])
def test_a_name_that_cannot_be_looked_up_is_unreachable(host: str) -> None:
    assert Reading(f"http://{host}:9090", patience=5).once() is Outcome.UNREACHABLE


def test_the_proxy_of_the_environment_is_not_used_on_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_prometheus(saying(b"", "418 Proxy")) as proxy, fake_prometheus(saying(NOTHING)) as fake:
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        monkeypatch.setenv("http_proxy", proxy.address)
        assert Reading(fake.address).once() is Outcome.EMPTY
        assert proxy.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999999",
        "http://[::1",
        "http://:9090",
        "localhost:9090",
        "127.0.0.1:9090",
        "ftp://host",
        "a b",
        "",
    ],
)
def test_an_address_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(StartupError, match="BALANZA_PROMETHEUS_URL is no address"):
        PrometheusClient(url, scrape_seconds=5)


def test_each_change_of_the_source_is_logged_once_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with fake_prometheus(saying(matrix(*measured("worker_a")))) as fake:
        one = Reading(fake.address.replace("//", "//admin:secret@"))
        one.once()
        one.once()
        fake.answer = saying(b"<html>")
        one.once()
        one.late = timedelta(seconds=15.1)
        one.once()
        one.once()
        one.late = timedelta()
        fake.answer = saying(matrix(*measured("worker_a")))
        one.once()
        fake.answer = saying(NOTHING)
        one.once()
    there = f"Prometheus at {fake.address}"
    back = f"{there} says how loaded the workers are."
    lost = f"{there} is no source of metrics: it {{}}. Heartbeats say how loaded the workers are."
    assert [(record.levelname, record.message) for record in caplog.records if record.name == "balanza.server"] == [
        ("INFO", back),
        ("WARNING", lost.format("answered without JSON")),
        ("INFO", back),
        ("WARNING", lost.format("has no recent sample of any worker")),
    ]


def test_a_prometheus_that_is_down_at_the_start_is_told_at_once(caplog: pytest.LogCaptureFixture) -> None:
    one = Reading(f"http://127.0.0.1:{free_port()}")
    one.once()
    [record] = [record for record in caplog.records if record.name == "balanza.server"]
    assert "is no source of metrics: it cannot be reached" in record.message


def test_one_that_hangs_up_is_told_in_sentences_that_end_once(caplog: pytest.LogCaptureFixture) -> None:
    with reading(lambda connection: None) as (one, _):
        assert one.once() is Outcome.UNREACHABLE
    [record] = [record for record in caplog.records if record.name == "balanza.server"]
    assert "it cannot be reached: " in record.message
    assert ".." not in record.message


def test_one_that_has_scraped_nothing_yet_is_given_three_scrapes(caplog: pytest.LogCaptureFixture) -> None:
    with reading(saying(NOTHING)) as (one, _):
        one.once()
        assert not [record for record in caplog.records if record.name == "balanza.server"]
        one.late = timedelta(seconds=15.1)
        one.once()
    assert [record.levelname for record in caplog.records if record.name == "balanza.server"] == ["WARNING"]


def test_a_fault_of_our_own_is_logged_once_and_does_not_end_the_thread(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_answer: bytes) -> None:
        raise KeyError("oh")

    with reading(saying(NOTHING)) as (one, _):
        monkeypatch.setattr("balanza.server.prometheus.series_in", broken)
        assert (one.once(), one.once()) == (Outcome.FAILED, Outcome.FAILED)
        monkeypatch.undo()
        assert one.once() is Outcome.EMPTY
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_name_server_that_is_silent_holds_up_neither_the_answer_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    answering, asked = threading.Event(), threading.Event()

    def silent(*_args: object, **_options: object) -> None:
        asked.set()
        answering.wait()
        raise OSError("no answer")

    monkeypatch.setattr("socket.getaddrinfo", silent)
    one = Reading("http://prometheus:9090")
    try:
        with refreshing(one.refresher):
            assert asked.wait(5)
            eventually(lambda: one.outcomes == ["timeout"])
        assert not is_running("prometheus")
    finally:
        answering.set()
        eventually(lambda: not is_running("prometheus-name"))


SILENT_PROCESS = """
import socket, threading
from tests.server.test_prometheus import Reading, refreshing
asked = threading.Event()
def silent(*args, **options):
    asked.set()
    threading.Event().wait()
socket.getaddrinfo = silent
with refreshing(Reading("http://prometheus:9090").refresher):
    assert asked.wait(20)
"""


def test_a_process_ends_although_its_look_up_of_a_name_does_not() -> None:
    subprocess.run([sys.executable, "-c", SILENT_PROCESS], timeout=60, check=True)


@pytest.mark.parametrize("slow", ["hang", "drip"])
def test_the_end_does_not_wait_for_an_answer(slow: str) -> None:
    with reading(saying(NOTHING), patience=60) as (one, fake):
        fake.answer = getattr(fake, slow)
        with refreshing(one.refresher):
            eventually(lambda: fake.asked)
        assert not is_running("prometheus")
        assert one.outcomes == []


def is_running(name: str) -> bool:
    return any(thread.name == name for thread in threading.enumerate())


def test_a_server_works_and_ends_although_its_prometheus_is_silent(tmp_path: Path) -> None:
    with fake_prometheus(saying(NOTHING)) as fake:
        fake.answer = fake.hang
        with running(tmp_path, prometheus_url=fake.address) as stand:
            eventually(lambda: fake.asked)
            assert stand.get("/workers/stats")["summary"]["metrics_source"] == "heartbeat"
        assert not is_running("prometheus")


def test_a_server_does_not_start_with_an_address_that_is_none(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, prometheus_url="http://127.0.0.1:99999999")
    with pytest.raises(StartupError, match="BALANZA_PROMETHEUS_URL"), opened(settings):
        pass


def test_without_an_address_no_prometheus_is_asked(stand: Stand) -> None:
    assert not is_running("prometheus")
    samples = stand.client.get("/metrics").text
    assert 'balanza_metrics_source{source="heartbeat"} 1.0' in samples
    assert "balanza_prometheus_refreshes_total{" not in samples


def test_it_asks_again_and_again() -> None:
    with reading(saying(NOTHING), scrape=0.1) as (one, fake), refreshing(one.refresher):
        eventually(lambda: len(fake.asked) == 3)


@pytest.mark.parametrize(("scrape", "pause"), [(0.2, 0.5), (5, 2.5), (60, 5)])
def test_it_pauses_for_half_a_scrape_within_bounds(scrape: float, pause: float) -> None:
    assert Reading("http://127.0.0.1:9090", scrape=scrape).refresher.pause_seconds == pause
