"""The catalogue changed while shoppers search: `python -m tests.benchmarks.live_catalog --home HOME`.

One operator adds products, changes titles, prices and stock, and deletes, one change after the other; after each a
shopper's search is repeated until it shows the change. Another shopper searches all the time what the shop's log or its
titles say. In the middle the service is killed, started again, and asked for everything that it had acknowledged.

`HOME` is copied and not changed. Times are those of the client, over HTTP, on the machine that serves as well.
"""

import argparse
import random
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.e2e.server import ADMIN_KEY, Server, running

ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
_LIMIT_SECONDS = 30.0  # a change that does not show by then is counted as lost
_KINDS = ("add", "add", "add", "retitle", "price", "delete")  # how often each is drawn


@dataclass
class Shopper:
    """Searches without a pause. `seconds` of each answer; anything but 200 is a failure."""

    queries: list[str]
    seconds: list[float] = field(default_factory=list)
    failures: int = 0

    def search(self, url: str, stop: threading.Event) -> None:
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            number = 0
            while not stop.is_set():
                begun = time.perf_counter()
                try:
                    status = client.post(
                        "/search", json={"query": self.queries[number % len(self.queries)]}
                    ).status_code
                except httpx.TransportError:
                    status = 0
                if stop.is_set():
                    return
                self.seconds.append(time.perf_counter() - begun)
                self.failures += status != 200
                number += 1


@dataclass
class Operator:
    """Changes products, and waits for each change to show. `expected`: product id → title and price, None: deleted."""

    generator: random.Random
    expected: dict[str, tuple[str, float] | None] = field(default_factory=dict)
    acknowledged: list[float] = field(default_factory=list)  # seconds until a change was answered
    visible: list[float] = field(default_factory=list)  # seconds from sending a change until a search shows it
    lost: list[str] = field(default_factory=list)
    failures: int = 0

    def change(self, client: httpx.Client) -> None:
        """One change, drawn at random."""
        kind = self.generator.choice(_KINDS)
        there = [product_id for product_id, state in list(self.expected.items())[-200:] if state]
        if not there or kind == "add":
            kind, product_id = "add", f"live{len(self.expected)}"
            state: tuple[str, float] | None = (self._title(), self._price())
        else:
            product_id = self.generator.choice(there)
            before = self.expected[product_id]
            assert before
            state = {"retitle": (self._title(), before[1]), "price": (before[0], self._price())}.get(kind)
        asked = state or self.expected[product_id]
        assert asked
        path, begun = f"/admin/products/{product_id}", time.perf_counter()
        if state is None:
            reply = client.delete(path, headers=ADMIN)
        elif kind == "price":
            reply = client.patch(
                path, json={"price": state[1], "in_stock": self.generator.random() < 0.5}, headers=ADMIN
            )
        else:
            reply = client.put(path, json={"title": state[0], "price": state[1]}, headers=ADMIN)
        self.acknowledged.append(time.perf_counter() - begun)
        reply.raise_for_status()
        self.expected[product_id] = state
        while not shows(client, product_id, asked[0], state):
            if time.perf_counter() - begun > _LIMIT_SECONDS:
                self.lost.append(product_id)
                return
        self.visible.append(time.perf_counter() - begun)

    def _title(self) -> str:
        """Four words, the last two of which no other product has."""
        made_up = ("".join(self.generator.choices(ascii_lowercase, k=9)) for _ in range(2))
        return f"Blue mug {' '.join(made_up)}"

    def _price(self) -> float:
        return self.generator.randint(1, 100_000) / 100


