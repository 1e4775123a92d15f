"""Uploads on their way: how far each is, and what becomes of it when somebody or something stops it."""

import base64
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.scenes import SCENES
from tests.web.stage import Stage
from tests.web.test_live import BROKEN
from tests.web.words import ENGLISH, Screen, wait_until_drawn

_WATCH_SHIFTS = """
() => {
  const observer = new PerformanceObserver((list) => list.getEntries().forEach(add));
  let sum = 0;
  const add = ({ value }) => { sum += value; };
  observer.observe({ type: 'layout-shift' });
  window.shifts = () => {
    observer.takeRecords().forEach(add);
    return sum;
  };
}
"""


@pytest.fixture
def large(tmp_path: Path) -> list[Path]:
    """Three files larger than what the sockets between page and server hold, so that they stop on the way."""
    paths = [tmp_path / name for name in ("one.wav", "two.wav", "three.wav")]
    for path in paths:
        with path.open("wb") as file:
            file.truncate(40_000_000)
    return paths


def upload(page: Page, name: str) -> str:
    """What its line says, with plain spaces."""
    return " ".join(page.locator(".upload", has_text=name).locator(".facts").inner_text().split())


def is_sent(page: Page, name: str) -> bool:
    """Whether some of it has been."""
    return "MB of 40.0 MB" in upload(page, name)


def test_two_uploads_go_on_at_once_and_a_cancelled_one_makes_room(open_page: OpenPage, large: list[Path]) -> None:
    with Stage(SCENES["uploading"]) as stage:
        page = open_page(stage.address)
        Screen(page, ENGLISH).upload(*large)
        eventually(lambda: is_sent(page, "one.wav") and is_sent(page, "two.wav"))
        assert upload(page, "three.wav").startswith("Waiting its turn")
        page.get_by_role("button", name="Cancel the upload of one.wav").click()
        expect(page.locator(".upload")).to_have_count(2)
        eventually(lambda: is_sent(page, "three.wav"))
        page.context.close()


def test_a_cancelled_upload_is_given_up_on_the_server_too(open_page: OpenPage, large: list[Path]) -> None:
    with Stage(SCENES["uploading"]) as stage:
        page = open_page(stage.address)
        Screen(page, ENGLISH).upload(large[0])
        eventually(lambda: is_sent(page, "one.wav"))
        page.get_by_role("button", name="Cancel the upload of one.wav").click()
        eventually(lambda: "DELETE /files/1" in stage.asked)
        page.reload()
        expect(page.locator(".row").first).to_be_visible()
        expect(page.locator(".upload")).to_have_count(0)
        page.context.close()


def test_all_uploads_have_a_progress_together(open_page: OpenPage, large: list[Path]) -> None:
    with Stage(SCENES["uploading"]) as stage:
        page = open_page(stage.address)
        Screen(page, ENGLISH).upload(*large)
        expect(page.get_by_role("progressbar", name="All uploads")).to_be_visible()
        expect(page.locator(".uploads-total")).to_contain_text("0 of 3 files")
        page.context.close()


@pytest.mark.parametrize("width", [360])
def test_an_upload_goes_on_by_itself_once_the_server_is_back_and_moves_nothing(
    open_page: OpenPage, large: list[Path], width: int
) -> None:
    """Measured: 0.57 at 360 px, 0.17 at 1440 px while uploads and the word on the connection stood above it."""
    scene = replace(SCENES["uploading"], unfinished_bytes=40_000_000)
    with Stage(scene) as stage:
        page = open_page(stage.address, expected=BROKEN, width=width)
        expect(page.locator(".row")).to_have_count(len(scene.media))
        page.evaluate(_WATCH_SHIFTS)
        Screen(page, ENGLISH).upload(large[0])
        eventually(lambda: is_sent(page, "one.wav"))
    eventually(lambda: "Interrupted; trying again…" in upload(page, "one.wav"))
    with Stage(replace(scene, takes_uploads=True), stage.port):
        expect(page.locator(".upload")).to_have_count(0)
        expect(page.locator(".connection")).to_be_empty()
        assert page.evaluate("shifts()") < 0.01
        page.context.close()


def test_an_upload_whose_line_died_without_a_word_is_begun_again(open_page: OpenPage, large: list[Path]) -> None:
    with Stage(replace(SCENES["uploading"], unfinished_bytes=40_000_000)) as stage:
        page = open_page(stage.address)
        page.clock.install()
        Screen(page, ENGLISH).upload(large[0])
        eventually(lambda: is_sent(page, "one.wav"))

        def is_resumed() -> bool:
            page.clock.fast_forward(60_000)  # again: the page counts anew from whatever it heard of last
            return "resumed at 63%" in upload(page, "one.wav")

        eventually(is_resumed, 30, every=2)
        page.context.close()


def test_an_upload_of_earlier_is_shown_until_it_is_given_up(open_page: OpenPage, large: list[Path]) -> None:
    with Stage(replace(SCENES["uploading"], unfinished_bytes=40_000_000)) as stage:
        page = open_page(stage.address)
        Screen(page, ENGLISH).upload(large[0])
        eventually(lambda: is_sent(page, "one.wav"))
        page.reload()
        expect(page.locator(".upload")).to_contain_text("Drop or choose the same file again")
        eventually(lambda: upload(page, "one.wav").startswith("Stopped at 63%"))
        Screen(page, ENGLISH).upload(large[0])
        eventually(lambda: "resumed at 63%" in upload(page, "one.wav"))
        page.reload()
        page.get_by_role("button", name="Remove one.wav from the uploads").click()
        expect(page.locator(".upload")).to_have_count(0)
        eventually(lambda: "DELETE /files/1" in stage.asked)
        page.context.close()


