"""The switcher of shoppers, and what one visitor's clicks do to the very next list; in a browser."""

import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from core.demo_shoppers import load_demo_shoppers
from tests.e2e.conftest import DEMO
from tests.e2e.server import ROOT, Server, environment, running
from tests.e2e.storefront import cards, events, open_page, search_box, search_for, stored, suggestions, told
from tests.trained_shop import TrainedShop

PREFIX = "b"


@pytest.fixture(scope="module")
def server(trained_shop: TrainedShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A demonstration: its shoppers have a history."""
    home = tmp_path_factory.mktemp("personas") / "home"
    shutil.copytree(trained_shop.home, home)
    command = [sys.executable, "-m", "data_generation.demo_shoppers", "--home", str(home)]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True)  # as run_demo.py does
    with running(home, None, **DEMO, EXPLORATION_SHARE="0") as server:
        yield server


def shop_as(page: Page, name: str) -> None:
    with page.expect_response("**/user/session/start"):
        page.get_by_label("Shopping as").select_option(label=name)
    said = f"Shopping as {name}." if name != "New visitor" else "Shopping as a new visitor"
    expect(page.locator("#about-shopper")).to_contain_text(said)


def listed(page: Page, *, known: bool) -> tuple[list[str], list[str]]:
    """Suggestions and products on screen for `PREFIX`; of a `known` shopper once the list is this one's.

    A keystroke waits 10 ms for a profile; on a busy machine a list may come without it.
    """
    for _ in range(20):
        page.evaluate("document.querySelector('cadence-search').forget()")
        search_box(page).fill("")
        with page.expect_response(
            lambda response: f'"query_prefix":"{PREFIX}"' in (response.request.post_data or "")
        ) as answered:
            search_box(page).press(PREFIX)
        answer = answered.value.json()
        if answer["personalized"] or not known:
            break
    texts, titles = answer["suggestions"], [product["title"] for product in answer["products"]]
    expect(suggestions(page).locator(".suggestion-text")).to_have_text(texts)
    expect(page.locator(".suggestion-product .suggestion-title")).to_have_text(titles)
    return texts, titles


def test_four_personas_see_four_different_lists(page: Page, server: Server) -> None:
    open_page(page, server)
    names = [one.name for one in load_demo_shoppers(server.home)]
    options = page.get_by_label("Shopping as").get_by_role("option")
    expect(options).to_have_text(["New visitor", *names])
    assert len(names) == 14
    found = {}
    for name in names:
        shop_as(page, name)
        expect(page.locator("[data-reason=for_you]")).to_be_visible()  # the service has read the history
        texts, titles = listed(page, known=True)
        found[name] = texts[0], titles[0]
    different: list[tuple[str, str]] = []
    for lines in found.values():
        if all(lines[0] != other[0] and lines[1] != other[1] for other in different):
            different.append(lines)
    assert len(different) >= 4, found


def test_what_is_on_screen_belongs_to_who_is_chosen(page: Page, server: Server) -> None:
    open_page(page, server)
    search_for(page, "black")
    cards(page).first.click()
    title = page.get_by_role("heading", level=1).inner_text()
    expect(page.get_by_role("button", name="Add to cart")).to_be_visible()
    visitor = page.evaluate("document.querySelector('cadence-search').client.session()")
    with page.expect_response(told("view")):
        shop_as(page, "Gamer")
    gamer = page.evaluate("document.querySelector('cadence-search').client.session()")
    assert events(server, "view")[-1]["session_id"] == stored(server, visitor["session_id"])  # who had looked at it
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    with page.expect_response(told("add_to_cart")):
        page.get_by_role("button", name="Add to cart").click()
    added = events(server, "add_to_cart")[-1]
    assert (added["session_id"], added["request_id"]) == (
        stored(server, gamer["session_id"]),
        None,
    )  # not out of the other one's list
    shop_as(page, "New visitor")
    expect(page.get_by_role("link", name="Cart, empty")).to_be_visible()
    searches = [one for one in events(server, "search") if one["query"] == "black"]
    assert {one["session_id"] for one in searches} == {stored(server, visitor["session_id"])}


def test_arrow_keys_pass_over_others_and_the_last_one_holds(page: Page, server: Server) -> None:
    open_page(page, server)
    select = page.get_by_label("Shopping as")
    expect(select).to_be_visible()
    select.focus()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    third = load_demo_shoppers(server.home)[2]
    expect(page.locator("#about-shopper")).to_contain_text(f"Shopping as {third.name}.")
    expect(select).to_have_value(third.user_id)
    session = page.evaluate("document.querySelector('cadence-search').client.session()")
    assert session["user_id"] == third.user_id
    expect(select).to_be_focused()


def test_another_tab_follows(page: Page, context: BrowserContext, server: Server) -> None:
    open_page(page, server)
    expect(page.get_by_label("Shopping as")).to_be_visible()
    other = context.new_page()
    open_page(other, server)
    shop_as(other, "Home chef")
    expect(page.locator("#about-shopper")).to_contain_text("Shopping as Home chef.")
    expect(page.get_by_label("Shopping as")).to_have_value("demo-home-chef")
    other.close()


def test_three_clicks_of_a_new_visitor_move_the_next_list(page: Page, server: Server) -> None:
    open_page(page, server)

    before, _ = listed(page, known=False)
    counts = suggestions(page).locator(".suggestion-count").all_inner_texts()
    enough = [text for text, count in zip(before, counts, strict=True) if int(count.split()[0]) >= 3]
    wanted = enough[-1]  # what was furthest down, of what has something to click on
    search_box(page).fill("")
    for place in range(3):
        search_box(page).fill(wanted)
        search_box(page).press("Enter")
        expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
        with page.expect_response(told("click")):
            cards(page).nth(place).click()
        expect(page.get_by_role("button", name="Add to cart")).to_be_visible()
    after, _ = listed(page, known=True)
    assert after.index(wanted) < before.index(wanted), (before, after)
    assert after.index(wanted) <= 2
