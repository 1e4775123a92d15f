"""Uploads on their way: how far each is, and what becomes of it when somebody or something stops it."""

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.scenes import SCENES
from tests.web.stage import Stage
from tests.web.test_live import BROKEN
from tests.web.words import ENGLISH, Screen


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


def test_two_uploads_go_on_at_once_and_a_cancelled_one_makes_room(open_page: OpenPage, large: list[Path]) -> None:
    with Stage(SCENES["uploading"]) as stage:
        page = open_page(stage.address)
        Screen(page, ENGLISH).upload(*large)
        eventually(lambda: "of 40.0 MB" in upload(page, "one.wav") and "%" in upload(page, "two.wav"))
        assert upload(page, "three.wav").startswith("Waiting its turn")
        page.get_by_role("button", name="Cancel the upload of one.wav").click()
        expect(page.locator(".upload")).to_have_count(2)
        eventually(lambda: "of 40.0 MB" in upload(page, "three.wav"))
        page.context.close()


def test_an_upload_whose_connection_breaks_can_be_sent_again(open_page: OpenPage, large: list[Path]) -> None:
    with Stage(SCENES["uploading"]) as stage:
        page = open_page(stage.address, expected=BROKEN)
        Screen(page, ENGLISH).upload(large[0])
        eventually(lambda: "of 40.0 MB" in upload(page, "one.wav"))
    expect(page.locator(".upload .problem")).to_contain_text("The server cannot be reached.")
    with Stage(SCENES["library"], stage.port):
        page.get_by_role("button", name="Upload one.wav again").click()
        expect(page.locator(".upload")).to_have_count(0)
        page.context.close()


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
