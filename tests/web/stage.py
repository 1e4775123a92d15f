"""A stage: serves the real page with prepared answers, so that every state can be looked at, and stays as it is."""

import json
import math
import queue
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

from balanza.media.formats import describe
from balanza.server import shell
from balanza.server.guard import DOCS_POLICY, PAGE_POLICY
from balanza.server.pages import PAGES

WEB = Path(__file__).resolve().parents[2] / "src/balanza/web"

_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
Json = Mapping[str, object]

ALONE: Json = {
    "accounts": False,
    "user": {
        "id": "local",
        "name": None,
        "role": "admin",
        "has_password": False,
        "quota_bytes": None,
        "quota_jobs": None,
        "stored_bytes": 0,
        "live_jobs": 0,
    },
    "scope": "admin",
    "signup": "invitation",
    "oidc": None,
    "public_stats": True,
}
"""Who asks, on a server without accounts."""


@dataclass
class Scene:
    """What the server of one state answers."""

    media: Sequence[Json] = ()
    jobs: Sequence[Json] = ()
    problem: Json | None = None
    """The answer to every upload, conversion and deletion, when there is one."""
    retry_after_seconds: int | None = None
    """What that answer says besides."""
    sound: bytes = b""
    openapi: Json = field(default_factory=dict)
    shares: Sequence[Json] = ()
    """The links to every file."""
    shared: Json | None = None
    """What every link leads to; None when it has ended."""
    takes_uploads: bool = True
    """When False, an upload is read up to its first quarter and then stands still until the stage is taken down."""
    trash: Sequence[Json] = ()
    decision: Json = field(default_factory=dict)
    """Why every job is where it is."""
    unfinished_bytes: int = 0
    """The size of every upload of earlier, of which five eighths are there."""
    me: Json = field(default_factory=lambda: ALONE)
    answers: Mapping[str, Json] = field(default_factory=dict)
    """What else is answered, to GET and to POST, by path."""


