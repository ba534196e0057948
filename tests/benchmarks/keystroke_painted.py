"""From keystroke to paint, in a browser: `python -m tests.benchmarks.keystroke_painted --home DIR --queries FILE`.

Starts the service on a copy of the prepared home and Chromium beside it, both on this machine, and types queries into
the storefront's box as a fast typist does. For each keystroke: the time from the key's own time stamp until the frame
is painted that shows the first suggestion for just what stands in the box then. Each query is typed twice by two
visitors: `new` asks the service each time, `again` may find the service's caches warm. The baseline of the same run is
an input beside it that only writes its own text below: what browser and machine take for any keystroke. Then the bytes
that the page ships, as they come over the wire.
"""

import argparse
import gzip
import random
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.importing.queries import query_rows, read_queries
from core.text.normalize import normalize
from tests.benchmarks.latency import copy_home
from tests.e2e.conftest import CHROMIUM, FLAGS
from tests.e2e.server import ROOT, start

_TYPED = 10  # characters of a query: few type more

# A task that is posted in a frame runs after that frame is painted.
_LISTEN = """() => {
    window.took = [];
    const painted = (done) => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => done(performance.now());
        channel.port2.postMessage(0);
    });
    const box = document.querySelector("cadence-search");
    const input = box.shadowRoot.querySelector("input");
    const isLetter = ({ key }) => key.length === 1; // what empties the box is not measured
    input.addEventListener("keydown", (event) => {
        window.pressed = isLetter(event) ? { at: event.timeStamp, shown: false } : null;
    });
    box.addEventListener("cadence:suggest", ({ detail }) => {
        const key = window.pressed;
        if (!key || key.shown || detail.prefix !== box.value || detail.answer.items.length === 0) return;
        key.shown = true;
        painted((now) => window.took.push(now - key.at));
    });
    const plain = document.createElement("input");
    const below = document.createElement("output");
    plain.id = "plain";
    document.querySelector("main").prepend(plain, below);
    window.floor = [];
    plain.addEventListener("keydown", (event) => (plain.at = isLetter(event) ? event.timeStamp : null));
    plain.addEventListener("input", () => {
        const at = plain.at;
        if (at === null) return;
        below.textContent = plain.value;
        painted((now) => window.floor.push(now - at));
    });
}"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home that run_demo.py has prepared")
    parser.add_argument("--queries", type=Path, required=True, help="queries that are typed")
    parser.add_argument("--count", type=int, default=100, help="of these queries")
    parser.add_argument("--interval-ms", type=float, default=120, help="between two keys; 120 are 100 words a minute")
    options = parser.parse_args()
    frame, _ = read_queries(options.queries)
    queries = sorted({normalize(row.query)[:_TYPED] for row in query_rows(frame)} - {""})
    queries = random.Random(0).sample(queries, min(options.count, len(queries)))
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        server = start(copy_home(options.home, Path(folder)), LOG_LEVEL="WARNING")
        try:
            server.wait_until_ready()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                floor: list[float] = []
                rows: dict[str, tuple[list[float], int]] = {}
                for name in ("new", "again"):
                    rows[name] = _type(browser, server.url, queries, options.interval_ms, name, floor)
                shipped = _shipped(browser, server.url)
                browser.close()
        finally:
            server.end()
    console.print(_table(rows, floor))
    console.print(shipped)
    return 0


def _type(
    browser: Browser, url: str, queries: list[str], interval_ms: float, name: str, floor: list[float]
) -> tuple[list[float], int]:
    """Milliseconds of each keystroke that was shown a list, and how many keystrokes there were."""
    page = browser.new_page()
    page.goto(url)
    page.wait_for_selector(".shelf[data-reason]")
    page.evaluate(_LISTEN)
    pressed = 0
    for query in track(queries, f"typing, {name}"):
        _type_into(page, "cadence-search input", query, interval_ms)
        pressed += len(query)
        _type_into(page, "#plain", query[:3], interval_ms)
    page.wait_for_timeout(500)
    floor += page.evaluate("window.floor")
    took: list[float] = page.evaluate("window.took")
    page.close()
    return took, pressed


def _type_into(page: Page, selector: str, text: str, interval_ms: float) -> None:
    page.locator(selector).fill("")
    for character in text:
        page.keyboard.press("Space" if character == " " else character)
        page.wait_for_timeout(interval_ms)


def _table(rows: dict[str, tuple[list[float], int]], floor: list[float]) -> Table:
    table = Table(title="keystroke → painted, milliseconds")
    for column in ("", "keystrokes", "with a list", "p50", "p95", "p99", "p50 : floor"):
        table.add_column(column, justify="right")
    least = float(np.median(floor))
    table.add_row("floor", str(len(floor)), "", *_quantiles(floor), "1.0")
    for name, (took, pressed) in rows.items():
        table.add_row(name, str(pressed), str(len(took)), *_quantiles(took), f"{np.median(took) / least:.1f}")
    return table


def _quantiles(values: list[float]) -> list[str]:
    return [f"{np.quantile(values, share):.1f}" for share in (0.5, 0.95, 0.99)]


def _shipped(browser: Browser, url: str) -> Table:
    """What the first visit loads, by kind, and the component by itself."""
    page = browser.new_page()
    page.goto(url)
    page.wait_for_selector(".shelf[data-reason]")
    loaded = page.evaluate(
        """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
            .map((one) => [new URL(one.name).pathname, one.transferSize])"""
    )
    page.close()
    kinds = {"cadence-search.js": 0, "scripts": 0, "styles": 0, "pictures": 0, "page and answers": 0}
    for path, size in loaded:
        suffix = {".js": "scripts", ".css": "styles", ".svg": "pictures"}.get(Path(path).suffix, "page and answers")
        kinds["cadence-search.js" if path.endswith("cadence-search.js") else suffix] += size
    own = (ROOT / "api" / "static" / "cadence-search.js").read_bytes()
    table = Table(title="shipped on a first visit, bytes over the wire")
    table.add_column("")
    table.add_column("bytes", justify="right")
    for name, size in kinds.items():
        table.add_row(name, f"{size:,}")
    table.add_row("in all", f"{sum(kinds.values()):,}", style="bold")
    table.add_row("cadence-search.js: gzip −9 of its", f"{len(gzip.compress(own, 9)):,} of {len(own):,}")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
