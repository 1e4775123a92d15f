"""The API's page works under the same policy as the others and asks nobody else for anything."""

from playwright.sync_api import expect

from tests.web.conftest import OpenPage


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
