"""A worker as a real process: its start, its signals, its death."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from balanza.media.program import Program
from balanza.protocol import MIB
from balanza.worker import main as worker_main
from balanza.worker.main import WorkerSettings
from balanza.worker.metrics import address_of
from tests.support.commands import balanza, balanza_here, command, said
from tests.support.live import free_port
from tests.support.waiting import eventually as eventually_within
from tests.worker.fleet import Fleet
from tests.worker.http_fleet import HttpFleet

STARTED_AS_THE_CLI_DOES = """
import asyncio, json, pathlib, sys
from balanza.errors import BalanzaError
from balanza.worker.main import WorkerSettings, run_worker
given = json.loads(sys.argv[1])
try:
    asyncio.run(run_worker(WorkerSettings(**given | {
        "scratch": pathlib.Path(given["scratch"]), "tags": frozenset(given.get("tags", ()))
    })))
except BalanzaError as error:
    sys.exit(error.sentence)
"""

Start = Callable[..., "subprocess.Popen[str]"]

eventually = partial(eventually_within, seconds=30)
"""A busy machine takes its time to start processes."""


@pytest.fixture
def http(fleet: Fleet) -> Iterator[HttpFleet]:
    http = HttpFleet(fleet)
    http.start()
    yield http
    http.stop()


@pytest.fixture
def start(http: HttpFleet, tmp_path: Path, ffmpeg: Program) -> Iterator[Start]:
    """Starts a worker process; what is left of it at the end of the test is killed."""
    started = []

    def start(environment: dict[str, str] | None = None, **settings: object) -> "subprocess.Popen[str]":
        given = {"server": http.url, "worker_id": "worker_a", "scratch": str(tmp_path / "scratch")} | settings
        process = subprocess.Popen(
            [sys.executable, "-c", STARTED_AS_THE_CLI_DOES, json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def slow(ffmpeg: Program, tmp_path: Path) -> str:
    """The path of a real ffmpeg that answers questions at once and converts no faster than the file would be played."""
    script = tmp_path / "slow-ffmpeg"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *-progress*) exec {ffmpeg.path} -readrate 1 "$@";; esac\nexec {ffmpeg.path} "$@"\n'
    )
    script.chmod(0o755)
    return str(script)


def conversions(folder: Path) -> list[psutil.Process]:
    """The processes that run in a folder of an attempt below `folder`."""
    found = []
    for process in psutil.process_iter(["cwd"]):
        cwd = process.info["cwd"]
        if cwd and Path(cwd).is_relative_to(folder):
            found.append(process)
    return found


def running_conversion(tmp_path: Path) -> psutil.Process:
    return eventually(lambda: conversions(tmp_path / "scratch"))[0]


def ended(process: "subprocess.Popen[str]", seconds: float = 30) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def test_it_converts_and_says_so(fleet: Fleet, start: Start, song: Path, tmp_path: Path) -> None:
    grant = fleet.add(song)
    worker = start()
    eventually(lambda: grant.token in fleet.completed)
    worker.terminate()
    code, out, err = ended(worker)
    assert (code, err) == (0, "")
    assert f"[worker_a] ⭐ Trabajo ASIGNADO recibido: {grant.job_id}\n" in out
    assert fleet.left == [fleet.instance]
    assert [path.name for path in (tmp_path / "scratch" / "worker_a").iterdir()] == [".lock"]


@pytest.mark.parametrize(("number", "grace_seconds"), [(signal.SIGINT, 30), (signal.SIGTERM, 0)])
def test_sigint_or_a_grace_of_zero_hands_everything_back_at_once(
    fleet: Fleet, start: Start, long_song: Path, slow: str, tmp_path: Path, number: signal.Signals, grace_seconds: int
) -> None:
    grants = [fleet.add(long_song), fleet.add(long_song)]
    worker = start(ffmpeg=slow, slots=2, grace_seconds=grace_seconds)
    eventually(lambda: len(conversions(tmp_path / "scratch")) == 2)
    asked_at = time.monotonic()
    worker.send_signal(number)
    code, out, err = ended(worker)
    assert time.monotonic() - asked_at < 4
    assert (code, err) == (0, "")
    assert sorted(fleet.released) == sorted(grant.token for grant in grants)
    assert fleet.left == [fleet.instance]
    assert not conversions(tmp_path)
    assert "DEVUELTO" in out


def test_sigterm_lets_it_finish_what_it_runs(
    fleet: Fleet, start: Start, long_song: Path, slow: str, tmp_path: Path
) -> None:
    grant = fleet.add(long_song, end=2)
    worker = start(ffmpeg=slow)
    running_conversion(tmp_path)
    worker.terminate()
    later = fleet.add(long_song)
    code, out, err = ended(worker)
    assert (code, err) == (0, "")
    assert set(fleet.completed) == {grant.token}
    assert later.token not in fleet.live
    assert fleet.left == [fleet.instance]
    told = out.index("⏸️ Me voy: termino lo que tengo (hasta 30 s)")
    assert told < out.index(f"✅ Trabajo COMPLETADO: {grant.job_id}")


def test_what_outlasts_the_grace_after_sigterm_is_handed_back(
    fleet: Fleet, start: Start, long_song: Path, slow: str, tmp_path: Path
) -> None:
    grant = fleet.add(long_song)
    worker = start(ffmpeg=slow, grace_seconds=0.5)
    running_conversion(tmp_path)
    worker.terminate()
    code, out, err = ended(worker)
    assert (code, err) == (0, "")
    assert fleet.released == [grant.token]
    assert not conversions(tmp_path)
    assert "⌛ Se acabó el plazo" in out


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_grace(
    fleet: Fleet, start: Start, long_song: Path, slow: str, tmp_path: Path, second: signal.Signals
) -> None:
    grant = fleet.add(long_song)
    worker = start(ffmpeg=slow)
    running_conversion(tmp_path)
    worker.terminate()
    eventually(lambda: fleet.heartbeats[-1].leaving)
    assert conversions(tmp_path)
    asked_at = time.monotonic()
    worker.send_signal(second)
    code, _, err = ended(worker)
    assert time.monotonic() - asked_at < 4
    assert (code, err) == (0, "")
    assert fleet.released == [grant.token]


def test_the_loss_of_the_supervisor_ends_the_grace(
    fleet: Fleet, start: Start, long_song: Path, slow: str, tmp_path: Path
) -> None:
    grant = fleet.add(long_song)
    worker = start({"BALANZA_SUPERVISED": "1"}, ffmpeg=slow)
    running_conversion(tmp_path)
    worker.terminate()
    eventually(lambda: fleet.heartbeats[-1].leaving)
    assert worker.stdin
    worker.stdin.close()
    worker.stdin = None
    assert ended(worker, 10)[0] == 0
    assert fleet.released == [grant.token]


def test_a_worker_ends_in_time_when_the_server_does_not_answer(
    http: HttpFleet, fleet: Fleet, start: Start, long_song: Path, slow: str, tmp_path: Path
) -> None:
    fleet.add(long_song)
    worker = start(ffmpeg=slow)
    running_conversion(tmp_path)
    http.delay_seconds = 30
    asked_at = time.monotonic()
    worker.send_signal(signal.SIGINT)
    assert ended(worker)[0] == 0
    assert time.monotonic() - asked_at < 8  # 5 s of waiting for the server, and what a busy machine adds
    assert not conversions(tmp_path)


@pytest.mark.parametrize("first", [[signal.SIGINT], [signal.SIGTERM, signal.SIGINT]])
def test_one_more_signal_ends_it_at_once(
    http: HttpFleet,
    fleet: Fleet,
    start: Start,
    long_song: Path,
    slow: str,
    tmp_path: Path,
    first: list[signal.Signals],
) -> None:
    fleet.add(long_song)
    worker = start(ffmpeg=slow)
    running_conversion(tmp_path)
    *before, last = first
    for number in before:
        worker.send_signal(number)
        eventually(lambda: fleet.heartbeats[-1].leaving)
    http.delay_seconds = 30
    worker.send_signal(last)
    eventually(lambda: not conversions(tmp_path))
    worker.terminate()
    asked_at = time.monotonic()
    assert ended(worker)[0] == 128 + signal.SIGTERM
    assert time.monotonic() - asked_at < 1


def test_sigkill_takes_the_conversions_with_it_a_paused_one_too_and_the_next_worker_clears_up(
    fleet: Fleet, start: Start, long_song: Path, song: Path, slow: str, tmp_path: Path
) -> None:
    fleet.add(long_song)
    worker = start(ffmpeg=slow)
    conversion = running_conversion(tmp_path)
    eventually(lambda: fleet.offers)
    fleet.add_short(long_song)
    eventually(lambda: conversion.status() == psutil.STATUS_STOPPED and len(conversions(tmp_path / "scratch")) == 2)
    children = psutil.Process(worker.pid).children(recursive=True)
    assert conversion in children
    worker.kill()
    eventually(lambda: not any(child.is_running() for child in children))
    following = fleet.add(song)
    start()
    eventually(lambda: following.token in fleet.completed)
    assert not [path for path in (tmp_path / "scratch" / "worker_a").iterdir() if path.is_dir()]


def test_a_worker_whose_supervisor_died_ends(
    fleet: Fleet, start: Start, long_song: Path, slow: str, tmp_path: Path
) -> None:
    grant = fleet.add(long_song)
    worker = start({"BALANZA_SUPERVISED": "1"}, ffmpeg=slow)
    running_conversion(tmp_path)
    assert worker.stdin
    worker.stdin.close()
    worker.stdin = None
    assert ended(worker)[0] == 0
    assert fleet.released == [grant.token]


def test_closed_standard_input_means_nothing_without_a_supervisor(fleet: Fleet, start: Start) -> None:
    worker = start()
    assert worker.stdin
    worker.stdin.close()
    worker.stdin = None
    eventually(lambda: len(fleet.heartbeats) > 5)
    assert worker.poll() is None


def test_a_second_worker_of_the_same_id_elsewhere_replaces_the_first(
    fleet: Fleet, start: Start, tmp_path: Path
) -> None:
    first = start()
    eventually(lambda: fleet.heartbeats)
    second = start(scratch=str(tmp_path / "elsewhere"))
    code, _, err = ended(first)
    assert (code, err) == (1, "Another process has taken the id of this worker.\n")
    beats = len(fleet.heartbeats)
    eventually(lambda: len(fleet.heartbeats) > beats + 3)
    assert second.poll() is None


def test_a_second_worker_of_the_same_id_in_the_same_place_does_not_start(fleet: Fleet, start: Start) -> None:
    first = start()
    eventually(lambda: fleet.heartbeats)
    code, _, err = ended(start())
    assert code == 1
    assert "is in use by another worker" in err
    assert first.poll() is None


def test_a_restarted_server_gets_its_worker_back(http: HttpFleet, fleet: Fleet, start: Start, song: Path) -> None:
    start()
    eventually(lambda: fleet.heartbeats)
    http.stop()
    fleet.forget_everything()
    grant = fleet.add(song)
    http.start()
    eventually(lambda: grant.token in fleet.completed)


def test_metrics_are_served_by_the_names_of_the_seed(fleet: Fleet, start: Start, song: Path) -> None:
    port = free_port()
    start(metrics_port=port)
    done, broken = fleet.add(song), fleet.add(song)
    fleet.storage.delete(broken.source.storage_key)
    eventually(lambda: done.token in fleet.completed and broken.token in fleet.failed)
    assert fleet.registrations[0].metrics_address == f"127.0.0.1:{port}"

    def lines() -> list[str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return str(answer.read().decode()).splitlines()

    eventually(lambda: 'worker_jobs_in_progress{worker_id="worker_a"} 0.0' in lines())
    eventually(lambda: 'worker_conversions_done_total{status="success",worker_id="worker_a"} 1.0' in lines())
    eventually(lambda: 'worker_conversions_done_total{status="failed",worker_id="worker_a"} 1.0' in lines())
    assert 'worker_conversion_duration_seconds_count{worker_id="worker_a"} 2.0' in lines()
    values = {line.split(" ")[0]: float(line.split(" ")[1]) for line in lines() if not line.startswith("#")}
    assert 0 <= values['worker_cpu_load{worker_id="worker_a"}'] <= 1
    assert values['worker_network_receive_bytes_total{worker_id="worker_a"}'] >= 0
    assert values['worker_network_transmit_bytes_total{worker_id="worker_a"}'] >= 0
    eventually(lambda: any(line.startswith("worker_memory_usage_mb") and not line.endswith(" 0.0") for line in lines()))


def test_where_metrics_are_to_be_found_is_advertised(fleet: Fleet, start: Start) -> None:
    port = free_port()
    start(metrics_port=port, metrics_host="localhost")
    eventually(lambda: fleet.registrations)
    assert fleet.registrations[0].metrics_address == f"localhost:{port}"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"worker_cpu_load" in answer.read()


@pytest.mark.parametrize(
    ("host", "found_at"),
    [
        ("127.0.0.1", "127.0.0.1:9101"),
        ("::1", "[::1]:9101"),
        ("0.0.0.0", f"{socket.gethostname()}:9101"),
        ("::", f"{socket.gethostname()}:9101"),
    ],
)
def test_metrics_that_are_served_everywhere_are_found_under_the_name_of_the_host(host: str, found_at: str) -> None:
    assert address_of(host, 9101) == found_at


def test_it_advertises_what_it_has(fleet: Fleet, start: Start) -> None:
    start(tags=["gpu", "fast"])
    eventually(lambda: fleet.heartbeats)
    registration = fleet.registrations[0]
    assert registration.tags == {"gpu", "fast"}
    assert registration.memory_total_mb
    assert 0 < registration.memory_total_mb <= psutil.virtual_memory().total / MIB
    assert fleet.heartbeats[0].load.scratch_free_bytes


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"server": "localhost:8000"}, "'localhost:8000' is no address of a server."),
        ({"worker_id": "../elsewhere"}, "'../elsewhere' cannot be the name of a worker."),
        ({"slots": 0}, "A worker has at least 1 slot, not 0."),
        ({"tags": ["gpu", "big disk"]}, "'big disk' cannot be a tag. Use up to 32 letters, digits, dots, hyphens"),
        ({"tags": [f"tag-{number}" for number in range(51)]}, "A worker has at most 50 tags, not 51."),
        ({"grace_seconds": -1}, "A grace is a number of seconds, 0 or more, not -1."),
        ({"metrics_host": "nowhere.invalid", "metrics_port": 1}, "Metrics cannot be served at nowhere.invalid: "),
        ({"metrics_host": "192.0.2.1", "metrics_port": 1}, "Metrics cannot be served at 192.0.2.1: "),
        ({"ffmpeg": "/no/such/ffmpeg"}, "names /no/such/ffmpeg, which does not exist"),
        ({"scratch": "/proc/nowhere"}, "The scratch folder /proc/nowhere/worker_a cannot be used"),
    ],
)
def test_what_prevents_the_start_is_one_sentence(start: Start, settings: dict[str, object], sentence: str) -> None:
    code, _, err = ended(start(**settings))
    assert code == 1
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_taken_metrics_port_is_one_sentence(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = ended(start(metrics_port=port))
    assert code == 1
    assert err == (
        f"The metrics port {port} cannot be used: Address already in use. Choose another one, or 0 for none.\n"
    )


@pytest.fixture
def environment(http: HttpFleet, slow: str, tmp_path: Path) -> dict[str, str]:
    return {
        "BALANZA_SERVER": http.url,
        "BALANZA_WORKER_ID": "worker_x",
        "BALANZA_SLOTS": "3",
        "BALANZA_TAGS": "gpu, fast",
        "BALANZA_GRACE_SECONDS": "7.5",
        "BALANZA_METRICS_PORT": str(free_port()),
        "BALANZA_METRICS_HOST": "localhost",
        "BALANZA_DATA": str(tmp_path),
        "BALANZA_FFMPEG": slow,
    }


def test_everything_can_be_said_in_the_environment(
    fleet: Fleet, environment: dict[str, str], long_song: Path, tmp_path: Path
) -> None:
    fleet.add(long_song)
    with subprocess.Popen(command("worker"), env=os.environ | environment, stdout=subprocess.PIPE, text=True) as worker:
        try:
            running_conversion(tmp_path)
            worker.terminate()
            eventually(lambda: fleet.heartbeats[-1].leaving)
            worker.terminate()
            code, out, _ = ended(worker)
        finally:
            worker.kill()
    assert code == 0
    assert "[worker_x] ⏸️ Me voy: termino lo que tengo (hasta 7.5 s)" in out
    registration = fleet.registrations[0]
    assert (registration.worker_id, registration.slots, set(registration.tags)) == ("worker_x", 3, {"gpu", "fast"})
    assert registration.metrics_address == f"localhost:{environment['BALANZA_METRICS_PORT']}"


def test_options_are_above_the_environment(fleet: Fleet, environment: dict[str, str]) -> None:
    arguments = command("worker", "--id", "worker_y", "--slots", "2", "--tag", "big-disk", "--metrics-port", "0")
    with subprocess.Popen(arguments, env=os.environ | environment, stdout=subprocess.DEVNULL) as worker:
        try:
            eventually(lambda: fleet.registrations)
        finally:
            worker.kill()
    registration = fleet.registrations[0]
    assert (registration.worker_id, registration.slots, set(registration.tags)) == ("worker_y", 2, {"big-disk"})
    assert registration.metrics_address is None


@pytest.mark.parametrize(
    ("set_to", "options", "pausing"),
    [(None, (), True), ("off", (), False), ("on", ("--no-pausing",), False), ("off", ("--pausing",), True)],
)
def test_long_conversions_pause_for_short_ones_unless_it_is_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, set_to: str | None, options: tuple[str, ...], pausing: bool
) -> None:
    started: list[WorkerSettings] = []

    async def start(settings: WorkerSettings) -> None:
        started.append(settings)

    monkeypatch.setattr(worker_main, "run_worker", start)
    environment = {"BALANZA_PAUSING": set_to} if set_to else {}
    assert balanza_here("worker", "--id", "worker_x", *options, environment=environment).returncode == 0
    assert [settings.pausing for settings in started] == [pausing]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("BALANZA_TAGS", "gpu,big disk", "balanza: 'big disk' cannot be a tag."),
        ("BALANZA_SLOTS", "many", "Invalid value for '--slots' (env var: 'BALANZA_SLOTS')"),
        ("BALANZA_GRACE_SECONDS", "-1", "Invalid value for '--grace' (env var: 'BALANZA_GRACE_SECONDS')"),
        ("BALANZA_PAUSING", "perhaps", "BALANZA_PAUSING cannot be 'perhaps'"),
        ("BALANZA_METRICS_PORT", "70000", "Invalid value for '--metrics-port' (env var: 'BALANZA_METRICS_PORT')"),
        ("BALANZA_WORKER_ID", "../x", "balanza: '../x' cannot be the name of a worker."),
    ],
)
def test_a_wrong_value_in_the_environment_is_named(
    fleet: Fleet, environment: dict[str, str], tmp_path: Path, name: str, value: str, sentence: str
) -> None:
    done = balanza("worker", environment=environment | {name: value})
    assert done.returncode == 2
    assert sentence in said(done)
    assert not fleet.registrations
    assert not (tmp_path / "scratch").exists()
