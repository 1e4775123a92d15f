"""Which names and addresses of hosts are this computer's own, and which others are allowed."""

import ipaddress
import re
from urllib.parse import urlsplit

from balanza.errors import StartupError

_PORTS = {"http": 80, "https": 443}
"""Those that no origin names."""

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
"""A host's name in lower case (RFC 1123 section 2.1), and underscores, which Docker's names have."""


def allowed_names(listed: str) -> frozenset[str]:
    """The names in a list with commas, in lower case. There is no wildcard: each must be the name or address of a host.

    Raises StartupError.
    """
    names = [name.strip().lower() for name in listed.split(",")] if listed.strip() else []
    for name in names:
        if not _can_be_allowed(name.strip("[]")):
            raise StartupError(
                f"BALANZA_ALLOWED_HOSTS cannot have {name!r} in it: write names or addresses of this server, without "
                "port and wildcard, separated by commas, such as api,balanza.lan."
            )
    return frozenset(name.strip("[]") for name in names)


def public_origin(url: str | None) -> str | None:
    """The origin of the address under which people reach the server, as browsers write it (RFC 6454 section 6.1).

    Raises StartupError when it is no address.
    """
    if url is None:
        return None
    origin = _origin_of(url)
    if origin is None:
        raise StartupError(
            f"BALANZA_PUBLIC_URL cannot be {url!r}: write the address that people open, such as "
            "https://media.example.org/balanza."
        )
    return origin


def _origin_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port in {None, _PORTS[parts.scheme]} else f":{port}")


def _can_be_allowed(name: str) -> bool:
    """Not 0.0.0.0 either: that is where one listens, and browsers take it for this computer."""
    try:
        return not ipaddress.ip_address(name).is_unspecified
    except ValueError:
        return _NAME.fullmatch(name) is not None
