"""Several files as one zip, made while it is sent: nothing of it is held in memory or on the disk.

The members are stored as they are: media does not compress. Their checksums are known only once they have been read, so
they follow the bytes (APPNOTE.TXT 6.3.10, section 4.3.9, data descriptors), as Python's own zipfile writes them to what
cannot seek back.
"""

import re
from collections.abc import Iterator, Sequence
from zipfile import ZipFile, ZipInfo

from balanza.errors import StorageError
from balanza.model import Media
from balanza.server.names import LONGEST_NAME_BYTES, shortened
from balanza.storage import Storage

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
"""What Windows allows in no name, the separators of all systems among it."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
"""What Windows takes for a device, whatever follows the dot."""


def archived(files: Sequence[Media], storage: Storage) -> Iterator[bytes]:
    """The pieces of a zip with these files. Raises StorageError as soon as one cannot be read whole.

    What was sent before then is no zip: its table of contents comes last.
    """
    outlet = _Outlet()
    archive = ZipFile(outlet, "w")
    for file, name in zip(files, member_names([file.name for file in files]), strict=True):
        member = ZipInfo(name, file.created_at.astimezone().timetuple()[:6])
        member.file_size = file.size_bytes  # by which zipfile sees whether the member needs zip64
        member.external_attr = 0o644 << 16
        left = file.size_bytes
        with archive.open(member, "w") as target:
            for piece in storage.read(file.storage_key):
                left -= len(piece)
                target.write(piece)
                yield outlet.take()
        if left:
            raise StorageError(f"The stored file {file.name} ({file.id}) does not have its {file.size_bytes} bytes.")
    archive.close()
    yield outlet.take()


def member_names(names: Sequence[str]) -> list[str]:
    """Names that every system can unpack, no two the same even where upper and lower case are one."""
    taken: set[str] = set()
    unique = []
    for name in names:
        safe = _safe(name)
        found, number = safe, 1
        while found.casefold() in taken:
            number += 1
            found = _numbered(safe, number)
        taken.add(found.casefold())
        unique.append(found)
    return unique


def _safe(name: str) -> str:
    plain = _FORBIDDEN.sub("_", name).strip().rstrip(". ") or "_"
    return shortened(f"_{plain}" if _RESERVED.match(plain) else plain)


def _numbered(name: str, number: int) -> str:
    """`song (2).mp3`."""
    mark = f" ({number})"
    stem, dot, suffix = shortened(name, LONGEST_NAME_BYTES - len(mark)).rpartition(".")
    return f"{stem}{mark}{dot}{suffix}" if stem else f"{dot}{suffix}{mark}"


class _Outlet:
    """What the zip is written into, and taken out of again at once. It cannot seek, and says so by having no `tell`."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is open here."""

    def take(self) -> bytes:
        piece = b"".join(self._written)
        self._written.clear()
        return piece
