"""The catalogue changed over the wire: found within two seconds while shoppers search, and never lost."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from string import ascii_lowercase
from typing import Any

import httpx
import pytest

from tests.e2e.server import ADMIN_KEY, Server, running

ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
VISIBLE_SECONDS = 2.0
PATIENCE_SECONDS = 60.0  # of a busy machine; what is promised is measured apart from it
CHANGES = 40  # acknowledged before the power goes


def word(number: int) -> str:
    """A word that no other product has."""
    return "vexq" + "".join(ascii_lowercase[number // 26**place % 26] for place in range(3))


def client_of(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, trust_env=False, timeout=60)


def first(client: httpx.Client, text: str, **body: object) -> Any:
    """The first product for `text` that holds it, or None."""
    reply = client.post("/search", json={"query": text, "max_results": 5, **body})
    assert reply.status_code == 200, reply.text
    return next((one for one in reply.json()["products"] if text in one["title"]), None)


def seconds_until(client: httpx.Client, text: str, shows: Callable[[Any], bool]) -> float:
    """How long it takes until the search for `text` gives what `shows` accepts."""
    begun = time.monotonic()
    while not shows(first(client, text)):
        assert time.monotonic() - begun < PATIENCE_SECONDS, f"{text} did not change"
    return time.monotonic() - begun


@dataclass
class Shop:
    """What an operator was told, change by change, until the service was gone."""

    there: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    acknowledged: int = 0
    enough: threading.Event = field(default_factory=threading.Event)

    def change(self, client: httpx.Client) -> None:
        """Adds products, and takes every third one out again."""
        try:
            for number in count():
                text = word(number)
                reply = client.put(f"/admin/products/{text}", json={"title": f"Blue {text} mug"}, headers=ADMIN)
                assert reply.status_code == 200, reply.text
                self.there.add(text)
                if number % 3 == 0:
                    self.there.remove(text)  # from here on, until it is acknowledged, either may be
                    assert client.delete(f"/admin/products/{text}", headers=ADMIN).status_code == 200
                    self.gone.add(text)
                self.acknowledged += 1
                if self.acknowledged == CHANGES:
                    self.enough.set()
        except httpx.TransportError:
            self.enough.set()


@pytest.fixture
def client(mortal_server: Server) -> Any:
    with client_of(mortal_server) as client:
        yield client


def test_changes_are_found_within_seconds_and_survive_a_crash(mortal_server: Server, client: httpx.Client) -> None:
    mug = "/admin/products/mug"
    text = "vexqmug"
    waited = []

    client.put(mug, json={"title": f"Blue {text}", "price": 9.5}, headers=ADMIN).raise_for_status()
    waited.append(seconds_until(client, text, lambda found: found is not None and found["price"] == 9.5))
    client.patch(mug, json={"price": 8.0, "in_stock": False}, headers=ADMIN).raise_for_status()
    waited.append(seconds_until(client, text, lambda found: found is not None and found["price"] == 8.0))
    assert first(client, text, filters={"price_max": 8.0, "in_stock": False}) is not None
    assert first(client, text, filters={"in_stock": True}) is None
    client.delete(mug, headers=ADMIN).raise_for_status()
    waited.append(seconds_until(client, text, lambda found: found is None))
    assert max(waited) <= VISIBLE_SECONDS

    shop = Shop()
    with client_of(mortal_server) as operator:
        changing = threading.Thread(target=shop.change, args=[operator])
        changing.start()
        begun = time.monotonic()
        while not shop.enough.is_set():
            assert time.monotonic() - begun < PATIENCE_SECONDS
            first(client, "mug")  # no search fails meanwhile
        mortal_server.kill()
        changing.join()
    assert shop.acknowledged >= CHANGES and len(shop.there) >= 20 and len(shop.gone) >= 10
    with running(mortal_server.home) as again, client_of(again) as client_again:
        assert {text for text in shop.there if first(client_again, text) is None} == set()
        assert {text for text in shop.gone if first(client_again, text) is not None} == set()
