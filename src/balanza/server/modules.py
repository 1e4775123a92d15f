"""Which JavaScript modules a page needs, so that a browser can ask for all at once and not level by level."""

import re
from collections.abc import Iterator
from pathlib import Path

_ENTRY = re.compile(r'<script type="module" src="([^"]+)">')
_IMPORT = re.compile(r"""(?:^|;)\s*(?:import|export)(?:[^'"();]*?\bfrom)?\s*["']([^"']+)["']""", re.MULTILINE)
"""Static ones alone: what is imported when it is first used is not wanted before."""


def with_preloads(page: str, folder: Path) -> str:
    """The page with a hint for each module, which browsers that do not know it pass over.

    `folder` is what the page's addresses below `web/` lead to.
    """
    return page.replace("</head>", "".join(_hints(page, folder)) + "</head>", 1)


def _hints(page: str, folder: Path) -> Iterator[str]:
    for entry in _ENTRY.findall(page):
        base, _, name = entry.partition("web/")
        for module in _needed(folder / name):
            yield f'<link rel="modulepreload" href="{base}web/{module.relative_to(folder).as_posix()}">\n'


def _needed(entry: Path) -> list[Path]:
    """The module and all that it imports, the nearest first."""
    found = [entry]
    for module in found:
        for address in _IMPORT.findall(module.read_text("utf-8")):
            imported = Path(module.parent, address).resolve()
            if imported not in found:
                found.append(imported)
    return found
