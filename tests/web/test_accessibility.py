"""Every state of the page passes axe's rules for WCAG 2.2 AA, by day and by night."""

import pytest
from playwright.sync_api import Browser

from scripts import vendor
from tests.web.screenshots import DESKTOP, PHONE, Scheme, shown

_AXE = (vendor.TESTS / "axe-core/axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""Rules by their names, as RULES are by their tags."""

SHARED = ("share", "share-film", "share-used-up", "share-locked", "share-gone")
ACCOUNTS = ("login-wrong", "signup", "settings-new-token", "settings-goodbye", "users-invited", "users-delete", "menu")
STATES = (
    "empty",
    "uploading",
    "failed",
    "all",
    "playing",
    "film",
    "more",
    "dialog-several-priority",
    "dialog-refused",
    "selected-unseen",
    "selected",
    "deleted",
    "trash",
    "delete",
    "why",
    "sharing-new",
    *SHARED,
    *ACCOUNTS,
)
"""`all` has in it what the others of the pictures show."""


@pytest.mark.parametrize(("number", "name"), list(enumerate(STATES)))
def test_axe_finds_nothing(browser: Browser, number: int, name: str) -> None:
    size, language = ((PHONE, "en-GB"), (DESKTOP, "es-ES"))[number % 2]
    # By night only colours are others.
    rules: tuple[tuple[Scheme, list[str]], ...] = (("light", RULES), ("dark", OF_COLOURS))
    with shown(browser, name, size=size, scheme="light", language=language) as page:
        page.evaluate(_AXE)
        for scheme, asked in rules:
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("rules => axe.run(document, { runOnly: rules, resultTypes: ['violations'] })", asked)
            assert [
                (scheme, violation["id"], node["html"][:200], node["failureSummary"])
                for violation in found["violations"]
                for node in violation["nodes"]
            ] == []
