"""The pages as a whole: below the path of a proxy, and under a policy that lets no text become markup."""

import re
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Request, expect

from tests.support.live import Live
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.proxy import PREFIX, behind_a_proxy
from tests.web.words import ENGLISH, Screen

TO_MARKUP = "() => { document.createElement('div').innerHTML = '<b>text</b>'; }"
LATER = {
    *("uploads.js", "upload.js", "unfinished.js", "transfer.js"),
    *(
        "below.js",
        "charts.js",
        "feed.js",
        "lanes.js",
        "queues.js",
        "series.js",
        "timeline.js",
        "whynot.js",
        "decisions.js",
        "uplot.js",
    ),
}
"""The modules that the first load need not wait for: they come after what is seen first."""
A_POLICY = "() => { trustedTypes.createPolicy('mine', { createHTML: (text) => text }); }"


def test_the_whole_way_goes_below_the_path_of_a_proxy(live: Live, clips: Path, open_page: OpenPage) -> None:
    with behind_a_proxy(live.address) as origin:
        page = open_page(origin + PREFIX)  # without the slash
        assert page.url == f"{origin}{PREFIX}/"
        asked: list[str] = []
        page.context.on("request", lambda request: asked.append(request.url))
        screen = Screen(page, ENGLISH)
        screen.add(clips / "tono.wav")
        card = screen.convert("tono.wav", "opus")
        expect(card).to_contain_text(ENGLISH.completed, timeout=20_000)
        expect(page.locator(".connection")).to_be_empty()
        card.get_by_role("button", name="Play tono.opus").click()
        eventually(lambda: page.locator("audio").evaluate("element => element.currentTime > 0"))
        for name in ("tono.wav", "tono.opus"):
            screen.row(name).get_by_role("checkbox").check()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download (zip)").click()
        assert zipfile.is_zipfile(download.value.path())

        screen.more("tono.opus", "Share…")
        page.get_by_role("button", name="Create link").click()
        link = page.get_by_role("dialog").locator("input[readonly]").input_value()
        assert link.startswith(f"{origin}{PREFIX}/s/")
        page.goto(f"{link}/")  # with a slash too many
        assert page.url == link
        expect(page.get_by_role("heading", name="tono.opus")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("Download")).click()
        assert download.value.suggested_filename == "tono.opus"

        for name in ("login", "settings", "users"):
            page.goto(f"{origin}{PREFIX}/{name}.html")
            expect(page.get_by_text("This server has no accounts").first).to_be_visible()
        page.goto(f"{origin}{PREFIX}/dashboard.html/")
        expect(page.locator(".worker")).to_have_count(2)
        page.get_by_role("link", name="API").click()
        operation = page.locator('.opblock-get:has([data-path="/media"])')
        operation.locator(".opblock-summary-control").first.click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
        assert f"{origin}{PREFIX}/files" in asked
        assert [url for url in asked if not url.startswith((f"{origin}{PREFIX}/", "data:", "blob:"))] == []
        page.context.close()


@pytest.mark.parametrize(("address", "drawn"), [("", ".empty, .row"), ("dashboard.html", ".plot")])
def test_the_first_load_takes_less_than_100_kb(
    live: Live, fleet: str, browser: Browser, address: str, drawn: str
) -> None:
    page = browser.new_page()
    finished: list[Request] = []
    page.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108 - needs a Python function
    page.goto(fleet + address)
    expect(page.locator(drawn).first).to_be_attached()
    page.wait_for_timeout(300)  # what else the page may want
    sizes = {urlsplit(request.url).path: request.sizes()["responseBodySize"] for request in finished}
    page.close()
    assert sum(sizes.values()) < 100_000, sizes
    hinted = set(re.findall(r'rel="modulepreload" href="([^"]+)"', live.api.get(f"/{address}").text))
    modules = {path.removeprefix("/") for path in sizes if path.endswith(".js")}
    later = {address.rpartition("/")[2] for address in modules - hinted}
    assert later <= LATER, later
    assert hinted <= modules


def test_text_never_becomes_markup(live: Live, fleet: str, clips: Path, open_page: OpenPage) -> None:
    media = live.upload(clips / "tono.wav")
    share = live.api.post(f"/media/{media}/shares", json={"expires_seconds": 60}).json()
    for address in ("", "dashboard.html", share["url"].removeprefix("/")):
        page = open_page(fleet + address, expected="Trusted")
        for attempt in (TO_MARKUP, A_POLICY):
            with pytest.raises(Error, match="TypeError"):
                page.evaluate(attempt)
