"""Takes the pictures of the README and of the manuals: `python -m tests.web.pictures`, into docs/images."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser

from tests.server.stand import running
from tests.web.browser import chromium
from tests.web.crowd import Crowd, settle
from tests.web.screenshots import PHONE, ROOT, Scheme, shown

FOLDER = ROOT / "docs/images"
PAGE, README = (1080, 720), (1280, 800)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
LANGUAGES = ("en", "es")

README_PICTURES: Mapping[str, tuple[str, tuple[int, int]]] = {
    "player": ("readme", README),
    "login": ("login", README),
    "settings": ("settings", README),
    "phone": ("readme", PHONE),
}
"""By name: the state, and how large the window is. Each in English, by day and by night."""

MANUAL_PICTURES: Mapping[str, str] = {
    "library": "readme",
    "uploading": "uploading",
    "convert": "dialog",
    "several": "dialog-several",
    "why": "why",
    "selected": "selected",
    "trash": "trash",
    "share": "sharing-new",
    "shared": "share",
    "signup": "signup-new",
    "settings": "settings-new-token",
    "first": "signup-first",
    "users": "users",
    "invited": "users-invited",
}
"""By name: the state. Each in both languages, by day."""

DASHBOARD = "dashboard"


def file_names() -> set[str]:
    """Of all pictures, below the folder."""
    of_readme = {f"{name}-{scheme}.png" for name, scheme in product([*README_PICTURES, DASHBOARD], SCHEMES)}
    return of_readme | {
        f"{language}/{name}.png" for name, language in product([*MANUAL_PICTURES, DASHBOARD], LANGUAGES)
    }


def take(browser: Browser, folder: Path) -> None:
    for (name, (state, size)), scheme in product(README_PICTURES.items(), SCHEMES):
        with shown(browser, state, size=size, scheme=scheme, language="en") as page:
            page.screenshot(path=folder / f"{name}-{scheme}.png")
    for (name, state), language in product(MANUAL_PICTURES.items(), LANGUAGES):
        with shown(browser, state, size=PAGE, scheme="light", language=language) as page:
            page.screenshot(path=folder / language / f"{name}.png")
    take_dashboard(browser, folder)


def take_dashboard(browser: Browser, folder: Path) -> None:
    """Of a real server, with an hour behind it."""
    with TemporaryDirectory() as data, running(Path(data)) as stand:
        settle(stand, Crowd())
        for path, scheme, language in (
            *((f"{DASHBOARD}-{scheme}.png", scheme, "en") for scheme in SCHEMES),
            *((f"{language}/{DASHBOARD}.png", SCHEMES[0], language) for language in LANGUAGES),
        ):
            context = browser.new_context(
                viewport={"width": README[0], "height": README[1]},
                color_scheme=scheme,
                locale=language,
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto(f"{stand.address}/dashboard.html")
            page.locator("#charts").scroll_into_view_if_needed()
            page.locator("#charts canvas").nth(2).wait_for()
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(300)
            page.screenshot(path=folder / path)
            context.close()


def main() -> None:
    for language in LANGUAGES:
        (FOLDER / language).mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        take(browser, FOLDER)
    print(f"The pictures are in {FOLDER.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
