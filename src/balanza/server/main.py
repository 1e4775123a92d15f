"""Starting, running and ending the server."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from socket import socket
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI
from sqlalchemy import delete, false

from balanza.dispatch.accounts import Accounts
from balanza.dispatch.derived import Derivations
from balanza.dispatch.desk import Desk
from balanza.dispatch.dispatcher import Dispatcher
from balanza.dispatch.fleet import Fleet
from balanza.dispatch.library import Library
from balanza.dispatch.login import Login
from balanza.dispatch.placing import put_in_order
from balanza.dispatch.sharing import Sharing
from balanza.dispatch.signals import Signals
from balanza.dispatch.upkeep import Upkeep
from balanza.dispatch.uploads import Uploads
from balanza.errors import Retryable, StartupError, StorageError, StorageFull
from balanza.media.probe import Prober
from balanza.server import startup
from balanza.server.app import create_app
from balanza.server.metrics import Metrics, StateCollector
from balanza.server.numbers import Numbers
from balanza.server.parts import LoopParts, Parts
from balanza.server.prometheus import PrometheusClient, Refresher, refreshing
from balanza.settings import Settings
from balanza.storage import LocalStorage
from balanza.store import tables
from balanza.store.database import Database

if TYPE_CHECKING:
    from balanza.server.provider import Provider

log = logging.getLogger("balanza.server")

GRACE_SECONDS = 5
"""How long uploads and downloads may go on once the server is told to end."""
UPKEEP_EVERY_SECONDS = 1.0
PROBE_KEY = "probe"
"""The object that is written at the start to see whether others can be."""
SWITCH_SECONDS = 0.0005
"""Python's threads take turns so often. A request passes through three of them and waits at each: 5 ms by Python's own
measure."""
KEEP_ALIVE_SECONDS = 75
"""Longer than a worker's or a browser's pause between requests, so that few find their connection just closed."""


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, or until stdin ends when BALANZA_SUPERVISED is 1.

    Raises StartupError.
    """
    startup.check_address(settings)
    startup.check_provider(settings)
    write_log()
    sys.setswitchinterval(SWITCH_SECONDS)
    with (
        startup.claimed_folder(settings.data),
        startup.bound_socket(settings.host, settings.port) as listening,
        opened(settings) as parts,
    ):
        server = Server(create_app(parts))
        if os.environ.get("BALANZA_SUPERVISED") == "1":
            end_with_stdin(server)
        address = settings.public_url or startup.address_of(listening)
        log.info("Listening on %s", address)
        invite_first(parts, address)
        server.run(sockets=[listening])


def invite_first(parts: Parts, address: str) -> None:
    """Tells whoever reads the log how the first administrator gets in: by a link that is good for a day, or until the
    next start."""
    if parts.desk.settings.has_accounts and (secret := parts.accounts.invite_first()) is not None:
        link = f"{address.rstrip('/')}/login.html#invitation={secret}"
        log.info("Nobody can log in yet. Make the first administrator: %s", link)


@contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    """Everything behind the application, upkeep included, for a data folder that is this process's own.

    Raises StartupError, also when what is there can be read but not written.
    """
    settings = startup.with_fleet_token(settings)
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database.open(settings.database)))
        _refuse_unwritable_database(database)
        storage = _writable_storage(settings)
        metrics = Metrics()
        desk = Desk(database, storage, settings, Signals(), observer=metrics)
        if moved := put_in_order(desk):
            log.info("%s pending jobs have a new place: the order is %s", moved, settings.order)
        metrics.registry.register(StateCollector(desk))
        stack.enter_context(reading_prometheus(desk, metrics))
        prober = stack.enter_context(closing(Prober()))
        stack.enter_context(running_upkeep(Upkeep(desk)))
        library = Library(desk, prober)
        yield Parts(
            desk,
            Dispatcher(desk),
            Fleet(desk),
            library,
            Sharing(desk),
            Uploads(desk, library),
            metrics,
            Derivations(desk),
            accounts := Accounts(database, settings, settle=desk.settle),
            Login(database, accounts),
            Numbers(settings),
            provider_of(settings),
        )


def provider_of(settings: Settings) -> "Provider | None":
    """The identity provider that the settings name, if they do. It is not asked for anything yet."""
    if not settings.oidc_issuer or not settings.has_accounts:
        return None
    from balanza.server.provider import Provider  # noqa: PLC0415 - 0.2 s that only this server needs

    secret = settings.oidc_client_secret
    return Provider(settings.oidc_issuer, settings.oidc_client_id or "", secret.get_secret_value() if secret else "")


def _refuse_unwritable_database(database: Database) -> None:
    # BEGIN alone does not tell: SQLite lets it pass on a file that it may only read.
    try:
        with suppress(StorageFull):
            database.write(lambda tx: tx.execute(delete(tables.jobs).where(false())))
    except (StorageError, Retryable) as error:
        raise StartupError(error.sentence) from error


def _writable_storage(settings: Settings) -> LocalStorage:
    """The storage, after an object went all the way in and out again. A full one is let pass, to be made room in."""
    try:
        storage = LocalStorage(settings.storage_folder)
        storage.clear_incoming()
        with suppress(StorageFull):
            _try_out(storage)
    except StorageError as error:
        raise StartupError(
            f"{error.sentence} Make {settings.storage_folder} and all in it writable, "
            "or choose another folder with --data."
        ) from error
    return storage


def _try_out(storage: LocalStorage) -> None:
    writer = storage.writer(PROBE_KEY)
    try:
        writer.write(b"probe")
        writer.commit()
    except BaseException:
        writer.abort()
        raise
    storage.delete(PROBE_KEY)


@contextmanager
def reading_prometheus(desk: Desk, metrics: Metrics) -> Iterator[None]:
    """Until the end of the block, if the settings name a Prometheus. Raises StartupError when its address is none."""
    settings = desk.settings
    if settings.prometheus_url is None:
        yield
        return
    client = PrometheusClient(settings.prometheus_url, scrape_seconds=settings.prometheus_scrape_seconds)
    told = metrics.prometheus_refreshed
    with refreshing(Refresher(client, desk.measurements, settings, clock=desk.clock, refreshed=told)):
        yield


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
        parts: Parts = app.state.parts
        trusted_proxies = parts.desk.settings.trusted_proxies
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=trusted_proxies or None,
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
