"""The storefront as a shopper sees it: where things are on the page, and what the service has stored of it."""

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

from playwright.sync_api import Locator, Page, Response, expect

from config.keys import user_hash_key
from database.identity import UserKeys
from tests.e2e.server import Server

PREFIX, COMPLETED = "protein p", "protein powder"
BROAD = "black"  # finds more products than fit on one page


def search_box(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Search products")


def suggestions(page: Page) -> Locator:
    return page.locator(".suggestion:not(.suggestion-product):not(.suggestion-scope)")


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
    expect(page.locator("#results-title")).to_have_text(f"“{words}”")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")


def told(action: str) -> Callable[[Response], bool]:
    """Whether a response acknowledges events, one of this kind among them."""

    def acknowledges(response: Response) -> bool:
        return response.url.endswith("/engagement/batch") and f'"{action}"' in (response.request.post_data or "")

    return acknowledges


def stored(server: Server, session_id: str) -> str:
    """How a session stands in the database of the service."""
    return UserKeys(user_hash_key(server.home)).session(session_id)


def events(server: Server, action: str) -> list[dict[str, Any]]:
    """The stored events of one kind, oldest first."""
    with closing(sqlite3.connect(server.home / "cadence.sqlite3")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM events WHERE action = ? ORDER BY rowid", [action])]


def awaited_events(server: Server, action: str, session_id: str | None = None) -> list[dict[str, Any]]:
    """As `events`, of the session if one is named, once there is one: of a page that is gone, no browser says when its
    last request was answered."""
    deadline = time.monotonic() + 20

    of = None if session_id is None else stored(server, session_id)

    def wanted() -> list[dict[str, Any]]:
        return [one for one in events(server, action) if of in (None, one["session_id"])]

    while not (found := wanted()) and time.monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            server.process.wait(timeout=0.05)
    return found
