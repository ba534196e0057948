"""When things go wrong under a shopper's hands: answers out of order, a slow server, one that dies and comes back,
fast fingers, an input method, two tabs."""

import json

from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from tests.e2e.server import Server, running
from tests.e2e.storefront import (
    COMPLETED,
    PREFIX,
    awaited_events,
    cards,
    events,
    open_page,
    search_box,
    search_for,
    stored,
    suggestions,
    told,
    type_prefix,
)


def prefix_of(request: Request) -> str:
    return str(json.loads(request.post_data or "{}").get("query_prefix", ""))


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


def test_answers_out_of_order_never_overwrite_a_newer_list(page: Page, server: Server) -> None:
    """The answer for `coffee` is there, and withheld until the one for `protein` is on screen."""
    open_page(page, server)
    # A browser may drop an aborted request; one that ignores the abort and answers late is worse, so this one does.
    page.evaluate(
        """() => {
            const real = window.fetch;
            window.late = [];
            window.fetch = (path, options = {}) => {
                const { signal, ...rest } = options;
                const answer = real(path, rest);
                if (!String(options.body).includes('"query_prefix":"coffee"')) return answer;
                return new Promise((resolve) => window.late.push(() => resolve(answer)));
            };
        }"""
    )
    with page.expect_request(lambda request: prefix_of(request) == "coffee"):
        search_box(page).fill("coffee")
    search_box(page).fill("protein")
    typed = suggestions(page).first.locator(".typed")
    expect(typed).to_have_text("protein")
    assert page.evaluate("window.late.length") == 1
    page.evaluate("window.late[0]()")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(typed).to_have_text("protein")
    assert page.evaluate("document.querySelector('cadence-search').value") == "protein"


def test_enter_means_what_is_typed_while_the_list_is_an_old_one(page: Page, server: Server) -> None:
    open_page(page, server)
    type_prefix(page, PREFIX)
    search_box(page).press("ArrowDown")
    page.route("**/autosuggest", lambda route: None)  # never answered
    search_box(page).press("End")
    search_box(page).press_sequentially("an")
    search_box(page).press("ArrowDown")
    search_box(page).press_sequentially("s")
    search_box(page).press("Enter")
    expect(page.locator("#results-title")).to_have_text(f"“{PREFIX}ans”")


def test_a_slow_server_leaves_the_page_alive(page: Page, server: Server) -> None:
    page.route("**/autosuggest", lambda route: None)  # never answered
    open_page(page, server)
    with page.expect_request(lambda request: prefix_of(request) == PREFIX):
        search_box(page).press_sequentially(PREFIX)
    expect(page.locator("#suggestions")).to_be_hidden()
    search_box(page).press("Enter")  # nobody waits for suggestions
    expect(page.locator("#results-title")).to_have_text(f"“{PREFIX}”")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    page.unroute("**/autosuggest")
    type_prefix(page, "coffee")


def test_a_slow_list_shows_its_place_and_a_new_search_overtakes_it(page: Page, server: Server) -> None:
    held: list[Route] = []

    def hold_coffee(route: Route) -> None:
        if "coffee" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/search", hold_coffee)
    open_page(page, server)
    search_box(page).fill("coffee mug")
    with page.expect_request("**/search"):  # it waits for the session; overtaken before that, it would never be sent
        search_box(page).press("Enter")
    expect(page.locator(".card.skeleton").first).to_be_visible()
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    search_for(page, COMPLETED)
    expect(cards(page).first).to_be_visible()
    assert held
    expect(page.locator("#results-title")).to_have_text(f"“{COMPLETED}”")


def test_a_search_before_the_shop_has_said_what_it_is_counts_and_stays(page: Page, server: Server) -> None:
    held: list[Route] = []
    asked: list[Request] = []
    page.route("**/storefront", lambda route: held.append(route))
    page.on("request", lambda request: asked.append(request) if request.url.endswith("/search") else None)
    with page.expect_request("**/storefront"):
        open_page(page, server)
    search_for(page, COMPLETED)
    expect(cards(page).first).to_be_visible()
    [storefront] = held
    with page.expect_response("**/storefront"):
        storefront.continue_()
    expect(page.locator(".department-links a").first).to_be_attached()  # drawn by now, had it been drawn anew
    expect(page.locator("#results-title")).to_have_text(f"“{COMPLETED}”")
    assert [json.loads(request.post_data or "{}")["completed"] for request in asked] == [True]


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
        expect(type_prefix(page, PREFIX)).to_be_visible()
    assert complaints
    assert all("ERR_CONNECTION_REFUSED" in complaint for complaint in complaints)
    complaints.clear()


