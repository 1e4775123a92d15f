"""Finding files in a library of many, renaming them, and converting with the advanced options, with a real fleet."""

from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.support.live import Live
from tests.web.conftest import OpenPage
from tests.web.words import ENGLISH, Screen


@pytest.fixture(scope="module")
def zarzuelas(live: Live, clips: Path) -> None:
    """A song and a film among the files of the other tests."""
    live.upload(clips / "tono.wav", quote("Doña Francisquita.wav"))
    live.upload(clips / "film.mp4", quote("dona en escena.mp4"))


@pytest.mark.usefixtures("zarzuelas")
def test_files_are_searched_narrowed_ordered_and_renamed(fleet: str, open_page: OpenPage) -> None:
    page = open_page(fleet, expected="422")
    screen = Screen(page, ENGLISH)
    names = page.locator(".row .name")
    search, announced = page.get_by_role("searchbox"), page.locator("p[role=status].unseen")

    search.fill("DOÑA")
    expect(names).to_have_text(["dona en escena.mp4", "Doña Francisquita.wav"])
    expect(announced).to_have_text("2 files found")
    page.get_by_label("Order").select_option("By name")
    screen.row("Doña Francisquita.wav").get_by_role("checkbox").check()
    page.get_by_label("Kind").select_option("Video")
    expect(names).to_have_text(["dona en escena.mp4"])
    expect(page.locator(".selection")).to_contain_text("1 of them is not shown")
    page.get_by_role("button", name="Deselect").click()
    expect(page.locator(".selection")).not_to_contain_text("not shown")

    page.reload()
    expect(names).to_have_text(["dona en escena.mp4"])
    expect(search).to_have_value("DOÑA")
    expect(page.get_by_label("Order")).to_have_value("name")
    search.fill("doña bárbara")
    expect(page.get_by_text("Nothing found for “doña bárbara”")).to_be_visible()
    page.get_by_role("button", name="Show all files").click()
    expect(search).to_be_focused()
    expect(screen.row("Doña Francisquita.wav")).to_be_visible()
    page.keyboard.type("escena")
    expect(names).to_have_text(["dona en escena.mp4"])
    page.keyboard.press("Escape")
    expect(search).to_have_value("")
    expect(screen.row("Doña Francisquita.wav")).to_contain_text("PCM")

    dialog = screen.more("Doña Francisquita.wav", "Rename…")
    page.keyboard.type("Luisa Fernanda")
    expect(dialog.get_by_label("Name")).to_have_value("Luisa Fernanda.wav")
    dialog.get_by_label("Name").fill("")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("name")
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.type("Luisa Fernanda.wav")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="More for Luisa Fernanda.wav")).to_be_focused()
    expect(page.locator(".notice")).to_contain_text("It is called Luisa Fernanda.wav now")
    assert page.url == f"{fleet}?sort=name"


@pytest.mark.usefixtures("zarzuelas")
def test_a_conversion_with_advanced_options_says_what_will_come_out(
    live: Live, fleet: str, open_page: OpenPage
) -> None:
    page = open_page(f"{fleet}?search=escena", expected="422")
    screen = Screen(page, ENGLISH)
    screen.row("dona en escena.mp4").get_by_role("button", name="Convert").click()
    dialog = page.get_by_role("dialog")
    outcome = dialog.get_by_role("status")
    expect(outcome).to_contain_text("→ dona en escena.mp4")
    dialog.get_by_role("combobox").select_option("mp3")
    expect(outcome).to_contain_text("→ dona en escena.mp3")
    expect(outcome).to_contain_text("about 95.0 kB")

    dialog.get_by_text("Advanced options").click()
    channels = dialog.get_by_label("Channels")
    channels.fill("3")
    expect(channels).to_have_accessible_description(
        '1 to 2 An option is not valid. Channels cannot be "3": give a whole number from 1 to 2.'
    )
    expect(outcome).to_have_text("One of the options is not valid.")
    dialog.get_by_role("button", name="Start").click()
    expect(channels).to_be_focused()
    channels.fill("1")
    dialog.get_by_label("Bit rate").fill("64")
    dialog.get_by_label("End at").fill("0:04")
    expect(outcome).to_contain_text("about 32")  # kilobytes: four seconds of 64 kbit/s
    expect(dialog.get_by_text("Advanced options (3 set)")).to_be_visible()
    dialog.get_by_role("button", name="Start").click()
    expect(dialog).to_have_count(0)
    expect(screen.card("dona en escena.mp4")).to_contain_text(ENGLISH.completed)
    newest = live.api.get("/jobs?limit=1").json()["jobs"][0]
    assert newest["options"] == {"quality": "balanced", "bitrate": 64000, "channels": 1, "end": 4.0}
