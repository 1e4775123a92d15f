"""What must hold before the server starts, else refused in one sentence: a safe address, an own folder, a free port."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from balanza.errors import StartupError
from balanza.server.addresses import allowed_names, is_loopback

LOCK_NAME = "balanza.lock"
BACKLOG = 2048


class FolderInUse(StartupError):
    """Another Balanza runs there."""


def check_address(host: str, allowed_hosts: str = "") -> None:
    """Raises StartupError when others could reach the server, which knows no accounts yet, and nobody asked for it.

    Whoever gives names under which others reach it has asked. Raises it also when one of those cannot be a name.
    """
    allowed = allowed_names(allowed_hosts)
    if not allowed and not is_loopback(host):
        raise StartupError(
            f"Listening on {host} would open Balanza to everybody who can reach this computer, and it has no accounts "
            "yet. Use --host 127.0.0.1; from another computer, come through ssh -L 8000:127.0.0.1:8000. In a private "
            "network where everybody may use it, name this server in BALANZA_ALLOWED_HOSTS."
        )


@contextmanager
def claimed_folder(data: Path) -> Iterator[None]:
    """The data folder exists, can be written, and belongs to this process alone, until the end of the block."""
    lock = _open_lock(data)
    with os.fdopen(lock, "r+") as file:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = file.read().strip() or "unknown"
            raise FolderInUse(
                f"The data folder {data} is in use by another Balanza (process {owner}). "
                "End that one, or choose another folder with --data."
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def check_folder(folder: Path) -> None:
    """A file can be made in `folder`, or where that is to be made if it is missing; nothing of it is left there.

    Raises StartupError.
    """
    nearest = next(place for place in (folder, *folder.absolute().parents) if os.access(place, os.F_OK))
    with _told(folder), TemporaryFile(dir=nearest):
        pass


def bound_socket(host: str, port: int) -> socket.socket:
    """A listening socket. Raises StartupError when the port is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise StartupError(f"{_why_no_port(error, host, port)} Choose another with --port.") from error


def address_of(listening: socket.socket) -> str:
    """The URL of the server behind a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _open_lock(data: Path) -> int:
    with _told(data):
        data.mkdir(parents=True, exist_ok=True)
        return os.open(data / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)


@contextmanager
def _told(data: Path) -> Iterator[None]:
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise StartupError(f"The data folder {data} is not a folder. Choose another with --data.") from error
    except OSError as error:
        raise StartupError(
            f"Cannot write to the data folder {data}: {error.strerror}. Choose another with --data."
        ) from error


def _why_no_port(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken by another program on {host}."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the system."
    return f"Cannot listen on {host}, port {port}: {error.strerror}."
