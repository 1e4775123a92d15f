"""A film that the browser cannot play is converted by a real worker and plays in the page before that has ended."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.support.clips import run_ffmpeg
from tests.support.live import Live
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.scenes import LIBRARY
from tests.web.stage import Scene, Stage
from tests.web.test_player import complaints

NAME = str(LIBRARY[1]["name"])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MPEG-4 part 2 in AVI, which no browser plays."""
    path = tmp_path_factory.mktemp("preview") / "old.avi"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=60", "-f", "lavfi", "-i", "sine=330:d=60"]
    run_ffmpeg(*picture, "-c:v", "mpeg4", "-c:a", "libmp3lame", str(path))
    return path


@pytest.fixture
def song_id(live: Live, tmp_path: Path) -> Iterator[str]:
    """Windows Media Audio, which no browser plays."""
    path = tmp_path / "old song.wma"
    run_ffmpeg("-f", "lavfi", "-i", "sine=330:d=30", "-c:a", "wmav2", str(path))
    media_id = live.upload(path)
    yield media_id
    live.api.delete(f"/media/{media_id}", params={"forever": "true"})


@pytest.fixture
def film_id(live: Live, film: Path) -> Iterator[str]:
    media_id = live.upload(film)
    yield media_id
    live.api.delete(f"/media/{media_id}", params={"forever": "true"})


def converting(live: Live) -> psutil.Process | None:
    """The ffmpeg that makes a preview now."""
    for process in psutil.Process(live.process.pid).children(recursive=True):
        try:
            if "hls" in process.cmdline():
                return process
        except psutil.Error:
            continue
    return None


def time_of(page: Page) -> float:
    return float(page.locator(".player video").evaluate("film => film.currentTime"))


def preview_of(live: Live, film_id: str) -> dict[str, Any]:
    found: dict[str, Any] = live.api.get(f"/media/{film_id}/preview").json()
    return found


def test_it_plays_before_it_is_complete_goes_on_after_a_loss_and_can_be_sought_in(
    open_page: OpenPage, live: Live, fleet: str, film_id: str
) -> None:
    page = open_page(fleet, expected="404")
    page.locator(".row", has_text="old.avi").first.get_by_role("button", name="Play").click()
    ffmpeg = eventually(lambda: converting(live))
    assert ffmpeg
    first = eventually(lambda: preview_of(live, film_id)["playlist"])
    ffmpeg.suspend()
    try:
        expect(page.locator(".preview")).to_contain_text("still being made")
        expect(page.get_by_role("progressbar", name="How much of the preview is made")).to_be_visible()
        eventually(lambda: time_of(page) > 1)
        assert preview_of(live, film_id)["status"] == "processing"
        seen = time_of(page)
    finally:
        ffmpeg.kill()
    expect(page.locator(".preview")).to_have_text("This browser cannot play this file as it is: this is a preview.")
    assert preview_of(live, film_id)["playlist"] != first
    eventually(lambda: page.locator(".player video").evaluate("film => film.duration > 59"))
    eventually(lambda: time_of(page) > seen)
    page.locator(".player video").evaluate("film => { film.currentTime = 50; }")
    eventually(lambda: time_of(page) > 51)
    assert page.locator(".player video").evaluate("film => film.videoWidth") == 320


@pytest.mark.usefixtures("song_id")
def test_a_song_plays_as_a_preview_in_the_bar(open_page: OpenPage, fleet: str) -> None:
    page = open_page(f"{fleet}?search=old+song", width=360, expected="404")
    page.locator(".row").get_by_role("button", name="Play old song.wma").click()
    bar, song = page.locator(".player.audio"), page.locator(".player audio")
    expect(bar.get_by_role("status")).to_have_text("This browser cannot play this file as it is: this is a preview.")
    eventually(lambda: song.evaluate("song => song.currentTime > 0.5 && song.duration > 29"))
    bar.get_by_role("slider", name="Position").fill("20")
    eventually(lambda: song.evaluate("song => song.currentTime > 20.5"))
    expect(bar.get_by_role("button", name="Pause")).to_be_visible()
    assert complaints(page) == []
    bar.get_by_role("slider", name="Position").fill("29.5")
    expect(bar.get_by_role("button", name="Play", exact=True)).to_be_visible()
    bar.get_by_role("button", name="Play", exact=True).click()
    eventually(lambda: song.evaluate("song => !song.paused && song.currentTime < 10"))


def test_a_preview_that_cannot_be_made_is_said(open_page: OpenPage) -> None:
    refusal = {"type": "urn:balanza:problem:cannot-be-made", "title": "No", "status": 404, "detail": "It is cut off."}
    with Stage(Scene(media=LIBRARY)) as stage:
        page = open_page(stage.address, width=360, expected="404")
        page.route("**/preview", lambda route: route.fulfill(status=404, json=refusal))
        page.get_by_role("button", name=f"Play {NAME}").click()
        expect(page.get_by_role("alert")).to_contain_text("no preview of it could be made")
        expect(page.locator(".player video")).to_have_count(0)
        expect(page.locator(".player").get_by_role("button", name="Convert")).to_be_visible()
        page.get_by_role("button", name="Close the player").click()
        page.unroute("**/preview")

        page.route(
            "**/preview", lambda route: route.fulfill(json={"status": "pending", "progress": 0, "playlist": None})
        )
        page.get_by_role("button", name=f"Play {NAME}").click()
        expect(page.get_by_role("status").filter(has_text="A preview is being made")).to_be_visible()
        assert complaints(page) == []
