"""What each step of cleaning is worth: `python -m tests.benchmarks.cleaning titles|queries --catalog F --queries F`.

`titles`: models trained on titles cleaned in different ways; what counts is how many bits per character they give the
*queries* of the shop, none of which they saw. `queries`: models trained on titles and four fifths of the log, cleaned
in different ways; scored on the other fifth, never cleaned, as are the first. Categories are the oracle's in both, so
that nothing but the cleaning differs. Lower is better. The model is a Kneser-Ney 4-gram with category (half a minute a
row) or a small GRU memory network (`--model gru-mn`).
"""

import argparse
import dataclasses
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from core.categories.assign import vote
from core.categories.clustering import IntArray, cluster
from core.domain import Product, WeightedQuery
from core.importing.catalog import products as catalog_products
from core.importing.catalog import read_catalog
from core.importing.queries import query_rows, read_queries
from core.language_model.config import PRESETS
from core.language_model.corpus import Line
from core.language_model.gru_mn import GruMn
from core.language_model.spelling import SpellingModel
from core.text.embedding import Encoder, FloatArray, embed_cached
from core.text.normalize import normalize
from core.text.query_cleaning import QueryCleaning
from core.text.title_cleaning import TitleCleaning
from core.text.vocabulary import Vocabulary, build_vocabulary, count_words
from training.baselines.ngram_models import NgramModel
from training.corpora import Cleaning, Corpora, build_corpora, encoded
from training.evaluation.scored_models import NeuralScored
from training.evaluation.scoring import ScoredModel, TestQuery, score
from training.train_language_model import plan_from, train

_PLAIN = QueryCleaning(spelling=False, stop_words=False, units=False, singulars=False)
_BASE = TitleCleaning(units=False)
TITLES: Mapping[str, TitleCleaning] = {
    "raw titles": TitleCleaning(segments=False, units=False),
    "segments": _BASE,
    "segments, parentheses expanded": dataclasses.replace(_BASE, expand_parentheses=True),
    "segments, units": dataclasses.replace(_BASE, units=True),
    "entropy low (paper)": dataclasses.replace(_BASE, entropy="low", protect=False),
    "entropy low, protected": dataclasses.replace(_BASE, entropy="low"),
    "entropy spread": dataclasses.replace(_BASE, entropy="spread"),
    "NPMI ratio, mean (paper)": dataclasses.replace(_BASE, npmi="ratio", npmi_of_pairs="mean", protect=False),
    "NPMI ratio, max, protected": dataclasses.replace(_BASE, npmi="ratio"),
    "NPMI log, mean, protected": dataclasses.replace(_BASE, npmi="log", npmi_of_pairs="mean"),
    "NPMI log, max, protected": dataclasses.replace(_BASE, npmi="log"),
    "entropy low + NPMI (paper)": TitleCleaning(
        expand_parentheses=True, units=True, entropy="low", npmi="ratio", npmi_of_pairs="mean", protect=False
    ),
}
QUERIES: Mapping[str, QueryCleaning] = {
    "as typed": _PLAIN,
    "spelling": dataclasses.replace(_PLAIN, spelling=True),
    "stop words": dataclasses.replace(_PLAIN, stop_words=True),
    "units": dataclasses.replace(_PLAIN, units=True),
    "singulars": dataclasses.replace(_PLAIN, singulars=True),
    "spelling + stop words": dataclasses.replace(_PLAIN, spelling=True, stop_words=True),
    "all": QueryCleaning(spelling=True, stop_words=True, units=True, singulars=True),
}


class Shop:
    """Products, queries and their categories; the vocabularies and models of every variant start from it."""

    def __init__(self, catalog: Path, queries: Path, cache: Path) -> None:
        self.products: list[Product] = list(catalog_products(read_catalog(catalog)[0]))
        texts = sorted({normalize(row.query) for row in query_rows(read_queries(queries)[0])} - {""})
        self.queries = [WeightedQuery(text, 1.0) for text in texts]
        encoder = Encoder(None)
        titles = embed_cached(encoder, [product.title for product in self.products], cache)
        self.labels = _labels(titles, cache / "cleaning_labels.npy")
        self.count = int(self.labels.max()) + 1
        vectors = embed_cached(encoder, texts, cache)
        self.query_labels = vote(vectors, titles, self.labels, self.count)[0]
        self.folds = np.array([hashlib.blake2b(text.encode(), digest_size=1).digest()[0] < 51 for text in texts])

    def corpora(self, cleaning: Cleaning, *, log: bool) -> Corpora:
        """`log`: with four fifths of the queries; otherwise with the titles alone."""
        kept = np.flatnonzero(~self.folds) if log else np.zeros(0, np.int64)
        queries = [self.queries[index] for index in kept]
        return build_corpora(self.products, self.labels, queries, self.query_labels[kept], cleaning)

    def tested(self, at_most: int, *, log: bool) -> list[TestQuery]:
        """Queries that no model learns from, `at_most` of them: with `log` those of the other fifth, otherwise all."""
        return [
            TestQuery(tuple(query.text.split()), int(label))
            for query, label, held in zip(self.queries, self.query_labels, self.folds, strict=True)
            if held or not log
        ][:at_most]


