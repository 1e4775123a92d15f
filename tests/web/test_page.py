"""The first page, with a real fleet behind it and real clips: what a person does, and what they see."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.live import Live
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.words import ENGLISH, SPANISH, Screen, Words, partial_answers

REFUSED = "Failed to load resource"
"""What Chromium itself writes on the console when a request is refused."""


def element(page: Page, tag: str, expression: str) -> float:
    return float(page.locator(tag).evaluate(f"element => element.{expression}"))


@pytest.mark.parametrize("words", [SPANISH, ENGLISH], ids=["es", "en"])
def test_a_song_is_uploaded_converted_played_and_sought_in(
    words: Words, fleet: str, clips: Path, open_page: OpenPage
) -> None:
    page = open_page(fleet, language=words.locale)
    screen = Screen(page, words)
    screen.add(clips / "tono.wav")
    expect(screen.row("tono.wav")).to_contain_text("0:20")

    card = screen.convert("tono.wav", "mp3")
    expect(card).to_contain_text(words.completed, timeout=20_000)
    expect(card).to_contain_text(words.assigned_to)
    expect(card).to_contain_text(words.processed_by)
    expect(screen.row("tono.mp3")).to_contain_text("0:20")

    parts = partial_answers(page)
    card.get_by_role("button", name=f"{words.play} tono.mp3").click()
    eventually(lambda: element(page, "audio", "currentTime") > 0)
    page.locator("audio").evaluate("element => { element.currentTime = 15 }")
    eventually(lambda: element(page, "audio", "currentTime") > 15.1)
    assert abs(element(page, "audio", "duration") - 20) < 0.2
    assert any("/media/" in part.url for part in parts)


def test_a_film_is_converted_played_and_sought_in(fleet: str, clips: Path, open_page: OpenPage) -> None:
    page = open_page(fleet)
    screen = Screen(page, ENGLISH)
    screen.add(clips / "film.mp4")
    card = screen.convert("film.mp4", "mp4")
    expect(card).to_contain_text(ENGLISH.completed, timeout=40_000)
    parts = partial_answers(page)
    card.get_by_role("button", name="Play film.mp4").click()
    eventually(lambda: element(page, "video", "currentTime") > 0)
    assert element(page, "video", "videoWidth") == 320
    page.locator("video").evaluate("element => { element.currentTime = 6 }")
    eventually(lambda: element(page, "video", "currentTime") > 6.1)
    assert parts
    page.get_by_role("button", name="Close the player").click()
    expect(page.locator("video")).to_have_count(0)


def test_several_selected_files_are_converted_together_without_the_one_that_cannot_be(
    live: Live, fleet: str, clips: Path, open_page: OpenPage
) -> None:
    page = open_page(fleet, expected=REFUSED)
    screen = Screen(page, ENGLISH)
    screen.add(clips / "tono.wav", clips / "film.mp4", clips / "long.mp4")
    for name in ("tono.wav", "film.mp4", "long.mp4"):
        screen.row(name).get_by_role("checkbox").check()
    page.get_by_role("button", name="Convert 3 selected").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Format").select_option("opus")
    dialog.get_by_text("Small").click()
    dialog.get_by_label("Order of these files").select_option("All as early as possible")
    dialog.get_by_text("Advanced options").click()
    dialog.get_by_label("Priority").select_option("High")
    expect(dialog.get_by_text("Advanced options (1 set)")).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("2 conversions to OPUS started")).to_be_visible()
    expect(dialog.get_by_role("alert")).to_contain_text("The other 2 have started.The file lacks the sound")
    expect(dialog.get_by_role("heading", name="Convert long.mp4")).to_be_visible()  # what is left
    expect(dialog.get_by_text("The file lacks the sound")).to_have_count(1)
    page.keyboard.press("Escape")
    for name in ("tono.opus", "film.opus"):
        expect(screen.row(name)).to_contain_text("converted", timeout=20_000)
    film, tone = live.api.get("/jobs", params={"limit": 2}).json()["jobs"]
    assert {film["input_file"], tone["input_file"]} == {"film.mp4", "tono.wav"}
    assert film["batch_id"] == tone["batch_id"] is not None
    assert film["priority"] == tone["priority"] == 75
    screen.card("tono.wav").get_by_role("button", name="Why").click()
    expect(dialog).to_contain_text("high priority")
    expect(dialog).to_contain_text("one of several submitted together")


def test_a_file_that_is_no_media_is_refused_with_a_sentence(fleet: str, clips: Path, open_page: OpenPage) -> None:
    page = open_page(fleet, language="es-ES", expected=REFUSED)
    screen = Screen(page, SPANISH)
    screen.upload(clips / "notes.txt")
    problem = page.locator(".upload .problem")
    expect(problem).to_contain_text("No es un archivo de audio o vídeo que se pueda leer.")
    exactly = problem.get_by_text("notes.txt no es un archivo de audio o vídeo que se pueda leer (")
    expect(exactly).to_be_hidden()
    problem.get_by_text("Detalles").click()
    expect(exactly).to_be_visible()
    page.get_by_role("button", name="Quitar notes.txt de las subidas").click()
    expect(page.locator(".upload")).to_have_count(0)


def test_a_format_that_the_file_cannot_give_is_refused_in_the_dialog(
    fleet: str, clips: Path, open_page: OpenPage
) -> None:
    page = open_page(fleet, expected=REFUSED)
    screen = Screen(page, ENGLISH)
    screen.add(clips / "long.mp4")
    screen.row("long.mp4").get_by_role("button", name="Convert").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").select_option("mp3")
    dialog.get_by_role("button", name="Start").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The file lacks the sound")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_failed_conversion_says_why_with_ffmpegs_last_lines_a_click_away(
    fleet: str, clips: Path, open_page: OpenPage
) -> None:
    page = open_page(fleet)
    screen = Screen(page, ENGLISH)
    screen.add(clips / "cut.mp4")
    card = screen.convert("cut.mp4", "mkv")
    expect(card).to_contain_text(ENGLISH.failed, timeout=30_000)
    expect(card).to_contain_text("after 3 attempts")
    expect(card.locator(".problem")).to_contain_text("The conversion failed.")
    expect(card.locator(".problem")).to_contain_text("What came out lasts ")
    expect(card.locator("pre")).to_be_hidden()
    card.get_by_text("What FFmpeg said").click()
    expect(card.locator("pre")).to_be_visible()
    page.get_by_role("button", name="ES · Español").click()
    expect(card.locator(".problem")).to_contain_text("Lo que ha salido dura ")


def test_a_conversion_shows_its_progress_is_cancelled_and_tried_again(
    fleet: str, clips: Path, open_page: OpenPage
) -> None:
    page = open_page(fleet)
    screen = Screen(page, ENGLISH)
    screen.add(clips / "long.mp4")
    card = screen.convert("long.mp4", "webm")
    expect(card).to_contain_text(ENGLISH.converting)
    eventually(lambda: float(card.locator("progress").get_attribute("value") or 0) > 0, 20)
    expect(card.locator(".facts")).to_have_text(re.compile(r"^\d+%.*×.* left$"))
    card.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text(ENGLISH.cancelled)
    card.get_by_role("button", name="Try").click()
    expect(card).to_contain_text(ENGLISH.converting)
    card.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text(ENGLISH.cancelled)


def test_a_file_that_a_conversion_reads_is_not_deleted(fleet: str, clips: Path, open_page: OpenPage) -> None:
    page = open_page(fleet, expected=REFUSED)
    screen = Screen(page, ENGLISH)
    screen.add(clips / "long.mp4")
    card = screen.convert("long.mp4", "webm")
    screen.row("long.mp4").get_by_role("button", name="Delete").click()
    expect(page.locator(".notice.error")).to_contain_text("This is not possible just now.")
    card.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text(ENGLISH.cancelled)


def test_a_result_is_downloaded_under_its_name(fleet: str, clips: Path, open_page: OpenPage) -> None:
    page = open_page(fleet)
    screen = Screen(page, ENGLISH)
    screen.add(clips / "tono.wav")
    with page.expect_download() as download:
        screen.row("tono.wav").get_by_role("link", name="Download tono.wav").click()
    assert download.value.suggested_filename == "tono.wav"
    assert Path(download.value.path()).read_bytes() == (clips / "tono.wav").read_bytes()


def test_everything_works_by_keyboard_alone(fleet: str, clips: Path, open_page: OpenPage) -> None:
    page = open_page(fleet)
    screen = Screen(page, ENGLISH)

    def tab_to(name: str) -> None:
        for _ in range(400):
            page.keyboard.press("Tab")
            said = page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.innerText.trim()")
            if said.startswith(name):
                return
        raise AssertionError(f"Tab never comes to {name}")

    tab_to("Choose files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(clips / "tono.wav")
    expect(screen.row("tono.wav")).to_be_visible()
    tab_to("Convert tono.wav")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("combobox")).to_be_focused()
    expect(page.get_by_role("dialog").get_by_role("combobox")).to_have_value("mp3")
    page.keyboard.type("FLAC")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Best")).to_be_checked()
    tab_to("Start")
    page.keyboard.press("Enter")
    card = screen.card("tono.wav")
    expect(card).to_contain_text("→ FLAC")
    expect(card).to_contain_text(ENGLISH.completed, timeout=20_000)
    tab_to("Play tono.flac")
    page.keyboard.press("Enter")
    eventually(lambda: element(page, "audio", "currentTime") > 0)
    tab_to("More for tono.flac")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Rename…")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    tab_to("Create link")
    page.keyboard.press("Enter")
    link = page.locator("input[readonly]")
    expect(link).to_be_visible()
    page.goto(link.input_value())
    expect(page.get_by_role("heading", name="tono.flac")).to_be_visible()
    tab_to("Download (")
    with page.expect_download():
        page.keyboard.press("Enter")


def test_the_language_follows_the_browser_until_the_switch_is_used_and_is_then_remembered(
    fleet: str, open_page: OpenPage
) -> None:
    page = open_page(fleet, language="es-MX")
    expect(page.get_by_role("heading", name="Conversiones")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "es"
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Conversions")).to_be_visible()
    assert page.title() == "Balanza · convert audio and video"
    page.reload()
    expect(page.get_by_role("heading", name="Conversions")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"


def test_both_addresses_show_the_page(fleet: str, open_page: OpenPage) -> None:
    page = open_page(fleet + "player.html")
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
