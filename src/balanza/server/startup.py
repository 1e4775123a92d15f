"""What must hold before the server starts, else refused in one sentence: a safe address, an own folder, a free port."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit

from pydantic import SecretStr

from balanza.dispatch.secrets import new_secret
from balanza.errors import StartupError
from balanza.server.addresses import allowed_names, public_origin
from balanza.settings import Settings, is_loopback

LOCK_NAME = "balanza.lock"
FLEET_TOKEN_NAME = "fleet-token"  # noqa: S105 - of a file
BACKLOG = 2048


class FolderInUse(StartupError):
    """Another Balanza runs there."""


def check_address(settings: Settings) -> None:
    """Raises StartupError when others could reach the server without logging in, and nobody asked for it.

    Whoever gives names under which others reach it has asked. Raises it also when one of those cannot be a name, or the
    public address no address.
    """
    allowed = allowed_names(settings.allowed_hosts)
    public_origin(settings.public_url)
    if not settings.has_accounts and not allowed and not is_loopback(settings.host):
        raise StartupError(
            f"Listening on {settings.host} without accounts would open Balanza to everybody who can reach this "
            "computer. Start it with BALANZA_AUTH=on, or use --host 127.0.0.1; in a private network where everybody "
            "may use it, name this server in BALANZA_ALLOWED_HOSTS."
        )


def check_provider(settings: Settings) -> None:
    """Raises StartupError when people could not log in through the identity provider, or not safely."""
    secret = settings.oidc_client_secret
    given = {
        "BALANZA_OIDC_ISSUER": settings.oidc_issuer,
        "BALANZA_OIDC_CLIENT_ID": settings.oidc_client_id,
        "BALANZA_OIDC_CLIENT_SECRET": secret and secret.get_secret_value(),
    }
    missing = [name for name, value in given.items() if not value]
    if missing and len(missing) < len(given):
        raise StartupError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing: an identity provider needs "
            f"{', '.join(given)}."
        )
    if settings.oidc_issuer and not _is_issuer(settings.oidc_issuer):
        raise StartupError(
            f"BALANZA_OIDC_ISSUER cannot be {settings.oidc_issuer!r}: write the https:// address that the provider "
            "has as its issuer, such as https://id.example.org/realms/home. Without TLS it must be on this computer."
        )


def _is_issuer(url: str) -> bool:
    """OpenID Connect Core 1.0 section 2, and loopback addresses, which nobody listens to."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return bool(is_safe and host and not parts.query and not parts.fragment and parts.username is None)


def with_fleet_token(settings: Settings) -> Settings:
    """With accounts, workers show a secret: that of the settings, or one that is made once and kept in the data folder.

    Raises StartupError.
    """
    if not settings.has_accounts or settings.fleet_token:
        return settings
    path = settings.data / FLEET_TOKEN_NAME
    with _told(settings.data):
        settings.data.mkdir(parents=True, exist_ok=True)
        with (
            suppress(FileExistsError),
            os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file,
        ):
            file.write(new_secret("baf_") + "\n")
        token = path.read_text().strip()
    if not token:
        raise StartupError(f"The file {path} is empty. Remove it, and a new secret for the workers is made.")
    return settings.model_copy(update={"fleet_token": SecretStr(token)})


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
