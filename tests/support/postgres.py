"""A PostgreSQL server of the tests' own: private folder, unix socket only, nothing left behind."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

from tests.support.needs import need
from tests.support.waiting import eventually

_HOW = "These tests need PostgreSQL: apt-get install postgresql (its server need not run)."
_ORDINARY_USER = "postgres"
_INITDB = ("-U", "balanza", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
# Speed before durability: what a crash destroys is thrown away anyway.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=120")


@dataclass(frozen=True)
class PostgresServer:
    socket_folder: Path
    _numbers: Iterator[int]

    def new_database(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(host=str(self.socket_folder), user="balanza", dbname="postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://balanza@/{name}?host={self.socket_folder}"


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Takes about a second to start. Skips the test, or fails it in CI, when PostgreSQL is not installed."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="balanza-pg-"))  # not pytest's: the server's user must be able to enter it
    try:
        if os.getuid() == 0:
            shutil.chown(folder, _ORDINARY_USER)
        initdb = _as_ordinary_user(programs / "initdb", "-D", folder / "data", *_INITDB)
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder)
        with _running(programs, folder):
            yield PostgresServer(folder, count(1))
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(programs: Path, folder: Path) -> Iterator[None]:
    options = [part for setting in (*_FAST, "listen_addresses=") for part in ("-c", setting)]
    command = _as_ordinary_user(programs / "postgres", "-D", folder / "data", "-k", folder, *options)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        eventually(lambda: _answers(folder, process), 30)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown: it does not wait for clients
        process.wait(30)


def _answers(folder: Path, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"PostgreSQL ended: {(folder / 'log').read_text()}"
    try:
        psycopg.connect(host=str(folder), user="balanza", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _programs() -> Path:
    """The folder of the newest version that is installed."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    need(bool(versions) and shutil.which("setpriv") is not None, _HOW)
    return versions[-1].parent


def _as_ordinary_user(*command: str | Path) -> list[str]:
    """PostgreSQL refuses to run as root; and it is to end when the tests do, even when they are killed."""
    end_with_us = ["setpriv", "--pdeathsig", "INT"]
    if os.getuid() == 0:
        end_with_us += ["--reuid", _ORDINARY_USER, "--regid", _ORDINARY_USER, "--clear-groups"]
    return end_with_us + [str(part) for part in command]