def test_an_upload_of_another_tab_is_shown_as_going_on_there_until_that_tab_is_closed(
    open_page: OpenPage, large: list[Path]
) -> None:
    with Stage(replace(SCENES["uploading"], unfinished_bytes=40_000_000)) as stage:
        page = open_page(stage.address)
        other = page.context.new_page()
        other.goto(stage.address)
        Screen(page, ENGLISH).upload(large[0])
        eventually(lambda: is_sent(page, "one.wav"))
        for _ in range(2):
            expect(other.locator(".upload")).to_contain_text("Going on in another tab")
            expect(other.locator(".upload").get_by_role("button")).to_have_count(0)
            other.reload()
        page.close()
        eventually(lambda: upload(other, "one.wav").startswith("Stopped at 63%"))
        other.context.close()


def test_what_is_no_media_file_is_refused_with_the_reason(fleet: str, clips: Path, open_page: OpenPage) -> None:
    page = open_page(fleet, expected="422")
    Screen(page, ENGLISH).upload(clips / "notes.txt")
    expect(page.locator(".upload .problem")).to_contain_text("This is not an audio or video file that can be read.")
    expect(page.get_by_role("button", name="Upload notes.txt again")).to_have_count(0)
    page.get_by_role("button", name="Remove notes.txt from the uploads").click()
    expect(page.locator(".upload")).to_have_count(0)


def test_a_file_dropped_anywhere_on_the_page_is_uploaded(fleet: str, clips: Path, open_page: OpenPage) -> None:
    page = open_page(fleet)
    screen = Screen(page, ENGLISH)
    drop = """([name, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([bytes], name));
      const target = document.querySelector('#conversions');
      for (const type of ['dragover', 'drop']) {
        target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      }
    }"""
    page.evaluate(drop, ["canción ñ.wav", base64.b64encode((clips / "tono.wav").read_bytes()).decode()])
    expect(screen.row("canción ñ.wav")).to_contain_text("0:20")


def drop(page: Page, *paths: Path) -> None:
    """As from the desktop: what is dropped are real files and folders."""
    wait_until_drawn(page)  # before that nothing takes it
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 500, "data": data})


def test_of_a_dropped_folder_every_file_is_uploaded_but_what_systems_hide_in_it(
    fleet: str, clips: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    album, second = tmp_path / "album", tmp_path / "album" / "CD 2"
    second.mkdir(parents=True)
    for place in (album / "uno.wav", second / "dos.wav", tmp_path / "tres.wav"):
        shutil.copy(clips / "tono.wav", place)
    for hidden in (album / ".DS_Store", album / "Thumbs.db", second / "desktop.ini", second / "._dos.wav"):
        hidden.write_text("no sound")
    page = open_page(fleet)
    screen = Screen(page, ENGLISH)
    drop(page, album, tmp_path / "tres.wav")
    for name in ("uno.wav", "dos.wav", "tres.wav"):
        expect(screen.row(name)).to_contain_text("0:20")
    expect(page.locator(".upload")).to_have_count(0)


def test_a_drop_without_any_file_is_answered(fleet: str, tmp_path: Path, open_page: OpenPage) -> None:
    (tmp_path / "empty/below").mkdir(parents=True)
    page = open_page(fleet)
    drop(page, tmp_path / "empty")
    expect(page.locator(".notice")).to_contain_text("There is no file in it.")


def test_what_cannot_be_read_of_a_drop_is_named_and_the_rest_is_uploaded(
    fleet: str, clips: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for name in ("lejos.wav", "cerca.wav"):
        shutil.copy(clips / "tono.wav", album / name)
    page = open_page(fleet)
    refuse_to_read(page, "lejos.wav")
    drop(page, album)
    expect(page.locator(".notice")).to_contain_text("This could not be read: lejos.wav. What else there was")
    expect(Screen(page, ENGLISH).row("cerca.wav")).to_contain_text("0:20")


def test_a_drop_of_which_nothing_can_be_read_promises_nothing(
    fleet: str, clips: Path, tmp_path: Path, open_page: OpenPage
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    shutil.copy(clips / "tono.wav", album / "lejos.wav")
    page = open_page(fleet)
    refuse_to_read(page, "lejos.wav")
    drop(page, album)
    expect(page.locator(".notice")).to_contain_text("This could not be read: lejos.wav. Nothing is uploaded.")


def refuse_to_read(page: Page, name: str) -> None:
    """As a file that lies on a disk which is gone."""
    page.evaluate(
        """(unreadable) => {
      const refuse = (_found, failed) => failed(new DOMException('', 'NotReadableError'));
      const entryOf = DataTransferItem.prototype.webkitGetAsEntry;
      DataTransferItem.prototype.webkitGetAsEntry = function () {
        const folder = entryOf.call(this);
        const reader = folder.createReader();
        const read = reader.readEntries;
        reader.readEntries = (found, failed) => read.call(reader, (entries) => {
          for (const entry of entries) if (entry.name === unreadable) entry.file = refuse;
          found(entries);
        }, failed);
        folder.createReader = () => reader;
        return folder;
      };
    }""",
        name,
    )


def test_a_file_that_went_away_while_it_was_sent_is_said_at_once(tmp_path: Path, open_page: OpenPage) -> None:
    path = tmp_path / "usb.wav"
    with path.open("wb") as file:
        file.truncate(40_000_000)

    def lose(route: Route) -> None:
        path.unlink()
        route.continue_()

    with Stage(SCENES["empty"]) as stage:
        page = open_page(stage.address, expected="net::ERR_FILE_NOT_FOUND")
        page.route("**/files", lose)
        page.locator("input[type=file]").set_input_files(path)
        expect(page.locator(".upload .problem")).to_contain_text("The file cannot be read any more")
        page.context.close()
