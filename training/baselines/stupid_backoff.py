"""Stupid back-off (Brants et al. 2007), the count model behind CADENCE's SLM baseline.

    S(w | h) = c(hw) / c(h) where hw was seen, else 0.4 S(w | h')

The scores do not sum to 1: they rank words, and their logarithm is no likelihood (the paper prints it nevertheless,
as −7.53). Classes never seen at all score like a single sighting in the whole corpus, once more backed off.
"""

from collections.abc import Sequence

import numpy as np

from core.language_model.corpus import Line
from training.baselines.ngram_counts import FloatArray, count_ngrams, entries, history_of, shortened

BACK_OFF = 0.4


class StupidBackoff:
    """Scores of C classes after any history of class ids."""

    def __init__(self, lines: Sequence[Line], size: int, end: int, order: int = 4) -> None:
        """`size` is C, `end` the class that ends a line. Lines count with their weights; at least one is needed."""
        if not lines:
            raise ValueError("no lines to count")
        self.order, self.size = order, size
        self._tables = count_ngrams(lines, end, order)

    @property
    def parameters(self) -> int:
        return entries(self._tables)

    def scores(self, tokens: Sequence[int]) -> FloatArray:
        """S(next class) `(C,)` after the begin mark and `tokens`."""
        result = np.full(self.size, 1.0 / self._tables[0][()].total)
        for history in shortened(history_of(tokens, self.order)):
            following = self._tables[len(history)].get(history)
            if following is None:
                # An unseen history backs off once for each word it is longer, like any unseen n-gram.
                result = result * BACK_OFF
                continue
            result = result * BACK_OFF
            result[following.classes] = following.counts / following.total
        return result
