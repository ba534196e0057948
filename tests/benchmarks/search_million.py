"""What search costs with a million products: building, memory, time, and what the graph misses.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.search_million --home HOME --catalog FILE --queries FILE

HOME is a prepared home of a smaller shop: its models, speller and ranker serve, and its titles and vectors are what the
products are made of (`tests.benchmarks.many_products`; so relevance means nothing here, only cost). One process builds
the index as training does, a second one serves it, so that each has its own peak of resident memory; files that are
mapped count as far as they were touched. tantivy holds the same texts, and answers the same queries in turn. At
last the service itself runs on a home with all of it and is asked over HTTP.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from config.progress import Steps
from core.artifacts import open_current
from core.domain import Product, SearchQuery
from core.retrieval.products import ProductIndex
from core.retrieval.storage import load_products, save_products
from core.services.bundle import PRODUCTS, RANKING, Bundle, load_bundle
from core.services.search import SearchService
from core.text.embedding import Encoder
from core.text.normalize import normalize
from core.text.terms import asked_terms
from tests.benchmarks.many_products import many_products, many_vectors, origins
from tests.benchmarks.million_http import make_home, search_over_http
from tests.benchmarks.search_engines import Tantivy
from tests.benchmarks.search_latency import distinct_queries
from tests.benchmarks.search_peers import in_order, text_of

Figures = dict[str, float]

_WARM_UP, _TIMED, _COMPARED = 100, 300, 100  # queries
_NEAREST, _PAGE, _EMBEDDED = 200, 20, 500
_CHUNK = 65_536


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home that run_demo.py has prepared")
    parser.add_argument("--catalog", type=Path, required=True, metavar="FILE", help="what it was prepared from")
    parser.add_argument("--queries", type=Path, required=True, metavar="FILE", help="a log or judged list")
    parser.add_argument("--products", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    console = Console(highlight=False)
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as place:
        arguments = (options.home, options.catalog, options.products, Path(place) / "products")
        queries = distinct_queries(options.queries)
        for part in (
            partial(_build, *arguments),
            partial(_serve, *arguments, queries),
            partial(_over_http, *arguments, queries),
        ):
            found = _apart(part)
            figures |= found
            console.print(_table(found, f"{options.products:,} products"))
    if options.json:
        options.json.write_text(json.dumps({"products": options.products, **figures}, indent=1), encoding="utf-8")
    return 0


def _apart(work: Callable[[], Figures]) -> Figures:
    """What `work` returns, in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work).result()


def _table(figures: Figures, title: str) -> Table:
    table = Table("measured", "value", title=title)
    for name, value in figures.items():
        table.add_row(name, f"{value:,.3f}" if value < 10 else f"{value:,.1f}")
    return table


def _build(home: Path, catalog: Path, count: int, place: Path) -> Figures:
    steps = Steps()
    with steps.step(f"Making {count:,} products"):
        products, shop = _made(home, catalog, count)
        vectors = many_vectors(shop.dense.all(), origins(len(shop.ids), count))
    before = _resident()
    with steps.step("Building the index"):
        save_products(products, vectors, place)
    minutes = steps.seconds["Building the index"] / 60
    figures = {
        "build, minutes": minutes,
        "build, GiB of products and vectors": before,
        "build, peak GiB": _peak(),
        "index on disk, GiB": sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) / 2**30,
    }
    encoder, titles = Encoder(), [product.title for product in products[: _EMBEDDED + 64]]
    encoder.encode_many(titles[:64])
    started = time.perf_counter()
    encoder.encode_many(titles[64:])
    return figures | {"embedding (not in the build), titles a second": _EMBEDDED / (time.perf_counter() - started)}


