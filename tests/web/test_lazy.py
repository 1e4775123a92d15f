"""Parts of the page that come with their first use, and what is there before any script."""

from playwright.sync_api import FloatRect, Route, expect

from tests.web.conftest import OpenPage
from tests.web.scenes import LIBRARY, SCENES
from tests.web.stage import Stage

REFUSED = "Failed to load resource"


def corner(box: FloatRect) -> tuple[float, float, float]:
    """Where something is, and how wide."""
    return box["x"], box["y"], box["width"]


def test_a_part_that_cannot_be_loaded_is_said_and_asked_for_again(open_page: OpenPage) -> None:
    with Stage(SCENES["library"]) as stage:
        page = open_page("about:blank", expected=REFUSED)
        for part in ("convert", "trash", "upload"):
            page.route(f"**/web/{part}.js", lambda route: route.abort())
        page.goto(stage.address)
        name = LIBRARY[0]["name"]
        convert = page.get_by_role("button", name=f"Convert {name}", exact=True)
        convert.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".notice.error")).to_contain_text("A part of this page could not be loaded.")
        page.get_by_role("button", name=f"Delete {name}").click()
        expect(page.locator(".notice.error")).to_have_count(2)
        page.unroute_all()
        convert.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_label("Format")).to_be_focused()
        page.keyboard.press("Escape")
        expect(convert).to_be_focused()
        page.context.close()


def test_a_slow_part_is_announced_until_it_is_there(open_page: OpenPage) -> None:
    with Stage(SCENES["library"]) as stage:
        page = open_page("about:blank")
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        page.route("**/web/share/dialog.js", hold)
        page.goto(stage.address)
        page.get_by_role("button", name=f"More for {LIBRARY[0]['name']}").click()
        page.get_by_role("button", name="Share…").click()
        expect(page.locator(".coming")).to_have_text("Loading…")
        for route in held:
            route.continue_()
        expect(page.get_by_role("dialog").get_by_label("The link works for")).to_be_focused()
        expect(page.locator(".coming")).to_have_count(0)
        page.context.close()


def test_the_page_has_its_first_words_before_its_scripts_and_stays_where_it_is(open_page: OpenPage) -> None:
    with Stage(SCENES["library"]) as stage:
        for width in (360, 1280):
            bare = open_page(stage.address, language="es-ES", width=width, java_script_enabled=False)
            page = open_page(stage.address, language="es-ES", width=width)
            expect(page.locator(".row").first).to_be_visible()
            for part in (".brand", ".drop", ".drop p", ".languages", "#library"):
                boxes = [opened.locator(part).bounding_box() for opened in (bare, page)]
                assert boxes[0]
                assert boxes[1]
                assert (width, part, corner(boxes[0])) == (width, part, corner(boxes[1]))
            for words in (".drop p", "#library h2"):
                expect(bare.locator(words)).to_have_text(page.locator(words).inner_text())
            page.context.close()
            bare.context.close()
