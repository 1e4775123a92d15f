"""The services of compose.yaml as plain processes: their very commands, environments, ports and health checks.

There is no Docker here, so what Docker would add is put in their place, and nothing else (`_Place`):

- Each container has an address of its own: here one of 127.0.0.0/8. A service's name that stands where a host's name
  stands (`http://api`, `worker_a:9101`, the value of a variable …_HOST) becomes that address, and so do 0.0.0.0 and
  127.0.0.1, by which a container means itself. So ports stay as they are. A name that is only a name stays.
- A path of a volume becomes one below the folder of the test; a file that is mounted from deploy/ a copy there, in
  which names of services become addresses too.
- Programs are found in the environment that the image's own steps made.
"""

import os
import re
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO

import httpx2

from tests.deploy import compose, dockerfile
from tests.deploy.compose import Service
from tests.deploy.dockerfile import ROOT
from tests.support.waiting import eventually

HEALTHY_SECONDS = 60.0


class Stack:
    """`docker compose up -d` and what else the seed does with docker, until the end of the block."""

    def __init__(self, folder: Path, installed: Callable[[str], Path]) -> None:
        self._services = compose.services()
        network = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(256)}"
        self.addresses = {name: f"{network}.{number}" for number, name in enumerate(self._services, 10)}
        self.containers = {
            name: Container(name, service, _Place(name, service, folder, self.addresses, installed))
            for name, service in self._services.items()
        }

    def __enter__(self) -> "Stack":
        try:
            self._up()
        except BaseException:
            self._kill()
            raise
        self.api = httpx2.Client(base_url=self.published("localhost:8000"), timeout=30, trust_env=False)
        self.prometheus = httpx2.Client(base_url=self.published("localhost:9090"), timeout=30, trust_env=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.api.close()
        self.prometheus.close()
        self._kill()

    def published(self, address: str) -> str:
        """The URL behind an address of this computer such as localhost:8000, as the `ports` of a service say."""
        port = address.rpartition(":")[2]
        for name, service in self._services.items():
            for published in service.get("ports", ()):
                _, outside, inside = published.split(":")
                if outside == port:
                    return f"http://{self.addresses[name]}:{inside}"
        raise AssertionError(f"nothing is published on {address}")

    def _up(self) -> None:
        """Starts each service when what it depends on is as it wants that to be."""
        for name, service in self._services.items():
            for other, wish in service.get("depends_on", {}).items():
                assert wish == {"condition": "service_healthy"}
                self.containers[other].until_healthy()
            self.containers[name].start()
        for container in self.containers.values():
            container.until_healthy()

    def _kill(self) -> None:
        for container in self.containers.values():
            container.kill()


class Container:
    """One service as a process; `log` has every line it printed."""

    def __init__(self, name: str, service: Service, place: "_Place") -> None:
        self.name = name
        self.log: list[str] = []
        self._service = service
        self._place = place
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """docker start."""
        assert self._process is None
        self._process = subprocess.Popen(
            self._place.argv(compose.argv(self._service)),
            cwd=self._place.folder,
            env=self._place.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdout
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,))
        self._reader.start()

    def stop(self) -> int:
        """docker stop: SIGTERM, and when the grace of the file is over SIGKILL; the exit code."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(compose.seconds(self._service["stop_grace_period"]))
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self._ended()

    def kill(self) -> None:
        """Nothing is left of it, whether it runs or not."""
        if self._process:
            self._process.kill()
            self._ended()

    def until_healthy(self) -> None:
        eventually(self.is_healthy, HEALTHY_SECONDS, every=0.2)

    def is_healthy(self) -> bool:
        """What the health check of the file says."""
        assert self._process
        assert self._process.poll() is None, "\n".join(self.log)
        _, *command = self._service["healthcheck"]["test"]
        done = subprocess.run(
            self._place.argv(command),
            cwd=self._place.folder,
            env=self._place.environment(),
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def _ended(self) -> int:
        assert self._process
        assert self._reader
        code = self._process.wait()
        self._reader.join()
        self._process = None
        return code

    def _read(self, output: IO[str]) -> None:
        with output:
            self.log.extend(line.rstrip("\n") for line in output)


@dataclass
class _Place:
    """Where a service runs here, and how what the file says is written for that."""

    name: str
    service: Service
    root: Path
    addresses: Mapping[str, str]
    installed: Callable[[str], Path]
    _paths: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder = self.root / "containers" / self.name
        self.folder.mkdir(parents=True)
        for inside, source in compose.mounts(self.service).items():
            self._paths[inside] = str(self._mounted(source))

    def argv(self, command: list[str]) -> list[str]:
        return [self._written(part) for part in command]

    def environment(self) -> dict[str, str]:
        """What the image sets and what the file sets; of the test's own environment only where programs are."""
        given: dict[str, str] = dict(self.service.get("environment", {}))
        if "build" not in self.service:
            return {"PATH": os.defpath} | given
        part = self.service["build"]["target"]
        image = dockerfile.variables(part)
        programs = str(self.installed(part) / "bin")
        image["PATH"] = image["PATH"].replace(f"{dockerfile.INSTALLED}/bin", programs)
        return image | {name: self._value(name, value) for name, value in (image | given).items() if name != "PATH"}

    def _value(self, name: str, value: str) -> str:
        return self._host(value) if name.endswith("_HOST") else self._written(value)

    def _written(self, text: str) -> str:
        for inside, here in self._paths.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(inside)}(?=/|$)", here, text)
        return self._with_addresses(text)

    def _with_addresses(self, text: str) -> str:
        """Names of services where a host's name stands."""
        names = "|".join([*self.addresses, r"0\.0\.0\.0", r"127\.0\.0\.1"])
        return re.sub(rf"(?<![\w.-])({names})(?=:\d)", lambda match: self._host(match[1]), text)

    def _host(self, name: str) -> str:
        own = self.addresses[self.name]
        return {"0.0.0.0": own, "127.0.0.1": own, **self.addresses}[name]

    def _mounted(self, source: str) -> Path:
        if not source.startswith("./"):
            volume = self.root / "volumes" / source
            volume.mkdir(parents=True, exist_ok=True)
            return volume
        copy = self.folder / Path(source).name
        copy.write_text(self._with_addresses((ROOT / source).read_text()))
        return copy