class Stage:
    """The server, on a port of the loopback (0: a free one), for as long as its `with` block lasts."""

    def __init__(self, scene: Scene, port: int = 0) -> None:
        self.scene = scene
        self.over = threading.Event()
        self.asked: list[str] = []
        """The paths of all requests so far."""
        self.uploads = 0
        """How many were begun."""
        self.streams: list[queue.SimpleQueue[bytes]] = []
        """What is still to be sent to each page that listens for events."""
        handler = type("Handler", (_Handler,), {"stage": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}/"

    def tell(self, event: str, **data: object) -> None:
        """Sends an event to every page that listens."""
        for stream in list(self.streams):
            stream.put(f"event: {event}\ndata: {json.dumps({'job_id': None, **data})}\n\n".encode())

    def __enter__(self) -> "Stage":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


PEAKS = bytes(round(40 + 200 * abs(math.sin(i / 9) * math.sin(i / 70) * math.cos(i / 3))) for i in range(1000))
"""A waveform."""
PICTURE = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9"><rect width="16" height="9" fill="#7fb2dd"/>
<circle cx="12" cy="3" r="1.2" fill="#ffd98a"/><path d="M0 6h16v3H0z" fill="#2a6f97"/>
<path d="M0 9l5-3l6 1l5 2z" fill="#e6cf9f"/></svg>"""
"""A thumbnail."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A page that is closed breaks its connections: no news. What is wrong in the stage itself is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 1
    stage: Stage

    @property
    def scene(self) -> Scene:
        return self.stage.scene

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.stage.asked.append(path)
        if path == "/events":
            self._stream()
        elif path in PAGES:
            self._file(WEB / PAGES[path])
        elif path.startswith("/s/"):
            self._link(path)
        elif path.startswith("/web/"):
            self._file(WEB / path.removeprefix("/web/"))
        elif path.endswith("/info"):
            self._json(HTTPStatus.OK, {"streams": []})
        elif path.endswith("/waveform"):
            self._send(HTTPStatus.OK, "application/octet-stream", PEAKS)
        elif path.endswith("/thumbnail"):
            self._send(HTTPStatus.OK, "image/svg+xml", PICTURE)
        elif path.startswith("/media/"):
            self._send(HTTPStatus.OK, "audio/wav", self.scene.sound)
        elif path.endswith("/decision"):
            self._json(HTTPStatus.OK, self.scene.decision)
        elif path.startswith("/jobs/"):
            self._json(HTTPStatus.OK, next(job for job in self.scene.jobs if path.endswith(f"/{job['job_id']}")))
        else:
            self._json(HTTPStatus.OK, self._answers()[path])

    def do_POST(self) -> None:
        self.stage.asked.append(self.path)
        length = int(self.headers["Content-Length"] or 0)
        self.rfile.read(length)
        if self.path == "/files" and self.scene.problem is None:
            self._begin_upload()
            return
        if self.path in self.scene.answers:
            self._json(HTTPStatus.OK, self.scene.answers[self.path])
            return
        status = HTTPStatus.CREATED if self.scene.problem is None else HTTPStatus.CONFLICT
        new = {"id": "new", "url": "/s/Vq3nX0d7RkuEo2tZ9yB1Aw"} if self.path.endswith("/shares") else {}
        self._json(status, self.scene.problem or new)

    def do_DELETE(self) -> None:
        if self.path.startswith("/files/"):
            self.stage.asked.append(f"DELETE {self.path}")
            self._tus(HTTPStatus.NO_CONTENT)
        else:
            self.do_POST()

    def do_HEAD(self) -> None:
        if self.path.startswith("/files/"):
            size = self.scene.unfinished_bytes
            self._tus(HTTPStatus.OK, Upload_Offset=size // 8 * 5, Upload_Length=size)
        else:
            self._send(HTTPStatus.OK, "audio/wav", b"")

    def do_PATCH(self) -> None:
        """A piece of an upload, or a change."""
        if not self.path.startswith("/files/"):
            self.do_POST()
            return
        length = int(self.headers["Content-Length"])
        if self.scene.takes_uploads:
            self.rfile.read(length)
            self._tus(HTTPStatus.NO_CONTENT, Upload_Offset=int(self.headers["Upload-Offset"]) + length)
        else:
            self.rfile.read(length // 4)
            self.stage.over.wait()
            self.close_connection = True

    def _begin_upload(self) -> None:
        self.stage.uploads += 1
        self._tus(HTTPStatus.CREATED, Location=f"files/{self.stage.uploads}")

    def _tus(self, status: HTTPStatus, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Says nothing: what the page shows is the only thing looked at."""

    def _answers(self) -> dict[str, Json]:
        query = parse_qs(urlsplit(self.path).query)
        status = query.get("status")
        jobs = [job for job in self.scene.jobs if status is None or job["status"] in status]
        return {
            "/media": {"media": self.scene.trash if "trash" in query else self.scene.media, "next_cursor": None},
            "/jobs": {"jobs": jobs, "next_cursor": None},
            "/shares": {"shares": self.scene.shares, "next_cursor": None},
            "/formats": describe(),
            "/openapi.json": self.scene.openapi,
            "/auth/me": self.scene.me,
            **self.scene.answers,
        }

    def _stream(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        mine: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        mine.put(b": here\n\n")
        self.stage.streams.append(mine)
        try:
            while not self.stage.over.is_set():
                with suppress(queue.Empty):
                    self.wfile.write(mine.get(timeout=0.1))
                    self.wfile.flush()
        except ConnectionError:
            """The page has closed it."""
        self.stage.streams.remove(mine)
        self.close_connection = True

    def _link(self, path: str) -> None:
        if path.endswith("/info"):
            status = HTTPStatus.NOT_FOUND if self.scene.shared is None else HTTPStatus.OK
            self._json(status, self.scene.shared or {})
        elif path.endswith("/media"):
            self._send(HTTPStatus.OK, "audio/wav", self.scene.sound)
        else:
            self._file(WEB / "share.html")

    def _file(self, path: Path) -> None:
        content = path.read_text() if path.suffix == ".html" else None
        if content is not None:
            content = shell.in_language(content, self.headers.get("Accept-Language", "en")[:2], WEB)
        self._send(HTTPStatus.OK, _TYPES[path.suffix], path.read_bytes() if content is None else content.encode())

    def _json(self, status: HTTPStatus, body: Json) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: HTTPStatus, mime_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", mime_type)
        self.send_header("Content-Length", str(len(body)))
        if self.scene.retry_after_seconds is not None:
            self.send_header("Retry-After", str(self.scene.retry_after_seconds))
        self.send_header("Content-Security-Policy", DOCS_POLICY if self.path == "/docs" else PAGE_POLICY)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
