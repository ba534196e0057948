"""Pseudo-categories of a catalogue, anew and with several seeds, beside k-means on the same vectors.

    python -m tests.benchmarks.categories --products FILE --truth sub_category   against a column of real categories
    python -m tests.benchmarks.categories --products FILE --judgments FILE       and for judged queries
    python -m tests.benchmarks.categories --products FILE --scale 100000         time and memory at that many titles

Also prints `--names N` names (default 30), drawn by seed, with ten titles each: for reading. Embeddings are kept below
`--cache`. Clusters are found from titles alone; the real categories only judge them. The catalogue of `--scale` is the
one given, repeated with noise on its vectors (cosine to the original about .9) and with its own titles.
"""

import argparse
import random
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from core.categories.assign import likeliest, vote
from core.categories.clustering import Clustering, cluster
from core.categories.naming import name_clusters, segments_of
from core.categories.types import FloatArray
from core.importing.catalog import products, read_catalog
from core.importing.queries import query_rows, read_queries
from core.text.embedding import Encoder, embed_cached
from core.text.normalize import normalize
from training.evaluation.categories import RELEVANT, SEEDS, agreement, beside_k_means, between_seeds, coverage

_NOISE = 0.5  # length of what is added to a unit vector before it is normalised again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=Path, required=True, metavar="FILE")
    parser.add_argument("--truth", metavar="COLUMN", help="the column of real categories")
    parser.add_argument("--judgments", type=Path, metavar="FILE", help="query, product_id, relevance")
    parser.add_argument("--scale", type=int, metavar="N", help="only: cluster N titles once")
    parser.add_argument("--names", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1, help="which names are drawn")
    parser.add_argument("--cache", type=Path, default=Path("var/cache/embeddings"), metavar="DIR")
    options = parser.parse_args()
    console = Console(width=120)
    mapping = {"category": options.truth} if options.truth else None
    listed = list(products(read_catalog(options.products, mapping)[0]))
    titles = [product.title for product in listed]
    encoder = Encoder()
    with console.status("embedding titles") as status:
        vectors = embed_cached(
            encoder,
            titles,
            options.cache,
            lambda done, total: status.update(f"embedding titles: {done:,} of {total:,}"),
        )
    if options.scale:
        _scale(console, vectors, titles, options.scale)
        return
    runs = []
    for seed in SEEDS:
        started = time.perf_counter()
        runs.append(cluster(vectors, seed, titles))
        seconds = time.perf_counter() - started
        console.print(f"seed {seed}: {runs[-1].count} clusters, noise {runs[-1].noise_share:.3f}, {seconds:.1f} s")
    metrics = {"adjusted Rand index between seeds, least": between_seeds([run.labels for run in runs])}
    order = np.random.default_rng(0).permutation(len(titles))
    shuffled = cluster(vectors[order], SEEDS[0], [titles[row] for row in order]).labels
    metrics["equal for shuffled rows"] = float((shuffled == runs[0].labels[order]).all())
    metrics["noise after assignment"] = float((runs[0].labels < 0).mean())
    if options.truth:
        values = {name: code for code, name in enumerate(sorted({product.category or "" for product in listed}))}
        truth = np.array([values[product.category or ""] for product in listed], np.int32)
        found = [agreement(run.labels, truth) for run in runs]
        metrics |= {name: float(np.mean([one[name] for one in found])) for name in found[0]}
        metrics |= beside_k_means(vectors, truth, runs[0].count)
    queries: list[tuple[Sequence[str], int, float]] = []
    if options.judgments:
        rows = list(query_rows(read_queries(options.judgments)[0]))
        texts = sorted({normalize(row.query) for row in rows} - {""})
        embedded = embed_cached(encoder, texts, options.cache)
        place = {product.product_id: row for row, product in enumerate(listed)}
        asked = {text: row for row, text in enumerate(texts)}
        pairs = [
            (asked[normalize(row.query)], place[row.product_id])
            for row in rows
            if row.product_id in place and (row.relevance or 0) >= RELEVANT
        ]
        first = runs[0]
        metrics |= coverage(likeliest(embedded, vectors, first.labels, first.count), first.labels, pairs)
        categories = vote(embedded, vectors, first.labels, first.count)[0].tolist()
        queries = [(text.split(), category, 1.0) for text, category in zip(texts, categories, strict=True)]
    table = Table("measure", "value", title=options.products.name)
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4f}")
    console.print(table)
    _names(console, titles, runs[0], queries, random.Random(options.seed), options.names)


def _names(
    console: Console,
    titles: list[str],
    found: Clustering,
    queries: list[tuple[Sequence[str], int, float]],
    generator: random.Random,
    count: int,
) -> None:
    names = name_clusters([segments_of(title) for title in titles], found.labels.tolist(), found.count, queries)
    for cluster_id in sorted(generator.sample(range(found.count), min(count, found.count))):
        members = np.flatnonzero(found.labels == cluster_id).tolist()
        console.print(f"[bold]{names[cluster_id]}[/bold] ({len(members)})")
        for row in generator.sample(members, min(10, len(members))):
            console.print(f"    {titles[row][:110]}", markup=False, highlight=False)


def _scale(console: Console, vectors: FloatArray, titles: list[str], count: int) -> None:
    generator = np.random.default_rng(0)
    rows = np.arange(count) % len(titles)
    noise = generator.normal(size=(count, vectors.shape[1])).astype(np.float32)
    noisy = vectors[rows] + _NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    started = time.perf_counter()
    found = cluster(noisy, 0, [titles[row] for row in rows])
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # kilobytes on Linux
    console.print(
        f"{count:,} titles: {found.count} clusters in {seconds:.0f} s, compiling included; peak {peak:.2f} GB"
    )


if __name__ == "__main__":
    main()