def _labels(titles: FloatArray, stored: Path) -> IntArray:
    """Clusters of the titles, computed once for all runs of this benchmark on one catalogue."""
    if stored.exists() and len(known := np.load(stored)) == len(titles):
        return np.asarray(known, np.int32)
    labels = cluster(titles).labels
    np.save(stored, labels)
    return labels


def bits(shop: Shop, cleaning: Cleaning, model: str, *, log: bool, lines: int, tested: int) -> Mapping[str, float]:
    """Scores of the catalogue model, or with `log` of a model of queries and titles."""
    corpora = shop.corpora(cleaning, log=log)
    counts = count_words([(words, weight) for words, _, weight in [*corpora.titles, *corpora.queries]])
    vocabulary = build_vocabulary(counts, shop.count, 3, 16_000)
    titles, titles_held_out = encoded(corpora.title_lines(), vocabulary)
    queries, queries_held_out = encoded(corpora.queries, vocabulary) if log else ([], [])
    scored: ScoredModel
    if model == "n-gram":
        sides = [queries, titles] if log else [titles]
        held_out = queries_held_out if log else titles_held_out[:1_000]
        scored = NgramModel("kneser_ney", vocabulary, sides, held_out, uses_category=True)
    else:
        trained = _trained(vocabulary, titles, titles_held_out, lines, None)
        if log:
            trained = _trained(vocabulary, queries, queries_held_out, lines, trained)
        scored = NeuralScored(trained, vocabulary, uses_category=True)
    return score(scored, shop.tested(tested, log=log), SpellingModel.of(vocabulary)).metrics()


def _trained(
    vocabulary: Vocabulary, lines: Sequence[Line], held_out: Sequence[Line], at_most: int, initial: GruMn | None
) -> GruMn:
    sizes = dataclasses.replace(
        PRESETS["small"], embedding=96, hidden=(160,), query_attention=(48,), title_attention=(48,), context=96,
        title_epochs=1, max_title_lines=at_most,
    )  # fmt: skip
    plan = plan_from(sizes, vocabulary, titles=initial is None, lines=len(lines), seed=0)
    with tempfile.TemporaryDirectory() as folder:
        return train(plan, vocabulary, lines, held_out[:1_000], Path(folder), initial=initial).model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("titles", "queries"))
    parser.add_argument("--catalog", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path("var/cache/embeddings"), help="embeddings are kept here")
    parser.add_argument("--model", choices=("n-gram", "gru-mn"), default="n-gram", help="Kneser-Ney, or a small ours")
    parser.add_argument("--lines", type=int, default=25_000, help="of titles that the gru-mn learns from")
    parser.add_argument("--tested", type=int, default=2_000, help="queries that are scored")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="these rows, by their names")
    options = parser.parse_args()
    shop = Shop(options.catalog, options.queries, options.cache)
    console, log = Console(), options.which == "queries"
    table = Table("cleaning", "bits per character", "log likelihood", "top-1", title=options.which)
    if log:
        variants = {name: Cleaning(_BASE, steps) for name, steps in QUERIES.items()}
    else:
        variants = {name: Cleaning(steps, _PLAIN) for name, steps in TITLES.items()}
        for name in ("raw titles", "segments"):
            variants[f"{name}, without shared phrases"] = Cleaning(TITLES[name], _PLAIN, phrases=False)
    for name, cleaning in variants.items():
        if options.only and name not in options.only:
            continue
        found = bits(shop, cleaning, options.model, log=log, lines=options.lines, tested=options.tested)
        row = (name, *(f"{found[key]:.4f}" for key in ("bits per character", "log likelihood", "top-1")))
        console.print(*row, sep=" | ")
        table.add_row(*row)
    console.print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
