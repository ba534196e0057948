"""How well search ranks judged products: over the whole catalogue, and among the judged ones alone.

Gains are 2^(grade − 1) − 1 for grades 1…3, so that a bad answer gains nothing; queries without a single answer that
gains are left out of nDCG, since no order of theirs is better than another.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from core.domain import SearchQuery
from core.errors import NoCatalogError
from core.evaluation.metrics import bootstrap_interval, ndcg_at
from core.retrieval.lexical import plain
from core.services.bundle import Bundle
from core.services.search import SearchService
from core.text.normalize import normalize
from core.text.terms import terms
from training.ranking.judged import LEAST_GRADE, read_judgments

RELEVANT = 2.33  # grade from which a product should be among the first hundred
_DEPTH = 100


@dataclass
class RankingMetrics:
    """Figures of one ranking, query by query."""

    whole: list[float] = field(default_factory=list)  # nDCG@10 over the catalogue
    judged: list[float] = field(default_factory=list)  # nDCG@10 among the judged products that it ranks
    recall: list[float] = field(default_factory=list)  # share of the relevant among the first hundred
    empty: int = 0
    queries: int = 0

    def add(self, ranked: Sequence[str], among_judged: Sequence[str], grades: Mapping[str, float]) -> None:
        """`ranked`: at least a hundred ids, if there are; `among_judged`: all judged ids in the ranking's order."""
        gains = {product: grade - LEAST_GRADE for product, grade in grades.items()}
        self.queries += 1
        self.empty += not ranked
        if any(gains.values()):
            self.whole.append(ndcg_at(ranked[:10], gains, 10))
            self.judged.append(ndcg_at(among_judged[:10], gains, 10))
        relevant = {product for product, grade in grades.items() if grade >= RELEVANT}
        if relevant:
            self.recall.append(len(relevant & set(ranked[:_DEPTH])) / len(relevant))

    def figures(self) -> dict[str, float]:
        low, high = bootstrap_interval(self.whole)
        return {
            "nDCG@10": float(np.mean(self.whole)),
            "nDCG@10 low": low,
            "nDCG@10 high": high,
            "nDCG@10, judged only": float(np.mean(self.judged)),
            "Recall@100": float(np.mean(self.recall)) if self.recall else float("nan"),
            "share without results": self.empty / self.queries,
        }


def sampled(grades: Mapping[str, Mapping[str, float]], limit: int) -> list[str]:
    """`limit` judged queries at random, the same ones every time."""
    queries = sorted(grades)
    random.Random(0).shuffle(queries)
    return queries[:limit]


def evaluate_search(bundle: Bundle, judgments: Path, limit: int) -> tuple[dict[str, float], dict[str, Any]]:
    """The figures of the served ranking, and nDCG@10 of BM25 alone and of vectors alone: those of the index.

    Raises InputFileError for a file without judged products, NoCatalogError without a catalogue.
    """
    if bundle.products is None or bundle.encoder is None:
        raise NoCatalogError("there are no products to search")
    grades = read_judgments(judgments)
    queries = sampled(grades, limit)
    service, index = SearchService(bundle), bundle.products
    served, lexical, dense = RankingMetrics(), RankingMetrics(), RankingMetrics()
    for query in track(queries, "searches"):
        rows = {product: row for product in sorted(grades[query]) if (row := index.row_of(product)) is not None}
        judged = list(rows)
        ranked = [hit.product_id for hit in service.search(SearchQuery(query, limit=_DEPTH)).hits]
        score = service.scores_of(query, judged)
        served.add(ranked, sorted(judged, key=lambda product: -score[product]), grades[query])
        scores = index.lexical.score(plain(terms(query)))[0]
        best = [int(row) for row in np.argsort(-scores, kind="stable")[:_DEPTH] if scores[row] > 0]
        by_words = sorted(judged, key=lambda product: -scores[rows[product]])
        lexical.add([index.ids[row] for row in best], by_words, grades[query])
        vector = bundle.encoder.encode_query(normalize(query))
        asked = index.query_vector(vector, terms(query))
        near, cosines = index.dense.nearest(asked, _DEPTH)
        own = index.dense.similarities(asked, np.array([rows[product] for product in judged], np.int32))
        by_meaning = [judged[at] for at in np.argsort(-own, kind="stable")]
        dense.add([index.ids[row] for row in near[np.argsort(-cosines)]], by_meaning, grades[query])
    return {
        **served.figures(),
        "nDCG@10, BM25 alone": lexical.figures()["nDCG@10"],
        "nDCG@10, vectors alone": dense.figures()["nDCG@10"],
    }, {"file": judgments.name, "queries": len(queries), "of": len(grades), "ranker": bundle.ranker.name}
