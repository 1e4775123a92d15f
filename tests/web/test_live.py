"""The page is told what changes; when it cannot be told it asks, says so, and recovers."""

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route, expect

from tests.support.live import Live
from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.scenes import LIBRARY, SCENES, job
from tests.web.stage import Json, Scene, Stage
from tests.web.words import wait_until_drawn

UPDATES, FRAME_SECONDS = 10, 0.016
_WORK = {"ScriptDuration", "LayoutDuration", "RecalcStyleDuration"}
BROKEN = "net::ERR_"
"""What Chromium itself writes on the console when nobody answers."""


def settled(page: Page, stage: Stage) -> int:
    """Waits until the page listens and has asked for nothing more in a while; how many requests there were."""
    eventually(lambda: stage.streams)
    asked = -1
    while asked != len(stage.asked):
        asked = len(stage.asked)
        page.wait_for_timeout(700)
    return asked


def test_a_page_without_its_stream_asks_every_few_seconds_and_recovers(
    live: Live, clips: Path, open_page: OpenPage
) -> None:
    page = open_page("about:blank", expected=BROKEN)
    page.route("**/events", lambda route: route.abort())
    page.goto(live.address)
    bar = page.locator(".connection")
    expect(bar).to_contain_text("Live updates are interrupted")
    wait_until_drawn(page)
    before = page.locator(".row").count()
    live.upload(clips / "tono.wav", "elsewhere.wav")
    expect(page.locator(".row")).to_have_count(before + 1)
    page.unroute("**/events")
    expect(bar).to_be_empty()


def test_a_page_whose_server_is_gone_says_so_and_recovers_when_it_is_back(open_page: OpenPage) -> None:
    with Stage(SCENES["empty"]) as stage:
        page = open_page(stage.address, expected=BROKEN)
        expect(page.locator(".empty").first).to_be_visible()
    expect(page.locator(".connection")).to_contain_text("The server cannot be reached")
    with Stage(SCENES["library"], stage.port):
        expect(page.locator(".row")).to_have_count(len(LIBRARY))
        expect(page.locator(".connection")).to_be_empty()
        page.context.close()


def test_a_page_that_was_offline_shows_what_happened_meanwhile(live: Live, clips: Path, open_page: OpenPage) -> None:
    page = open_page(live.address, language="es-ES", expected=BROKEN)
    wait_until_drawn(page)
    before = page.locator(".row").count()
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('online'))")  # Chromium tells nobody of a stream that it cuts off like this
    expect(page.locator(".connection")).to_contain_text("No se puede contactar")
    live.upload(clips / "tono.wav", "mientras tanto.wav")
    page.context.set_offline(False)
    expect(page.locator(".row")).to_have_count(before + 1)
    expect(page.locator(".connection")).to_be_empty()


def test_a_job_is_fetched_when_an_event_names_it(open_page: OpenPage) -> None:
    running = job(1, "song.wav", "mp3", "processing", progress=20.0)
    with Stage(Scene(media=LIBRARY, jobs=[running])) as stage:
        page = open_page(stage.address)
        card = page.locator(".card[data-job]")
        expect(card).to_contain_text("Converting")
        before = settled(page, stage)
        stage.scene = replace(stage.scene, jobs=[{**running, "status": "cancelled"}])
        stage.tell("job.cancelled", job_id="j1")
        expect(card).to_contain_text("Cancelled")
        assert stage.asked[before:] == ["/jobs/j1"]
        page.context.close()


def test_what_the_quota_cancelled_is_said_once(open_page: OpenPage) -> None:
    jobs = [job(n, "song.wav", "mp3", "pending") for n in range(1, 4)]
    with Stage(Scene(media=LIBRARY, jobs=jobs)) as stage:
        page = open_page(stage.address)
        expect(page.locator(".card[data-job]")).to_have_count(3)
        settled(page, stage)
        stage.scene = replace(stage.scene, jobs=[{**one, "status": "cancelled"} for one in jobs])
        stage.tell("job.cancelled", job_id="j1")
        expect(page.locator(".state.cancelled").first).to_be_visible()
        expect(page.locator(".notice")).to_have_count(0)
        for one in jobs:
            stage.tell("job.cancelled", job_id=one["job_id"], reason="quota")
        expect(page.locator(".state.cancelled")).to_have_count(3)
        expect(page.locator(".notice")).to_have_count(1)
        expect(page.locator(".notice")).to_contain_text("What you store exceeds your quota")
        page.context.close()


