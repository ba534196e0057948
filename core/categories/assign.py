"""The category of a text that was not clustered: a vote of its nearest products.

Twenty neighbours weighted by similarity⁴ find the right cluster for far more queries than the nearest centroid does.
New products get theirs the same way: nothing is fitted again.
"""

from collections.abc import Iterator

import numpy as np

from core.categories.types import FloatArray, IntArray

_BLOCK = 512  # rows whose similarities to all products are held at once


def vote(
    queries: FloatArray, products: FloatArray, labels: IntArray, categories: int, neighbours: int = 20
) -> tuple[IntArray, FloatArray]:
    """Category `(N,)` and its share of the vote `(N,)` for unit vectors `queries` `(N, D)`.

    `products` `(P, D)` with `labels` `(P,)` are the voters; P ≥ 1, else ValueError.
    """
    found = np.empty(len(queries), np.int32)
    share = np.empty(len(queries), np.float32)
    for rows, votes in _votes(queries, products, labels, categories, neighbours):
        best = votes.argmax(1)
        found[rows] = best
        share[rows] = votes[np.arange(len(votes)), best] / votes.sum(1)
    return found, share


def likeliest(
    queries: FloatArray, products: FloatArray, labels: IntArray, categories: int, count: int = 3, neighbours: int = 20
) -> IntArray:
    """The `min(count, categories)` categories with most votes, `(N, count)`, most first; ties go to the lower id."""
    found = np.empty((len(queries), min(count, categories)), np.int32)
    for rows, votes in _votes(queries, products, labels, categories, neighbours):
        found[rows] = np.argsort(-votes, axis=1, kind="stable")[:, :count]
    return found


def _votes(
    queries: FloatArray, products: FloatArray, labels: IntArray, categories: int, neighbours: int
) -> Iterator[tuple[slice, FloatArray]]:
    """Blocks of rows with the votes `(B, K)` for each category."""
    if not len(products):
        raise ValueError("a vote needs at least one product")
    count = min(neighbours, len(products))
    for start in range(0, len(queries), _BLOCK):
        similarity = queries[start : start + _BLOCK] @ products.T
        nearest = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        weight = np.maximum(np.take_along_axis(similarity, nearest, 1), 1e-3) ** 4
        votes = np.zeros((len(similarity), categories), np.float32)
        np.add.at(votes, (np.arange(len(similarity))[:, None], labels[nearest]), weight)
        yield slice(start, start + len(similarity)), votes
