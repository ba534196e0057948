"""Latency over HTTP, one client: `python -m tests.benchmarks.latency --home DIR --queries FILE`.

Starts the service on the prepared home and on a free port, and asks it in turn, so that everything is measured in one
run on the same machine: `/health` as the floor of HTTP itself, `/autosuggest` with prefixes never asked before (nothing
comes from the cache) and asked again (everything does), `/search`, and `/engagement`, which answers after its fsync.
Ratios are to the floor.
"""

import argparse
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.demo_shoppers import FILE as DEMO_SHOPPERS
from core.importing.queries import query_rows, read_queries
from core.text.normalize import normalize
from tests.e2e.server import start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home that run_demo.py has prepared")
    parser.add_argument("--queries", type=Path, required=True, help="queries whose prefixes are asked")
    parser.add_argument("--requests", type=int, default=1_000, help="of each kind")
    options = parser.parse_args()
    console = Console()
    frame, _ = read_queries(options.queries)
    queries = sorted({normalize(row.query) for row in query_rows(frame)} - {""})
    generator = random.Random(0)
    generator.shuffle(queries)
    prefixes = sorted({query[: generator.randint(1, len(query))] for query in queries})
    generator.shuffle(prefixes)
    with tempfile.TemporaryDirectory() as folder:
        home = copy_home(options.home, Path(folder))
        started = time.perf_counter()
        server = start(home, ALLOW_UNSIGNED_USERS="true", LOG_LEVEL="WARNING")
        try:
            server.wait_until_ready()
            console.print(f"ready in {time.perf_counter() - started:.1f} s")
            with httpx.Client(base_url=server.url) as client:
                table = _measure(client, prefixes[: options.requests], queries[: options.requests])
        finally:
            server.end()
    console.print(table)
    return 0


def copy_home(home: Path, folder: Path) -> Path:
    """A home with the same artifacts and a copy of the database, so that measuring leaves no events behind."""
    copied = folder / "home"
    copied.mkdir()
    (copied / "artifacts").symlink_to((home / "artifacts").resolve())
    shutil.copy(home / "cadence.sqlite3", copied)
    if (home / "keys").is_dir():  # without them, users are strangers to their history
        shutil.copytree(home / "keys", copied / "keys")
    if (home / DEMO_SHOPPERS).exists():
        shutil.copy(home / DEMO_SHOPPERS, copied)
    return copied


def _measure(client: httpx.Client, prefixes: list[str], queries: list[str]) -> Table:
    session = client.post("/user/session/start", json={"user_id": "benchmark"}).json()
    headers = {"Authorization": f"Bearer {session['session_token']}"}

    def suggest(prefix: str) -> httpx.Response:
        return client.post("/autosuggest", json={"query_prefix": prefix})

    def search(query: str) -> httpx.Response:
        return client.post("/search", json={"query": query})

    def engage(query: str) -> httpx.Response:
        body = {
            "user_id": session["user_id"], "session_id": session["session_id"], "action_type": "search",
            "query": query, "event_id": str(uuid.uuid4()),
        }  # fmt: skip
        return client.post("/engagement", json=body, headers=headers)

    runs: list[tuple[str, Callable[[str], httpx.Response], Iterable[str]]] = [
        ("GET /health (the floor)", lambda _: client.get("/health"), queries),
        ("POST /engagement", engage, queries),
        ("POST /autosuggest, uncached", suggest, prefixes),
        ("POST /autosuggest, cached", suggest, prefixes),
        ("POST /search, uncached", search, queries),
    ]
    table = Table("endpoint", "requests", "p50 ms", "p99 ms", "p50 / floor")
    floor = 0.0
    for name, call, texts in runs:
        times = []
        for text in track(list(texts), name):
            started = time.perf_counter()
            response = call(text)
            times.append(1e3 * (time.perf_counter() - started))
            if response.status_code == 409 and name.startswith("POST /search"):
                break  # set up from queries alone: there is nothing to search
            response.raise_for_status()
        p50, p99 = np.quantile(times, [0.5, 0.99])
        floor = floor or float(p50)
        table.add_row(name, str(len(times)), f"{p50:.2f}", f"{p99:.2f}", f"{p50 / floor:.1f}")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
