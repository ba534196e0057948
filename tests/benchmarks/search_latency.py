"""Latency of `POST /search` over HTTP, one client: `--home HOME --catalog FILE --queries FILE`.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.search_latency --home HOME --catalog FILE --queries FILE

Starts the service on a copy of the home and asks it distinct queries, so that no vector comes from a cache; each goes
to `/health` (the floor of HTTP itself), to ours, to tantivy and to milli in turn, and all see the same machine. The two
engines run in this process, without HTTP and without product cards, facets or spelling. Stages are the service's own.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from config.progress import Steps
from core.importing.catalog import products, read_catalog
from core.importing.queries import query_rows, read_queries
from core.text.normalize import normalize
from tests.benchmarks.latency import copy_home as copied
from tests.benchmarks.search_engines import Milli, Tantivy
from tests.benchmarks.search_peers import text_of
from tests.e2e.server import ADMIN_KEY, Server, running

OURS, FLOOR = "POST /search, uncached", "GET /health, the floor"
_WARM_UP = 5  # queries, not measured
_PAGE = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home that run_demo.py has prepared")
    parser.add_argument("--catalog", type=Path, required=True, metavar="FILE", help="what it was prepared from")
    parser.add_argument("--queries", type=Path, required=True, metavar="FILE", help="a log or judged list")
    parser.add_argument("--requests", type=int, default=1_000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    console = Console(highlight=False)
    steps = Steps(console)
    queries = distinct_queries(options.queries)[: options.requests + _WARM_UP]
    with tempfile.TemporaryDirectory() as folder:
        with steps.step("Indexing"):
            listed = list(products(read_catalog(options.catalog)[0]))
            ids, texts = [product.product_id for product in listed], [text_of(product) for product in listed]
            engines = {"tantivy": Tantivy(ids, texts), "milli": Milli(ids, texts, Path(folder))}
        home = copied(options.home, Path(folder))
        with running(home, ALLOW_UNSIGNED_USERS="true", LOG_LEVEL="WARNING", OMP_NUM_THREADS="1") as server:
            times, stages = _measured(server, engines, queries)
    result = figures(times)
    console.print(_table(result, f"{len(queries) - _WARM_UP} distinct queries, {len(listed):,} products"))
    listed_stages = ", ".join(f"{name} {found['p50_ms']:.2f} / {found['p99_ms']:.2f}" for name, found in stages.items())
    console.print(f"stages of ours, p50 / p99 ms: {listed_stages}", soft_wrap=True)
    if options.json:
        options.json.write_text(json.dumps({"times": result, "stages": stages}, indent=1), encoding="utf-8")
    return 0


def distinct_queries(file: Path) -> list[str]:
    """As typed, no two of which are the same normalised, in random order."""
    frame, _ = read_queries(file)
    queries = {normalize(row.query): row.query for row in query_rows(frame)}
    listed = [query for text, query in sorted(queries.items()) if text]
    random.Random(0).shuffle(listed)
    return listed


def figures(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """p50 and p99, and how many times as long each takes as ours, by p50."""
    ours = float(np.median(times[OURS]))
    return {
        name: {
            "p50 ms": float(np.median(values)),
            "p99 ms": float(np.quantile(values, 0.99)),
            "ours / this": ours / float(np.median(values)),
        }
        for name, values in times.items()
    }


def _measured(
    server: Server, engines: dict[str, Any], queries: list[str]
) -> tuple[dict[str, list[float]], dict[str, dict[str, float]]]:
    """Milliseconds by what was asked, and the service's own of its stages."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:

        def ours(query: str) -> None:
            client.post("/search", json={"query": query, "max_results": _PAGE}).raise_for_status()

        calls: dict[str, Callable[[str], object]] = {FLOOR: lambda _: client.get("/health"), OURS: ours}
        calls |= {f"{name}, in the process": _best(engine) for name, engine in engines.items()}
        times: dict[str, list[float]] = {name: [] for name in calls}
        for number, query in enumerate(track(queries, "searches")):
            for name, call in calls.items():
                started = time.perf_counter()
                call(query)
                if number >= _WARM_UP:
                    times[name].append(1e3 * (time.perf_counter() - started))
        stats = client.get("/admin/stats", headers={"Authorization": f"Bearer {ADMIN_KEY}"}).raise_for_status().json()
    return times, stats["stages"]["search"]


def _best(engine: Any) -> Callable[[str], object]:
    return lambda query: engine.best(query, _PAGE)


def _table(result: dict[str, dict[str, float]], title: str) -> Table:
    table = Table("asked", "p50 ms", "p99 ms", "ours / this", title=title)
    for name, row in result.items():
        table.add_row(name, f"{row['p50 ms']:.2f}", f"{row['p99 ms']:.2f}", f"{row['ours / this']:.1f}")
    return table


if __name__ == "__main__":
    raise SystemExit(main())
