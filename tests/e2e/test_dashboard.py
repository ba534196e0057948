"""The operators' page in a real browser, against the real service."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.e2e.axe import violations
from tests.e2e.server import ADMIN_KEY, Server, running

SCRIPT = "<img src=x onerror=document.title='broken'>"


def at(page: Page, server: Server, query: str = "") -> None:
    page.goto(f"{server.url}/dashboard{query}")


def open_with_key(page: Page, server: Server, query: str = "") -> None:
    """The figures, asked for with the key typed as an operator would."""
    at(page, server, query)
    page.get_by_label("Key (ADMIN_API_KEY)").fill(ADMIN_KEY)
    page.keyboard.press("Enter")
    expect(page.locator("#figures")).to_have_attribute("aria-busy", "false")


def figure(page: Page, name: str) -> Locator:
    card = page.locator(".card", has=page.get_by_role("heading", name=name, exact=True))
    return card.locator(".card-value")


def panel(page: Page, name: str) -> Locator:
    return page.locator(".panel", has=page.get_by_role("heading", name=name, exact=True))


def visit(server: Server, query: str, typed: str) -> None:
    """One shopper over HTTP: types, chooses the second suggestion, searches and buys the first product."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        started = client.post("/user/session/start", json={}).json()
        who = {"user_id": started["user_id"], "session_id": started["session_id"]}
        client.headers["Authorization"] = f"Bearer {started['session_token']}"

        def tell(action: str, **values: Any) -> None:
            body = {**who, "action_type": action, "event_id": str(uuid.uuid4()), **values}
            assert client.post("/engagement", json=body).status_code == 200

        for length in range(1, len(typed) + 1):
            client.post("/autosuggest", json={"query_prefix": typed[:length]}).raise_for_status()
        tell("suggestion_click", query=query, item_rank=2, additional_data={"prefix": typed})
        found = client.post("/search", json={"query": query}).raise_for_status().json()
        for product in found["products"][:1]:
            for action in ("click", "add_to_cart", "purchase"):
                tell(action, item_id=product["product_id"], item_rank=1, request_id=found["request_id"])


@pytest.fixture
def expected_complaints(complaints: list[str]) -> Callable[[str], None]:
    """Takes out what the browser says of requests that fail, which a test wants to fail; at least one."""

    def take_out(pattern: str) -> None:
        meant = [said for said in complaints if re.search(pattern, said)]
        assert meant
        complaints[:] = [said for said in complaints if said not in meant]

    return take_out


def test_the_key_is_asked_once_and_lives_in_its_tab(page: Page, context: BrowserContext, server: Server) -> None:
    open_with_key(page, server)
    page.reload()
    expect(figure(page, "Sessions")).to_have_text(re.compile(r"^[\d,]+$"))
    expect(page.locator("#key-form")).to_be_hidden()
    other = context.new_page()
    at(other, server)
    expect(other.locator("#key-form")).to_be_visible()
    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_label("Key (ADMIN_API_KEY)")).to_be_focused()
    expect(page.locator("#figures")).to_be_hidden()
    page.reload()
    expect(page.locator("#key-form")).to_be_visible()


def test_a_wrong_key_is_asked_for_again(page: Page, server: Server, expected_complaints: Callable[[str], None]) -> None:
    at(page, server)
    for wrong in ("wrong", "schlüssel"):  # the second is none that a header could carry
        page.get_by_label("Key (ADMIN_API_KEY)").fill(wrong)
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_role("alert")).to_contain_text("not accepted")
    page.get_by_label("Key (ADMIN_API_KEY)").fill(ADMIN_KEY)
    page.keyboard.press("Enter")
    expect(page.locator("#figures")).to_have_attribute("aria-busy", "false")
    page.evaluate("sessionStorage.setItem('cadence-admin-key', 'changed meanwhile')")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("not accepted")
    page.evaluate("sessionStorage.setItem('cadence-admin-key', 'changed-meanwhile')")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("not accepted")
    expected_complaints("401")


def test_what_shoppers_do_is_shown(page: Page, mortal_server: Server) -> None:
    visit(mortal_server, "protein powder", "prot")
    visit(mortal_server, "protein powder", "protein")
    visit(mortal_server, SCRIPT, "<im")
    open_with_key(page, mortal_server, "?hours=1")
    expect(figure(page, "Suggestion click-through")).to_have_text("100.0 %")
    expect(figure(page, "Mean position chosen")).to_have_text("2.0")
    expect(panel(page, "Keystrokes").get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("Keystrokes: 14 in")
    )
    expect(panel(page, "Top queries").get_by_role("row").nth(1)).to_contain_text("protein powder")
    expect(panel(page, "Positions of chosen suggestions")).to_contain_text("3 choices")
    expect(panel(page, "Funnel of sessions")).to_contain_text("Purchased")
    expect(panel(page, "Most clicked products").get_by_role("row").nth(1)).to_contain_text("Protein")
    expect(page.get_by_role("region", name="By day").get_by_role("row").nth(1)).to_contain_text("100.0 %")
    page.get_by_label("Whole days of this range, by").select_option("visitor")
    expect(page.get_by_role("region", name="By visitor").get_by_role("row").nth(1)).to_contain_text("new")
    with page.expect_download() as saved:
        panel(page, "Top queries").get_by_role("button", name="CSV").click()
    assert saved.value.suggested_filename == "top_queries-1h.csv"
    assert saved.value.path().read_text().splitlines()[1] == "protein powder,2,1.0"
    expect(panel(page, "Latency by stage")).to_contain_text("Autosuggest")
    expect(panel(page, "Latency by endpoint")).to_contain_text("POST /autosuggest")
    expect(panel(page, "Models")).to_contain_text("tiny")
    expect(panel(page, "Drift")).to_contain_text("not known yet")
    expect(page).to_have_title("Dashboard – Enhanced CADENCE")
    assert page.locator("main img").count() == 0


