"""The README's pictures: `python -m tests.benchmarks.screenshots --home DIR`, with the home of the default demo.

Starts the service on a copy of the home, lets a few shoppers use it, so that the dashboard has something to show, and
writes docs/*.png: the storefront at 1440 px, four shoppers with one prefix, and the same pages at 360 px side by side.
"""

import argparse
import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich.progress import Progress

from tests.benchmarks.latency import copy_home
from tests.e2e.conftest import CHROMIUM, FLAGS
from tests.e2e.server import ADMIN_KEY, ROOT, start
from tests.e2e.storefront import cards, search_box, suggestions

DOCS = ROOT / "docs"
WIDE, NARROW = (1440, 860), (360, 780)
FOUR = ("Gamer", "Home chef", "Fashion lover", "Pet owner")
_VISITS = ("water bottle", "running shoes", "board game", "dog bed", "headphones", "zorbalight")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home that run_demo.py has prepared")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, Progress() as progress:
        server = start(copy_home(options.home, Path(folder)), ALLOW_UNSIGNED_USERS="true", LOG_LEVEL="WARNING")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        task = progress.add_task("pictures", total=4)
        try:
            server.wait_until_ready()
            _personas(browser, server.url)  # before any of them searches for something
            progress.advance(task)
            _wide(browser, server.url)
            progress.advance(task)
            _phones(browser, server.url)
            progress.advance(task)
            _dashboard(browser, server.url)
            progress.advance(task)
        finally:
            browser.close()
            server.end()
    return 0


@contextmanager
def _visit(
    browser: Browser, url: str, size: tuple[int, int], shopper: str = "", *, dark: bool = False
) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".shelf[data-reason]")
    if shopper:
        page.get_by_label("Shopping as").select_option(label=shopper)
        page.wait_for_selector("[data-reason=for_you]")
    yield page
    context.close()


def _type(page: Page, prefix: str) -> None:
    search_box(page).fill("")
    search_box(page).press_sequentially(prefix, delay=80)
    page.wait_for_function("(prefix) => document.querySelector('cadence-search').value === prefix", arg=prefix)
    suggestions(page).first.locator(".typed").wait_for()
    page.wait_for_timeout(400)


def _buy(page: Page, query: str) -> None:
    _type(page, query[:4])
    search_box(page).fill(query)
    search_box(page).press("Enter")
    page.locator("#results[aria-busy=false]").wait_for()
    if cards(page).count() == 0:
        return
    cards(page).first.click()
    page.get_by_role("button", name="Add to cart").click()
    page.wait_for_timeout(300)


def _wide(browser: Browser, url: str) -> None:
    with _visit(browser, url, WIDE, "Home chef") as page:
        search_box(page).click()
        page.wait_for_timeout(400)
        page.screenshot(path=DOCS / "empty_box.png")
        _type(page, "wa")
        page.screenshot(path=DOCS / "storefront.png")
        search_box(page).press("ArrowDown")
        search_box(page).press("Enter")
        cards(page).first.wait_for()
        page.locator("h1").click()
        page.wait_for_timeout(300)
        page.screenshot(path=DOCS / "results.png")
        cards(page).nth(2).click()
        page.wait_for_selector("#beside .shelf[data-reason]")
        page.go_back()
        cards(page).nth(6).click()
        page.wait_for_selector("#because .shelf[data-reason]")
        page.wait_for_timeout(300)
        page.screenshot(path=DOCS / "product.png")
    with _visit(browser, url, WIDE, "Gamer", dark=True) as page:
        search_box(page).fill("controller")
        search_box(page).press("Enter")
        cards(page).first.wait_for()
        page.get_by_role("button", name="Explain").click()
        page.wait_for_selector(".explain-line")
        page.wait_for_timeout(300)
        page.screenshot(path=DOCS / "explain.png")


def _personas(browser: Browser, url: str) -> None:
    """What four shoppers see for the same two letters, side by side."""
    shots = []
    for shopper in FOUR:
        with _visit(browser, url, (760, 700), shopper) as page:
            _type(page, "bl")
            shots.append((shopper, page.locator("#suggestions").screenshot()))
    _side_by_side(browser, shots, DOCS / "personas.png", width=700, columns=2)


def _phones(browser: Browser, url: str) -> None:
    with _visit(browser, url, NARROW, "Pet owner") as page:
        shots = [("", page.screenshot())]
        _type(page, "do")
        shots.append(("", page.screenshot()))
        search_box(page).press("ArrowDown")
        search_box(page).press("Enter")
        cards(page).first.wait_for()
        page.locator("h1").click()
        shots.append(("", page.screenshot()))
        cards(page).first.click()
        page.get_by_role("button", name="Add to cart").click()
        page.wait_for_timeout(400)
        shots.append(("", page.screenshot()))
    with _visit(browser, url, NARROW, dark=True) as page:
        _open_dashboard(page, url)
        shots.append(("", page.screenshot()))
    _side_by_side(browser, shots, DOCS / "phone.png", width=360, columns=len(shots))


def _dashboard(browser: Browser, url: str) -> None:
    for query in _VISITS:
        with _visit(browser, url, WIDE) as page:
            _buy(page, query)
    with _visit(browser, url, WIDE) as page:
        _open_dashboard(page, url)
        page.set_viewport_size({"width": 1440, "height": 1150})
        page.screenshot(path=DOCS / "dashboard.png")


def _open_dashboard(page: Page, url: str) -> None:
    page.goto(f"{url}/dashboard?hours=1")
    page.get_by_label("Key (ADMIN_API_KEY)").fill(ADMIN_KEY)
    page.keyboard.press("Enter")
    page.locator("#figures[aria-busy=false]").wait_for()
    page.wait_for_timeout(6_000)  # the live part is asked twice


def _side_by_side(browser: Browser, shots: list[tuple[str, bytes]], path: Path, *, width: int, columns: int) -> None:
    page = browser.new_page(viewport={"width": columns * (width + 24) + 24, "height": 200})
    figures = "".join(
        f'<figure><figcaption>{caption}</figcaption><img width="{width}" '
        f'src="data:image/png;base64,{base64.b64encode(shot).decode()}"></figure>'
        for caption, shot in shots
    )
    page.set_content(
        f"""<style>body {{ margin: 0; padding: 24px; display: grid; gap: 24px; background: #e9e7e1;
        grid-template-columns: repeat({columns}, {width}px); align-items: start; font: 600 19px sans-serif }}
        figure {{ margin: 0 }} figcaption:not(:empty) {{ padding: 0 4px 8px }}
        img {{ display: block; border-radius: 14px; box-shadow: 0 4px 18px #0002 }}</style>{figures}"""
    )
    page.screenshot(path=path, full_page=True)
    page.close()


if __name__ == "__main__":
    raise SystemExit(main())