def test_what_was_done_while_the_server_was_away_is_told_when_it_is_back(
    page: Page, mortal_server: Server, complaints: list[str]
) -> None:
    open_page(page, mortal_server)
    search_for(page, COMPLETED)
    cards(page).first.click()
    add = page.get_by_role("button", name="Add to cart")
    expect(add).to_be_visible()
    mortal_server.kill()
    with page.expect_event("requestfailed", lambda request: "engagement" in request.url):
        add.click()
    expect(page.get_by_role("link", name="Cart, 1 inside")).to_be_visible()  # the cart is the shopper's own
    with running(mortal_server.home, port=mortal_server.port):
        with page.expect_response(told("add_to_cart")):
            page.reload()  # the event waited in the storage of the page before
        assert len(events(mortal_server, "add_to_cart")) == 1
    complaints.clear()


def test_a_session_that_the_server_forgot_is_replaced(page: Page, server: Server, complaints: list[str]) -> None:
    open_page(page, server)
    type_prefix(page, PREFIX)
    page.evaluate(
        """() => {
            const name = Object.keys(localStorage).find((key) => key.startsWith("cadence-session"));
            localStorage.setItem(name, JSON.stringify({ session_id: "s", user_id: "u", session_token: "x" }));
        }"""
    )
    page.reload()
    expect(type_prefix(page, "coffee").locator(".typed")).to_have_text("coffee")
    assert all("401" in complaint for complaint in complaints)
    complaints.clear()


def test_two_hundred_fast_keystrokes_ask_seldom_and_end_in_the_last_list(page: Page, server: Server) -> None:
    open_page(page, server)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(prefix_of(request)) if "/autosuggest" in request.url else None)
    keys = ("coffee" + "\b" * 6) * 16 + "coffee m"
    assert len(keys) == 200
    search_box(page).focus()
    page.evaluate("window.pressed = performance.now()")
    for key in keys:
        page.keyboard.press("Backspace" if key == "\b" else key)
    took_ms = page.evaluate("performance.now() - window.pressed")
    expect(suggestions(page).first.locator(".typed")).to_have_text("coffee m")
    expect(search_box(page)).to_have_value("coffee m")
    assert asked[-1] == "coffee m"
    # Once for the focus, at once for the first key, then every 60 ms at most; an empty box is asked for beside that.
    typed = [prefix for prefix in asked if prefix]
    assert len(typed) <= 2 + took_ms / 60, f"{len(typed)} requests in {took_ms:.0f} ms"


def test_the_first_keystroke_is_asked_at_once(page: Page, server: Server) -> None:
    """Before any timer could fire: the request goes out in the very task of the key."""
    open_page(page, server)
    search_box(page).focus()
    expect(suggestions(page).first).to_be_visible()
    page.evaluate(
        """() => {
            const real = window.fetch;
            const input = document.querySelector("cadence-search").shadowRoot.querySelector("input");
            window.asked = [];
            input.addEventListener("input", () => {
                const { port1, port2 } = new MessageChannel();
                port1.onmessage = () => (window.askedAtOnce ??= window.asked.length);
                port2.postMessage(0); // the next task
            });
            window.fetch = (path, options) => {
                if (String(path).includes("/autosuggest")) window.asked.push(options.body);
                return real(path, options);
            };
        }"""
    )
    search_box(page).press("c")
    expect(suggestions(page).first.locator(".typed")).to_have_text("c")
    assert page.evaluate("window.askedAtOnce") == 1


