"""p(category | what is typed, and searched before): naive Bayes over words, exact for half-typed words.

Counts of word × category are kept as running sums over the sorted vocabulary, so the mass of all words that start with
a half-typed prefix is the difference of two rows, whatever their number.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from core.text.vocabulary import Vocabulary

FloatArray = npt.NDArray[np.float32]

Session = Sequence[Sequence[tuple[int, float]]]
"""Per earlier search of a visit its likeliest categories with positive weights, as `likeliest` gives them."""

_SMOOTHING = 10.0  # observations that a word needs to outweigh the share that its categories have of all words
_LEAST_SHARE = 0.01  # of the words, spread evenly over all categories, so that none is without
_DEPENDENCE = 0.15  # 0: words are independent; 1: five words tell as much as one
_DOUBT = 0.02  # of the probability that stays with the prior, whatever was typed
_SHORTEST_STEM = 3  # letters that a word must share with known ones to be read as one of them
_SESSION_SHARE = 0.3  # of the prior that earlier searches decide
_SESSION_DECAY = 0.6  # weight of a search for each later one


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
        self._running = np.zeros((len(counts) + 1, counts.shape[1]), np.float64)
        np.cumsum(counts, axis=0, out=self._running[1:])
        words = self._running[-1] + _LEAST_SHARE * max(1.0, self._running[-1].sum()) / counts.shape[1]
        self._base = words / words.sum()  # a category's share of all words
        self._log_base = np.log(self._base)
        self._prior: npt.NDArray[np.float64] = np.asarray(prior / prior.sum(), np.float64)

    def predict(self, words: Sequence[str], half: str = "", session: Session = ()) -> FloatArray:
        """Probabilities `(K,)`, summing to 1, given complete `words` and a half-typed one (empty: none).

        A word outside the vocabulary counts as all words that begin as it does, as far as any do; without any evidence
        the prior comes back. `session` holds the categories of this visit's earlier searches with their weights, the
        latest last: it moves the prior.
        """
        evidence = [self._log_ratio(low, high) for low, high in self._ranges(words, half)]
        score = np.log(self._prior_in(session))
        if evidence:
            # Words of one query are not independent: each further one tells less than it would alone.
            score += np.sum(evidence, axis=0) / (1 + _DEPENDENCE * (len(evidence) - 1))
        score = np.exp(score - score.max())
        mixed = (1 - _DOUBT) * score / score.sum() + _DOUBT * self._prior
        probabilities: FloatArray = mixed.astype(np.float32)
        return probabilities

    def _ranges(self, words: Sequence[str], half: str) -> list[tuple[int, int]]:
        """Ranges of the sorted vocabulary that are evidence, each of at least one word."""
        ranges = []
        for word in words:
            token = self._vocabulary.id_of(word)
            ranges.append((token, token + 1) if token != self._vocabulary.rare_id else self._begins_like(word, False))
        if half:
            ranges.append(self._begins_like(half, True))
        return [(low, high) for low, high in ranges if low < high]

    def _begins_like(self, text: str, whole: bool) -> tuple[int, int]:
        """Words that begin with `text` (if `whole`), else with the longest part of it that is not too short."""
        low, high = self._vocabulary.prefix_range(text) if whole else (0, 0)
        length = len(text)
        while low >= high and length > _SHORTEST_STEM:
            length -= 1
            low, high = self._vocabulary.prefix_range(text[:length])
        return low, high

    def _log_ratio(self, low: int, high: int) -> npt.NDArray[np.float64]:
        """log p(category | one of these words) − log p(category), `(K,)`; few observations stay near 0."""
        counts = self._running[high] - self._running[low]
        shares = (counts + _SMOOTHING * self._base) / (counts.sum() + _SMOOTHING)
        ratio: npt.NDArray[np.float64] = np.log(np.maximum(shares, 1e-12)) - self._log_base
        return ratio

    def _prior_in(self, session: Session) -> npt.NDArray[np.float64]:
        if not session:
            return self._prior
        recent = np.zeros_like(self._prior)
        for age, weighted in enumerate(reversed(session)):
            total = sum(weight for _, weight in weighted)
            for category, weight in weighted:
                recent[category] += _SESSION_DECAY**age * weight / total
        moved: npt.NDArray[np.float64] = (1 - _SESSION_SHARE) * self._prior
        moved += _SESSION_SHARE * recent / recent.sum()
        return moved

    def likeliest(
        self,
        words: Sequence[str],
        half: str = "",
        count: int = 3,
        allowed: frozenset[int] | None = None,
        session: Session = (),
    ) -> list[tuple[int, float]]:
        """The `count` likeliest categories with weights that sum to 1, likeliest first, within `allowed` if given."""
        probabilities = self.predict(words, half, session)
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