def _serve(home: Path, catalog: Path, count: int, place: Path, queries: Sequence[str]) -> Figures:
    steps, started = Steps(), time.perf_counter()
    small = load_bundle(home / "artifacts")
    assert small.products is not None
    without = _resident()
    origin = origins(len(small.products.ids), count)
    loading = time.perf_counter()
    index = load_products(place, small.products.categories[origin])
    index = replace(index, adapter=small.products.adapter, synonyms=small.products.synonyms)
    figures = {"load, seconds": time.perf_counter() - loading, "models and the small shop, GiB": without}
    bundle = replace(small, products=index)
    service = SearchService(bundle)
    figures |= {"ready, seconds": time.perf_counter() - started, "serving, GiB after load": _resident()}
    for query in track(queries[:_WARM_UP], "warming up"):
        service.search(SearchQuery(query))
    figures |= {f"serving, GiB after {_WARM_UP} searches": _resident(), "serving, peak GiB": _peak()}
    if index.dense.graph is not None:
        with steps.step("Comparing with all"):
            figures[f"recall@{_NEAREST} of the graph"] = _recall(bundle, index, queries[:_COMPARED])
    with steps.step("Building tantivy"):
        products, _ = _made(home, catalog, count)
        tantivy = Tantivy([product.product_id for product in products], map(text_of, products))
    del products
    return figures | _times(service, tantivy, queries[_WARM_UP : _WARM_UP + _TIMED])


def _over_http(home: Path, catalog: Path, count: int, place: Path, queries: Sequence[str]) -> Figures:
    products, shop = _made(home, catalog, count)
    served = make_home(home, open_current(home / "artifacts"), place, products, origins(len(shop.ids), count))
    del products, shop
    return search_over_http(served, queries[: _WARM_UP + _TIMED], _WARM_UP)


def _made(home: Path, catalog: Path, count: int) -> tuple[list[Product], ProductIndex]:
    """Products, and the index of the shop that they are made of."""
    folder = open_current(home / "artifacts")
    ranking = folder.path / RANKING if folder.has(f"{RANKING}/ranker.json") else None
    shop = load_products(folder.path / PRODUCTS, np.load(folder.path / "product_categories.npy"), ranking)
    names = folder.json("categories.json")["names"]
    categories = [names[at] for at in shop.categories.tolist()]
    return many_products(in_order(shop, catalog), origins(len(shop.ids), count), categories), shop


def _recall(bundle: Bundle, index: ProductIndex, queries: Sequence[str]) -> float:
    """Share of the nearest `_NEAREST`, by comparing all, that the graph finds."""
    assert bundle.encoder is not None
    vectors = np.stack(
        [
            index.query_vector(bundle.encoder.encode_query(text), asked_terms(text))
            for text in (normalize(query) for query in queries)
        ]
    )
    cosines = np.empty((len(index.dense.codes), len(vectors)), np.float32)
    for at in range(0, len(cosines), _CHUNK):
        rows = np.arange(at, min(at + _CHUNK, len(cosines)), dtype=np.int32)
        cosines[rows] = index.dense.vectors(rows) @ vectors.T
    shares = []
    for column, vector in zip(cosines.T, vectors, strict=True):
        best = np.argpartition(-column, _NEAREST)[:_NEAREST]
        shares.append(len(np.intersect1d(best, index.dense.nearest(vector, _NEAREST)[0])) / _NEAREST)
    return float(np.mean(shares))


def _times(service: SearchService, tantivy: Tantivy, queries: Sequence[str]) -> Figures:
    ours, theirs, stages = list[float](), list[float](), defaultdict[str, list[float]](list)
    tantivy.best(queries[0], _PAGE)
    for query in track(queries, "searches"):
        started = time.perf_counter()
        reply = service.search(SearchQuery(query, limit=_PAGE))
        ours.append(1e3 * (time.perf_counter() - started))
        started = time.perf_counter()
        tantivy.best(query, _PAGE)
        theirs.append(1e3 * (time.perf_counter() - started))
        for name, milliseconds in reply.stage_ms.items():
            stages[name].append(milliseconds)
    figures = {
        "search, p50 ms": float(np.median(ours)), "search, p99 ms": float(np.quantile(ours, 0.99)),
        "tantivy, p50 ms": float(np.median(theirs)), "tantivy, p99 ms": float(np.quantile(theirs, 0.99)),
        "search / tantivy, p50": float(np.median(ours) / np.median(theirs)),
    }  # fmt: skip
    return figures | {f"stage {name}, p50 ms": float(np.median(values)) for name, values in stages.items()}


def _resident() -> float:
    """GiB now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def _peak() -> float:
    """GiB at most since the process began."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    raise SystemExit(main())
