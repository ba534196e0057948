"""Lists of products on the page: filters, sorting, pages, what is said about a search, and the address bar."""

import re

from playwright.sync_api import Page, Route, expect

from tests.e2e.server import Server
from tests.e2e.storefront import BROAD, COMPLETED, cards, events, open_page, search_box, search_for, suggestions, told


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
    expect(first.locator(".main")).to_have_text(re.compile("^did you mean protein"))
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
    expect(page.locator("#results")).to_have_count(0)
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
    expect(cards(page).nth(24).get_by_role("link")).to_be_focused()
    ids = [card.get_attribute("data-product-id") for card in cards(page).all()]
    assert len(set(ids)) == 48
    with page.expect_response(told("click")):
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
