"""What the page shows unasked: shelves on the first page and below a product, each with its reason."""

from playwright.sync_api import Page, expect

from tests.e2e.server import Server
from tests.e2e.storefront import events, open_page, search_box, told

SHELF = "#recommended .shelf"


def test_what_was_looked_at_changes_the_shelves(page: Page, server: Server) -> None:
    open_page(page, server)
    first = page.locator(f"{SHELF}[data-reason]").first
    expect(first).to_be_visible()
    expect(page.locator(f"{SHELF}[data-reason=for_you]")).to_have_count(0)  # of a newcomer nothing is known
    title = first.locator(".card-title").first.inner_text()
    first.locator(".card-open").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator("#beside .shelf[data-reason=similar]")).to_be_visible()
    # The view is told of while the shelves are asked for: it is stored once it is answered.
    with page.expect_response(told("view")), page.expect_response("**/recommendations"):
        page.get_by_role("link", name="Cadence Shop").click()
    expect(page.get_by_role("heading", name="For you")).to_be_visible()
    click, view = events(server, "click")[-1], events(server, "view")[-1]
    assert click["item_rank"] == 1 and click["request_id"] == view["request_id"]
    assert view["duration_seconds"] > 0  # how long the page was open


def test_a_similar_product_opens_and_the_one_before_it_is_remembered(page: Page, server: Server) -> None:
    open_page(page, server)
    page.locator(f"{SHELF} .card-open").first.click()
    before = page.get_by_role("heading", level=1)
    expect(before).to_be_visible()
    first_title = before.inner_text()
    similar = page.locator("#beside .card-open").first
    title = similar.inner_text()
    similar.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_role("heading", name=f"Because you looked at {first_title}")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(first_title)


def test_shelves_go_with_the_first_page(page: Page, server: Server) -> None:
    open_page(page, server)
    expect(page.locator(f"{SHELF}[data-reason]").first).to_be_visible()
    search_box(page).fill("shoes")
    page.keyboard.press("Enter")
    expect(page.locator("#grid .card:not(.skeleton)").first).to_be_visible()
    expect(page.locator(SHELF)).to_have_count(0)
    page.go_back()
    expect(page.locator(f"{SHELF}[data-reason]").first).to_be_visible()
