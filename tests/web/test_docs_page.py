"""The API's page works under the same policy as the others and asks nobody else for anything."""

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import OpenPage
from tests.web.screenshots import Scheme
from tests.web.test_accessibility import _AXE, RULES


def test_the_api_is_shown_without_any_other_address(fleet: str, open_page: OpenPage) -> None:
    page = open_page("about:blank")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(fleet + "docs")
    operation = page.locator(".opblock", has_text="/convert").first
    expect(operation).to_be_visible()
    operation.locator(".opblock-summary-control").first.click()
    expect(operation.get_by_text("Responses", exact=True).first).to_be_visible()
    check = page.locator(".opblock", has_text="/health")
    check.locator(".opblock-summary-control").click()
    check.get_by_role("button", name="Try it out").click()
    check.get_by_role("button", name="Execute").click()
    expect(check.get_by_text("cURL (PowerShell)")).to_be_visible()
    assert [url for url in asked if not url.startswith((fleet, "data:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_whatever_is_open(fleet: str, open_page: OpenPage, scheme: Scheme) -> None:
    page = open_page(f"{fleet}docs", color_scheme=scheme)
    expect(page.locator(".opblock").first).to_be_visible()
    page.evaluate(_AXE)
    assert found(page) == []

    for method, address in (("post", "/convert"), ("get", "/jobs")):
        operation = page.locator(f'.opblock-{method}:has([data-path="{address}"])')
        operation.locator(".opblock-summary-control").first.click()
        operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.get_by_text("cURL (PowerShell)")).to_be_visible()
    assert found(page) == []


def found(page: Page) -> list[tuple[str, str]]:
    """By colours that have come to rest: those of a button that was just pressed are on their way for a moment."""
    page.evaluate("() => Promise.allSettled(document.getAnimations().map((one) => one.finished))")
    result = page.evaluate("rules => axe.run(document, { runOnly: rules, resultTypes: ['violations'] })", RULES)
    return [(one["id"], node["html"][:200]) for one in result["violations"] for node in one["nodes"]]


def test_one_comes_back_to_the_library_by_keyboard(fleet: str, open_page: OpenPage) -> None:
    page = open_page(f"{fleet}docs")
    expect(page.locator(".opblock").first).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{fleet}player.html")
