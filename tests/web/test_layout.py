"""The page fits every width, and nothing in it jumps when numbers or states change."""

from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from tests.support.waiting import eventually
from tests.web.conftest import OpenPage
from tests.web.scenes import LIBRARY, job, later, waits
from tests.web.screenshots import shown
from tests.web.stage import Scene, Stage

BEYOND = """
() => [...document.querySelectorAll('body *')]
  .filter((element) => element.checkVisibility() && !element.closest('.unseen'))
  .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .map((element) => element.className)
"""
_BOXES = """
() => [...document.querySelectorAll('.card, .card .name, .card progress, .card .facts, .card .workers')]
  .map((element) => element.getBoundingClientRect())
  .map(({ x, y, height }) => [x, y, height])
"""


@pytest.mark.parametrize("name", ["all", "uploading", "playing", "dialog-refused", "selected-unseen"])
def test_nothing_is_wider_than_the_page(browser: Browser, name: str) -> None:
    with shown(browser, name, size=(320, 800), scheme="light", language="es-ES") as page:
        for width in (320, 360, 768, 1440, 3840):
            page.set_viewport_size({"width": width, "height": 800})
            assert (width, page.evaluate(BEYOND)) == (width, [])


@pytest.mark.parametrize("name", ["all", "dialog-refused"])
def test_everything_that_is_pressed_is_large_enough_for_a_finger(browser: Browser, name: str) -> None:
    with shown(browser, name, size=(360, 740), scheme="light", language="en-GB") as page:
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, a, select, summary, label')]
              .filter((element) => element.checkVisibility())
              .map((element) => [element.innerText || element.ariaLabel, element.getBoundingClientRect()])
              .filter(([, box]) => box.width < 24 || box.height < 24).map(([name]) => name)"""
        )
        assert small == []
        if name != "all":
            return
        rows = page.locator(".row")
        rows.first.get_by_role("checkbox").check()
        rows.last.scroll_into_view_if_needed()
        page.mouse.wheel(0, 200)
        expect(rows.first).not_to_be_in_viewport()
        for action in ("Convert", "Download", "Share", "Delete"):
            expect(page.locator(".selection").get_by_text(action).first).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("language", ["en-GB", "es-ES"])
def test_the_list_stays_in_its_place_when_files_are_chosen(browser: Browser, language: str) -> None:
    with shown(browser, "library", size=(360, 800), scheme="light", language=language) as page:
        boxes = page.locator(".row input")
        for width in (360, 600, 680, 768, 1024, 1100, 1200, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            before = page.locator(".row").first.bounding_box()
            for number in (1, 2):
                boxes.nth(number).check()
            assert (width, page.locator(".row").first.bounding_box()) == (width, before)
            for number in (1, 2):
                boxes.nth(number).uncheck()


@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_moves_while_conversions_advance_and_end(open_page: OpenPage, width: int) -> None:
    soon = {"expected_start_at": later(0.5), "expected_end_at": later(0.6)}
    waiting = [job(n, f"song {n}.wav", "mp3", "pending", **soon) for n in range(1, 5)]
    with Stage(Scene(media=LIBRARY, jobs=waiting)) as stage:
        page = open_page(stage.address, width=width)
        cards = page.locator(".card[data-job]")
        expect(cards).to_have_count(4)
        eventually(lambda: stage.streams)
        page.locator("#conversions").scroll_into_view_if_needed()
        before = page.evaluate(_BOXES)
        running = {"status": "processing", "worker_id": "worker_b", "attempts": 1, "speed": 1.5}
        ended = {"status": "completed", "worker_id": "worker_b", "progress": 100.0, "duration_seconds": 12.0}
        result = {"output_id": "m9", "output_file": "x.mp3", "output_size_bytes": 999, "size_reduction_percent": 80.0}
        for change, shows in (
            ({"expected_start_at": later(59), "expected_end_at": later(61)}, "Starts in about 59 min, done at"),
            ({**running, "progress": 9.0, "eta_seconds": 9.0}, "9%"),
            ({**running, "progress": 9.0, "eta_seconds": 9.0, "paused": True}, "paused for a short job"),
            ({**running, "progress": 81.0, "speed": 112.0, "eta_seconds": 4000.0}, "81%"),
            ({**ended, **result}, "took"),
        ):
            stage.scene = replace(stage.scene, jobs=[{**one, **change} for one in waiting])
            for one in waiting:
                stage.tell("job.leased", job_id=one["job_id"])
            expect(cards.first).to_contain_text(shows)
            assert page.evaluate(_BOXES) == before
        page.context.close()


def test_facts_that_take_more_than_one_line_begin_below_each_other(open_page: OpenPage) -> None:
    stuck = job(1, "song.wav", "mp3", "pending", attempts=1, waits_for=waits("worker"))
    with Stage(Scene(jobs=[stuck])) as stage:
        page = open_page(stage.address, language="es-ES", width=360)
        facts = page.locator(".card[data-job] .facts > span")
        expect(facts).to_have_count(2)
        lefts, tops = facts.evaluate_all(
            """(found) => {
              const boxes = found.map((fact) => { const text = document.createRange(); text.selectNodeContents(fact);
                                                  return text.getBoundingClientRect(); });
              return [boxes.map((box) => Math.round(box.left)), boxes.map((box) => box.top)];
            }"""
        )
        assert tops[0] < tops[1]
        edge = page.locator(".card[data-job] progress").bounding_box()
        assert edge
        assert lefts == [round(edge["x"])] * 2
        page.context.close()
