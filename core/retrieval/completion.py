"""Completion index: the queries of one source, found by how they begin or by the words they hold.

Everything is an array that may be memory-mapped. Rows are in the order of the texts, so a prefix is one range of rows;
ranks are by weight, 0 the heaviest (then the shorter text, then the alphabetically first). Nothing scans a range: its
heaviest queries come from a sparse table (`range_max`), its total from running sums, its part in a category from the
rows of each category laid end to end.
"""

import heapq
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.domain import Source
from core.retrieval.range_max import READ_AT_MOST, RangeMax, smallest
from core.retrieval.text_table import TextTable
from core.retrieval.word_postings import WordPostings

Arrays = Mapping[str, npt.NDArray[Any]]

SOURCES = (Source.HISTORY, Source.QUERY_MODEL, Source.CATALOG_MODEL)

ARRAYS = (
    "text_bytes", "text_offsets",  # the texts
    "ranks", "rows", "rank_minima",  # rank of each row, row of each rank
    "facts",  # (N,) of FACTS, by rank
    "running_weights",  # (N + 1,) float64: of the rows before each
    # Categories laid end to end, rows ascending in each: category · N + row, ranks, their inverse, sums of weights.
    "category_keys", "category_ranks", "category_positions", "category_minima", "category_weights",
    "head_bytes", "head_offsets", "head_rows", "head_ranks",  # short prefixes, their range of rows, heaviest ranks
    "word_bytes", "word_offsets", "word_ranks", "words_by_rank", "word_minima",
    "posting_starts", "postings", "held_words", "more_starts", "more_words",
)  # fmt: skip

# `category` −1: None, `product_count` −1: not counted, `log_prob` NaN: not generated.
FACTS = np.dtype([("weight", "<f4"), ("category", "<i4"), ("product_count", "<i4"), ("log_prob", "<f4")])
_FACTS = struct.Struct("<fiif")

HEAD_CHARACTERS, HEAD_RANKS = 3, 20  # of the prefixes whose heaviest queries are stored, and how many
_SUMMED_AT_MOST = 64  # rows whose weights are added up: a difference of running sums is not exact for light ones
CANDIDATES = 16_384


class Completion(NamedTuple):
    """A stored query: how often it was completed (generated ones: expected of a million searches), and its category.

    `product_count` None: not counted. `log_prob`: log p(query, end | category) under the model that generated it.
    """

    text: str
    weight: float
    category: int | None  # None for a shopper's own words, which nobody sorted
    source: Source
    product_count: int | None = None
    log_prob: float | None = None