def shows(client: httpx.Client, product_id: str, title: str, state: tuple[str, float] | None) -> bool:
    """Whether a search for `title`, filtered by the price where there is one, says what `state` is."""
    body: dict[str, Any] = {"query": title, "max_results": 10}
    if state is not None:
        body["filters"] = {"price_min": state[1] - 0.005, "price_max": state[1] + 0.005}
    reply = client.post("/search", json=body)
    reply.raise_for_status()
    found: Any = next((one for one in reply.json()["products"] if one["product_id"] == product_id), None)
    if state is None or found is None:
        return found is state
    return (found["title"], found["price"]) == state


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home that run_demo.py has prepared")
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--warm-up", type=float, default=20.0, metavar="SECONDS", help="searches before any change")
    options = parser.parse_args()
    console = Console()
    operator, before, during = Operator(random.Random(0)), Shopper([]), Shopper([])
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        (home / "artifacts").symlink_to((options.home / "artifacts").resolve())
        shutil.copy(options.home / "cadence.sqlite3", home)
        before.queries = during.queries = _queries(home)
        half = options.changes // 2
        with running(home, LOG_LEVEL="WARNING") as server:
            with searching(server, before):
                threading.Event().wait(options.warm_up)
            with searching(server, during):
                _changes(server, operator, half, "before the crash")
            _crash(server, operator)
        with running(home, LOG_LEVEL="WARNING") as server:
            lost = _missing(server, operator)
            with searching(server, during):
                _changes(server, operator, options.changes - half, "after the crash")
            waiting = _stats(server)
    console.print(_table(operator, before, during))
    console.print(
        f"{len(operator.acknowledged):,} changes; never seen: {len(operator.lost)}; lost in the crash: {len(lost)}; "
        f"failed searches beside them: {during.failures} of {len(during.seconds):,}; at the end {waiting}"
    )
    return int(bool(lost or operator.lost or during.failures))


@contextmanager
def searching(server: Server, shopper: Shopper) -> Iterator[None]:
    """`shopper` searches while the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=shopper.search, args=[server.url, stop])
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _changes(server: Server, operator: Operator, count: int, when: str) -> None:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        for _ in track(range(count), f"Changes {when}"):
            operator.change(client)


def _crash(server: Server, operator: Operator) -> None:
    """Kills the service while it is written to: the last changes are sent as fast as they are acknowledged."""
    killing = threading.Timer(0.5, server.process.kill)
    killing.start()
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        try:
            while True:
                product_id, title, price = f"live{len(operator.expected)}", operator._title(), operator._price()
                body = {"title": title, "price": price}
                client.put(f"/admin/products/{product_id}", json=body, headers=ADMIN).raise_for_status()
                operator.expected[product_id] = (title, price)
        except httpx.TransportError:
            killing.join()
            server.process.wait(timeout=30)


def _missing(server: Server, operator: Operator) -> list[str]:
    """What was acknowledged before the crash and is not what the service says now."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:

        def is_as_expected(product_id: str, state: tuple[str, float] | None) -> bool:
            stored = client.get(f"/admin/products/{product_id}", headers=ADMIN)
            if state is None:
                return stored.status_code == 404
            return stored.status_code == 200 and shows(client, product_id, state[0], state)

        checked = track(list(operator.expected.items()), "What was acknowledged")
        return [product_id for product_id, state in checked if not is_as_expected(product_id, state)]


def _stats(server: Server) -> Any:
    return httpx.get(f"{server.url}/admin/stats", headers=ADMIN, trust_env=False, timeout=60).json()["live_catalog"]


def _queries(home: Path) -> list[str]:
    """What shoppers searched, or else titles, in a random order."""
    with closing(sqlite3.connect(home / "cadence.sqlite3")) as database:
        found = database.execute(
            "SELECT DISTINCT normalized FROM query_log WHERE normalized <> '' LIMIT 5000"
        ).fetchall()
        found = found or database.execute("SELECT title FROM products LIMIT 5000").fetchall()
    queries = [text for (text,) in found]
    random.Random(0).shuffle(queries)
    return queries


def _table(operator: Operator, before: Shopper, during: Shopper) -> Table:
    table = Table("milliseconds", "count", "p50", "p99", "max")
    rows: list[tuple[str, list[float]]] = [
        ("a change until a search shows it", operator.visible),
        ("a change until it is acknowledged", operator.acknowledged),
        ("a search before", before.seconds),
        ("a search beside the changes", during.seconds),
    ]
    number: Callable[[float], str] = lambda seconds: f"{1e3 * seconds:.1f}"  # noqa: E731
    for name, seconds in rows:
        p50, p99 = np.quantile(seconds, [0.5, 0.99])
        table.add_row(name, f"{len(seconds):,}", number(float(p50)), number(float(p99)), number(max(seconds)))
    return table


if __name__ == "__main__":
    raise SystemExit(main())
