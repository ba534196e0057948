"""Measures of ranked lists, as plain functions of one list; averages are the caller's."""

import math
from collections.abc import Mapping, Sequence

import numpy as np


def success_at(ranked: Sequence[str], wanted: str, k: int) -> float:
    """1 if `wanted` is among the first k, else 0."""
    return float(wanted in ranked[:k])


def reciprocal_rank(ranked: Sequence[str], wanted: str, k: int) -> float:
    """1 / rank of `wanted` within the first k, 0 if it is not there."""
    head = list(ranked[:k])
    return 1.0 / (head.index(wanted) + 1) if wanted in head else 0.0


def ndcg_at(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """Normalised discounted cumulative gain with gains 2^grade − 1; unjudged items gain nothing.

    0 where no judged item has a positive grade (Järvelin & Kekäläinen 2002; exponential gain as in Burges et al. 2005).
    """

    def gain(values: Sequence[float]) -> float:
        return sum((2**value - 1) / math.log2(rank + 2) for rank, value in enumerate(values[:k]))

    ideal = gain(sorted(grades.values(), reverse=True))
    return gain([grades.get(item, 0.0) for item in ranked[:k]]) / ideal if ideal > 0 else 0.0


def bootstrap_interval(
    values: Sequence[float], seed: int = 0, rounds: int = 2_000, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of `values`, which must be independent (one per query, say)."""
    array = np.asarray(values, np.float64)
    if not len(array):
        raise ValueError("an interval needs at least one value")
    generator = np.random.default_rng(seed)
    means = [array[generator.integers(0, len(array), len(array))].mean() for _ in range(rounds)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
