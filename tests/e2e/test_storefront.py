"""The demo page in a real browser, against the real service and really trained models."""

import re
import sqlite3
from contextlib import closing
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.server import Server, running

PREFIX, COMPLETED = "protein p", "protein powder"
BROAD = "black"  # finds more products than fit on one page


def search_box(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Search products")


def suggestions(page: Page) -> Locator:
    return page.locator(".suggestion:not(.suggestion-product)")


def cards(page: Page) -> Locator:
    return page.locator("#grid .card:not(.skeleton)")


def open_page(page: Page, server: Server, path: str = "/") -> None:
    page.goto(f"{server.url}{path}")


def type_prefix(page: Page, prefix: str) -> Locator:
    """Types into the empty box; the first suggestion of the list for all that was typed."""
    search_box(page).fill("")
    search_box(page).press_sequentially(prefix)
    first = suggestions(page).first
    expect(first.locator(".typed")).to_have_text(prefix)
    return first


def search_for(page: Page, words: str) -> None:
    search_box(page).fill(words)
    search_box(page).press("Enter")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#results-title")).to_have_text(f"“{words}”")


def events(server: Server, action: str) -> list[dict[str, Any]]:
    """The stored events of one kind, oldest first."""
    with closing(sqlite3.connect(server.home / "cadence.sqlite3")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM events WHERE action = ? ORDER BY rowid", [action])]


def test_typing_shows_suggestions_with_the_typed_part_marked(page: Page, server: Server) -> None:
    open_page(page, server)
    first = type_prefix(page, PREFIX)
    expect(first.locator(".suggestion-text")).to_have_text(COMPLETED)
    expect(first.locator(".typed")).to_have_text(PREFIX)
    expect(first.locator(".completed")).to_have_text(COMPLETED.removeprefix(PREFIX))
    expect(first.locator(".typed")).to_have_css("font-weight", "400")
    expect(first.locator(".completed")).to_have_css("font-weight", "650")
    expect(first.locator(".suggestion-count")).to_have_text(re.compile(r"^\d+ products?$"))
    expect(page.locator(".suggestion-product")).to_have_count(3)


def test_arrow_and_enter_search_for_a_suggestion(page: Page, server: Server) -> None:
    open_page(page, server)
    type_prefix(page, PREFIX)
    search_box(page).press("ArrowDown")
    with page.expect_response("**/engagement") as told:
        search_box(page).press("Enter")
    expect(page).to_have_url(f"{server.url}/?q=protein+powder")
    expect(search_box(page)).to_have_value(COMPLETED)
    expect(cards(page).first).to_be_visible()
    expect(page.locator("#suggestions")).to_be_hidden()
    expect(page).to_have_title(f"{COMPLETED} – Cadence Shop")
    assert told.value.status == 200
    event = events(server, "suggestion_click")[-1]
    assert (event["query"], event["item_rank"]) == (COMPLETED, 1)
    assert events(server, "search")[-1]["query"] == COMPLETED


def test_enter_alone_searches_for_what_was_typed(page: Page, server: Server) -> None:
    open_page(page, server)
    type_prefix(page, "coffee m")
    search_box(page).press("Enter")
    expect(page).to_have_url(f"{server.url}/?q=coffee+m")


def test_a_click_on_a_suggestion_searches_for_it(page: Page, server: Server) -> None:
    open_page(page, server)
    type_prefix(page, PREFIX)
    second = suggestions(page).nth(1)
    words = second.locator(".suggestion-text").inner_text()
    second.click()
    expect(page.locator("#results-title")).to_have_text(f"“{words}”")
    expect(cards(page).first).to_be_visible()
    expect(page.locator("#suggestions")).to_be_hidden()


def test_a_product_in_the_list_opens(page: Page, server: Server) -> None:
    open_page(page, server)
    type_prefix(page, PREFIX)
    product = page.locator(".suggestion-product").first
    title = product.locator(".suggestion-title").inner_text()
    product.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#product-dialog-title")).to_have_text(title)


def test_escape_closes_then_empties(page: Page, server: Server) -> None:
    open_page(page, server)
    type_prefix(page, PREFIX)
    search_box(page).press("Escape")
    expect(page.locator("#suggestions")).to_be_hidden()
    expect(search_box(page)).to_have_value(PREFIX)
    search_box(page).press("Escape")
    expect(search_box(page)).to_have_value("")


def test_a_click_elsewhere_closes(page: Page, server: Server) -> None:
    open_page(page, server)
    type_prefix(page, PREFIX)
    page.locator("footer").click()
    expect(page.locator("#suggestions")).to_be_hidden()


def test_an_empty_box_offers_something_and_what_was_searched(page: Page, server: Server) -> None:
    open_page(page, server)
    search_box(page).click()
    expect(suggestions(page).first).to_be_visible()
    search_for(page, "baby monitor")
    expect(cards(page).first).to_be_visible()
    page.get_by_role("button", name="Clear search").click()
    recent = page.get_by_role("group", name="Recent searches")
    expect(recent.get_by_role("option")).to_have_count(1)
    expect(recent.locator(".suggestion-text")).to_have_text("baby monitor")


def test_the_combobox_tells_assistive_technology(page: Page, server: Server) -> None:
    open_page(page, server)
    box = search_box(page)
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).to_have_attribute("aria-autocomplete", "list")
    first = type_prefix(page, PREFIX)
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("listbox")).to_have_id(str(box.get_attribute("aria-controls")))
    assert box.get_attribute("aria-activedescendant") is None
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d+ suggestions available$"))
    box.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", str(first.get_attribute("id")))
    expect(first).to_have_attribute("aria-selected", "true")
    expect(box).to_be_focused()
    box.press("ArrowUp")
    expect(first).to_have_attribute("aria-selected", "false")
    assert box.get_attribute("aria-activedescendant") is None
    box.press("ArrowUp")  # from the box over the top to the last one
    last = page.get_by_role("option").last
    expect(box).to_have_attribute("aria-activedescendant", str(last.get_attribute("id")))
    box.press("Escape")
    expect(box).to_have_attribute("aria-expanded", "false")
    assert box.get_attribute("aria-activedescendant") is None


