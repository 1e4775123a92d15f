"""The least of an HTTP/1.1 client: one connection, kept open, and answers whose length is told.

Where a thousand requests a second are counted, a client that does more would be half of what is measured.
"""

import json
import socket
from typing import Any, Self

from balanza.protocol import PACE_HEADER


class Wire:
    """One request at a time: `send` and `receive` are apart for those who wait for many at once."""

    def __init__(self, host: str, port: int, *, seconds: float = 60) -> None:
        self._socket = socket.create_connection((host, port), timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = f"{host}:{port}"
        self._received = b""
        self.heartbeat_seconds: float | None = None
        """As an answer told it."""

    @classmethod
    def to(cls, address: str) -> Self:
        host, _, port = address.removeprefix("http://").partition(":")
        return cls(host, int(port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def post(self, path: str, message: Any = None) -> Any:
        """What is answered, None when that is empty. Raises RuntimeError when it is an error."""
        self.send(path, message)
        return self.receive()

    def get(self, path: str) -> Any:
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
        return self.receive()

    def send(self, path: str, message: Any = None) -> None:
        body = b"" if message is None else json.dumps(message).encode()
        kind = "Content-Type: application/json\r\n" if body else ""
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)

    def receive(self) -> Any:
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status, length = int(head[9:12]), int(_header(head, b"content-length") or 0)
        pace = _header(head, PACE_HEADER.lower().encode())
        self.heartbeat_seconds = float(pace) if pace else self.heartbeat_seconds
        while len(self._received) < length:
            self._more()
        body, self._received = self._received[:length], self._received[length:]
        if status >= 400:
            raise RuntimeError(f"{status}: {body.decode(errors='replace')}")
        return json.loads(body) if body else None

    def _more(self) -> None:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError(f"{self._host} has closed the connection")
        self._received += piece


def _header(head: bytes, wanted: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == wanted:
            return value.strip()
    return None
