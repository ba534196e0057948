"""Known items on a shop that nobody judged: does search bring the product that a query was made from?

    .venv/bin/pip install -r tests/requirements-benchmarks.txt
    OMP_NUM_THREADS=1 python -m tests.benchmarks.search_known_items --home HOME --catalog FILE [--ranker OTHER_HOME]

HOME was prepared from the catalogue. Of random products come four kinds of queries: two and three words of the title in
a row, three in any order, and one word of it behind the category. The measure is the mean reciprocal rank of the
product among the first hundred. Systems: bm25s over titles alone and over all fields, the sentence encoder, their
fusion, ours with BM25 and cosine alone (`fused`), with the formula that a shop without judgments has, and, with
`--ranker`, with the network that another shop's judgments taught: that should do no harm.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

from config.progress import Steps
from core.artifacts import open_current
from core.domain import Product
from core.evaluation.metrics import bootstrap_interval, reciprocal_rank
from core.ranking.features import FEATURES
from core.ranking.ranker import load_ranker
from core.services.bundle import RANKING, load_bundle
from core.text.normalize import normalize
from tests.benchmarks.search_peers import Bm25s, Peer, in_order, made
from tests.benchmarks.search_variants import Ours, without_judgments

FORMULA = "ours, the formula"
_DEPTH = 100
_LEAST_WORDS = 6  # of a title

Queries = dict[str, list[tuple[str, str]]]
"""By kind: the text of a query and the id of the product that it was made from."""


class FusedOnly:
    """Ranks by BM25 and cosine, and by nothing else."""

    name = "fused"

    def score(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.clip(features[:, FEATURES.index("fused")], 0, 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home that run_demo.py has prepared")
    parser.add_argument("--catalog", type=Path, required=True, metavar="FILE", help="what it was prepared from")
    parser.add_argument("--ranker", type=Path, metavar="HOME", help="a home whose ranker is tried here too")
    parser.add_argument("--products", type=int, default=500, metavar="N", help="that queries are made from")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    console = Console(highlight=False, width=None if Console().is_terminal else 160)
    steps = Steps(console)
    threadpool_limits(1)
    with steps.step("Loading"):
        folder = open_current(options.home / "artifacts")
        bundle = without_judgments(load_bundle(options.home / "artifacts"), folder)
        assert bundle.products is not None and bundle.encoder is not None
        listed = in_order(bundle.products, options.catalog)
    queries = known_items(listed, options.products)
    with tempfile.TemporaryDirectory() as place, steps.step("Indexing"):
        vectors = bundle.products.dense.all()
        systems: dict[str, Peer] = {
            "bm25s, titles": Bm25s([one.product_id for one in listed], [one.title for one in listed])
        }
        systems |= made(listed, vectors, bundle.encoder, Path(place), ["tantivy", "FTS5", "milli"], steps.say)
    systems["ours, fused"] = Ours(replace(bundle, ranker=FusedOnly()))
    if options.ranker:
        network = load_ranker(open_current(options.ranker / "artifacts").path / RANKING)
        systems["ours, another shop's network"] = Ours(replace(bundle, ranker=network))
    systems[FORMULA] = Ours(bundle)
    found = {name: measured(name, system, queries) for name, system in systems.items()}
    for title, base in (("mean reciprocal rank", None), ("the formula − other", found[FORMULA])):
        console.print(_table(title, queries, found, base))
    if options.json:
        means = {name: {kind: float(np.mean(one)) for kind, one in ranks.items()} for name, ranks in found.items()}
        options.json.write_text(json.dumps(means, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


def known_items(listed: Sequence[Product], count: int) -> Queries:
    """Queries of all kinds from `count` random products with long enough titles. Seeded."""
    generator = random.Random(0)
    named = [(one, words) for one in listed if len(words := normalize(one.title).split()) >= _LEAST_WORDS]
    queries: Queries = {"2 in a row": [], "3 in a row": [], "3 in any order": [], "category, 1 word": []}
    for product, words in generator.sample(named, min(count, len(named))):
        at = generator.randrange(len(words) - 2)
        category = normalize(product.category or "")
        texts = (
            words[at : at + 2],
            words[at : at + 3],
            generator.sample(words, 3),
            [category, generator.choice(words)],
        )
        for kind, text in zip(queries, texts, strict=True):
            queries[kind].append((" ".join(text).strip(), product.product_id))
    return queries


def measured(name: str, system: Peer, queries: Queries) -> dict[str, list[float]]:
    """The reciprocal ranks of each kind's queries; `name` stands beside the bar."""
    ranks: dict[str, list[float]] = {}
    for kind, asked in queries.items():
        ranks[kind] = [
            reciprocal_rank(system.best(text, _DEPTH), wanted, _DEPTH)
            for text, wanted in track(asked, f"{name}: {kind}")
        ]
    return ranks


def _table(
    title: str, queries: Queries, found: dict[str, dict[str, list[float]]], base: dict[str, list[float]] | None
) -> Table:
    """Means; with a `base` the means of its paired differences, with 95 % intervals."""
    table = Table(
        "system", *queries, title=f"{title}, {len(next(iter(queries.values())))} products", title_justify="left"
    )
    for name, ranks in found.items():
        if base is None:
            table.add_row(name, *(f"{np.mean(one):.4f}" for one in ranks.values()))
        elif ranks is not base:
            cells = []
            for kind, one in ranks.items():
                differences = (np.array(base[kind]) - np.array(one)).tolist()
                low, high = bootstrap_interval(differences)
                cells.append(f"{np.mean(differences):+.4f} ({low:+.3f} … {high:+.3f})")
            table.add_row(name, *cells)
    return table


if __name__ == "__main__":
    raise SystemExit(main())