def test_a_late_answer_does_not_change_the_list_under_the_arrows(page: Page, server: Server) -> None:
    open_page(page, server)

    def hold_the_last(route: Route) -> None:
        if "protein po" not in (route.request.post_data or ""):
            route.continue_()

    page.route("**/autosuggest", hold_the_last)
    first = type_prefix(page, PREFIX)
    with page.expect_request(lambda request: "protein po" in (request.post_data or "")):
        search_box(page).press("o")
    with page.expect_event("requestfailed"):  # given up
        search_box(page).press("ArrowDown")
    expect(first).to_have_attribute("aria-selected", "true")


def test_nothing_found_is_said(page: Page, server: Server) -> None:
    open_page(page, server)
    search_for(page, "🔥")
    expect(page.get_by_role("heading", name="Nothing found for “🔥”")).to_be_visible()
    expect(page.locator("#results-meta")).to_have_text(re.compile(r"^0 products"))
    expect(cards(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Load more")).to_be_hidden()


def test_markup_in_the_address_is_text(page: Page, server: Server) -> None:
    open_page(page, server, "/?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%20lamp")
    expect(page.locator("#results-title")).to_have_text("“<img src=x onerror=alert(1)> lamp”")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    expect(page.locator("img")).to_have_count(0)


def test_a_correction_is_said(page: Page, server: Server) -> None:
    open_page(page, server)
    search_box(page).press_sequentially("protien")
    first = suggestions(page).first
    expect(first.locator(".suggestion-words")).to_have_text(re.compile("^did you mean protein"))
    search_for(page, "protien powder")
    expect(page.locator("#notice")).to_contain_text("Showing results for protein powder.")
    expect(cards(page).first).to_be_visible()


def test_back_and_forward(page: Page, server: Server) -> None:
    open_page(page, server)
    search_for(page, "running shoes")
    first_title = cards(page).first.locator(".card-title").inner_text()
    search_for(page, "coffee mug")
    page.go_back()
    expect(page).to_have_url(f"{server.url}/?q=running+shoes")
    expect(search_box(page)).to_have_value("running shoes")
    expect(cards(page).first.locator(".card-title")).to_have_text(first_title)
    page.go_back()
    expect(page.get_by_role("heading", name="Find it in a few keystrokes.")).to_be_visible()
    expect(page.locator("#results")).to_be_hidden()
    page.go_forward()
    expect(page.locator("#results-title")).to_have_text("“running shoes”")


def test_an_address_can_be_shared_with_its_filters(page: Page, server: Server) -> None:
    open_page(page, server, f"/?q={BROAD}")
    chip = page.get_by_role("group", name="Category").get_by_role("button").first
    expect(chip).to_have_attribute("aria-pressed", "false")
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile(r"[?&]category="))
    page.get_by_label("Sort by").select_option("price_asc")
    expect(page).to_have_url(re.compile(r"sort=price_asc"))
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    shown = cards(page).locator(".card-title").all_inner_texts()
    prices = [float(price.strip("$").replace(",", "")) for price in cards(page).locator(".price").all_inner_texts()]
    assert len(prices) > 1 and prices == sorted(prices)
    page.reload()
    expect(cards(page).locator(".card-title")).to_have_text(shown)
    expect(chip).to_have_attribute("aria-pressed", "true")
    chip.click()
    expect(page).not_to_have_url(re.compile(r"[?&]category="))


def test_more_products_follow_on_request(page: Page, server: Server) -> None:
    open_page(page, server, f"/?q={BROAD}")
    expect(cards(page)).to_have_count(24)
    page.get_by_role("button", name="Load more").click()
    expect(cards(page)).to_have_count(48)
    expect(cards(page).nth(24).get_by_role("button")).to_be_focused()
    ids = [card.get_attribute("data-product-id") for card in cards(page).all()]
    assert len(set(ids)) == 48
    with page.expect_response("**/engagement"):
        cards(page).nth(30).click()
    event = events(server, "click")[-1]
    assert (event["item_id"], event["item_rank"]) == (ids[30], 31)


def test_what_was_understood_is_a_chip_that_can_be_removed(page: Page, server: Server) -> None:
    words = f"{BROAD} under $50"
    open_page(page, server)
    search_for(page, words)
    chip = page.get_by_role("group", name="Understood").get_by_role("button")
    expect(chip).to_have_count(1)
    expect(chip).to_have_text("≤ 50 ✕")
    prices = [float(price.strip("$").replace(",", "")) for price in cards(page).locator(".price").all_inner_texts()]
    assert prices and max(prices) <= 50
    with page.expect_response("**/search") as found:
        chip.click()
    asked = found.value.request.post_data_json
    assert asked is not None and asked["interpret"] is False
    expect(page).to_have_url(re.compile(r"[?&]interpret=false"))
    expect(chip).to_have_count(0)


def test_what_was_left_out_of_a_search_is_said(page: Page, server: Server) -> None:
    open_page(page, server)
    search_for(page, f"{BROAD} under $0.01")
    expect(page.get_by_text("Few products match everything: without under $0.01.")).to_be_visible()
    expect(page.get_by_role("group", name="Understood")).to_be_hidden()
    expect(cards(page).first).to_be_visible()
    search_for(page, f"{BROAD} under")
    expect(page.get_by_text("“under” was left out of the search.")).to_be_visible()


def test_what_may_have_been_meant_is_one_click_away(page: Page, server: Server) -> None:
    def with_question(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json=reply.json() | {"did_you_mean": BROAD})

    page.route("**/search", with_question, times=1)
    open_page(page, server)
    search_for(page, COMPLETED)
    expect(page.get_by_text("Did you mean")).to_be_visible()
    with page.expect_response("**/search") as found:
        page.get_by_role("button", name=BROAD, exact=True).click()
    asked = found.value.request.post_data_json
    assert asked is not None and asked["query"] == BROAD
    expect(page.get_by_text("Did you mean")).to_be_hidden()


def test_a_search_with_a_page_of_its_own_says_so(page: Page, server: Server) -> None:
    def with_redirect(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json=reply.json() | {"redirect": "/dashboard"})

    page.route("**/search", with_redirect)
    open_page(page, server)
    search_for(page, COMPLETED)
    expect(page.get_by_role("link", name="a page of its own")).to_have_attribute("href", "/dashboard")
    expect(cards(page).first).to_be_visible()


def test_a_click_on_a_product_is_stored_before_it_is_acknowledged(page: Page, server: Server) -> None:
    open_page(page, server)
    with page.expect_response("**/search") as found:
        search_for(page, COMPLETED)
    card = cards(page).nth(1)
    with page.expect_response("**/engagement") as told:
        card.click()
    assert told.value.ok
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    with page.expect_response("**/engagement"):
        dialog.get_by_role("button", name="Add to cart").click()
    expect(dialog.get_by_role("button", name="Added to cart")).to_be_disabled()
    answer = found.value.json()
    for action in ("click", "add_to_cart"):
        event = events(server, action)[-1]
        assert event["item_id"] == answer["products"][1]["product_id"]
        assert (event["item_rank"], event["request_id"]) == (2, answer["request_id"])
        assert event["session_id"] == answer["session_id"]
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(card.get_by_role("button")).to_be_focused()


def test_a_session_that_the_server_forgot_is_replaced(page: Page, server: Server, complaints: list[str]) -> None:
    open_page(page, server)
    type_prefix(page, PREFIX)
    page.evaluate(
        "sessionStorage.setItem('cadence-session', JSON.stringify({session_id: 's', user_id: 'u', session_token: 'x'}))"
    )
    page.reload()
    expect(type_prefix(page, "coffee").locator(".typed")).to_have_text("coffee")
    assert all("401" in complaint for complaint in complaints)
    complaints.clear()


def test_nothing_sticks_out_on_a_small_screen(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    open_page(page, server, f"/?q={BROAD}")
    expect(cards(page).first).to_be_visible()
    type_prefix(page, PREFIX)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    popup = page.locator("#suggestions").bounding_box()
    assert popup and popup["x"] >= 0 and popup["x"] + popup["width"] <= 360 and popup["y"] + popup["height"] <= 740


def test_a_dead_server_is_said_and_the_search_goes_on_after_it_returns(
    page: Page, mortal_server: Server, complaints: list[str]
) -> None:
    open_page(page, mortal_server)
    search_for(page, COMPLETED)
    expect(cards(page).first).to_be_visible()
    mortal_server.kill()
    search_box(page).fill("coffee mug")
    search_box(page).press("Enter")
    expect(page.get_by_role("heading", name="The shop cannot be reached")).to_be_visible()
    expect(cards(page)).to_have_count(0)
    expect(search_box(page)).to_have_value("coffee mug")
    with running(mortal_server.home, port=mortal_server.port):
        page.get_by_role("button", name="Try again").click()
        expect(cards(page).first).to_be_visible()
        expect(page.locator("#message")).to_be_hidden()
    assert complaints
    assert all("ERR_CONNECTION_REFUSED" in complaint for complaint in complaints)
    complaints.clear()
