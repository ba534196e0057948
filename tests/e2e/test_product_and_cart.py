"""The whole way of a shopper, by mouse and by keyboard alone: search, product, cart, till; and what is stored of it."""

import httpx
from playwright.sync_api import Page, expect

from tests.e2e.server import ADMIN_KEY, Server
from tests.e2e.storefront import (
    BROAD,
    COMPLETED,
    awaited_events,
    cards,
    events,
    open_page,
    search_box,
    search_for,
    stored,
    told,
    type_prefix,
)


def test_a_click_on_a_product_is_stored_before_it_is_acknowledged(page: Page, server: Server) -> None:
    open_page(page, server)
    with page.expect_response("**/search") as found:
        search_for(page, COMPLETED)
    answer = found.value.json()
    with page.expect_response(told("click")) as response:
        cards(page).nth(1).click()
    assert response.value.ok
    expect(page.get_by_role("heading", level=1)).to_have_text(answer["products"][1]["title"])
    with page.expect_response(told("add_to_cart")):
        page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("link", name="Cart, 1 inside")).to_be_visible()
    with page.expect_response(told("wishlist")):
        page.get_by_role("button", name="Save for later").click()
    expect(page.get_by_role("button", name="Saved")).to_be_disabled()
    with page.expect_response(told("view")):
        page.go_back()
    expect(cards(page).first).to_be_visible()
    for action in ("click", "add_to_cart", "wishlist", "view"):
        event = events(server, action)[-1]
        assert event["item_id"] == answer["products"][1]["product_id"], action
        assert (event["item_rank"], event["request_id"]) == (2, answer["request_id"]), action
        assert event["session_id"] == stored(server, answer["session_id"]), action
    assert events(server, "view")[-1]["duration_seconds"] > 0


def test_cards_that_were_seen_are_told_of_once_with_their_rank(page: Page, server: Server) -> None:
    open_page(page, server)
    with page.expect_response("**/search") as found, page.expect_response(told("impression")) as seen:
        search_for(page, "coffee mug")
    assert seen.value.ok
    answer = found.value.json()
    cards(page).first.scroll_into_view_if_needed()
    shown = {one["product_id"]: rank for rank, one in enumerate(answer["products"], 1)}
    stored = [one for one in events(server, "impression") if one["request_id"] == answer["request_id"]]
    assert stored
    assert all(shown[one["item_id"]] == one["item_rank"] for one in stored)
    assert len({one["item_id"] for one in stored}) == len(stored)


def test_suggestions_that_were_seen_are_told_of_with_their_rank(page: Page, server: Server) -> None:
    open_page(page, server)
    with page.expect_response(
        lambda response: told("impression")(response) and "coffee" in str(response.request.post_data)
    ):
        type_prefix(page, "coffee")
    shown = [one for one in events(server, "impression") if one["query"] and "coffee" in one["query"]]
    last = [one for one in shown if one["request_id"] == shown[-1]["request_id"]]
    assert min(one["item_rank"] for one in last) == 1
    assert len({one["item_rank"] for one in last}) == len(last)


def test_a_purchase_by_mouse(page: Page, server: Server) -> None:
    open_page(page, server)
    search_for(page, "coffee mug")
    cards(page).first.click()
    title = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name="Cart, 1 inside").click()
    expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
    page.get_by_role("button", name="One more").click()
    expect(page.get_by_text("2 pieces")).to_be_visible()
    page.get_by_role("link", name="Checkout").click()
    with page.expect_response(told("purchase")):
        page.get_by_role("button", name="Buy now").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    expect(page.get_by_role("link", name="Cart, empty")).to_be_visible()
    bought = events(server, "purchase")[-1]
    assert '"quantity": 2' in bought["additional_data"] and bought["item_rank"] == 1
    page.go_back()  # to a till with nothing in it
    expect(page.get_by_role("heading", name="Your cart is empty")).to_be_visible()
    assert title


def test_the_same_by_keyboard_alone(page: Page, server: Server) -> None:
    open_page(page, server)
    expect(cards(page).or_(page.locator(".shelf .card:not(.skeleton)")).first).to_be_visible()

    def tab_to(name: str, role: str = "") -> None:
        """Press Tab until the focus is on what a screen reader calls so."""
        for _ in range(120):
            page.keyboard.press("Tab")
            named = page.evaluate(
                """() => {
                    let at = document.activeElement;
                    while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
                    return (at.getAttribute("aria-label") ?? at.textContent).trim();
                }"""
            )
            if named.startswith(name):
                return
        raise AssertionError(f"no way by Tab to {name}")

    tab_to("Skip to content")
    tab_to("Search products")
    page.keyboard.type(COMPLETED[:-2])
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#results-title")).to_have_text(f"“{COMPLETED}”")
    title = cards(page).first.locator(".card-title").inner_text()
    tab_to(title)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    tab_to("Add to cart")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Cart, 1 inside")).to_be_visible()
    page.keyboard.press("Shift+Tab")
    open_page(page, server, "/?view=cart")
    tab_to("One more")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 pieces")).to_be_visible()
    tab_to("Checkout")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    tab_to("Buy now")
    with page.expect_response(told("purchase")):
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()


