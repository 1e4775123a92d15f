"""A Prometheus that answers whatever a test wants, byte by byte if need be."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[socket.socket], None]
Series = dict[str, Any]


@dataclass
class FakePrometheus:
    """Each request is noted by its first line and answered by `answer`, on a connection of its own."""

    address: str
    answer: Answer
    asked: list[str] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (piece := connection.recv(65536)):
                    return
                head += piece
            self.asked.append(head.decode().split("\r\n")[0])
            self.answer(connection)

    def hang(self, connection: socket.socket) -> None:
        """Never answers."""
        self.ending.wait()

    def drip(self, connection: socket.socket) -> None:
        """Answers a byte at a time, each soon enough for a patience that begins anew with every byte."""
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Patience: yes\r\n" * 10_000:
            connection.sendall(bytes([byte]))
            if self.ending.wait(0.02):
                return

    def drip_body(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        self.drip(connection)


@contextmanager
def fake_prometheus(answer: Answer) -> Iterator[FakePrometheus]:
    """Listens on a free port until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fake = FakePrometheus(f"http://127.0.0.1:{listening.getsockname()[1]}", answer)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=fake.serve, args=(connection,)).start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield fake
        finally:
            fake.ending.set()
            listening.shutdown(socket.SHUT_RDWR)
            accepting.join()


def saying(body: bytes, status: str = "200 OK", *headers: str) -> Answer:
    """Answers so every time."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers)
    whole = "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body
    return lambda connection: connection.sendall(whole)


def matrix(*series: Series) -> bytes:
    """What Prometheus answers to a range selector."""
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": list(series)}}).encode()


def series(name: str, worker_id: str, *points: tuple[float, str]) -> Series:
    labels = {"__name__": name, "instance": worker_id, "job": "workers", "worker_id": worker_id}
    return {"metric": labels, "values": [list(point) for point in points]}


def measured(worker_id: str, seconds_ago: float = 0.0, cpu_load: str = "0.5") -> list[Series]:
    """One scrape of a worker, of so many seconds ago."""
    at = time.time() - seconds_ago
    values = {"worker_cpu_load": cpu_load, "worker_memory_usage_mb": "120.5", "worker_jobs_in_progress": "1"}
    return [series(name, worker_id, (at, value)) for name, value in values.items()]
