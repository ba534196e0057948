"""No barriers: axe-core on every state of the storefront, in light and dark, wide and narrow."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.axe import violations
from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.server import Server
from tests.e2e.storefront import cards, open_page, search_box, search_for, type_prefix


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_axe_finds_nothing(browser: Browser, server: Server, npm_modules: Path, width: int, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    found: dict[str, list[str]] = {}

    def look(state: str) -> None:
        found[state] = violations(page, npm_modules)

    open_page(page, server)
    expect(page.locator(".shelf[data-reason]").first).to_be_visible()
    look("first page")
    search_box(page).click()
    expect(page.get_by_role("option").first).to_be_visible()
    look("empty box")
    type_prefix(page, "protein")
    search_box(page).press("ArrowDown")
    look("suggestions")
    search_for(page, "coffee under $100")
    expect(cards(page).first).to_be_visible()
    if width == 360:
        page.get_by_role("button", name="Filters").click()
    look("results")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".explain-line").first).to_be_visible()
    look("explain drawer")
    page.get_by_role("button", name="Close the explanation").click()
    cards(page).first.click()
    expect(page.locator(".shelf[data-reason]").first).to_be_visible()
    look("product")
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name="Cart, 1 inside").click()
    expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
    look("cart")
    page.get_by_role("link", name="Checkout").click()
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    look("checkout")
    search_for(page, "🔥")
    expect(page.get_by_role("heading", name="Nothing found for “🔥”")).to_be_visible()
    look("nothing found")
    assert {state: lines for state, lines in found.items() if lines} == {}
    assert len(found) == 9
    context.close()


def test_every_control_has_a_name_and_what_changes_is_announced(page: Page, server: Server) -> None:
    open_page(page, server)
    search_for(page, "coffee mug")
    expect(page.locator("#announcer")).to_contain_text("for coffee mug")
    nameless = page.evaluate(
        """() => {
            const name = (one) => one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent;
            const controls = [...document.querySelectorAll("button, a, input, select")];
            return controls.filter((one) => one.checkVisibility() && !name(one).trim()).map((one) => one.outerHTML);
        }"""
    )
    assert nameless == []
    first = cards(page).first
    link = first.get_by_role("link")
    expect(link).to_have_accessible_name(first.locator(".card-title").inner_text())
    link.click()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#announcer")).to_contain_text("is in the cart")


def test_the_explain_drawer_says_what_moved_and_gives_the_focus_back(page: Page, server: Server) -> None:
    open_page(page, server)
    search_for(page, "coffee")
    toggle = page.get_by_role("button", name="Explain")
    toggle.click()
    drawer = page.get_by_role("complementary", name="Why this order?")
    expect(drawer.get_by_role("listitem").first).to_be_visible()
    expect(drawer.get_by_text("for this answer; its stages")).to_be_visible()
    cards(page).nth(3).click()
    expect(page.get_by_role("button", name="Add to cart")).to_be_visible()
    page.go_back()
    expect(drawer.get_by_text("Ranked for you")).to_be_visible()
    bar = drawer.get_by_role("img").first
    for component in ("personal", "contextual", "collaborative", "temporal"):
        expect(bar).to_have_accessible_name(_containing(component))
    type_prefix(page, "coffee")  # the drawer follows to the suggestions
    expect(drawer.get_by_text("“coffee”")).to_be_visible()
    drawer.get_by_role("button", name="Close the explanation").focus()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(toggle).to_be_focused()


def _containing(word: str) -> "re.Pattern[str]":
    return re.compile(word)