def test_nothing_is_asked_while_nothing_changes(open_page: OpenPage) -> None:
    with Stage(SCENES["completed"]) as stage:
        page = open_page(stage.address)
        expect(page.locator(".card[data-job]")).to_have_count(1)
        before = settled(page, stage)
        for _ in range(20):
            stage.tell("job.progress")
            page.wait_for_timeout(50)
        assert stage.asked[before:] == []
        page.context.close()


def test_a_burst_of_events_is_answered_by_few_requests(open_page: OpenPage) -> None:
    jobs = [job(n, "song.wav", "mp3", "processing") for n in range(1, 31)]
    with Stage(Scene(media=LIBRARY, jobs=jobs)) as stage:
        page = open_page(stage.address)
        expect(page.locator(".card[data-job]")).to_have_count(30)
        before = settled(page, stage)
        stage.scene = replace(stage.scene, jobs=[{**one, "status": "cancelled"} for one in jobs])
        for one in jobs:
            stage.tell("job.cancelled", job_id=one["job_id"])
        expect(page.locator(".state.cancelled")).to_have_count(30)
        assert len(stage.asked) - before <= 8
        page.context.close()


def test_lists_stay_as_long_as_somebody_has_made_them(open_page: OpenPage) -> None:
    """Although the server gives 200 at most at a time."""
    media = [{**LIBRARY[0], "id": f"m{n}"} for n in range(300)]
    jobs = [job(n, "song.wav", "mp3", "cancelled") for n in range(300)]

    def answer(route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        name, rows = ("media", media) if "/media?" in route.request.url else ("jobs", jobs)
        limit, start = int(asked["limit"][0]), int(asked.get("cursor", ["0"])[0])
        end = start + limit
        assert limit <= 200
        page_of_rows: Json = {name: rows[start:end], "next_cursor": str(end) if end < len(rows) else None}
        route.fulfill(json={"media": [], "next_cursor": None} if "trash" in asked else page_of_rows)

    with Stage(Scene()) as stage:
        page = open_page("about:blank")
        page.route(re.compile(r"/(media|jobs)\?"), answer)
        page.goto(stage.address)
        for panel, rows in (("#library", ".row"), ("#conversions", ".card[data-job]")):
            for shown in (50, 100, 150, 200, 250):
                expect(page.locator(rows)).to_have_count(shown)
                if shown < 250:
                    page.locator(f"{panel} > .more").click()
        media.insert(0, {**LIBRARY[0], "id": "new", "name": "new.wav"})
        stage.tell("media.created")
        expect(page.locator(".row").first).to_contain_text("new.wav")
        jobs[0] = {**jobs[0], "status": "completed"}
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator(".state.completed")).to_have_count(1)
        assert page.locator(".row").count() == page.locator(".card[data-job]").count() == 250
        page.context.close()


def test_a_list_of_1000_jobs_is_updated_within_a_frame(open_page: OpenPage) -> None:
    done = [job(n, "song.wav", "mp3", "completed", progress=100.0) for n in range(980)]

    def jobs(percent: float) -> list[Json]:
        return [job(n, "song.wav", "mp3", "processing", progress=percent) for n in range(1000, 1020)] + done

    def cost() -> float:
        """What the page's main thread has worked so far, in seconds."""
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return sum(float(one["value"]) for one in metrics if one["name"] in _WORK)

    with Stage(Scene(media=LIBRARY, jobs=jobs(0))) as stage:
        page = open_page(stage.address)
        expect(page.locator(".card[data-job]")).to_have_count(1000, timeout=60_000)
        settled(page, stage)
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})  # its own time, whatever else runs here
        before = cost()
        for percent in range(1, UPDATES + 1):
            stage.scene = replace(stage.scene, jobs=jobs(percent))
            stage.tell("job.progress")
            expect(page.locator(".card[data-job] .facts", has_text=f"{percent}%")).to_have_count(20)
        each = (cost() - before) / UPDATES
        print(f"\n1,000 jobs, 20 of them running: {1000 * each:.1f} ms of work for each update")
        page.context.close()
        assert each < FRAME_SECONDS


def test_a_page_that_nobody_looks_at_holds_no_connection(open_page: OpenPage) -> None:
    with Stage(SCENES["empty"]) as stage:
        page = open_page(stage.address)
        eventually(lambda: len(stage.streams) == 1)
        hide = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        hide += "document.dispatchEvent(new Event('visibilitychange')) }"
        page.evaluate(hide, True)
        eventually(lambda: stage.tell("job.progress") or not stage.streams)  # type: ignore[func-returns-value]
        page.evaluate(hide, False)
        eventually(lambda: len(stage.streams) == 1)
        page.context.close()
