"""Starting, running and ending the server."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from socket import socket

import uvicorn
from fastapi import FastAPI

from balanza.dispatch.desk import Desk
from balanza.dispatch.dispatcher import Dispatcher
from balanza.dispatch.fleet import Fleet
from balanza.dispatch.library import Library
from balanza.dispatch.signals import Signals
from balanza.dispatch.upkeep import Upkeep
from balanza.media.probe import Prober
from balanza.server import startup
from balanza.server.app import create_app
from balanza.server.metrics import Metrics, StateCollector
from balanza.server.parts import LoopParts, Parts
from balanza.settings import Settings
from balanza.storage import LocalStorage
from balanza.store.database import Database

log = logging.getLogger("balanza.server")

GRACE_SECONDS = 5
"""How long uploads and downloads may go on once the server is told to end."""
UPKEEP_EVERY_SECONDS = 1.0
KEEP_ALIVE_SECONDS = 75
"""Longer than a worker's or a browser's pause between requests, so that few find their connection just closed."""


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, or until stdin ends when BALANZA_SUPERVISED is 1.

    Raises StartupError.
    """
    startup.check_address(settings.host)
    write_log()
    with (
        startup.claimed_folder(settings.data),
        startup.bound_socket(settings.host, settings.port) as listening,
        opened(settings) as parts,
    ):
        server = Server(create_app(parts))
        if os.environ.get("BALANZA_SUPERVISED") == "1":
            end_with_stdin(server)
        log.info("Listening on %s", startup.address_of(listening))
        server.run(sockets=[listening])


@contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    """Everything behind the application, upkeep included, for a data folder that is this process's own."""
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database.open(settings.database)))
        storage = LocalStorage(settings.storage_folder)
        storage.clear_incoming()
        metrics = Metrics()
        desk = Desk(database, storage, settings, Signals(), observer=metrics)
        metrics.registry.register(StateCollector(database, desk.clock))
        prober = stack.enter_context(closing(Prober()))
        stack.enter_context(running_upkeep(Upkeep(desk)))
        yield Parts(desk, Dispatcher(desk), Fleet(desk), Library(desk, prober), metrics)


@contextmanager
def running_upkeep(upkeep: Upkeep) -> Iterator[None]:
    """Upkeep runs once a second in a thread, until the end of the block."""
    ending = threading.Event()

    def run() -> None:
        while not ending.wait(UPKEEP_EVERY_SECONDS):
            try:
                upkeep.run_once()
            except Exception:
                # Whatever it is, leases must go on expiring: the next pass may find the database well again.
                log.exception("Upkeep failed and will be tried again")

    thread = threading.Thread(target=run, name="upkeep")
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


class Server(uvicorn.Server):
    """Ends by itself, with its long polls and event streams first, and returns instead of raising the signal again."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._app = app

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        loop_parts: LoopParts = self._app.state.loop_parts
        loop_parts.bells.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def end_with_stdin(server: uvicorn.Server) -> None:
    """Whoever started this server holds the other end of stdin; when that process is gone the server ends too."""

    def watch() -> None:
        # Not sys.stdin: its lock, held by a thread that waits, would hang the end of the interpreter.
        while os.read(0, 1024):
            pass
        server.should_exit = True

    threading.Thread(target=watch, name="supervision", daemon=True).start()


def write_log() -> None:
    """One line per message on stdout; decisions of the dispatcher stand as they are, as the seed shows them."""
    plain, dated = logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.stdout)
    dated.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[dated])
    logging.getLogger("balanza").setLevel(logging.INFO)
    decisions = logging.getLogger("balanza.dispatch")
    decisions.handlers[:] = [plain]
    decisions.propagate = False
