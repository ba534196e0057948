"""p(category | what is typed): naive Bayes over words, exact for half-typed words.

Counts of word × category are kept as running sums over the sorted vocabulary, so the mass of all words that start with
a half-typed prefix is the difference of two rows, whatever their number.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from core.text.vocabulary import Vocabulary

FloatArray = npt.NDArray[np.float32]

_SMOOTHING = 2.0  # pseudo-observations of each word's share over all categories


def category_word_counts(
    lines: Iterable[tuple[Sequence[str], int, float]], vocabulary: Vocabulary
) -> npt.NDArray[np.float64]:
    """Weighted counts `(V, K)` from `(words, category, weight)` lines; rare words are not counted."""
    counts = np.zeros((len(vocabulary.words), vocabulary.categories))
    for words, category, weight in lines:
        for word in words:
            token = vocabulary.id_of(word)
            if token != vocabulary.rare_id:
                counts[token, category] += weight
    return counts


class CategoryPredictor:
    """Built from the counts `(V, K)`; K ≥ 1. `prior` `(K,)` are unnormalised weights, all positive."""

    def __init__(
        self, vocabulary: Vocabulary, counts: npt.NDArray[np.floating], prior: npt.NDArray[np.floating]
    ) -> None:
        self._vocabulary = vocabulary
        totals = counts.sum(0, keepdims=True)  # (1, K)
        shares = (counts.sum(1, keepdims=True) + 1e-3) / max(1.0, counts.sum())  # (V, 1): p(word) over all categories
        likelihood = (counts + _SMOOTHING * len(counts) ** 0.5 * shares) / (totals + _SMOOTHING * len(counts) ** 0.5)
        self._running = np.zeros((len(counts) + 1, counts.shape[1]), np.float64)
        np.cumsum(likelihood, axis=0, out=self._running[1:])
        self._log_prior = np.log(prior / prior.sum())

    def predict(self, words: Sequence[str], half: str = "") -> FloatArray:
        """Probabilities `(K,)`, summing to 1, given complete `words` and a half-typed one (empty: none).

        Words outside the vocabulary say nothing; without any evidence the prior comes back.
        """
        score = self._log_prior.copy()
        ranges = [self._vocabulary.prefix_range(half)] if half else []
        for word in words:
            token = self._vocabulary.id_of(word)
            if token != self._vocabulary.rare_id:
                ranges.append((token, token + 1))
        for low, high in ranges:
            if low < high:
                score += np.log(self._running[high] - self._running[low] + 1e-12)
        score = np.exp(score - score.max())
        probabilities: FloatArray = (score / score.sum()).astype(np.float32)
        return probabilities

    def likeliest(
        self, words: Sequence[str], half: str = "", count: int = 3, allowed: frozenset[int] | None = None
    ) -> list[tuple[int, float]]:
        """The `count` likeliest categories with weights that sum to 1, likeliest first, within `allowed` if given."""
        probabilities = self.predict(words, half)
        if allowed is not None:
            probabilities = np.where(np.isin(np.arange(len(probabilities)), list(allowed)), probabilities, 0)
        best = np.lexsort((np.arange(len(probabilities)), -probabilities))[:count]
        total = float(probabilities[best].sum())
        return [(int(index), float(probabilities[index]) / total) for index in best if probabilities[index] > 0]


def shortlists(counts: npt.NDArray[np.floating], size: int) -> npt.NDArray[np.int64]:
    """The `min(size, V)` words that each category uses most, `(K, S)`, filled up with the most frequent of all.

    Decoding over these alone costs a fraction of the whole vocabulary.
    """
    overall = counts.sum(1)
    ranked = counts + 1e-6 * overall[:, None] / max(1.0, overall.max())
    order = np.argsort(-ranked, axis=0, kind="stable")[:size].T
    return np.ascontiguousarray(order.astype(np.int64))
