"""Uploading a very large file."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench import material
from bench.server import Running, running

SIZE_BYTES = 4 * 1024**3
PIECE = bytes(1024 * 1024)
MEGABYTE = 1e6


def run(folder: Path, rounds: int) -> None:
    """4 GiB through POST /upload, raw and multipart: the server's memory and the rate"""
    film = material.video(folder / "film.mp4", 1, "320x240").read_bytes()
    with running(folder, workers=0) as live:
        for kind, send in (("raw", _send_raw), ("multipart", _send_multipart)):
            with Watch(live) as watch:
                started_at = time.perf_counter()
                media_id = send(live, film)
                rate = SIZE_BYTES / (time.perf_counter() - started_at) / MEGABYTE
            print(f"{kind}: {rate:.0f} MB/s, server at most {watch.peak_mb:.0f} MB resident; aim: below 200 MB")
            live.client.delete(f"/media/{media_id}", params={"forever": "true"}).raise_for_status()


class Watch:
    """The most memory that the server had resident at any moment, looked at 20 times a second."""

    def __init__(self, live: Running) -> None:
        self._server = live.server()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.peak_mb = 0.0

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.05):
            self.peak_mb = max(self.peak_mb, self._server.memory_info().rss / MEGABYTE)


def _film_of_size(film: bytes) -> Iterator[bytes]:
    """A short film, and behind it a free box that fills it up: an MP4 as large as is wanted."""
    rest = SIZE_BYTES - len(film)
    box = (1).to_bytes(4, "big") + b"free" + rest.to_bytes(8, "big")
    yield film + box
    left = rest - len(box)
    while left > 0:
        yield PIECE[: min(left, len(PIECE))]
        left -= len(PIECE)


def _send_raw(live: Running, film: bytes) -> str:
    headers = {"X-Filename": "raw.mp4", "Content-Type": "video/mp4", "Content-Length": str(SIZE_BYTES)}
    answer = live.client.post("/upload", content=_film_of_size(film), headers=headers, timeout=600)
    return str(answer.raise_for_status().json()["id"])


def _send_multipart(live: Running, film: bytes) -> str:
    head = b'--balanza\r\nContent-Disposition: form-data; name="file"; filename="multipart.mp4"\r\n\r\n'
    tail = b"\r\n--balanza--\r\n"

    def body() -> Iterator[bytes]:
        yield head
        yield from _film_of_size(film)
        yield tail

    headers = {
        "Content-Type": "multipart/form-data; boundary=balanza",
        "Content-Length": str(len(head) + SIZE_BYTES + len(tail)),
    }
    answer = live.client.post("/upload", content=body(), headers=headers, timeout=600)
    return str(answer.raise_for_status().json()["id"])