def test_a_department_can_be_browsed_filtered_and_shared(page: Page, server: Server) -> None:
    open_page(page, server)
    department = page.get_by_role("navigation", name="Departments").get_by_role("link").first
    name = department.inner_text()
    department.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(department).to_have_attribute("aria-current", "page")
    expect(cards(page).first).to_be_visible()
    brand = page.get_by_role("group", name="Brand").get_by_role("button").first
    brand.click()
    expect(brand).to_have_attribute("aria-pressed", "true")
    found = cards(page).locator(".card-brand").all_inner_texts()
    assert found and set(found) == {brand.locator(".facet-label").inner_text()}
    page.get_by_label("From price").fill("5")
    page.get_by_label("To price").fill("100000")
    page.get_by_label("To price").press("Enter")
    expect(page.get_by_role("group", name="Price").locator("[aria-pressed=true]")).to_have_count(1)
    page.reload()
    expect(cards(page).locator(".card-brand").first).to_have_text(found[0])
    page.get_by_role("button", name="Remove all filters").click()
    expect(page.get_by_role("group", name="Brand").locator("[aria-pressed=true]")).to_have_count(0)


def test_going_back_finds_the_list_as_it_was_left(page: Page, server: Server) -> None:
    open_page(page, server)
    search_for(page, BROAD)
    page.get_by_role("button", name="Load more").click()
    expect(cards(page)).to_have_count(48)
    ids = [card.get_attribute("data-product-id") for card in cards(page).all()]
    cards(page).nth(40).click()
    expect(page.get_by_role("button", name="Add to cart")).to_be_visible()
    page.go_back()
    expect(cards(page)).to_have_count(48)
    assert [card.get_attribute("data-product-id") for card in cards(page).all()] == ids
    expect(cards(page).nth(40)).to_be_in_viewport()
    searched = [one for one in events(server, "search") if one["query"] == BROAD]
    page.get_by_label("Sort by").select_option("price_asc")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_label("Sort by")).to_be_focused()
    page.get_by_role("group", name="Brand").get_by_role("button").first.click()
    expect(page.get_by_role("group", name="Brand").locator("[aria-pressed=true]")).to_be_focused()
    page.reload()
    expect(cards(page).first).to_be_visible()
    # One search, however it was narrowed down, gone back to and looked at again.
    assert [one for one in awaited_events(server, "search") if one["query"] == BROAD] == searched


def test_the_link_to_the_content_leaves_everything_as_it_is(page: Page, server: Server) -> None:
    open_page(page, server)
    search_for(page, "coffee mug")
    search_box(page).fill("half typed")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/search" in request.url else None)
    page.get_by_role("link", name="Skip to content").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    expect(search_box(page)).to_have_value("half typed")
    assert asked == []


def test_a_product_has_an_address_and_one_that_is_gone_says_so(
    page: Page, server: Server, complaints: list[str]
) -> None:
    open_page(page, server)
    link = page.locator(".shelf .card-open").first
    title, address = link.inner_text(), link.get_attribute("href")
    open_page(page, server, str(address))
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page).to_have_title(f"{title} – Cadence Shop")
    open_page(page, server, "/?product=no-such-thing")
    expect(page.get_by_role("heading", name="This product is gone")).to_be_visible()
    assert all("404" in complaint for complaint in complaints)
    complaints.clear()
    search_box(page).fill("coffee")
    search_box(page).press("Enter")
    expect(cards(page).first).to_be_visible()


def test_a_picture_of_an_allowed_host_is_shown_and_any_other_is_drawn(page: Page, server: Server) -> None:
    """Our own origin is always allowed; what else is, IMAGE_HOSTS says. The console must not complain of either."""
    with httpx.Client(
        base_url=server.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}, trust_env=False, timeout=30
    ) as client:
        for name, address in (("own", f"{server.url}/static/icon.svg"), ("other", "https://pictures.example/1.png")):
            product = {"title": f"Quixotron {name}", "image_url": address}
            client.put(f"/admin/products/{name}", json=product).raise_for_status()
        open_page(page, server)
        search_for(page, "quixotron")
        shown = {one.get_attribute("data-product-id"): one.locator("img").count() for one in cards(page).all()}
        assert shown == {"own": 1, "other": 0}
        image = page.locator("#grid img")
        expect(image).to_have_js_property("complete", True)
        expect(image).not_to_have_js_property("naturalWidth", 0)
        expect(page.locator("#grid .drawing")).to_have_count(1)
        for name in ("own", "other"):
            client.delete(f"/admin/products/{name}").raise_for_status()
