"""Texts that are code elsewhere are texts here: in titles, brands, queries, suggestions and names of users."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.server import ADMIN_KEY, Server
from tests.e2e.storefront import cards, open_page, search_box, search_for

CODE = "<img src=x onerror=window.hacked=1>"
BRAND = '"><script>window.hacked=1</script>'
TITLE = f"{CODE} zorbalight lamp"


@pytest.fixture
def hostile_product(server: Server) -> Iterator[str]:
    with httpx.Client(
        base_url=server.url, headers={"Authorization": f"Bearer {ADMIN_KEY}"}, trust_env=False, timeout=30
    ) as client:
        product = {
            "title": TITLE,
            "brand": BRAND,
            "category": CODE,
            "description": CODE,
            "price": 5,
            "currency": "<b>€</b>",
            "image_url": "https://evil.example/x.png",
            "attributes": {CODE: BRAND},
        }
        client.put("/admin/products/hostile", json=product).raise_for_status()
        yield "hostile"
        client.delete("/admin/products/hostile").raise_for_status()


def test_a_product_made_of_code_is_harmless(page: Page, server: Server, hostile_product: str) -> None:
    open_page(page, server)
    search_for(page, "zorbalight")
    expect(cards(page).first.locator(".card-title")).to_have_text(TITLE)
    expect(cards(page).first.locator(".card-brand")).to_have_text(BRAND)
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".explain-title").first).to_have_text(TITLE)
    page.get_by_role("button", name="Close the explanation").click()
    cards(page).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
    expect(page.locator(".product-description")).to_have_text(CODE)
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name="Cart, 1 inside").click()
    expect(page.locator(".cart-words a")).to_have_text(TITLE)
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("window.hacked") is None


def test_queries_and_names_made_of_code_are_harmless(page: Page, server: Server, hostile_product: str) -> None:
    open_page(page, server)
    page.evaluate("(name) => document.querySelector('cadence-search').client.start({ user_id: name })", CODE)
    page.reload()
    words = f"{CODE} lamp"
    search_for(page, words)
    page.get_by_role("button", name="Clear search").click()
    recent = page.get_by_role("group", name="Recent searches").locator(".suggestion-text")
    expect(recent.first).to_have_text("img src x onerror window.hacked 1 lamp")  # as it was searched

    def made_of_code(route: Route) -> None:
        reply = route.fetch()
        answer = reply.json()
        answer["items"][0] |= {"text": CODE, "category": CODE, "source": CODE, "highlights": [[0, 5], [3, 400]]}
        route.fulfill(response=reply, json=answer | {"scopes": [{"category": CODE, "product_count": 3}]})

    page.route("**/autosuggest", made_of_code)
    search_box(page).fill("lamp")
    expect(page.locator(".suggestion-text").first).to_have_text(CODE)
    expect(page.locator(".suggestion-scope b").first).to_have_text(CODE)
    assert page.locator("cadence-search img").count() == 0
    open_page(page, server, f"/?department={CODE.replace('=', '%3D')}")
    expect(page.get_by_role("heading", level=1)).to_have_text(CODE)
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img").count() == 0


def test_the_policy_forbids_what_would_be_needed_for_an_attack(page: Page, server: Server) -> None:
    response = page.goto(server.url)
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy and "https:" not in policy
    assert page.evaluate("document.scripts.length") == 1
    expect(page.locator(".card:not(.skeleton)").first).to_be_visible()
    # What scripts have drawn carries its colours with it, through the CSSOM; nothing else has a style or a handler.
    assert page.locator("style, [onclick], [style]:not(svg *)").count() == 0