class CompletionIndex:
    """N queries of one source. Immutable, and safe to read from many threads."""

    def __init__(self, source: Source, arrays: Arrays) -> None:
        """`arrays` as named in `ARRAYS`. Raises KeyError for a missing one, ValueError where they do not fit."""
        self.source, self.arrays = source, {name: arrays[name] for name in ARRAYS}
        arrays = self.arrays
        self.texts = TextTable(arrays["text_bytes"], arrays["text_offsets"])
        self._by_row = RangeMax(arrays["ranks"], arrays["rows"], arrays["rank_minima"])
        self._by_category = RangeMax(arrays["category_ranks"], arrays["category_positions"], arrays["category_minima"])
        self._heads = TextTable(arrays["head_bytes"], arrays["head_offsets"])
        self._head_bounds = memoryview(np.asarray(arrays["head_rows"]).ravel())  # type: ignore[arg-type]
        self._head_ranks = np.asarray(arrays["head_ranks"])
        self._words = WordPostings(
            TextTable(arrays["word_bytes"], arrays["word_offsets"]),
            RangeMax(arrays["word_ranks"], arrays["words_by_rank"], arrays["word_minima"]),
            arrays,
        )
        facts, running = np.asarray(arrays["facts"]), np.asarray(arrays["running_weights"])
        count = len(self.texts)
        if facts.dtype != FACTS or {count, len(facts), len(running) - 1, len(arrays["category_keys"])} != {count}:
            raise ValueError("texts and the arrays beside them must be equally long")
        if len(self._by_row.ranks) != count or len(self._by_category.ranks) != count:
            raise ValueError("every text needs its rank")
        self._weights = facts["weight"]  # (N,) by rank
        self._facts = memoryview(facts.view(np.uint8))  # type: ignore[arg-type]
        self._rows, self._running = memoryview(self._by_row.positions), memoryview(running)  # type: ignore[arg-type]
        self._category_keys = np.asarray(arrays["category_keys"])
        self._category_weights = np.asarray(arrays["category_weights"])
        # Ranks from here on weigh nothing, and are never given out.
        self._weighing = bisect_left(range(count), True, key=lambda rank: bool(self._weights[rank] <= 0))

    def __len__(self) -> int:
        return len(self.texts)

    def complete(
        self, prefix: str, limit: int, allowed: frozenset[int] | None = None
    ) -> tuple[list[Completion], float]:
        """The heaviest queries that start with `prefix`, and the weight of all that do.

        `allowed`: only these categories. Ties go to the shorter, then to the alphabetically first query.
        """
        head, low, high = self._head(prefix)
        if head is None or len(prefix) > HEAD_CHARACTERS:
            head = None
            low, high = self.texts.range(prefix, low, high)
        if allowed is not None:
            return self._complete_within(low, high, limit, sorted(allowed))
        if head is not None and limit <= HEAD_RANKS:
            ranks = self._head_ranks[head, :limit].tolist()
        else:
            ranks = self._by_row.top(low, high, limit)
        if high - low <= _SUMMED_AT_MOST:
            return self._entries(ranks), self._sum(self._by_row.ranks[low:high])
        return self._entries(ranks), self._running[high] - self._running[low]

    def matching(self, words: Sequence[str], half: str, limit: int, at_most: int = CANDIDATES) -> list[Completion]:
        """The heaviest queries that hold all `words`, in any order, and a word that begins with `half` (any, if empty).

        A word given twice is asked for once. At most `at_most` candidates are looked at, the heaviest: what only
        lighter ones hold may be missed. Without words and without `half`: the heaviest of all.
        """
        return self._entries(self._words.holding(words, half, limit, at_most))

    def find(self, text: str) -> Completion | None:
        """The query `text` itself."""
        row = self.texts.find(text, *self._head(text)[1:])
        return None if row is None else self._entry(int(self._by_row.ranks[row]))

    def weight_of(self, text: str) -> float:
        """The weight of the query `text`; 0 if it is not stored."""
        row = self.texts.find(text, *self._head(text)[1:])
        return 0.0 if row is None else float(self._weights[self._by_row.ranks[row]])

    def entries(self) -> Iterator[Completion]:
        """Everything stored, in the order of the texts."""
        return map(self._entry, self._by_row.ranks.tolist())

    def heaviest_rows(self, limit: int) -> npt.NDArray[np.int32]:
        """The rows of the `limit` heaviest queries, ascending."""
        return np.sort(self._by_row.positions[:limit])

    def weights_of_rows(self, rows: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """The weights of `rows`, in their order."""
        weights: npt.NDArray[np.float32] = self._weights[self._by_row.ranks[rows]]
        return weights

    def _head(self, prefix: str) -> tuple[int | None, int, int]:
        """The stored head that `prefix` begins with, and the rows to search in: few, and near each other in memory."""
        head = self._heads.find(prefix[:HEAD_CHARACTERS])
        if head is None:
            return None, 0, len(self)
        return head, self._head_bounds[2 * head], self._head_bounds[2 * head + 1]

    def _complete_within(
        self, low: int, high: int, limit: int, categories: Sequence[int]
    ) -> tuple[list[Completion], float]:
        """As `complete`, of the rows `low` ≤ i < `high` in `categories`."""
        begins = np.array(categories, np.int64) * len(self)
        starts = np.searchsorted(self._category_keys, begins + low)
        ends = np.searchsorted(self._category_keys, begins + high)
        there = np.flatnonzero(starts < ends)
        starts, ends = starts[there], ends[there]
        if not len(starts):
            return [], 0.0
        total = float((self._category_weights[ends] - self._category_weights[starts]).sum())
        count = int((ends - starts).sum())
        if count <= READ_AT_MOST:
            parts = zip(starts.tolist(), ends.tolist(), strict=True)
            ranks = np.concatenate([self._by_category.ranks[i:j] for i, j in parts])
            return self._entries(smallest(ranks, limit)), self._sum(ranks) if count <= _SUMMED_AT_MOST else total
        if len(starts) > limit:
            # The best of all are among the categories whose own best are the best.
            chosen = np.argpartition(self._by_category.best_of(starts, ends), limit)[:limit]
            starts, ends = starts[chosen], ends[chosen]
        best = [self._by_category.best_first(i, j) for i, j in zip(starts.tolist(), ends.tolist(), strict=True)]
        return self._entries(islice(heapq.merge(*best), limit)), total

    def _sum(self, ranks: npt.NDArray[np.int32]) -> float:
        return float(self._weights[ranks].sum(dtype=np.float64))

    def _entries(self, ranks: Iterable[int]) -> list[Completion]:
        """The queries of these ascending `ranks`, but for what weighs nothing."""
        return [self._entry(rank) for rank in ranks if rank < self._weighing]

    def _entry(self, rank: int) -> Completion:
        weight, category, products, log_prob = _FACTS.unpack_from(self._facts, _FACTS.size * rank)
        return Completion(
            self.texts[self._rows[rank]],
            weight,
            None if category < 0 else category,
            self.source,
            None if products < 0 else products,
            None if log_prob != log_prob else log_prob,  # NaN
        )