def test_a_text_that_looks_like_a_script_is_shown_as_text(page: Page, server: Server) -> None:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        told = {"user_id": "u", "session_id": "s", "action_type": "click", "item_id": SCRIPT}
        assert client.post("/engagement", json=told).status_code == 200
    open_with_key(page, server, "?hours=1")
    expect(panel(page, "Most clicked products").get_by_text(SCRIPT)).to_be_visible()
    expect(page).to_have_title("Dashboard – Enhanced CADENCE")
    assert page.locator("main img").count() == 0


def test_the_range_is_in_the_address(page: Page, server: Server) -> None:
    open_with_key(page, server)
    ranges = page.get_by_role("navigation", name="Time range")
    expect(ranges.get_by_text("24 h")).to_have_attribute("aria-current", "true")
    ranges.get_by_text("7 days").click()
    expect(page).to_have_url(re.compile(r"\?hours=168$"))
    expect(ranges.get_by_text("7 days")).to_have_attribute("aria-current", "true")
    expect(page.locator("#figures")).to_have_attribute("aria-busy", "false")
    page.reload()
    expect(ranges.get_by_text("7 days")).to_have_attribute("aria-current", "true")
    page.go_back()
    expect(ranges.get_by_text("24 h")).to_have_attribute("aria-current", "true")
    expect(page.locator("#figures")).to_have_attribute("aria-busy", "false")
    at(page, server, "?hours=nonsense")
    expect(ranges.get_by_text("24 h")).to_have_attribute("aria-current", "true")


def test_definitions_open_by_keyboard(page: Page, server: Server) -> None:
    open_with_key(page, server)
    mark = page.get_by_text("What is “Zero-result rate”?").locator("..")
    mark.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Share of the searches whose list showed nothing, be it")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("Share of the searches whose list showed nothing, be it")).to_be_hidden()
    expect(mark).to_be_focused()


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_cut_off_at_any_width(page: Page, server: Server, width: int) -> None:
    visit(server, "protein powder", "prot")
    page.set_viewport_size({"width": width, "height": 780})
    open_with_key(page, server, "?hours=1")
    expect(panel(page, "Models")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    beyond = """[...document.querySelectorAll('main *')]
        .filter(one => !one.closest('.table-box, .visually-hidden, .help:not([open]) p'))
        .filter(one => one.getBoundingClientRect().right > innerWidth || one.getBoundingClientRect().left < 0)
        .map(one => one.outerHTML.slice(0, 100))"""
    assert page.evaluate(beyond) == []
    assert page.locator("#figures .help").count() > 8
    for number in range(page.locator("#figures .help").count()):
        definition = page.locator("#figures .help").nth(number)
        definition.locator("summary").press("Enter")
        box = definition.locator("p").bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark")])
def test_axe_finds_nothing(browser: Browser, server: Server, npm_modules: Path, width: int, scheme: str) -> None:
    visit(server, "protein powder", "protein")
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    at(page, server)
    expect(page.get_by_label("Key (ADMIN_API_KEY)")).to_be_visible()
    assert violations(page, npm_modules) == []
    open_with_key(page, server)
    expect(panel(page, "Latency by endpoint")).to_be_visible()
    assert violations(page, npm_modules) == []
    context.close()


def test_a_server_that_goes_and_comes_back(
    page: Page, mortal_server: Server, expected_complaints: Callable[[str], None]
) -> None:
    visit(mortal_server, "protein powder", "prot")
    open_with_key(page, mortal_server, "?hours=1")
    expect(figure(page, "Searches")).to_have_text("1")
    mortal_server.kill()
    expect(page.get_by_role("status")).to_contain_text("The server cannot be reached.")
    expect(page.get_by_role("status")).to_contain_text("what was known")
    expect(figure(page, "Searches")).to_have_text("1")
    # For the page it stays away until the visit is over: figures that it counts before, it counts again in a minute.
    page.route("**/admin/**", lambda route: route.abort("connectionrefused"))
    with running(mortal_server.home, mortal_server.port):
        visit(mortal_server, "protein powder", "prot")
        page.unroute("**/admin/**")
        expect(page.get_by_role("status")).to_be_empty()
        expect(figure(page, "Searches")).to_have_text("2")
    expected_complaints("ERR_")
