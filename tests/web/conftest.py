"""A real fleet, a real Chromium, and pages in it that may neither complain nor break the content security policy."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.support.clips import run_ffmpeg
from tests.support.live import Live
from tests.support.needs import need
from tests.web.browser import CHROMIUM, chromium

_CLIPS = {
    "tono.wav": ["-f", "lavfi", "-i", "sine=440:d=20"],
    "film.mp4": [
        *("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=8", "-f", "lavfi", "-i", "sine=330:d=8"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-movflags", "+faststart"),
    ],
    "long.mp4": ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=20", "-c:v", "libx264", "-preset", "ultrafast"],
}
"""What FFmpeg is told to make each of; `long.mp4` takes it half a minute or more to convert to WebM."""

expect.set_options(timeout=15_000)

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A running server with two workers, for all tests of the page."""
    with Live(tmp_path_factory.mktemp("live") / "data") as started:
        yield started


@pytest.fixture(scope="session")
def fleet(live: Live) -> str:
    """Its address."""
    return f"{live.address}/"


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files to upload: a tone, films, one cut off in the middle, one that is no media."""
    folder = tmp_path_factory.mktemp("clips")
    for name, arguments in _CLIPS.items():
        run_ffmpeg(*arguments, str(folder / name))
    whole = (folder / "film.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    (folder / "notes.txt").write_text("Not a song, a list.\n")
    return folder


# Not longer than the tests of the page: Playwright keeps an event loop running in this thread, and with it no
# asynchronous test of another folder could run in the same process.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    need(CHROMIUM is not None, "The page is tested in a real browser: apt-get install chromium-headless-shell.")
    with chromium() as started:
        yield started


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages in contexts of their own. At the end none may have complained on its console."""
    complaints: list[str] = []
    with ExitStack() as stack:

        def open_one(
            address: str,
            *,
            language: str = "en-GB",
            width: int = 1280,
            height: int = 900,
            expected: str = "",
            **more: object,
        ) -> Page:
            """`expected`: a piece of the console messages that this page may write, as of refused requests."""

            def hear(message: ConsoleMessage) -> None:
                if message.type in {"error", "warning"} and not (expected and expected in message.text):
                    complaints.append(message.text)

            context = browser.new_context(
                locale=language,
                viewport={"width": width, "height": height},
                accept_downloads=True,
                **more,  # type: ignore[arg-type]
            )
            context.set_default_timeout(20_000)
            stack.callback(context.close)
            page = context.new_page()
            page.on("console", hear)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(address)
            return page

        yield open_one
    assert complaints == []
