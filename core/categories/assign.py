"""The category of a text that was not clustered: a vote of its nearest products.

Twenty neighbours weighted by similarity⁴ find the right cluster for far more queries than the nearest centroid does.
"""

import numpy as np

from core.categories.clustering import IntArray
from core.text.embedding import FloatArray

_BLOCK = 512  # rows whose similarities to all products are held at once


def vote(
    queries: FloatArray, products: FloatArray, labels: IntArray, categories: int, neighbours: int = 20
) -> tuple[IntArray, FloatArray]:
    """Category `(N,)` and its share of the vote `(N,)` for unit vectors `queries` `(N, D)`.

    `products` `(P, D)` with `labels` `(P,)` are the voters; P ≥ 1.
    """
    if not len(products):
        raise ValueError("a vote needs at least one product")
    found = np.empty(len(queries), np.int32)
    share = np.empty(len(queries), np.float32)
    count = min(neighbours, len(products))
    for start in range(0, len(queries), _BLOCK):
        similarity = queries[start : start + _BLOCK] @ products.T
        nearest = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        weight = np.maximum(np.take_along_axis(similarity, nearest, 1), 1e-3) ** 4
        votes = np.zeros((len(similarity), categories), np.float32)
        np.add.at(votes, (np.arange(len(similarity))[:, None], labels[nearest]), weight)
        best = votes.argmax(1)
        found[start : start + _BLOCK] = best
        share[start : start + _BLOCK] = votes[np.arange(len(votes)), best] / votes.sum(1)
    return found, share
