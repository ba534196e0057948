"""Fine clusters merged to the number that a language model can be conditioned on.

Ward's criterion (Ward, "Hierarchical Grouping to Optimize an Objective Function", 1963) on the means of the clusters,
weighted by their sizes, with the update of Lance and Williams in its centroid form. Small clusters near each other go
first; a large one is left alone unless another lies very near.
"""

import numpy as np

from core.categories.types import FloatArray, IntArray


def merge(points: FloatArray, labels: IntArray, at_most: int) -> IntArray:
    """Labels 0..K−1 `(N,)`, K ≤ `at_most`, for `points` `(N, d)` with `labels` `(N,)`; negative ones stay −1.

    Clusters are merged whole, so the result is a coarsening of `labels`. O(K³) for K clusters, a second for 600.
    """
    ids, rows = np.unique(labels[labels >= 0], return_inverse=True)
    count = len(ids)
    sizes = np.bincount(rows, minlength=count).astype(np.float64)
    means = np.zeros((count, points.shape[1]))
    np.add.at(means, rows, points[labels >= 0])
    means /= sizes[:, None]
    cost = ((means[:, None] - means[None]) ** 2).sum(2) * (sizes[:, None] * sizes / (sizes[:, None] + sizes))
    np.fill_diagonal(cost, np.inf)
    owner = np.arange(count)
    alive = np.ones(count, bool)
    for _ in range(count - at_most):
        kept, gone = sorted(divmod(int(cost.argmin()), count))
        total = sizes[kept] + sizes[gone]
        means[kept] = (means[kept] * sizes[kept] + means[gone] * sizes[gone]) / total
        sizes[kept], alive[gone] = total, False
        owner[owner == gone] = kept
        fresh = ((means - means[kept]) ** 2).sum(1) * (sizes * total / (sizes + total))
        fresh[~alive] = np.inf
        fresh[kept] = np.inf
        cost[kept], cost[:, kept] = fresh, fresh
        cost[gone], cost[:, gone] = np.inf, np.inf
    merged = np.full(len(labels), -1, np.int32)
    merged[labels >= 0] = np.unique(owner, return_inverse=True)[1].reshape(-1)[rows]
    return merged
