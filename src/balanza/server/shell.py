"""What a page shows before its scripts run: its frame and first words, in the reader's language.

The words are those of the scripts' own tables, so that nothing changes when the scripts take over.
"""

import html
import json
import re
from pathlib import Path

from starlette.datastructures import Headers

LANGUAGES = ("en", "es")
COOKIE = re.compile(r"(?:^|; )balanza_language=(\w\w)(?:;|$)")
"""What the page's switch sets."""

_KEY = re.compile(r"\{([\w.]+)\}")
_FRAGMENT = re.compile(r"<!-- (shell/\w+\.html) -->")
_WANTED = re.compile(r"^ *([a-zA-Z]{2})(?:-[\w-]*)? *(?:; *q=([0-9.]{1,5}))? *$")


def language_of(asked: Headers) -> str:
    """Of those that the pages speak: the chosen one, else what the browser prefers."""
    chosen = COOKIE.search(asked.get("cookie", ""))
    if chosen and chosen[1] in LANGUAGES:
        return chosen[1]
    wanted = [match for part in asked.get("accept-language", "").split(",") if (match := _WANTED.match(part))]
    wanted.sort(key=lambda match: -_weight(match[2]))
    return next((match[1].lower() for match in wanted if match[1].lower() in LANGUAGES), LANGUAGES[0])


def in_language(page: str, language: str, folder: Path) -> str:
    """The page with its fragments, and with the string of each `{key}` in its place."""
    page = _FRAGMENT.sub(lambda match: (folder / match[1]).read_text("utf-8").rstrip(), page)
    words = _words(language, folder)
    page = _KEY.sub(lambda match: html.escape(words[match[1]]), page)
    return page.replace('<html lang="en">', f'<html lang="{language}">', 1)


def _words(language: str, folder: Path) -> dict[str, str]:
    words: dict[str, str] = {}
    for table in (folder / "i18n" / language).glob("*.js"):
        _, _, body = table.read_text("utf-8").partition("export default ")
        words |= json.loads(body.rstrip().removesuffix(";"))
    return words


def _weight(quality: str | None) -> float:
    try:
        return 1.0 if quality is None else float(quality)
    except ValueError:
        return 0.0
