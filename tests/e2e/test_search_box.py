"""The search box in a real browser, against the real service and really trained models."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.server import Server
from tests.e2e.storefront import (
    COMPLETED,
    PREFIX,
    cards,
    events,
    open_page,
    search_box,
    search_for,
    suggestions,
    told,
    type_prefix,
)


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
    with page.expect_response(told("suggestion_click")) as response:
        search_box(page).press("Enter")
    expect(page).to_have_url(f"{server.url}/?q=protein+powder")
    expect(search_box(page)).to_have_value(COMPLETED)
    expect(cards(page).first).to_be_visible()
    expect(page.locator("#suggestions")).to_be_hidden()
    expect(page).to_have_title(f"{COMPLETED} – Cadence Shop")
    assert response.value.status == 200
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
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


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
    expect(page.locator("cadence-search").get_by_role("status")).to_have_text(
        re.compile(r"^\d+ suggestions available$")
    )
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
