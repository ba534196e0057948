"""Phone and desktop, light and dark, left-to-right and right-to-left; nothing clipped, nothing that jumps."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.server import Server
from tests.e2e.storefront import BROAD, PREFIX, cards, open_page, search_box, suggestions, type_prefix

_STATES = ("/", f"/?q={BROAD}", "/?view=cart", "/?q=%F0%9F%94%A5")


@pytest.mark.parametrize(("width", "direction"), [(360, "ltr"), (360, "rtl"), (768, "ltr"), (1440, "rtl")])
def test_nothing_sticks_out(page: Page, server: Server, width: int, direction: str) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    for state in _STATES:
        open_page(page, server, state)
        page.evaluate("(direction) => (document.documentElement.dir = direction)", direction)
        expect(page.locator("h1, h2").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == width, state
    open_page(page, server, f"/?q={BROAD}")
    page.evaluate("(direction) => (document.documentElement.dir = direction)", direction)
    expect(cards(page).first).to_be_visible()
    type_prefix(page, PREFIX)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    popup = page.locator("#suggestions").bounding_box()
    assert popup and popup["x"] >= 0 and popup["x"] + popup["width"] <= width and popup["y"] + popup["height"] <= 740


def test_right_to_left_turns_the_box_around(page: Page, server: Server) -> None:
    open_page(page, server)
    page.evaluate("document.documentElement.dir = 'rtl'")
    search_box(page).fill("coffee")
    icon, clear = page.locator(".box > .icon"), page.get_by_role("button", name="Clear search")
    right, left = icon.bounding_box(), clear.bounding_box()
    assert right and left and right["x"] > left["x"]
    text = suggestions(page).first.locator(".main").bounding_box()
    count = suggestions(page).first.locator(".suggestion-count").bounding_box()
    assert text and count and text["x"] > count["x"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_and_the_box_follow_the_device(browser: Browser, server: Server, scheme: str) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    open_page(page, server)
    type_prefix(page, PREFIX)

    def lightness(selector: str, colour: str) -> int:
        said = page.locator(selector).first.evaluate(f"(one) => getComputedStyle(one).{colour}")
        return sum(int(part) for part in said.removeprefix("rgb(").removesuffix(")").split(",")[:3])

    for selector in ("body", ".site-header", "#suggestions"):
        is_dark = lightness(selector, "backgroundColor") < 3 * 128
        assert is_dark is (scheme == "dark"), selector
        assert (lightness(selector, "color") > 3 * 128) is is_dark, selector
    page.evaluate(
        "(other) => (document.documentElement.dataset.theme = other)", "light" if scheme == "dark" else "dark"
    )
    assert (lightness("#suggestions", "backgroundColor") < 3 * 128) is (scheme == "light")
    context.close()


def test_nothing_jumps_while_the_page_fills(page: Page, server: Server) -> None:
    """Cumulative layout shift (web.dev/cls): 0.1 is called good; here no more than a hundredth."""
    page.add_init_script(
        """window.shifts = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    for path in ("/", f"/?q={BROAD}"):
        open_page(page, server, path)
        expect(page.locator(".card:not(.skeleton)").first).to_be_visible()
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.evaluate("window.shifts") < 0.01, path
