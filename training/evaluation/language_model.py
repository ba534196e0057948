"""The paper's Table 5 on held-out queries: our models beside every baseline, under both protocols."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from config.progress import Steps
from core.artifacts import open_current
from core.categories.assign import vote
from core.errors import ArtifactError, InputFileError, NoCatalogError
from core.importing.queries import query_rows, read_queries
from core.language_model.spelling import SpellingModel
from core.services.bundle import Bundle
from core.text.embedding import embed_cached
from core.text.normalize import normalize
from core.text.titles import MAX_TITLE_WORDS
from training.evaluation.compared_models import OURS, Shop, baselines, load_shop, our_models
from training.evaluation.language_model_report import Compared, differences, plot, print_report
from training.evaluation.mixture import CATEGORIES_MIXED, EVIDENCE, CategoryMixture
from training.evaluation.scoring import ScoredModel, TestQuery, score

PRODUCT_CATEGORIES = "product_categories.npy"  # of the artifact: the category of every product, in the index's order
_TIMED_TOKENS = 300


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the suite compares; all fixed before anything is scored."""

    home: Path  # trained baselines and embeddings are kept below it
    categories: int = CATEGORIES_MIXED  # M and a of the predicted protocol (`training.evaluation.mixture`)
    evidence: float = EVIDENCE
    queries_alone: bool = False  # the baselines trained without titles as well
    plots: Path | None = None


def evaluate_language_model(
    bundle: Bundle, artifacts: Path, queries: Path, limit: int | None, comparison: Comparison, console: Console
) -> tuple[dict[str, float], dict[str, Any]]:
    """Prints the tables and returns every figure by model, protocol and measure.

    Queries are distinct, normalised, of at most ten words as in training; `limit` of them are drawn by seed. Timings
    are of one thread. Raises InputFileError without such queries, NoCatalogError without products to vote on them.
    """
    steps = Steps(console)
    shop = load_shop(open_current(artifacts), bundle.vocabulary)
    words, left_out = read_words(queries, limit)
    tests = with_categories(words, bundle, shop, comparison.home)
    spelling = SpellingModel.of(bundle.vocabulary)
    mixture = CategoryMixture(
        bundle.predictor.predict, words, count=comparison.categories, evidence=comparison.evidence
    )
    torch.set_num_threads(1)
    results: dict[str, Compared] = {}
    models = list(our_models(shop)) + list(baselines(shop, comparison.home, steps, titles_first=True))
    if comparison.queries_alone:
        models += baselines(shop, comparison.home, steps, titles_first=False)
    for name, model in models:
        results[name] = compare(model, tests, spelling, mixture, name)
    about = (
        f"{queries.name}: {len(tests):,} queries, {sum(len(query.words) + 1 for query in tests):,} tokens; "
        f"predicted from {comparison.categories} categories, evidence {comparison.evidence:g}"
    )
    print_report(console, results, OURS, about)
    if comparison.plots:
        plot(results, comparison.plots / "language_model.png")
    return _figures(results), {
        "file": queries.name,
        "queries": len(tests),
        "longer than ten words": left_out,
        "categories mixed": comparison.categories,
        "evidence": comparison.evidence,
    }


def read_words(queries: Path, limit: int | None) -> tuple[list[tuple[str, ...]], int]:
    """Words of the distinct queries of a file, shuffled by seed, and how many were left out for their length."""
    frame, _ = read_queries(queries)
    distinct = sorted({tuple(normalize(row.query).split()) for row in query_rows(frame)} - {()})
    kept = [words for words in distinct if len(words) <= MAX_TITLE_WORDS]
    if not kept:
        raise InputFileError(f"{queries.name} holds no query of at most {MAX_TITLE_WORDS} words")
    random.Random(0).shuffle(kept)
    return kept[:limit], len(distinct) - len(kept)


def with_categories(words: Sequence[tuple[str, ...]], bundle: Bundle, shop: Shop, home: Path) -> list[TestQuery]:
    """Each query with the category that its nearest products vote for, as training queries got theirs."""
    if bundle.products is None or bundle.encoder is None:
        raise NoCatalogError("a query's category is a vote of products, and there are none")
    if not shop.folder.has(PRODUCT_CATEGORIES):
        raise ArtifactError(f"version {shop.folder.version} does not hold its products' categories: train anew")
    vectors = embed_cached(bundle.encoder, [" ".join(query) for query in words], home / "cache" / "embeddings")
    labels = np.load(shop.folder.path / PRODUCT_CATEGORIES)
    voted, _ = vote(vectors, bundle.products.dense.all(), labels, bundle.vocabulary.categories)
    return [TestQuery(query, category) for query, category in zip(words, voted.tolist(), strict=True)]


def compare(
    model: ScoredModel, tests: Sequence[TestQuery], spelling: SpellingModel, mixture: CategoryMixture, name: str
) -> Compared:
    """One model under both protocols, and its time per token."""
    oracle = score(model, tests, spelling, note=f"{name}, oracle")
    predicted = oracle
    if model.uses_category:
        predicted = score(model, tests, spelling, mixture, note=f"{name}, predicted")
    return Compared(oracle, predicted, model.parameters, milliseconds_per_token(model, tests), model.normalized)


def milliseconds_per_token(model: ScoredModel, tests: Sequence[TestQuery]) -> float:
    """Time to read one more word and give the whole distribution of the next, on one row; the median query's."""
    times, tokens = [], 0
    for query in tests:
        encoded = model.vocabulary.encode(query.words)
        started = time.perf_counter()
        for _ in model.stepwise(encoded, query.category if model.uses_category else 0):
            pass
        times.append(1e3 * (time.perf_counter() - started) / (len(encoded) + 1))
        tokens += len(encoded) + 1
        if tokens >= _TIMED_TOKENS:
            break
    return float(np.median(times))


def _figures(results: dict[str, Compared]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for name, result in results.items():
        for protocol in ("oracle", "predicted"):
            metrics = result.scores(protocol).metrics()
            if not result.normalized:
                metrics = {key: value for key, value in metrics.items() if key.startswith("top-")}
            figures |= {f"{name}, {protocol}: {key}": value for key, value in metrics.items()}
            if name != OURS:
                for key, difference in differences(results[OURS], result, protocol).items():
                    figures[f"ours minus {name}, {protocol}: {key}"] = difference.value
                    figures[f"ours minus {name}, {protocol}: {key}, low"] = difference.low
                    figures[f"ours minus {name}, {protocol}: {key}, high"] = difference.high
        figures[f"{name}: parameters"] = float(result.parameters)
        figures[f"{name}: ms per token"] = result.milliseconds
    return figures
