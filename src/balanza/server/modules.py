"""What a page needs besides itself: its modules, so that a browser asks for all at once and not level by level, and the
version of all files, which is part of their addresses, so that it asks for each only once.
"""

import hashlib
import re
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_ENTRY = re.compile(r'<script type="module" src="([^"]+)">')
_IMPORT = re.compile(r"""(?:^|;)\s*(?:import|export)(?:[^'"();]*?\bfrom)?\s*["']([^"']+)["']""", re.MULTILINE)
"""Static ones alone: what is imported when it is first used is not wanted before."""
_LEARN = re.compile(r"^await learn\(([^)]*)\);$", re.MULTILINE)
"""The tables of strings that a module waits for."""
_ADDRESS = re.compile(r'(?P<before>(?:href|src)="(?:\.\./)?web/)')

VERSION = re.compile(r"[0-9a-f]{16}")
_LOOK_AGAIN_SECONDS = 1.0


def with_preloads(page: str, folder: Path, language: str) -> str:
    """The page with a hint for each module, which browsers that do not know it pass over.

    `folder` is what the page's addresses below `web/` lead to.
    """
    return page.replace("</head>", "".join(_hints(page, folder, language)) + "</head>", 1)


def _hints(page: str, folder: Path, language: str) -> Iterator[str]:
    entries = [entry.partition("web/") for entry in _ENTRY.findall(page)]
    if entries:
        base = entries[0][0]
        for module in _needed([folder / name for _, _, name in entries], folder, language):
            yield f'<link rel="modulepreload" href="{base}web/{module.relative_to(folder).as_posix()}">\n'


def _needed(entries: list[Path], folder: Path, language: str) -> list[Path]:
    """The modules and all that they import; first all of the first, which runs while the others come."""
    found: list[Path] = []
    for entry in entries:
        found += _imported(entry, folder, language, known=frozenset(found))
    return found


def _imported(entry: Path, folder: Path, language: str, known: frozenset[Path]) -> list[Path]:
    """The module and what it needs besides those known."""
    found = [entry]
    for module in found:
        text = module.read_text("utf-8")
        tables = re.findall(r"'(\w+)'", " ".join(_LEARN.findall(text)))
        imported = [Path(module.parent, address).resolve() for address in _IMPORT.findall(text)]
        for path in (*imported, *(folder / "i18n" / language / f"{table}.js" for table in tables)):
            if path not in found and path not in known:
                found.append(path)
    return found


def with_version(page: str, version: str) -> str:
    """The page with its version in the addresses of its files; theirs of each other are relative, and follow."""
    return _ADDRESS.sub(rf"\g<before>{version}/", page)


class Versions:
    """The version of the files in a folder. It is another one as soon as any of them changed; the same everywhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._looked_at = -_LOOK_AGAIN_SECONDS
        self._current = ""

    def current(self) -> str:
        """Blocking. Looks at the files at most once a second."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AGAIN_SECONDS:
            paths = sorted(path for path in self._folder.rglob("*") if path.is_file())
            self._current = _digest(tuple((path, path.stat().st_mtime_ns) for path in paths))
            self._looked_at = now
        return self._current


@lru_cache(maxsize=2)
def _digest(files: tuple[tuple[Path, int], ...]) -> str:
    whole = hashlib.sha256()
    for path, _ in files:
        whole.update(f"{path.name}\0".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]
