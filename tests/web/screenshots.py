"""Takes pictures of the page in each of its states.

    python -m tests.web.screenshots             into build/screenshots, every state
    python -m tests.web.screenshots --readme    the two pictures of the README, into docs/images
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

from tests.support.waiting import eventually
from tests.web.browser import chromium
from tests.web.scenes import SCENES
from tests.web.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
PHONE, DESKTOP, README = (360, 740), (1440, 900), (1280, 800)
Scheme = Literal["light", "dark"]


def _upload(page: Page) -> None:
    names = ["concierto-completo.wav", "boda.mov", "notas.mp3"]
    files = [{"name": name, "mimeType": "application/octet-stream", "buffer": bytes(8_000_000)} for name in names]
    page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
    page.locator(".upload").nth(2).wait_for()


def _ask_conversion(page: Page) -> None:
    page.locator(".row-actions button:last-child").nth(1).click()
    page.locator("dialog option").first.wait_for(state="attached")


def _ask_deletion(page: Page) -> None:
    page.locator(".row-actions button").nth(1).click()
    page.locator("dialog").wait_for()


def _open_log(page: Page) -> None:
    page.locator("summary").click()


def _play_sound(page: Page) -> None:
    page.locator(".row-actions button").first.click()
    eventually(lambda: page.evaluate("document.querySelector('audio').readyState >= 1"))
    page.evaluate("document.querySelector('audio').pause()")


def _nothing(_: Page) -> None:
    """The scene shows itself."""


@dataclass(frozen=True)
class Picture:
    scene: str
    prepare: Callable[[Page], None] = _nothing


PICTURES: Mapping[str, Picture] = {
    "empty": Picture("empty"),
    "uploading": Picture("uploading", _upload),
    "library": Picture("library"),
    "converting": Picture("converting"),
    "completed": Picture("completed"),
    "failed": Picture("failed", _open_log),
    "all": Picture("all"),
    "playing": Picture("all", _play_sound),
    "dialog": Picture("library", _ask_conversion),
    "delete": Picture("library", _ask_deletion),
}


@contextmanager
def shown(browser: Browser, name: str, *, size: tuple[int, int], scheme: Scheme, language: str) -> Iterator[Page]:
    """A page in the named state."""
    picture = PICTURES[name]
    options = {"color_scheme": scheme, "locale": language, "reduced_motion": "reduce"}
    with Stage(SCENES[picture.scene]) as stage:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        try:
            page = context.new_page()
            page.goto(stage.address)
            page.locator(".empty, .row").first.wait_for()
            picture.prepare(page)
            yield page
        finally:
            context.close()
