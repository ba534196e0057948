"""Draws for whole columns at once: from rows of weights, from ranges of a cumulative sum, and noise with an address."""

import numpy as np
import numpy.typing as npt

from data_generation.world import FloatArray, IntArray

Index = npt.NDArray[np.integer]


class RowSampler:
    """Draws a column for each given row of a table of weights `(R, C)`. A row that sums to 0 raises ValueError."""

    def __init__(self, weights: npt.NDArray[np.floating]) -> None:
        total = weights.sum(axis=1, keepdims=True, dtype=np.float64)
        if not (total > 0).all():
            raise ValueError("a row of weights sums to nothing")
        self._columns = weights.shape[1]
        shares = np.cumsum(weights / total, axis=1, dtype=np.float64)
        shares[:, -1] = 1.0  # against rounding: no draw may leave its row
        self._cumulative = (shares + np.arange(len(weights))[:, None]).ravel()

    def draw(self, rows: Index, uniform: FloatArray) -> IntArray:
        """Column numbers for `rows` `(n,)` and draws in [0, 1) `(n,)`."""
        found = np.searchsorted(self._cumulative, rows + uniform, side="right") - rows * self._columns
        return np.asarray(np.minimum(found, self._columns - 1))  # row + draw may round up to the next row


class RangeSampler:
    """Draws positions of an array of weights `(N,)`, each from a given range of it."""

    def __init__(self, weights: npt.NDArray[np.floating]) -> None:
        self._cumulative = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])

    def draw(self, start: Index, stop: Index, uniform: FloatArray) -> IntArray:
        """Positions in `[start, stop)`; ranges that are empty give `stop − 1`. Shapes broadcast."""
        low, high = self._cumulative[start], self._cumulative[stop]
        found = np.searchsorted(self._cumulative, low + uniform * (high - low), side="right") - 1
        return np.asarray(np.clip(found, start, stop - 1))


def noise(seed: int, first: Index, second: Index) -> FloatArray:
    """A number of logistic distribution (standard deviation about 1) for every pair: the same whenever it is asked for.

    The pair is mixed by the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), so no table has to be kept.
    """
    with np.errstate(over="ignore"):
        mixed = first.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + second.astype(np.uint64)
        mixed += np.uint64(seed % 2**63) * np.uint64(0xD1342543DE82EF95)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    uniform = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
    uniform = np.clip(uniform, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(uniform / (1 - uniform)) * (np.sqrt(3) / np.pi))


def log_normal(generator: np.random.Generator, median: npt.ArrayLike, sigma: float, size: int) -> FloatArray:
    """`(size,)` draws around `median`, which broadcasts."""
    return np.asarray(np.asarray(median) * np.exp(sigma * generator.standard_normal(size)))


def sigmoid(odds: npt.NDArray[np.floating]) -> FloatArray:
    """Probabilities of log odds."""
    return np.asarray(1 / (1 + np.exp(-odds)))


def moved(probability: npt.NDArray[np.floating], odds: npt.ArrayLike) -> FloatArray:
    """Probabilities whose log odds are moved by `odds`, which broadcast."""
    return np.asarray(probability / (probability + (1 - probability) * np.exp(-np.asarray(odds))))
