"""Takes pictures of the page in each of its states.

python -m tests.web.screenshots    into build/screenshots, every state
python -m tests.web.pictures       into docs/images, those of the README and the manuals
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from playwright.sync_api import Browser, Page

from tests.server.stand import running
from tests.support.waiting import eventually
from tests.web.browser import chromium
from tests.web.crowd import Crowd, settle
from tests.web.scenes import LIBRARY, SCENES
from tests.web.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
PHONE, DESKTOP = (360, 740), (1440, 900)
Scheme = Literal["light", "dark"]


def _upload(page: Page) -> None:
    with TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("concierto-completo.wav", "boda.mov", "notas.mp3")]
        for path in files:
            with path.open("wb") as file:
                file.truncate(60_000_000)  # more than the sockets between hold, so that it stops on the way
        page.locator("input[type=file]").set_input_files(files)
        page.locator(".upload").nth(2).wait_for()
        eventually(lambda: "MB" in page.locator(".upload").first.inner_text())
        page.wait_for_timeout(300)


def _ask_conversion(page: Page) -> None:
    page.locator(".row-actions button:last-child").nth(1).click()
    page.locator("dialog option").first.wait_for(state="attached")
    page.locator(".outcome:not(.old)").wait_for()


def _ask_advanced(page: Page) -> None:
    _ask_conversion(page)
    page.locator("dialog summary").click()
    page.locator("dialog [name=channels]").fill("9")
    page.locator("dialog [name=normalize]").check()
    page.locator(".outcome:not(.old)").wait_for()


def _ask_in_vain(page: Page) -> None:
    _ask_advanced(page)
    page.locator("dialog [type=submit]").click()
    page.locator("dialog .option .problem").wait_for()


def _ask_several(page: Page) -> None:
    _select(page)
    page.locator(".selection .button").first.click()
    page.locator(".outcome:not(.old)").wait_for()


def _ask_several_with_priority(page: Page) -> None:
    _ask_several(page)
    page.locator("dialog summary").click()
    page.locator("dialog [name=priority]").select_option("75")
    page.locator("dialog [name=priority]").scroll_into_view_if_needed()


def _open_more(page: Page) -> None:
    page.locator(".row-actions button").nth(1).click()
    page.locator(".row-menu").wait_for()


def _rename(page: Page) -> None:
    _open_more(page)
    page.locator(".row-menu button").first.click()
    page.locator("dialog [name=name]").wait_for()


def _rename_in_vain(page: Page) -> None:
    _rename(page)
    page.locator("dialog [name=name]").fill("x")
    page.locator("dialog [type=submit]").click()
    page.locator("dialog .problem").wait_for()


def _select_unseen(page: Page) -> None:
    page.locator(".row input").nth(1).check()
    page.route("**/media?*search=*", lambda route: route.fulfill(json={"media": [LIBRARY[4]], "next_cursor": None}))
    page.locator("#library-search").fill("holi")
    page.locator(".row").nth(1).wait_for(state="detached")
    page.locator(".row input").check()


def _delete(page: Page) -> None:
    page.locator(".row-actions button").nth(2).click()
    page.locator(".notice").wait_for()


def _open_trash(page: Page) -> None:
    page.locator(".open-trash").click()
    page.locator(".trash-row").first.wait_for()


def _ask_deletion(page: Page) -> None:
    _open_trash(page)
    page.locator(".trash-row .square").first.click()
    page.locator("dialog .danger").wait_for()


def _select(page: Page) -> None:
    for number in (1, 2):
        page.locator(".row input").nth(number).check()
    page.evaluate("scrollTo(0, 0)")


def _ask_why(page: Page) -> None:
    page.locator(".card-actions .quiet").last.click()
    page.locator(".why").wait_for()


def _ask_why_moved(page: Page) -> None:
    _ask_why(page)
    page.locator(".why summary").click()


def _share(page: Page) -> None:
    _open_more(page)
    page.locator(".row-menu button").last.click()
    page.locator("dialog .share-link").first.wait_for()


def _share_anew(page: Page) -> None:
    _share(page)
    page.locator("dialog button[type=submit]").click()
    page.locator(".copied").wait_for()


def _see_conversions(page: Page) -> None:
    page.locator("#conversions").evaluate("element => element.scrollIntoView()")


def _lose_server(page: Page) -> None:
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('online'))")  # Chromium tells nobody of a stream that it cuts off like this
    page.locator(".connection p").wait_for()


def _open_log(page: Page) -> None:
    page.locator("summary").click()


def _play_sound(page: Page) -> None:
    page.locator(".row-actions button").first.click()
    eventually(lambda: page.locator("audio").evaluate("element => element.readyState >= 1"))
    page.evaluate("document.querySelector('audio').pause()")


def _play_film(page: Page) -> None:
    page.locator(".row", has=page.locator(".kind img")).get_by_role("button").first.click()
    page.locator(".player video").wait_for()


def _log_in_wrongly(page: Page) -> None:
    page.locator("[name=username]").fill("ana@example.org")
    page.locator("[name=password]").fill("not the password")
    page.locator("[type=submit]").click()
    page.locator(".problem").wait_for()


def _sign_up_wrongly(page: Page) -> None:
    _log_in_wrongly(page)
    page.locator("[name=password]").fill("short")
    page.locator(".secret button").click()


def _make(page: Page) -> None:
    name = page.locator("#tokens [name=name]")
    if name.count():
        name.fill("backup of the band")
    page.locator(".three [type=submit]").click()
    page.locator(".copied").wait_for()
    page.locator(".copied").scroll_into_view_if_needed()


def _ask_person(page: Page) -> None:
    page.locator(".person-actions button").nth(1).click()
    page.locator("dialog [name=role]").wait_for()


def _ask_disabling(page: Page) -> None:
    page.locator(".person-actions .quiet").first.click()
    page.locator("dialog .danger").wait_for()


def _ask_deleting(page: Page) -> None:
    page.locator(".person.over .quiet").last.click()
    page.locator("dialog .danger").wait_for()


def _ask_goodbye(page: Page) -> None:
    page.locator("#goodbye button").click()
    page.locator("dialog .danger").wait_for()


def _open_menu(page: Page) -> None:
    page.locator(".account").click()
    page.locator(".menu").wait_for()


def _nothing(_: Page) -> None:
    """The scene shows itself."""


@dataclass(frozen=True)
class Picture:
    scene: str
    prepare: Callable[[Page], None] = _nothing
    address: str = ""
    ready: str = ".empty, .row"


PICTURES: Mapping[str, Picture] = {
    "empty": Picture("empty"),
    "uploading": Picture("uploading", _upload),
    "library": Picture("library"),
    "converting": Picture("converting", _see_conversions),
    "completed": Picture("completed", _see_conversions),
    "failed": Picture("failed", _open_log),
    "all": Picture("all"),
    "unreachable": Picture("all", _lose_server),
    "playing": Picture("all", _play_sound),
    "film": Picture("all", _play_film),
    "dialog": Picture("library", _ask_conversion),
    "dialog-advanced": Picture("library", _ask_advanced),
    "dialog-refused": Picture("refusing", _ask_in_vain),
    "dialog-several": Picture("library", _ask_several),
    "dialog-several-priority": Picture("library", _ask_several_with_priority),
    "more": Picture("library", _open_more),
    "rename": Picture("library", _rename),
    "rename-refused": Picture("refusing", _rename_in_vain),
    "nothing-fits": Picture("empty", address="?search=zarzuela&sort=name"),
    "selected-unseen": Picture("library", _select_unseen),
    "readme": Picture("readme", _play_sound),
    "selected": Picture("library", _select),
    "deleted": Picture("library", _delete),
    "trash": Picture("trash", _open_trash),
    "delete": Picture("trash", _ask_deletion),
    "why": Picture("why", _ask_why_moved),
    "why-waiting": Picture("why-waiting", _ask_why),
    "sharing": Picture("sharing", _share),
    "sharing-new": Picture("sharing", _share_anew),
    **{name: Picture(name, address="s/token", ready="h1") for name in SCENES if name.startswith("share-")},
    "share": Picture("share", address="s/token", ready="h1"),
    "login": Picture("login", address="login.html", ready="form"),
    "login-wrong": Picture("login", _log_in_wrongly, "login.html", "form"),
    "login-provider": Picture("login", address="login.html#problem=refused", ready=".problem"),
    "signup": Picture("signup", _sign_up_wrongly, "login.html#invitation=x", "form"),
    "signup-new": Picture("signup", address="login.html#invitation=x", ready="form"),
    "signup-first": Picture("signup-first", address="login.html#invitation=x", ready="form"),
    "signup-inside": Picture("signup-inside", address="login.html#invitation=x", ready=".gate-actions"),
    "login-none": Picture("empty", address="login.html", ready=".gate-card"),
    "settings": Picture("settings", address="settings.html", ready=".line"),
    "settings-alone": Picture("settings-alone", address="settings.html", ready=".command"),
    "settings-new-token": Picture("settings-new-token", _make, "settings.html", ".line"),
    "settings-goodbye": Picture("settings", _ask_goodbye, "settings.html", ".line"),
    "users": Picture("users", address="users.html", ready=".line"),
    "users-change": Picture("users", _ask_person, "users.html", ".line"),
    "users-disable": Picture("users", _ask_disabling, "users.html", ".line"),
    "users-delete": Picture("users", _ask_deleting, "users.html", ".line"),
    "users-invited": Picture("users-invited", _make, "users.html", ".line"),
    "users-sorry": Picture("users-sorry", address="users.html", ready=".empty"),
    "menu": Picture("home-in", _open_menu),
}


@contextmanager
def shown(browser: Browser, name: str, *, size: tuple[int, int], scheme: Scheme, language: str) -> Iterator[Page]:
    """A page in the named state."""
    picture = PICTURES[name]
    with Stage(SCENES[picture.scene]) as stage:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            locale=language,
            reduced_motion="reduce",
        )
        try:
            page = context.new_page()
            page.goto(stage.address + picture.address)
            page.locator(picture.ready).first.wait_for()
            if page.locator(".row").count():
                page.locator(".row .kind :is(img, canvas)").first.wait_for()
            picture.prepare(page)
            yield page
        finally:
            context.close()


def take_all(browser: Browser, folder: Path) -> None:
    """Every state, on a phone and on a desktop, by day and by night, in both languages."""
    sizes: Mapping[str, tuple[int, int]] = {"phone": PHONE, "desktop": DESKTOP}
    schemes: tuple[Scheme, ...] = ("light", "dark")
    for name, (device, size), scheme, language in product(PICTURES, sizes.items(), schemes, ("es", "en")):
        with shown(browser, name, size=size, scheme=scheme, language=language) as page:
            page.screenshot(path=folder / f"{name}-{device}-{scheme}-{language}.png")
    take_dashboard(browser, folder)


def take_dashboard(browser: Browser, folder: Path) -> None:
    """The fleet, of a real server with an hour behind it: above, the timeline, the charts and the queues."""
    with TemporaryDirectory() as data, running(Path(data)) as stand:
        for name, page in _dashboards(browser, stand.address):
            page.locator("#queues .none").wait_for()
            page.screenshot(path=folder / f"fleet-empty-{name}.png", full_page=True)
        settle(stand, Crowd())
        for name, page in _dashboards(browser, stand.address):
            page.locator("#charts").scroll_into_view_if_needed()
            page.locator("#charts canvas").nth(2).wait_for()
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(300)
            page.screenshot(path=folder / f"fleet-{name}.png")
            for part in ("workers", "timeline", "charts", "queues"):
                page.locator(f"#{part}").evaluate("element => element.scrollIntoView()")
                page.wait_for_timeout(300)
                page.screenshot(path=folder / f"fleet-{part}-{name}.png")
            page.locator("#workers .end").click()
            page.locator("dialog .command").wait_for()
            page.screenshot(path=folder / f"fleet-add-{name}.png")
            page.keyboard.press("Escape")
            page.locator(".worker[data-worker=worker_004]").scroll_into_view_if_needed()
            page.locator(".worker[data-worker=worker_004] .card-actions button").click()
            page.locator("dialog select").wait_for()
            page.screenshot(path=folder / f"fleet-drain-{name}.png")


def _dashboards(browser: Browser, address: str) -> Iterator[tuple[str, Page]]:
    """The fleet's page, on a desktop and on a phone, each by day and by night, and how its pictures are to be named."""
    devices: tuple[tuple[str, tuple[int, int], Scheme, str], ...] = (
        ("desktop", DESKTOP, "light", "en"),
        ("desktop", DESKTOP, "dark", "es"),
        ("phone", PHONE, "dark", "en"),
        ("phone", PHONE, "light", "es"),
    )
    for device, (width, height), scheme, language in devices:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, locale=language, reduced_motion="reduce"
        )
        page = context.new_page()
        page.goto(f"{address}/dashboard.html")
        yield f"{device}-{scheme}-{language}", page
        context.close()


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    folder = ROOT / "build/screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        take_all(browser, folder)
    print(f"The pictures are in {folder.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
