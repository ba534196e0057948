"""How good the pseudo-categories are: beside real categories, for judged queries, and for what is half typed."""

import random
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track
from sklearn.cluster import KMeans
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    completeness_score,
    homogeneity_score,
    v_measure_score,
)

from core.categories.assign import likeliest
from core.categories.predictor import CategoryPredictor
from core.categories.types import FloatArray, IntArray
from core.errors import NoCatalogError
from core.importing.queries import query_rows, read_queries
from core.services.bundle import Bundle
from core.text.embedding import Encoder
from core.text.normalize import normalize

RELEVANT = 2.33  # grade of 1–3 from which a judged product counts as relevant
SEEDS = (0, 1, 2)


def evaluate_categories(
    bundle: Bundle, artifacts: Path, queries: Path, limit: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Figures of the published categories; those for judgments and real categories only where the files have them.

    Raises NoCatalogError without products.
    """
    if bundle.products is None or bundle.encoder is None:
        raise NoCatalogError("without products there is nothing to compare categories with")
    labels = np.load(artifacts / bundle.version / "product_categories.npy")
    vectors = bundle.products.dense.all()
    sizes = np.bincount(labels, minlength=len(bundle.category_names))
    metrics = {
        "categories": float(len(sizes)),
        "largest share": float(sizes.max() / sizes.sum()),
        "noise share": float(bundle.manifest["metrics"]["category_noise_share"]),
    }
    truth = np.asarray(bundle.products.columns.category.codes)
    if len(set(truth[truth >= 0].tolist())) > 1:
        known = truth >= 0
        metrics |= agreement(labels[known], truth[known])
        metrics |= beside_k_means(vectors[known], truth[known], len(sizes))
    frame, report = read_queries(queries)
    rows = list(query_rows(frame))
    texts = sorted({normalize(row.query) for row in rows} - {""})
    random.Random(0).shuffle(texts)
    texts = texts[:limit]
    encoder = Encoder(str(bundle.manifest["embedding_model"]))
    top = likeliest(encoder.encode_many(texts), vectors, labels, len(sizes))
    if report.judged:
        place = {product_id: row for row, product_id in enumerate(bundle.products.ids)}
        asked = {text: row for row, text in enumerate(texts)}
        pairs = [
            (asked[text], place[row.product_id])
            for row in rows
            if row.product_id in place and (row.relevance or 0) >= RELEVANT and (text := normalize(row.query)) in asked
        ]
        metrics |= coverage(top, labels, pairs)
    metrics |= prediction(bundle.predictor, texts, top[:, 0])
    return metrics, {"file": queries.name, "queries": len(texts)}


def agreement(labels: IntArray, truth: IntArray) -> dict[str, float]:
    """Homogeneity, completeness, V-measure and adjusted mutual information of `labels` against `truth`, both `(N,)`."""
    return {
        "homogeneity": float(homogeneity_score(truth, labels)),
        "completeness": float(completeness_score(truth, labels)),
        "V-measure": float(v_measure_score(truth, labels)),
        "AMI": float(adjusted_mutual_info_score(truth, labels)),
    }


def beside_k_means(vectors: FloatArray, truth: IntArray, count: int, seeds: Sequence[int] = SEEDS) -> dict[str, float]:
    """The same of k-means with `count` clusters on the vectors themselves, mean of `seeds`, named `…, k-means`."""
    runs = [
        agreement(KMeans(count, n_init=1, random_state=seed).fit_predict(vectors).astype(np.int32), truth)
        for seed in track(seeds, "k-means")
    ]
    return {f"{name}, k-means": float(np.mean([run[name] for run in runs])) for name in runs[0]}


def between_seeds(labelings: Sequence[IntArray]) -> float:
    """Least adjusted Rand index of any two of at least two `labelings`."""
    return min(float(adjusted_rand_score(first, second)) for first, second in combinations(labelings, 2))


def coverage(top: IntArray, labels: IntArray, pairs: Sequence[tuple[int, int]]) -> dict[str, float]:
    """Share of `pairs` (query, relevant product) whose product lies in the query's first, and first three, categories.

    `top` `(Q, 3)` are the queries' likeliest categories, `labels` `(P,)` the products' own.
    """
    rows = np.asarray(pairs, np.int64).reshape(-1, 2)
    inside = top[rows[:, 0]] == labels[rows[:, 1]][:, None]
    return {
        "relevant pairs": float(len(rows)),
        "relevant in the likeliest": float(inside[:, 0].mean()),
        "relevant in the three likeliest": float(inside.any(1).mean()),
    }


def prediction(predictor: CategoryPredictor, texts: Sequence[str], wanted: IntArray) -> dict[str, float]:
    """How well typed beginnings foretell the category of the whole query, `wanted` `(Q,)`.

    Two beginnings for each word: all words before it, and these with a part of it, its length drawn by seed.
    """
    generator = random.Random(1)
    losses: list[float] = []
    ranks: list[int] = []
    for text, category in zip(texts, wanted.tolist(), strict=True):
        words = text.split()
        for index, word in enumerate(words):
            for half in ("", word[: generator.randint(1, len(word))]):
                given = predictor.predict(words[:index], half)
                losses.append(-float(np.log(given[category])))
                ranks.append(int((given > given[category]).sum()))
    return {
        "prediction: log loss": float(np.mean(losses)),
        "prediction: top 1": float(np.mean([rank < 1 for rank in ranks])),
        "prediction: top 3": float(np.mean([rank < 3 for rank in ranks])),
    }