def test_a_word_that_is_being_composed_is_left_alone(page: Page, server: Server) -> None:
    """As an input method works: its keys are its own. Suggestions come meanwhile: telephones compose every word."""
    open_page(page, server)
    search_box(page).focus()
    expect(suggestions(page).first).to_be_visible()
    devtools = page.context.new_cdp_session(page)

    def compose(text: str) -> None:
        devtools.send("Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)})

    for text in ("c", "co", "cof"):
        compose(text)
    first = suggestions(page).first
    expect(first.locator(".typed")).to_have_text("cof")
    page.keyboard.press("ArrowDown")  # among the input method's words, not ours
    expect(first).to_have_attribute("aria-selected", "false")
    page.keyboard.press("Enter")  # takes the input method's word, and submits nothing
    assert "q=" not in page.url
    devtools.send("Input.insertText", {"text": "coffee"})
    expect(first.locator(".typed")).to_have_text("coffee")
    page.keyboard.press("ArrowDown")
    expect(first).to_have_attribute("aria-selected", "true")


def test_pasted_text_is_asked_for_at_once(page: Page, server: Server) -> None:
    open_page(page, server)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('  coffee mug\\n')")
    search_box(page).focus()
    page.keyboard.press("Control+V")
    expect(suggestions(page).first.locator(".suggestion-text")).to_contain_text("coffee mug")
    search_box(page).press("Enter")
    expect(page.locator("#results-title")).to_have_text("“coffee mug”")


def test_what_one_shopper_did_is_not_told_in_the_name_of_the_next(
    page: Page, server: Server, complaints: list[str]
) -> None:
    open_page(page, server)
    search_for(page, COMPLETED)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/engagement/batch", hold)
    with page.expect_request("**/engagement/batch"):
        cards(page).first.click()
    client = "document.querySelector('cadence-search').client"
    before, after = page.evaluate(
        f"(async () => [(await {client}.session()).session_id, (await {client}.start({{}})).session_id])()"
    )
    assert before != after
    for route in held:
        route.abort()
    page.unroute("**/engagement/batch")
    with page.expect_response(told("click")) as response:
        page.get_by_role("button", name="Add to cart").click()  # takes what waits along, in two batches
    assert f'"session_id":"{before}"' in (response.value.request.post_data or "")
    expect(page.get_by_role("link", name="Cart, 1 inside")).to_be_visible()
    click, added = events(server, "click")[-1], awaited_events(server, "add_to_cart", after)[-1]
    assert (click["session_id"], added["session_id"]) == (stored(server, before), stored(server, after))
    assert all("ERR_FAILED" in one for one in complaints)  # the requests that were aborted
    complaints.clear()


def test_one_bad_event_takes_no_others_along(page: Page, server: Server, complaints: list[str]) -> None:
    open_page(page, server)
    client = "document.querySelector('cadence-search').client"
    page.evaluate(f"{client}.track('impression', {{ item: 'x'.repeat(5000), requestId: 'r' }})")
    with page.expect_response("**/engagement/batch"):
        page.evaluate(f"{client}.track('wishlist', {{ item: 'a-good-one' }})")
    assert awaited_events(server, "wishlist")[-1]["item_id"] == "a-good-one"
    assert page.evaluate(f"{client}.flush()") is True  # nothing is tried for ever
    assert complaints and all("422" in one or "refused" in one for one in complaints)
    complaints.clear()


def test_two_tabs_are_one_shopper(page: Page, context: BrowserContext, server: Server) -> None:
    open_page(page, server)
    search_for(page, "baby monitor")
    cards(page).first.click()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_role("link", name="Cart, 1 inside")).to_be_visible()
    other = context.new_page()
    open_page(other, server)
    expect(other.get_by_role("link", name="Cart, 1 inside")).to_be_visible()
    search_box(other).click()
    recent = other.get_by_role("group", name="Recent searches")
    expect(recent.locator(".suggestion-text")).to_have_text("baby monitor")
    other.get_by_role("link", name="Cart, 1 inside").click()
    other.get_by_role("button", name="One less").click()
    expect(page.get_by_role("link", name="Cart, empty")).to_be_visible()  # in the first tab, too
    session = "document.querySelector('cadence-search').client.session()"
    assert page.evaluate(session) == other.evaluate(session)
    other.close()
