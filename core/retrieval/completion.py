"""Completion index: queries with weights, sorted by text, so that a prefix is one contiguous range."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.domain import Source
from core.text.vocabulary import prefix_range

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

SOURCES = (Source.HISTORY, Source.QUERY_MODEL, Source.CATALOG_MODEL)  # codes stored in the index, in this order

_TIES_READ = 5_000  # of equal weight, the alphabetically first; in a judged list all queries weigh the same


@dataclass(frozen=True, slots=True)
class Completion:
    """A stored query: how often it was completed (generated ones: expected of a million searches), and its category.

    `product_count` None: not counted. `log_prob`: log p(query, end | category) under the model that generated it.
    """

    text: str
    weight: float
    category: int | None  # None for a shopper's own words, which nobody sorted; never in the index
    source: Source
    product_count: int | None = None
    log_prob: float | None = None


class CompletionIndex:
    """Arrays run beside `texts`, which are normalised, sorted and distinct."""

    def __init__(
        self,
        texts: Sequence[str],
        weights: FloatArray,
        categories: IntArray,
        sources: IntArray,
        product_counts: IntArray,
        log_probs: FloatArray,
    ) -> None:
        """`product_counts` −1: not counted; `log_probs` NaN: not generated. Raises ValueError for what does not fit."""
        if {len(part) for part in (weights, categories, sources, product_counts, log_probs)} != {len(texts)}:
            raise ValueError("texts and the arrays beside them must be equally long")
        if any(left >= right for left, right in itertools.pairwise(texts)):
            raise ValueError("texts must be sorted and distinct")
        self.texts, self.weights, self.categories, self.sources = texts, weights, categories, sources
        self.product_counts, self.log_probs = product_counts, log_probs

    def __len__(self) -> int:
        return len(self.texts)

    def complete(
        self, prefix: str, limit: int, source: Source, allowed: frozenset[int] | None = None
    ) -> tuple[list[Completion], float]:
        """The heaviest queries of `source` that start with `prefix`, and the weight of all that do.

        `allowed`: only these categories. Ties go to the shorter, then to the alphabetically first query.
        """
        low, high = prefix_range(self.texts, prefix)
        weights = np.where(self.sources[low:high] == SOURCES.index(source), self.weights[low:high], 0)
        if allowed is not None:
            weights = np.where(np.isin(self.categories[low:high], list(allowed)), weights, 0)
        total = float(weights.sum())
        candidates = np.flatnonzero(weights > 0)
        if len(candidates) > limit:
            # The limit-th weight, then texts that tie with it by length: no more than needed reaches the sort below.
            held = weights[candidates]
            least = np.partition(held, -limit)[-limit]
            above, ties = candidates[held > least], candidates[held == least][:_TIES_READ]
            lengths = np.fromiter((len(self.texts[low + int(i)]) for i in ties), np.int32)
            candidates = np.concatenate([above, ties[np.argsort(lengths, kind="stable")[: limit - len(above)]]])
        ranked = sorted(candidates.tolist(), key=lambda i: (-weights[i], len(self.texts[low + i]), self.texts[low + i]))
        return [self._entry(low + i) for i in ranked], total

    def _entry(self, index: int) -> Completion:
        products, log_prob = int(self.product_counts[index]), float(self.log_probs[index])
        return Completion(
            self.texts[index],
            float(self.weights[index]),
            int(self.categories[index]),
            SOURCES[int(self.sources[index])],
            None if products < 0 else products,
            None if math.isnan(log_prob) else log_prob,
        )

    def entries(self) -> Iterator[Completion]:
        """Everything stored, in the order of the texts."""
        return map(self._entry, range(len(self)))


def build_completions(entries: Sequence[Completion]) -> CompletionIndex:
    """The index of `entries`; of equal texts the history wins, then the heavier one."""
    best: dict[str, Completion] = {}
    for entry in entries:
        known = best.get(entry.text)
        if known is None or _rank(entry) < _rank(known):
            best[entry.text] = entry
    ordered = [best[text] for text in sorted(best)]
    return CompletionIndex(
        [entry.text for entry in ordered],
        np.array([entry.weight for entry in ordered], np.float32),
        np.array([entry.category for entry in ordered], np.int32),
        np.array([SOURCES.index(entry.source) for entry in ordered], np.int32),
        np.array([-1 if entry.product_count is None else entry.product_count for entry in ordered], np.int32),
        np.array([math.nan if entry.log_prob is None else entry.log_prob for entry in ordered], np.float32),
    )


def _rank(entry: Completion) -> tuple[int, float]:
    return SOURCES.index(entry.source), -entry.weight
