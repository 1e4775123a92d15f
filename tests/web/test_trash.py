"""Deleting with undo, the trash, and several files in one zip, with a real server behind the page."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from balanza.store.tables import jobs
from tests.server.stand import Stand, running, wav
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage

DELETE = "Delete song.wav"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with running(tmp_path_factory.mktemp("trash")) as started:
        yield started


@pytest.fixture
def page(stand: Stand, open_page: OpenPage) -> Page:
    """The library with two files, and nothing in the trash."""
    for trash in (False, True):
        for one in stand.get("/media", trash=trash)["media"]:
            stand.client.delete(f"/media/{one['id']}", params={"forever": True})
    ids = [stand.upload("film.wav")["id"], stand.upload("song.wav", wav(0.2))["id"]]
    asked = select(func.count()).where(jobs.c.source_id.in_(ids), jobs.c.kind == "waveform")
    page = open_page(stand.address)
    expect(page.locator(".row")).to_have_count(2)
    # What is asked of a file in the moment in which it is deleted is answered 410, and the browser complains.
    eventually(lambda: stand.parts.desk.database.read(lambda tx: tx.execute(asked).scalar_one()) == len(ids))
    return page


def trashed(stand: Stand) -> list[str]:
    return [one["name"] for one in stand.get("/media", trash=True)["media"]]


def test_a_deleted_file_comes_back_at_a_press(stand: Stand, page: Page) -> None:
    page.get_by_role("button", name=DELETE).click()
    notice = page.locator(".notice")
    expect(notice).to_contain_text("In the trash: song.wav")
    expect(page.locator(".row")).to_have_count(1)
    assert trashed(stand) == ["song.wav"]
    notice.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Back in the library: song.wav")).to_be_visible()
    expect(page.locator(".row")).to_have_count(2)
    assert trashed(stand) == []


def test_who_deletes_by_key_undoes_by_key_and_the_message_waits_for_them(stand: Stand, page: Page) -> None:
    page.clock.install()
    page.get_by_role("button", name=DELETE).focus()
    page.keyboard.press("Enter")
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    page.clock.fast_forward(15_000)
    expect(undo).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Library")).to_be_focused()
    eventually(lambda: trashed(stand) == [])


def test_the_message_goes_after_ten_seconds_when_nobody_looks_at_it(page: Page) -> None:
    page.clock.install()
    page.get_by_role("button", name=DELETE).click()
    expect(page.locator(".notice")).to_be_visible()
    page.mouse.move(0, 0)
    page.clock.run_for(9_000)
    expect(page.locator(".notice")).to_be_visible()
    page.clock.run_for(2_000)
    expect(page.locator(".notice")).to_have_count(0)


def test_several_are_deleted_and_come_back_together(stand: Stand, page: Page) -> None:
    page.get_by_role("checkbox", name="All").check()
    page.locator(".selection").get_by_role("button", name="Delete").click()
    expect(page.locator(".notice")).to_contain_text("2 files are in the trash")
    expect(page.locator(".row")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".row")).to_have_count(2)
    assert trashed(stand) == []


def test_from_the_trash_files_are_restored_or_after_a_question_deleted_for_good(stand: Stand, page: Page) -> None:
    for name in ("song.wav", "film.wav"):
        page.get_by_role("button", name=f"Delete {name}").click()
        expect(page.locator(".notice")).to_contain_text(name)
    page.get_by_role("button", name="Trash (2)").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Restore film.wav").click()
    expect(dialog.locator(".trash-row")).to_have_count(1)
    dialog.get_by_role("button", name="Delete song.wav for good").click()
    expect(dialog.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("heading", name="Trash")).to_be_visible()
    assert trashed(stand) == ["song.wav"]
    dialog.get_by_role("button", name="Delete song.wav for good").click()
    dialog.get_by_role("button", name="Delete for good").click()
    expect(dialog).to_contain_text("The trash is empty.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Library")).to_be_focused()
    expect(page.locator(".row")).to_have_count(1)
    assert trashed(stand) == []


def test_the_selected_files_come_in_one_zip(page: Page) -> None:
    page.get_by_role("checkbox", name="All").check()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download (zip)").click()
    assert download.value.suggested_filename == "balanza.zip"
    with zipfile.ZipFile(Path(download.value.path())) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"song.wav": wav(0.2), "film.wav": wav()}


def test_too_many_for_an_address_come_in_one_zip_too(stand: Stand, page: Page) -> None:
    for number in range(39):
        stand.upload(f"{number}.wav")
    expect(page.locator(".row")).to_have_count(41)
    page.get_by_role("checkbox", name="All").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download (zip)").click()
    with zipfile.ZipFile(Path(download.value.path())) as archive:
        assert len(archive.namelist()) == 41
    expect(page.locator(".row")).to_have_count(41)
