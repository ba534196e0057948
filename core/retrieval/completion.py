"""Completion index: queries with weights, sorted by text, so that a prefix is one contiguous range."""

import itertools
from collections.abc import Sequence
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
    """A stored query: how often it was completed, its category and where it comes from."""

    text: str
    weight: float
    category: int
    source: Source


class CompletionIndex:
    """Arrays run beside `texts`, which are normalised, sorted and distinct."""

    def __init__(self, texts: Sequence[str], weights: FloatArray, categories: IntArray, sources: IntArray) -> None:
        if not len(texts) == len(weights) == len(categories) == len(sources):
            raise ValueError("texts, weights, categories and sources must be equally long")
        if any(left >= right for left, right in itertools.pairwise(texts)):
            raise ValueError("texts must be sorted and distinct")
        self.texts, self.weights, self.categories, self.sources = texts, weights, categories, sources

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
        return Completion(
            self.texts[index],
            float(self.weights[index]),
            int(self.categories[index]),
            SOURCES[int(self.sources[index])],
        )


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
    )


def _rank(entry: Completion) -> tuple[int, float]:
    return SOURCES.index(entry.source), -entry.weight
