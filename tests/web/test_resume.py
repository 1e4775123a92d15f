"""A large upload, whatever happens to the line, the server and the page on its way: the right bytes arrive."""

import hashlib
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.server.stand import wav
from tests.support.live import free_port
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.words import SPANISH, Screen

FAILED = "Failed to load resource"
"""Chromium's word for a broken connection, and for the answer that another request still adds to the upload."""
SIZE = 24_000_044
AT_ONCE = 256 * 1024
NOTICED_SECONDS = 60
"""The page takes a line that neither breaks nor moves for dead after 30."""

METHODS = (b"GET ", b"HEAD ", b"POST ", b"PATCH ", b"DELETE ")


class Line:
    """A line to the server that lets every question pass, but only so many bytes of files, and that can be cut."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        # What the system takes in before it is asked for would look to the page as if it had been sent.
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, AT_ONCE)
        self.port = int(self._listening.getsockname()[1])
        self.allowed = 0
        """How many bytes of files may still pass."""
        self._ends: list[socket.socket] = []
        self._cuts = 0
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def cut(self) -> None:
        """Every connection breaks, and what was held up is lost."""
        self._cuts += 1
        ends, self._ends = self._ends, []  # one that is made meanwhile stays
        for end in ends:
            # A reset, as when a router forgets the connection: a browser that only sends would not notice an end.
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                end.shutdown(socket.SHUT_RD)  # wakes the thread that waits for it
            end.close()

    def close(self) -> None:
        _end(self._listening)
        self._thread.join()
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                page, _ = self._listening.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.server_port))
                except ConnectionError:
                    page.close()
                    continue
                self._ends += [page, server]
                for carry, ends in ((self._carry_up, (page, server)), (self._carry_down, (server, page))):
                    threading.Thread(target=carry, args=ends, daemon=True).start()

    def _carry_up(self, page: socket.socket, server: socket.socket) -> None:
        cuts = self._cuts
        with suppress(OSError):
            while data := page.recv(65536):
                if not data.startswith(METHODS):
                    while self.allowed <= 0 and cuts == self._cuts:
                        time.sleep(0.01)
                    self.allowed -= len(data)
                if cuts != self._cuts:
                    break
                server.sendall(data)
        _end(page, server)

    def _carry_down(self, server: socket.socket, page: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                page.sendall(data)
        _end(page, server)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def served(data: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "balanza", "serve", "--port", str(port), "--data", str(data)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=dict(os.environ))
    try:
        eventually(lambda: _answers(port), 30)
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


@pytest.fixture
def line() -> Iterator[Line]:
    started = Line(free_port())
    yield started
    started.close()


def written(data: Path) -> int:
    """How many bytes of the upload the server has."""
    return sum(part.stat().st_size for part in (data / "storage/incoming").iterdir())


def says(page: Page, part: str) -> bool:
    """Whether the upload does."""
    return part in page.locator(".upload").first.inner_text()


def let_pass(line: Line, condition: Callable[[], bool]) -> None:
    """A little at a time, until it holds. A try that the server refuses takes of what may pass as well: it still adds
    what came by the line before."""

    def look() -> bool:
        line.allowed = max(line.allowed, AT_ONCE)
        return condition()

    eventually(look, NOTICED_SECONDS, every=0.05)
    line.allowed = 0


def test_an_upload_survives_a_cut_line_a_killed_server_and_a_closed_page(
    open_page: OpenPage, line: Line, tmp_path: Path
) -> None:
    song = tmp_path / "largo.wav"
    song.write_bytes(wav((SIZE - 44) / 16_000))
    resumed, stopped = "reanudada al", "Parada al"
    server_port = line.server_port
    data = tmp_path / "data"
    with served(data, server_port):
        page = open_page(f"http://127.0.0.1:{line.port}/", language=SPANISH.locale, expected=FAILED)
        Screen(page, SPANISH).upload(song)
        let_pass(line, lambda: written(data) > SIZE // 8)
        line.cut()
        let_pass(line, lambda: says(page, resumed))
        let_pass(line, lambda: written(data) > SIZE // 4)
    line.cut()
    there = written(data)
    with served(data, server_port):
        let_pass(line, lambda: says(page, resumed))
        let_pass(line, lambda: written(data) > there)
        page.reload()
        expect(page.locator(".upload").first).to_contain_text(stopped)
        line.allowed = 2 * SIZE
        Screen(page, SPANISH).upload(song)
        expect(page.locator(".row")).to_contain_text("largo.wav")
        expect(page.locator(".upload")).to_have_count(0)
        with httpx2.Client(base_url=f"http://127.0.0.1:{server_port}", trust_env=False) as client:
            media = client.get("/media").json()["media"]
        assert [one["sha256"] for one in media] == [hashlib.sha256(song.read_bytes()).hexdigest()]
        page.context.close()
