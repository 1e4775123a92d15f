"""The server as a process: how it ends, what it prints, how much memory it takes."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.server.stand import Hand, wav
from tests.support.waiting import eventually

SERVE = "from balanza.server.main import serve; from balanza.settings import Settings; serve(Settings())"
MIB = 1024 * 1024


@dataclass
class Program:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    log: list[str]

    @property
    def address(self) -> str:
        [line] = eventually(lambda: [line for line in self.log if "Listening on" in line], 60)
        return line.rpartition(" ")[2]

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.address, timeout=30, verify=False)

    def connection(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", int(self.address.rpartition(":")[2])))


@contextmanager
def starting(data: Path) -> Iterator[Callable[..., Program]]:
    """Starts servers over the same data folder, and ends what is left of them."""
    started: list[tuple[Program, threading.Thread]] = []

    def start_one(**environment: str) -> Program:
        variables = os.environ | {"BALANZA_DATA": str(data), "BALANZA_PORT": "0"} | environment
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", SERVE],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        log: list[str] = []
        reader = threading.Thread(target=lambda lines=process.stdout: log.extend(line.rstrip() for line in lines))
        reader.start()
        started.append((Program(process, log), reader))
        return started[-1][0]

    yield start_one
    for program, reader in started:
        program.process.kill()
        program.process.wait()
        reader.join()
        assert program.process.stdin is not None
        assert program.process.stdout is not None
        program.process.stdin.close()
        program.process.stdout.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    with starting(tmp_path / "data") as start_one:
        yield start_one


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with starting(tmp_path_factory.mktemp("program") / "data") as start_one:
        yield start_one()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_whoever_waits(start: Callable[..., Program], how: signal.Signals) -> None:
    program = start()
    with program.client() as client, program.client() as other, ThreadPoolExecutor(2) as pool:
        hand = Hand.register(client, "worker_a")
        polling = pool.submit(hand.lease, 30)
        with other.stream("GET", "/events") as events:
            lines = events.iter_lines()
            assert next(lines) == "retry: 2000"
            program.process.send_signal(how)
            assert polling.result(timeout=10).status_code == 204
            assert "".join(line for line in lines if not line.startswith((":", "event", "data"))) == ""
        assert program.process.wait(timeout=10) == 0
    # Not even the few seconds that uploads in progress are given were used up: that would have been logged.
    assert not [line for line in program.log if "Traceback" in line or "ERROR" in line]


def test_an_upload_in_progress_may_finish(start: Callable[..., Program]) -> None:
    program = start()
    content = wav(30)
    with program.connection() as connection:
        head = f"POST /upload?name=a.wav HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n"
        connection.sendall(head.encode() + content[:1000])
        with program.client() as client:
            client.get("/health")
        program.process.send_signal(signal.SIGTERM)
        eventually(lambda: _refuses(program))
        connection.sendall(content[1000:])
        assert b"201 Created" in connection.recv(1000)
    assert program.process.wait(timeout=10) == 0


def test_an_upload_that_does_not_go_on_is_given_up(start: Callable[..., Program], tmp_path: Path) -> None:
    program = start()
    with program.connection() as connection:
        connection.sendall(b"POST /upload?name=a.wav HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n")
        connection.sendall(wav(150))
        eventually(lambda: list((tmp_path / "data/storage/incoming").iterdir()))
        program.process.send_signal(signal.SIGTERM)
        assert b"503 Service Unavailable" in connection.recv(1000)
    assert program.process.wait(timeout=10) == 0
    assert list((tmp_path / "data/storage/incoming").iterdir()) == []
    assert not [line for line in program.log if "Traceback" in line]


def test_it_ends_with_whoever_started_it(start: Callable[..., Program]) -> None:
    program = start(BALANZA_SUPERVISED="1")
    with program.client() as client:
        assert client.get("/health").status_code == 200
    assert program.process.stdin is not None
    program.process.stdin.close()
    assert program.process.wait(timeout=10) == 0


def test_a_choice_is_printed_exactly_as_the_seed_shows_it(program: Program) -> None:
    with program.client() as client:
        Hand.register(client, "worker_a")
        client.post("/upload?name=a.wav", content=wav())
        client.post("/convert", json={"input_file": "a.wav", "output_format": "mp3"})
    eventually(lambda: "[BALANCEO] Seleccionado worker_a (jobs: 0, CPU: 0.10)" in program.log)


def test_what_was_acknowledged_survives_a_kill_and_half_an_upload_does_not(
    start: Callable[..., Program], tmp_path: Path
) -> None:
    program = start()
    with program.client() as client, program.connection() as connection:
        media = client.post("/upload?name=a.wav", content=wav()).json()
        job = client.post("/convert", json={"input_file": "a.wav", "output_format": "mp3"}).json()
        connection.sendall(b"POST /upload?name=b.wav HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n")
        connection.sendall(wav(150))
        eventually(lambda: list((tmp_path / "data/storage/incoming").iterdir()))
        program.process.kill()
        program.process.wait()
    with start().client() as client:
        assert [one["id"] for one in client.get("/media").json()["media"]] == [media["id"]]
        assert client.get(f"/jobs/{job['job_id']}").json()["status"] == "pending"
        assert [path.name for path in (tmp_path / "data/storage/objects").iterdir()] == [f"media-{media['id']}"]


def _sound(size: int) -> Iterator[bytes]:
    """A WAV file of `size` bytes and a little, piece by piece."""
    header = bytearray(wav(0))
    header[4:8] = (36 + size).to_bytes(4, "little")
    header[40:44] = size.to_bytes(4, "little")
    yield bytes(header)
    for _ in range(0, size, MIB):
        yield bytes(MIB)


def _form(content: Iterator[bytes]) -> Iterator[bytes]:
    yield b'--cut\r\nContent-Disposition: form-data; name="file"; filename="big.wav"\r\n\r\n'
    yield from content
    yield b"\r\n--cut--\r\n"


@pytest.mark.parametrize("content_type", ["audio/wav", "multipart/form-data; boundary=cut"])
def test_a_large_upload_and_its_download_take_no_more_memory(program: Program, content_type: str) -> None:
    server = psutil.Process(program.process.pid)
    size = 100 * MIB
    peaks = []

    def watched(pieces: Iterator[bytes]) -> Iterator[bytes]:
        for n, piece in enumerate(pieces):
            if n % 5 == 0:
                peaks.append(server.memory_info().rss)
            yield piece

    with program.client() as client:
        client.post("/upload?name=a.wav", content=wav())
        before = server.memory_info().rss
        content = _sound(size) if "form" not in content_type else _form(_sound(size))
        headers = {"Content-Type": content_type, "X-Filename": "big.wav"}
        answer = client.post("/upload", content=watched(content), headers=headers)
        assert answer.status_code == 201, answer.text
        with client.stream("GET", f"/media/{answer.json()['id']}") as download:
            digest = hashlib.sha256()
            for piece in watched(download.iter_bytes(MIB)):
                digest.update(piece)
    assert digest.hexdigest() == answer.json()["sha256"]
    assert max(peaks) < 200 * MIB
    assert max(peaks) - before < 30 * MIB


def _refuses(program: Program) -> bool:
    try:
        program.connection().close()
    except ConnectionRefusedError:
        return True
    return False
