"""Thumbnails and waveforms of the library, the waveform to seek on, and captions, made by real workers."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.clips import run_ffmpeg
from tests.support.live import Live
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage

_SUBTITLES = "1\n00:00:00,000 --> 00:00:05,000\nHola <i>mundo</i>\n"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that browsers play, with Spanish subtitles."""
    folder = tmp_path_factory.mktemp("derived")
    (folder / "s.srt").write_text(_SUBTITLES)
    picture = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=10:d=5", "-i", str(folder / "s.srt")]
    run_ffmpeg(
        *picture, "-c:v", "libx264", "-c:s", "mov_text", "-metadata:s:s:0", "language=spa", str(folder / "f.mp4")
    )
    return folder / "f.mp4"


@pytest.fixture
def page(open_page: OpenPage, live: Live, fleet: str, film: Path, clips: Path) -> Page:
    page = open_page(fleet)
    page.locator("input[type=file]").first.set_input_files([film, clips / "tono.wav"])
    expect(page.locator(".row")).not_to_have_count(0)
    return page


def is_painted(page: Page, canvas: str) -> bool:
    return bool(
        page.locator(canvas).first.evaluate(
            "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
        )
    )


def test_films_show_a_picture_and_songs_a_waveform_to_seek_on_and_captions_are_chosen(page: Page) -> None:
    film, song = (page.locator(".row", has_text=name).first for name in ("f.mp4", "tono.wav"))
    height = song.bounding_box()
    expect(film.locator(".kind img")).to_be_visible()
    eventually(lambda: film.locator(".kind img").evaluate("image => image.naturalWidth === 320"))
    expect(song.locator(".kind canvas")).to_be_visible()
    assert is_painted(page, ".kind canvas")
    assert height is not None
    assert song.bounding_box()["height"] == height["height"]  # type: ignore[index]

    song.get_by_role("button", name="Play").click()
    expect(page.locator(".seek-box canvas")).to_be_visible()
    assert is_painted(page, ".seek-box canvas")
    box = page.locator(".seek-box").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    eventually(lambda: page.locator(".player audio").evaluate("element => Math.abs(element.currentTime - 10) < 2"))
    page.get_by_role("slider", name="Position").press("Home")

    film.get_by_role("button", name="Play").click()
    page.get_by_role("combobox", name="Captions").select_option("Spanish")
    cues = (
        "film => [...film.textTracks].filter(track => track.mode === 'showing').flatMap(track => [...track.cues ?? []])"
    )
    eventually(lambda: page.locator(".player video").evaluate(f"{cues}.map(cue => cue.text)") == ["Hola <i>mundo</i>"])
    page.get_by_role("combobox", name="Captions").select_option("No captions")
    expect(page.locator("track")).to_have_count(0)
    page.context.close()
