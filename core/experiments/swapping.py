"""Exploration that costs little and tells a lot: now and then, two products of a list change places.

Who logs the probability of what was shown can later say what other rankers would have been worth
(`core.experiments.replay`), and how far down shoppers look (`core.experiments.position_bias`).
"""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from core.experiments.moments import FloatArray

IntArray = npt.NDArray[np.int64]


def swap(size: int, share: float, seed: str) -> IntArray:
    """Which of the ranker's `size` ranks (0-based) stands at each place: all in order but for one pair, or no pair.

    In a `share` of lists each pair is equally likely. The same for the same `seed`, such as the request's id, in any
    process. Raises ValueError for a share outside [0, 1].
    """
    _check(size, share)
    order = np.arange(size)
    generator = np.random.default_rng(int.from_bytes(blake2b(f"swap:{seed}".encode(), digest_size=8).digest(), "big"))
    if size > 1 and generator.random() < share:
        one, other = generator.choice(size, 2, replace=False)
        order[[one, other]] = order[[other, one]]
    return order


def marginals(size: int, share: float) -> FloatArray:
    """`(size, size)`: the probability that what the ranker has at a rank (row) is shown at a place (column)."""
    _check(size, share)
    if size < 2:
        return np.ones((size, size))
    table = np.full((size, size), 2 * share / (size * (size - 1)))
    np.fill_diagonal(table, 1 - 2 * share / size)
    return table


def _check(size: int, share: float) -> None:
    if size < 0 or not 0 <= share <= 1:
        raise ValueError(f"lists of {size} products cannot be swapped in {share} of all cases")
