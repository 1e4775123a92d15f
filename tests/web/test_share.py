"""Sharing a file from the library, and what whoever gets the link sees, in the real page."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.live import Live
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.proxy import PREFIX, behind_a_proxy
from tests.web.screenshots import shown
from tests.web.test_layout import BEYOND
from tests.web.words import ENGLISH, SPANISH, Screen

REFUSED = "Failed to load resource"

NewLink = Callable[..., str]


@pytest.fixture(scope="module")
def media(live: Live, clips: Path) -> dict[str, str]:
    """The ids of a song and a film, by kind."""
    return {"audio": live.upload(clips / "tono.wav", quote("canción.wav")), "video": live.upload(clips / "film.mp4")}


@pytest.fixture
def new_link(live: Live, media: dict[str, str]) -> NewLink:
    def make(kind: str = "audio", **terms: object) -> str:
        answer = live.api.post(f"/media/{media[kind]}/shares", json={"expires_seconds": 3600, **terms})
        assert answer.status_code == 201, answer.text
        return live.address + str(answer.json()["url"])

    return make


def open_dialog(screen: Screen, name: str, share: str = "Share…") -> Locator:
    return screen.more(name, share)


def made(dialog: Locator) -> str:
    link = dialog.locator("input[readonly]")
    expect(link).to_be_visible()
    return link.input_value()


def is_playing(page: Page, element: str) -> bool:
    return bool(page.locator(element).evaluate("element => element.currentTime > 0"))


def test_a_file_is_shared_with_a_password_and_opened_by_somebody_else(
    fleet: str, media: dict[str, str], open_page: OpenPage
) -> None:
    page = open_page(fleet, permissions=["clipboard-read", "clipboard-write"])
    screen = Screen(page, ENGLISH)
    dialog = open_dialog(screen, "canción.wav")
    expect(dialog.get_by_label("The link works for")).to_be_focused()
    times = dialog.get_by_label("The link works for").locator("option")
    expect(times).to_have_text(["1 minute", "1 hour", "1 day", "7 days", "30 days"])
    dialog.get_by_label("The link works for").select_option("1 hour")
    dialog.get_by_label("Password (optional)").fill("olé")
    dialog.get_by_label("Downloads allowed (optional)").fill("1")
    dialog.get_by_role("button", name="Create link").click()
    link = made(dialog)
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
    expect(dialog.locator(".share-link").first).to_contain_text("0 of 1 downloads")

    reader = open_page(link, language="es-ES", expected=REFUSED, timezone_id="Europe/Madrid")
    expect(reader.get_by_role("heading", name="Este archivo pide una contraseña")).to_be_visible()
    expect(reader.locator("time")).to_have_text(re.compile(r"^\w+, \d+ de \w+, \d+:\d\d (CET|CEST)$"))
    assert "canción" not in reader.content()
    reader.keyboard.type("ole")
    reader.keyboard.press("Enter")
    expect(reader.get_by_role("alert")).to_have_text("Esa no es la contraseña.")
    reader.keyboard.type("olé")
    reader.keyboard.press("Enter")
    expect(reader.get_by_role("heading", name="canción.wav")).to_be_focused()
    assert reader.title() == "canción.wav · Balanza"
    with reader.expect_download() as download:
        reader.get_by_role("link", name="Descargar").click()
    assert download.value.suggested_filename == "canción.wav"
    download.value.path()
    reader.get_by_role("link", name="Descargar").click()
    expect(reader.get_by_text("Se han agotado las descargas")).to_be_visible()
    reader.locator("audio").evaluate("element => element.play()")
    eventually(lambda: is_playing(reader, "audio"))


def test_several_selected_files_get_a_link_each(
    fleet: str, live: Live, media: dict[str, str], open_page: OpenPage
) -> None:
    page = open_page(fleet, width=360)
    screen = Screen(page, ENGLISH)
    for media_id in media.values():
        name = live.api.get(f"/media/{media_id}/info").json()["name"]
        screen.row(name).get_by_role("checkbox").check()
    page.locator(".selection").get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog", name="Share 2 files")
    dialog.get_by_role("button", name="Create 2 links").click()

    told = dialog.get_by_label("The new links, one for each file")
    expect(told).to_have_value(
        re.compile(r"^canción\.wav\nhttp.+\nfilm\.mp4\nhttp.+$|^film.mp4\nhttp.+\ncanción\.wav\nhttp.+$")
    )
    expect(dialog).to_contain_text("Copy them now: they are not shown again.")
    lines = told.input_value().splitlines()
    for name, link in zip(lines[::2], lines[1::2], strict=True):
        assert live.api.get(f"{link}/info").json()["name"] == name
    assert page.evaluate(BEYOND) == []


def test_a_film_is_played_and_sought_in_place(new_link: NewLink, open_page: OpenPage) -> None:
    page = open_page(new_link("video", most_downloads=1))
    expect(page.get_by_role("heading", name="film.mp4")).to_be_visible()
    video = page.locator("video")
    video.evaluate("element => { element.muted = true; element.currentTime = 6; return element.play(); }")
    eventually(lambda: video.evaluate("element => element.currentTime") > 6.1)
    assert video.evaluate("element => element.videoWidth") == 320
    page.reload()
    expect(page.get_by_role("link", name="Download")).to_be_visible()


def test_links_are_listed_and_revoked_in_spanish(
    fleet: str, media: dict[str, str], open_page: OpenPage, new_link: NewLink
) -> None:
    link = new_link("video", password="x", most_downloads=2)
    page = open_page(fleet, language="es-ES")
    dialog = open_dialog(Screen(page, SPANISH), "film.mp4", "Compartir…")
    newest = dialog.locator(".share-link").first
    expect(newest).to_contain_text("Funciona hasta el")
    expect(newest).to_contain_text("0 de 2 descargas")
    expect(newest).to_contain_text("con contraseña")
    newest.get_by_role("button", name="Anular").click()
    expect(newest).to_contain_text("Anulado")
    expect(dialog.get_by_role("heading", name="Enlaces a este archivo")).to_be_focused()
    expect(newest.get_by_role("button")).to_have_count(0)

    reader = open_page(link, language="es-ES", expected=REFUSED)
    expect(reader.get_by_role("heading", name="Este enlace no funciona")).to_be_visible()
    assert "film" not in reader.content()


def test_what_the_dialog_cannot_do_is_said(fleet: str, live: Live, clips: Path, open_page: OpenPage) -> None:
    media_id = live.upload(clips / "tono.wav", "soon gone.wav")
    page = open_page(fleet, expected=REFUSED)
    dialog = open_dialog(Screen(page, ENGLISH), "soon gone.wav")
    expect(dialog).to_contain_text("There are none yet.")
    dialog.get_by_label("Downloads allowed (optional)").fill("0")
    dialog.get_by_role("button", name="Create link").click()
    assert not dialog.get_by_label("Downloads allowed (optional)").evaluate("element => element.validity.valid")
    dialog.get_by_label("Downloads allowed (optional)").fill("")
    made = live.api.post(f"/media/{media_id}/shares", json={"expires_seconds": 60}).json()
    expect(dialog.locator(".share-link")).to_contain_text("Works until")
    live.api.delete(f"/shares/{made['id']}")
    expect(dialog.locator(".share-link")).to_contain_text("Revoked")
    live.api.delete(f"/media/{media_id}")
    dialog.get_by_role("button", name="Create link").click()
    expect(dialog.get_by_role("alert").first).not_to_be_empty()
    expect(dialog.locator("input[readonly]")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_link_that_ends_while_it_is_looked_at_says_so(
    live: Live, media: dict[str, str], new_link: NewLink, open_page: OpenPage
) -> None:
    page = open_page(new_link(), expected=REFUSED)
    eventually(lambda: page.locator("audio").evaluate("element => element.readyState >= 1"))
    newest = live.api.get("/shares", params={"media": media["audio"]}).json()["shares"][0]
    live.api.delete(f"/shares/{newest['id']}")
    page.get_by_role("link", name="Download").click()
    expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()


def test_a_reader_is_told_when_the_server_cannot_be_reached_and_can_try_again(
    new_link: NewLink, open_page: OpenPage
) -> None:
    page = open_page("about:blank", expected=REFUSED)
    page.route("**/info", lambda route: route.abort())
    page.goto(new_link())
    expect(page.get_by_role("heading", name="The server cannot be reached")).to_be_visible()
    page.unroute("**/info")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="canción.wav")).to_be_visible()


def test_the_page_of_a_link_asks_nobody_else_and_sends_no_referrer(new_link: NewLink, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    asked: list[tuple[str, str | None]] = []
    page.on("request", lambda request: asked.append((request.url, request.headers.get("referer"))))
    link = new_link()
    page.goto(link)
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    origin = link.partition("/s/")[0]
    assert [url for url, _ in asked if not url.startswith((f"{origin}/web/", link))] == []
    assert not any(referrer for _, referrer in asked)


def test_the_page_of_a_link_works_below_the_path_of_a_proxy(live: Live, new_link: NewLink, open_page: OpenPage) -> None:
    path = f"{PREFIX}/s/{new_link(password='x').rpartition('/')[2]}"
    with behind_a_proxy(live.address) as origin:
        page = open_page(origin + path)
        page.get_by_label("Password").fill("x")
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("heading", name="canción.wav")).to_be_visible()
        eventually(lambda: page.locator("audio").evaluate("element => element.readyState >= 1"))
        assert [cookie["path"] for cookie in page.context.cookies(origin + path)] == [path]
        assert page.context.cookies(f"{origin}{PREFIX}/s/another") == []
        page.context.close()


@pytest.mark.parametrize("name", ["share-film", "share-locked", "sharing-new"])
def test_nothing_is_wider_than_the_page(browser: Browser, name: str) -> None:
    with shown(browser, name, size=(320, 800), scheme="light", language="es-ES") as page:
        for width in (320, 360, 768, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            assert (width, page.evaluate(BEYOND)) == (width, [])
