"""Interpolated modified Kneser–Ney (Kneser & Ney 1995; three discounts as in Chen & Goodman 1999, §3).

    p_n(w | h) = max(c(hw) − D(c(hw)), 0) / c(h) + γ(h) p_{n−1}(w | h')

where γ(h) is the mass that the discounts took from h. At the highest order c counts occurrences, below it the distinct
words that stand before the n-gram (n-grams that begin a line keep their occurrences: nothing can stand before them).
The lowest order falls back on a given base distribution, uniform by default, so every class has a probability and all
of them sum to 1.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from core.language_model.corpus import Line
from training.baselines.ngram_counts import (
    BEGIN,
    FloatArray,
    History,
    Table,
    count_ngrams,
    entries,
    freeze,
    history_of,
    shortened,
)

_FALLBACK = (0.5, 0.75, 0.9)  # discounts of corpora too small to estimate them from


class KneserNey:
    """Distributions over C classes after any history of class ids."""

    def __init__(self, lines: Sequence[Line], size: int, end: int, order: int = 4) -> None:
        """`size` is C, `end` the class that ends a line. Lines count with their weights."""
        self.order, self.size = order, size
        counts = count_ngrams(lines, end, order)
        self._tables = [_continuations(counts, length) for length in range(order - 1)] + [counts[-1]]
        self._discounts = [_discounts(table) for table in self._tables]

    @property
    def parameters(self) -> int:
        return entries(self._tables)

    def distribution(self, tokens: Sequence[int], base: FloatArray | None = None) -> FloatArray:
        """p(next class) `(C,)` after the begin mark and `tokens`; `base` `(C,)` stands below the lowest order."""
        result = np.full(self.size, 1.0 / self.size) if base is None else base
        for history in shortened(history_of(tokens, self.order)):
            following = self._tables[len(history)].get(history)
            if following is None:
                break
            first, second, more = self._discounts[len(history)]
            discount = np.where(following.counts <= 1, first, np.where(following.counts <= 2, second, more))
            taken = np.minimum(discount, following.counts)
            result = result * (taken.sum() / following.total)
            result[following.classes] += (following.counts - taken) / following.total
        return result


def _continuations(counts: Sequence[Table], length: int) -> Table:
    """For histories of `length`: in how many different contexts one token longer each n-gram occurs."""
    kinds: dict[History, dict[int, float]] = defaultdict(dict)
    for history, following in counts[length + 1].items():
        shorter = kinds[history[1:]]
        for token in following.classes.tolist():
            shorter[token] = shorter.get(token, 0.0) + 1.0
    table = freeze(kinds)
    table |= {history: following for history, following in counts[length].items() if history[:1] == (BEGIN,)}
    return table


def _discounts(table: Table) -> tuple[float, float, float]:
    """D₁, D₂ and D₃₊ from the counts of counts; a fractional count is taken as the next whole one."""
    seen = [0.0] * 5
    for following in table.values():
        whole = np.ceil(following.counts)
        for count in range(1, 5):
            seen[count] += int((whole == count).sum())
    if min(seen[1:]) == 0:
        return _FALLBACK
    share = seen[1] / (seen[1] + 2 * seen[2])
    estimates = [count - (count + 1) * share * seen[count + 1] / seen[count] for count in (1, 2, 3)]
    if not all(0 < estimate < count for count, estimate in enumerate(estimates, 1)):
        return _FALLBACK
    return estimates[0], estimates[1], estimates[2]
