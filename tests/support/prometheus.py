"""A real Prometheus as a process, set up by the files of deploy/: started, frozen, killed, emptied."""

import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.support.live import free_port
from tests.support.needs import need
from tests.support.waiting import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"
SCRAPE_SECONDS = 1
_SERVER = "api:8000"
_INTERVALS = {
    "scrape_interval: 5s": 1,
    "scrape_timeout: 4s": 1,
    "evaluation_interval: 5s": 1,
    "refresh_interval: 5s": 1,
}


def need_prometheus() -> None:
    found = shutil.which("prometheus") and shutil.which("promtool")
    need(bool(found), "prometheus and promtool are missing; install the Debian package prometheus.")


class Prometheus:
    """Runs from `with` to the end of its block at one address, with one storage, on the server's address."""

    def __init__(self, folder: Path, server: str, *, port: int | None = None) -> None:
        self.folder = folder
        self.config = folder / "prometheus.yml"
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.http = httpx2.Client(base_url=self.address, timeout=10, trust_env=False, verify=False)
        folder.mkdir()
        shutil.copy(DEPLOY / "rules.yml", folder)
        self.whole = deployed(server)
        self.without_workers = self.whole.partition("  # The server knows")[0]
        self.config.write_text(self.whole)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.http.close()

    # --- What happens to it

    def start(self) -> None:
        """It is ready."""
        storage = f"--storage.tsdb.path={self.folder / 'tsdb'}"
        arguments = [f"--config.file={self.config}", storage, f"--web.listen-address=127.0.0.1:{self.port}"]
        with (self.folder / "prometheus.log").open("a") as log:
            self.process = subprocess.Popen(
                ["prometheus", *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            eventually(self._is_ready, 30)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        """Of all that it stored; it must not run."""
        shutil.rmtree(self.folder / "tsdb")

    def configure(self, text: str) -> None:
        """It reads this configuration when it is told to, or started."""
        self.config.write_text(text)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGHUP)

    # --- What it knows

    def asked(self, query: str) -> list[dict[str, Any]]:
        """The series that answer the query now."""
        return self._get("/api/v1/query", query=query)["result"]  # type: ignore[no-any-return]

    def values(self, query: str, label: str) -> dict[str, str]:
        return {one["metric"][label]: one["value"][1] for one in self.asked(query)}

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def _get(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = self.http.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, (self.folder / "prometheus.log").read_text()
        with suppress(httpx2.TransportError):
            return self.http.get("/-/ready").status_code == 200
        return False


def deployed(server: str) -> str:
    """deploy/prometheus.yml for a server at that `host:port`, with everything once a second."""
    text = (DEPLOY / "prometheus.yml").read_text()
    assert text.count(_SERVER) == 2
    for words, count in _INTERVALS.items():
        assert text.count(words) == count, words
        text = text.replace(words, f"{words.split(':')[0]}: {SCRAPE_SECONDS}s")
    return text.replace(_SERVER, server)
