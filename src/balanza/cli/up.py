"""`balanza up`: what is checked before anything starts, which processes there are, and what is printed."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, islice, product
from socket import socket
from string import ascii_lowercase

from rich.console import Console
from rich.control import strip_control_codes
from rich.text import Text

from balanza.cli.children import Child, Spec
from balanza.cli.equipment import refuse_what_lacks_encoders
from balanza.cli.supervisor import Supervisor
from balanza.errors import StartupError
from balanza.server import startup
from balanza.settings import Settings

SERVER_NAME = "api"
METRICS_HOST = "127.0.0.1"
COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many workers to start, and how."""

    workers: int
    slots: int
    metrics_port: int
    """Of the first worker, counted up for the others; 0 is none."""

    def metrics_ports(self) -> list[int]:
        return [self.metrics_port + number if self.metrics_port else 0 for number in range(self.workers)]


def up(settings: Settings, fleet: Fleet) -> int:
    """Runs server and workers until told to stop; returns the exit code. Raises StartupError."""
    settings = settings.model_copy(update={"data": settings.data.absolute()})
    port = check_before_start(settings, fleet)
    settings = startup.with_fleet_token(settings)
    if settings.fleet_token is not None:
        # To the server and the workers by their environment, which nobody else can read; arguments everybody can.
        os.environ["BALANZA_FLEET_TOKEN"] = settings.fleet_token.get_secret_value()
    worker_ids = list(islice(worker_names(), fleet.workers))
    screen = Screen([SERVER_NAME, *worker_ids])
    supervisor = Supervisor(
        _server_spec(settings, port),
        _worker_specs(settings, fleet, address_of(reached_at(settings.host), port), worker_ids),
        host=reached_at(settings.host),
        port=port,
        say=screen.child_line,
    )
    screen.when_closed(supervisor.stop)
    return asyncio.run(supervisor.run(lambda children: _announce(screen, settings, fleet, port, children)))


def check_before_start(settings: Settings, fleet: Fleet) -> int:
    """The port to serve on, which is free now, as everything else that is needed. Raises StartupError."""
    startup.check_address(settings)
    refuse_what_lacks_encoders(settings.ffmpeg)
    with ExitStack() as stack:
        stack.enter_context(startup.claimed_folder(settings.data))
        listening = stack.enter_context(startup.bound_socket(settings.host, settings.port))
        for port in filter(None, fleet.metrics_ports()):
            stack.enter_context(_metrics_socket(port))
        return int(listening.getsockname()[1])


def _metrics_socket(port: int) -> socket:
    try:
        return startup.bound_socket(METRICS_HOST, port)
    except (StartupError, OverflowError) as error:
        raise StartupError(
            f"The metrics port {port} cannot be used on {METRICS_HOST}; choose others with --metrics-port (0 is none)."
        ) from error


def worker_names() -> Iterator[str]:
    """worker_a … worker_z, worker_aa, worker_ab …"""
    for length in count(1):
        for letters in product(ascii_lowercase, repeat=length):
            yield f"worker_{''.join(letters)}"


def reached_at(host: str) -> str:
    """Where processes of this computer reach a server that listens on `host`, be it on every address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on


def address_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server_spec(settings: Settings, port: int) -> Spec:
    options = ["--host", settings.host, "--port", str(port), "--data", str(settings.data)]
    return Spec(SERVER_NAME, ["serve", *options])


def _worker_specs(settings: Settings, fleet: Fleet, server: str, worker_ids: Sequence[str]) -> list[Spec]:
    return [
        Spec(
            worker_id,
            [
                *("worker", "--server", server, "--id", worker_id, "--slots", str(fleet.slots)),
                *("--metrics-port", str(port), "--metrics-host", METRICS_HOST),
                *("--scratch", str(settings.scratch_folder), "--grace", "0"),
                "--pausing" if settings.pausing else "--no-pausing",
            ],
        )
        for worker_id, port in zip(worker_ids, fleet.metrics_ports(), strict=True)
    ]


def _announce(screen: "Screen", settings: Settings, fleet: Fleet, port: int, children: Sequence[Child]) -> None:
    address = address_of(reached_at(settings.host), port)
    screen.headline(f"Balanza is ready: {address}")
    server, *workers = children
    screen.child_line(server.spec.name, f"process {server.pid}, API at {address}/docs, data in {settings.data}")
    slots = "1 slot" if fleet.slots == 1 else f"{fleet.slots} slots"
    for worker, metrics_port in zip(workers, fleet.metrics_ports(), strict=True):
        metrics = f", metrics at http://{METRICS_HOST}:{metrics_port}/metrics" if metrics_port else ""
        screen.child_line(worker.spec.name, f"{slots}{metrics}")
    screen.headline("Ctrl-C stops it; nothing is lost.")


class Screen(Console):
    """What people see of the children: each line under its name, as `docker compose logs` shows it."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(highlight=False, soft_wrap=True, emoji=False, markup=False)
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        self._width = max(map(len, [*names, "balanza"])) + 2
        self._colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
        self._closed: Callable[[], None] = lambda: None
        self._is_plain = not self.is_terminal

    def child_line(self, name: str, text: str) -> None:
        label = f"{name:<{self._width}}| "
        if self._is_plain:
            self._write_plain(f"{label}{strip_control_codes(text)}\n")
        else:
            self.print(Text.assemble((label, self._colours.get(name, "bold")), text))

    def _write_plain(self, line: str) -> None:
        """What `print` would write, without the layout, which takes 0.2 ms: of tiny jobs each has two lines."""
        if self.quiet:
            return
        try:
            self.file.write(line)
            self.file.flush()
        except BrokenPipeError:
            self.on_broken_pipe()

    def headline(self, text: str) -> None:
        self.print(Text(text, style="bold"))

    def when_closed(self, act: Callable[[], None]) -> None:
        self._closed = act

    def on_broken_pipe(self) -> None:
        """Whoever read this is gone (`balanza up | head`): end as if asked to."""
        self.quiet = True
        self._closed()
