"""A real server on a free loopback port, in a thread of the test's own process, and a worker played by hand."""

import hashlib
import io
import threading
import uuid
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from balanza.server import startup
from balanza.server.app import create_app
from balanza.server.main import Server, opened
from balanza.server.parts import Parts
from balanza.settings import Settings
from tests.support.waiting import eventually


def wav(seconds: float = 0.1, *, rate: int = 8000) -> bytes:
    """A sound file as Python's own library writes it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(b"\x00\x10" * int(seconds * rate))
    return file.getvalue()


@dataclass(frozen=True)
class Stand:
    """A running server."""

    parts: Parts
    address: str
    client: httpx2.Client
    server: Server
    data: Path

    def upload(self, name: str = "song.wav", content: bytes | None = None) -> dict[str, Any]:
        answer = self.client.post("/upload", params={"name": name}, content=wav() if content is None else content)
        assert answer.status_code == 201, answer.text
        uploaded: dict[str, Any] = answer.json()
        return uploaded

    def convert(
        self, source: str, output_format: str = "mp3", *, tags: Sequence[str] = (), **options: object
    ) -> dict[str, Any]:
        wanted = {"input_file": source, "output_format": output_format, "options": options, "tags": list(tags)}
        answer = self.client.post("/convert", json=wanted)
        assert answer.status_code == 201, answer.text
        submitted: dict[str, Any] = answer.json()
        return submitted

    def get(self, path: str, **query: object) -> dict[str, Any]:
        answer = self.client.get(path, params={name: str(value) for name, value in query.items()})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def stored(self) -> list[str]:
        """Every file in the storage folder: finished objects and those on their way in."""
        folder = self.parts.desk.settings.storage_folder
        return sorted(path.name for part in ("objects", "incoming") for path in (folder / part).iterdir())

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


@contextmanager
def running(data: Path, **settings: Any) -> Iterator[Stand]:
    """A server with its data in `data`, ended again after the block."""
    with (
        startup.bound_socket("127.0.0.1", 0) as listening,
        opened(Settings(data=data, **settings)) as parts,
        httpx2.Client(base_url=startup.address_of(listening), timeout=30, verify=False) as client,
    ):
        server = Server(create_app(parts))
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]), name="server")
        thread.start()
        try:
            eventually(lambda: server.started, every=0.005)
            yield Stand(parts, str(client.base_url).rstrip("/"), client, server, data)
        finally:
            server.should_exit = True
            thread.join()


ENCODERS = ("flac", "libmp3lame", "libopus", "libvorbis", "pcm_s16le")


@dataclass(frozen=True)
class Hand:
    """A worker played by hand, over HTTP like any other."""

    client: httpx2.Client
    worker_id: str
    instance: str

    @classmethod
    def register(
        cls,
        client: httpx2.Client,
        worker_id: str,
        slots: int = 1,
        *,
        encoders: Sequence[str] = ENCODERS,
        tags: Sequence[str] = (),
    ) -> "Hand":
        hand = cls(client, worker_id, uuid.uuid4().hex)
        load = {"cpu_load": 0.1, "memory_mb": 50}
        registration = {
            "worker_id": worker_id,
            "instance": hand.instance,
            "slots": slots,
            "cpus": 1,
            "encoders": list(encoders),
            "tags": list(tags),
            "load": load,
        }
        answer = client.post("/fleet/register", json=registration)
        assert answer.status_code == 200, answer.text
        return hand

    def beat(self, *reports: dict[str, Any], cpu_load: float = 0.2) -> httpx2.Response:
        load = {"cpu_load": cpu_load, "memory_mb": 60}
        beat = {"worker_id": self.worker_id, "instance": self.instance, "load": load, "leases": list(reports)}
        return self.client.post("/fleet/heartbeat", json=beat)

    def lease(self, wait_seconds: float = 0) -> httpx2.Response:
        wanted = {"worker_id": self.worker_id, "instance": self.instance, "wait_seconds": wait_seconds}
        return self.client.post("/fleet/lease", json=wanted)

    def grant(self) -> dict[str, Any]:
        answer = self.lease()
        assert answer.status_code == 200, answer.text
        granted: dict[str, Any] = answer.json()
        return granted

    def store(self, token: str, content: bytes) -> httpx2.Response:
        return self.client.put(f"/fleet/leases/{token}/result", content=content)

    def complete(self, grant: dict[str, Any], content: bytes) -> httpx2.Response:
        return self.client.post(f"/fleet/leases/{grant['token']}/complete", json=self.completion(grant, content))

    def completion(self, grant: dict[str, Any], content: bytes) -> dict[str, Any]:
        return {
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "probe": grant["source"]["probe"],
            "log_tail": "done",
        }

    def leave(self) -> None:
        gone = {"worker_id": self.worker_id, "instance": self.instance}
        self.client.post("/fleet/leave", json=gone)
