"""A reverse proxy that puts a server below a path, as nginx does with `proxy_pass` and `Host $http_host`."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

PREFIX = "/tools/balanza"


@contextmanager
def behind_a_proxy(address: str) -> Iterator[str]:
    """The origin of a proxy before the server at `address`, whose pages are below `PREFIX` there."""
    parts = urlsplit(address)
    handler = type("Handler", (_Handler,), {"upstream": (parts.hostname, parts.port)})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(socketserver.StreamRequestHandler):
    """One request for each connection. What is asked below `PREFIX` is passed on without it, byte by byte."""

    upstream: tuple[str, int]

    def handle(self) -> None:
        with suppress(ConnectionError):
            line = self.rfile.readline().decode("latin-1")
            head = [line for line in iter(self.rfile.readline, b"\r\n") if line]
            if not line:
                return
            method, target, version = line.split()
            if target == PREFIX:
                self._answer(f"308 Permanent Redirect\r\nLocation: {PREFIX}/")
            elif not target.startswith(f"{PREFIX}/"):
                self._answer("404 Not Found")
            else:
                fields = [field for field in head if not field.lower().startswith(b"connection:")]
                start = f"{method} {target.removeprefix(PREFIX)} {version}\r\nConnection: close\r\n"
                self._pass_on(start.encode("latin-1") + b"".join(fields) + b"\r\n")

    def _answer(self, said: str) -> None:
        self.wfile.write(f"HTTP/1.1 {said}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    def _pass_on(self, head: bytes) -> None:
        with socket.create_connection(self.upstream) as server:
            server.sendall(head)
            threading.Thread(target=self._send_body, args=(server,), daemon=True).start()
            while piece := server.recv(65536):
                self.wfile.write(piece)

    def _send_body(self, server: socket.socket) -> None:
        """And when the browser goes away, so does this."""
        with suppress(OSError):
            while piece := self.rfile.read1(65536):
                server.sendall(piece)
            server.shutdown(socket.SHUT_RDWR)
