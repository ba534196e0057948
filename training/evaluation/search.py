"""How well search ranks judged products."""

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from core.domain import SearchQuery
from core.errors import InputFileError, NoCatalogError
from core.evaluation.metrics import bootstrap_interval, ndcg_at
from core.importing.queries import query_rows, read_queries
from core.services.bundle import Bundle
from core.services.search import SearchService
from core.text.terms import terms


def evaluate_search(bundle: Bundle, judgments: Path, limit: int) -> tuple[dict[str, float], dict[str, Any]]:
    """nDCG@10 over the whole catalogue of the served ranking, of BM25 alone and of vectors alone.

    Raises InputFileError for a file without judged products, NoCatalogError without a catalogue.
    """
    if bundle.products is None or bundle.encoder is None:
        raise NoCatalogError("there are no products to search")
    frame, report = read_queries(judgments)
    if not report.judged:
        raise InputFileError(f"{judgments.name} has no relevance column")
    grades: dict[str, dict[str, float]] = defaultdict(dict)
    for row in query_rows(frame):
        if row.product_id is not None and row.relevance is not None:
            grades[row.query][row.product_id] = row.relevance
    queries = sorted(grades)
    random.Random(0).shuffle(queries)
    queries = queries[:limit]
    service, index = SearchService(bundle), bundle.products
    fused, lexical, dense, empty = [], [], [], 0
    for query in track(queries, "searches"):
        hits = [hit.product_id for hit in service.search(SearchQuery(query, limit=10)).hits]
        empty += not hits
        fused.append(ndcg_at(hits, grades[query], 10))
        scores, _ = index.lexical.score(terms(query))
        best = np.argsort(-scores, kind="stable")[:10]
        lexical.append(ndcg_at([index.ids[row] for row in best if scores[row] > 0], grades[query], 10))
        similarity = index.vectors @ bundle.encoder.encode([query])[0]
        dense.append(ndcg_at([index.ids[row] for row in np.argsort(-similarity)[:10]], grades[query], 10))
    low, high = bootstrap_interval(fused)
    return {
        "nDCG@10": float(np.mean(fused)),
        "nDCG@10 low": low,
        "nDCG@10 high": high,
        "nDCG@10, BM25 alone": float(np.mean(lexical)),
        "nDCG@10, vectors alone": float(np.mean(dense)),
        "share without results": empty / len(queries),
    }, {"file": judgments.name, "queries": len(queries), "of": len(grades)}
