"""How well the suggestion list serves held-out queries."""

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from core.domain import Source, Suggestion, SuggestQuery
from core.evaluation.metrics import bootstrap_interval, reciprocal_rank, success_at
from core.importing.queries import query_rows, read_queries
from core.services.bundle import Bundle
from core.services.suggest import SuggestService
from core.text.normalize import normalize

_SHORTEST = 3  # characters from which on prefixes are counted
_DEADLINE_SECONDS = 1.0  # quality is measured without the clock, latency with it


def evaluate_autosuggest(bundle: Bundle, queries: Path, limit: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Coverage over prefixes of 3+ characters, and Success@10 / MRR@10 on one random prefix a query.

    Queries are distinct and normalised; "unseen" are those that the completion index does not know.
    """
    frame, _ = read_queries(queries)
    distinct = sorted({normalize(row.query) for row in query_rows(frame)} - {""})
    random.Random(0).shuffle(distinct)
    chosen = distinct[:limit]
    service = SuggestService(bundle)
    metrics = _coverage(service, chosen) | _success(service, bundle, chosen)
    return metrics, {"file": queries.name, "queries": len(chosen), "of": len(distinct)}


def _coverage(service: SuggestService, queries: list[str]) -> dict[str, float]:
    """Two prefixes of each query, drawn by seed: shares that are answered, literally and at all."""
    generator = random.Random(1)
    literal = some = full = marked = unmarked = total = 0
    times = []
    for query in track(queries, "prefixes"):
        lengths = range(_SHORTEST, len(query) + 1)
        for length in generator.sample(lengths, min(2, len(lengths))):
            prefix = query[:length]
            started = time.perf_counter()
            found = suggested(service, prefix)
            times.append(1e3 * (time.perf_counter() - started))
            total += 1
            extending = [line for line in found if normalize(line.text).startswith(prefix)]
            literal += bool(extending)
            some += bool(found)
            full += len(found) >= 5
            marked += sum(line.corrected for line in found)
            unmarked += sum(not line.corrected and line not in extending for line in found)
    return {
        "prefixes": float(total),
        "literal extension": literal / total,
        "any suggestion": some / total,
        "five or more": full / total,
        "corrected lines, marked": float(marked),
        "lines that neither extend nor are marked": float(unmarked),
        "p50 ms": float(np.quantile(times, 0.5)),
        "p99 ms": float(np.quantile(times, 0.99)),
    }


def _success(service: SuggestService, bundle: Bundle, queries: list[str]) -> dict[str, float]:
    """Success@10 and MRR@10: one prefix a query, length uniform in 1..len−1; the index alone beside the list."""
    whole: list[float] = []
    alone: list[float] = []
    ranks: list[float] = []
    unseen: list[tuple[float, float]] = []
    for prefix, query in track(list(random_prefixes(queries, seed=0)), "success"):
        ranked = normalized_lines(service, prefix)
        entries, _ = bundle.completions.complete(prefix, 10, Source.HISTORY)
        indexed = success_at([entry.text for entry in entries], query, 10)
        whole.append(success_at(ranked, query, 10))
        ranks.append(reciprocal_rank(ranked, query, 10))
        alone.append(indexed)
        if query not in bundle.completions:
            unseen.append((whole[-1], indexed))
    low, high = bootstrap_interval(whole)
    metrics = {
        "Success@10": float(np.mean(whole)),
        "Success@10 low": low,
        "Success@10 high": high,
        "MRR@10": float(np.mean(ranks)),
        "Success@10, index of searches alone": float(np.mean(alone)),
        "queries in no index": float(len(unseen)),
    }
    if unseen:
        metrics["Success@10, in no index"] = float(np.mean([first for first, _ in unseen]))
        metrics["Success@10, in no index, index alone"] = float(np.mean([second for _, second in unseen]))
    return metrics


def random_prefixes(queries: Sequence[str], seed: int) -> Iterator[tuple[str, str]]:
    """`(prefix, query)` for each query of at least two characters, the length uniform in 1..len−1."""
    generator = random.Random(seed)
    for query in queries:
        if len(query) > 1:
            yield query[: generator.randint(1, len(query) - 1)], query


def suggested(service: SuggestService, prefix: str) -> tuple[Suggestion, ...]:
    """The list for `prefix`, with more time than a shopper would wait."""
    return service.suggest(SuggestQuery(prefix), time.perf_counter() + _DEADLINE_SECONDS).suggestions


def normalized_lines(service: SuggestService, prefix: str) -> list[str]:
    """The texts for `prefix`, normalised like the queries they are compared with: lists show how shoppers write."""
    return [normalize(line.text) for line in suggested(service, prefix)]
