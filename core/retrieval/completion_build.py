"""Building a completion index, column by column: ten million queries take minutes and no Python object each."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.domain import Source
from core.retrieval.completion import FACTS, HEAD_CHARACTERS, HEAD_RANKS, Completion, CompletionIndex
from core.retrieval.range_max import BLOCK, RangeMax, build_range_max
from core.retrieval.text_table import build_text_table
from core.retrieval.word_postings import HELD

Array = npt.NDArray[Any]

_CHUNK = 500_000  # texts split into words at a time
_WORD_BITS = 31


def build_index(entries: Sequence[Completion], source: Source) -> CompletionIndex:
    """The index of `entries`, whose own source is not looked at. Raises ValueError like `build_from_columns`."""
    return build_from_columns(
        [entry.text for entry in entries],
        np.array([entry.weight for entry in entries], np.float32),
        np.array([-1 if entry.category is None else entry.category for entry in entries], np.int32),
        np.array([-1 if entry.product_count is None else entry.product_count for entry in entries], np.int32),
        np.array([math.nan if entry.log_prob is None else entry.log_prob for entry in entries], np.float32),
        source,
    )


def build_from_columns(
    texts: pl.Series | Sequence[str],
    weights: npt.NDArray[np.float32],
    categories: npt.NDArray[np.int32],
    product_counts: npt.NDArray[np.int32],
    log_probs: npt.NDArray[np.float32],
    source: Source,
) -> CompletionIndex:
    """The index of `texts` `(N,)` in any order, and what stands beside each; unknown is −1, or NaN for `log_probs`.

    Raises ValueError for a text that is there twice, a negative or infinite weight, and columns of unequal length.
    """
    column = texts if isinstance(texts, pl.Series) else pl.Series(texts, dtype=pl.String)
    beside = (weights, categories, product_counts, log_probs)
    if {len(part) for part in beside} != {len(column)}:
        raise ValueError("texts and the arrays beside them must be equally long")
    if not bool(np.all(np.isfinite(weights) & (weights >= 0))):
        raise ValueError("weights must be finite and not negative")
    order = column.arg_sort().to_numpy()
    column = column.gather(order).rechunk()
    table = build_text_table(column)
    weights, categories, product_counts, log_probs = (part[order] for part in beside)
    by_row = _ranked(column, weights)
    ranks, rows = by_row.ranks, by_row.positions
    facts = np.empty(len(column), FACTS)
    facts["weight"], facts["category"] = weights[rows], categories[rows]
    facts["product_count"], facts["log_prob"] = product_counts[rows], log_probs[rows]
    arrays: dict[str, Array] = {
        "text_bytes": table.blob, "text_offsets": table.offsets,
        "ranks": ranks, "rows": rows, "rank_minima": by_row.minima,
        "facts": facts, "running_weights": _running(weights),
    }  # fmt: skip
    arrays |= _by_category(categories, weights, ranks)
    arrays |= _heads(column, by_row)
    arrays |= _words(column, ranks)
    return CompletionIndex(source, arrays)


def _ranked(texts: pl.Series, weights: npt.NDArray[np.float32]) -> RangeMax:
    """Ranks by weight, then length in characters, then row."""
    rows = np.lexsort((texts.str.len_chars().to_numpy(), -weights)).astype(np.int32)
    ranks = np.empty(len(rows), np.int32)
    ranks[rows] = np.arange(len(rows), dtype=np.int32)
    return build_range_max(ranks, rows)


def _running(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    running = np.zeros(len(weights) + 1)
    np.cumsum(weights, dtype=np.float64, out=running[1:])
    return running


def _by_category(
    categories: npt.NDArray[np.int32], weights: npt.NDArray[np.float32], ranks: npt.NDArray[np.int32]
) -> dict[str, Array]:
    rows = np.argsort(categories, kind="stable")
    best = build_range_max(ranks[rows])
    return {
        "category_keys": categories[rows].astype(np.int64) * len(rows) + rows,
        "category_ranks": best.ranks,
        "category_positions": best.positions,
        "category_minima": best.minima,
        "category_weights": _running(weights[rows]),
    }


def _heads(texts: pl.Series, by_row: RangeMax) -> dict[str, Array]:
    """The prefixes of up to three characters that more rows have than a search reads anyway."""
    heads: dict[str, tuple[int, int]] = {}
    count = len(texts)
    for length in range(HEAD_CHARACTERS + 1):
        beginnings = texts.str.slice(0, length)
        starts = np.flatnonzero((beginnings != beginnings.shift(1)).fill_null(True).to_numpy())
        ends = np.append(starts, count)[1:]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            # A text shorter than `length` is its own beginning, and stands before the longer ones that begin so.
            if end - start > BLOCK and len(prefix := beginnings[start]) == length:
                heads[prefix] = (start, end)
    known = sorted(heads)
    table = build_text_table(known)
    return {
        "head_bytes": table.blob,
        "head_offsets": table.offsets,
        "head_rows": np.array([heads[prefix] for prefix in known], np.int32).reshape(-1, 2),
        "head_ranks": np.array([by_row.top(*heads[prefix], HEAD_RANKS) for prefix in known], np.int32).reshape(
            -1, HEAD_RANKS
        ),
    }


def _words(texts: pl.Series, ranks: npt.NDArray[np.int32]) -> dict[str, Array]:
    """Postings and forward index: both are the pairs (word, rank), sorted by either."""
    known = pl.Series([], dtype=pl.String)
    for words, _ in _split(texts):
        known = pl.concat([known, words.unique()]).unique()
    known = known.sort()
    table = build_text_table(known)
    coded = pl.DataFrame({"word": known, "code": np.arange(len(known), dtype=np.int64)})
    parts = [np.zeros(0, np.int64)]
    start = 0
    for words, lengths in _split(texts):
        codes = words.to_frame("word").join(coded, on="word", how="left", maintain_order="left")["code"].to_numpy()
        parts.append(codes << _WORD_BITS | np.repeat(ranks[start : start + len(lengths)], lengths))
        start += len(lengths)
    pairs = np.concatenate(parts)
    parts.clear()
    pairs.sort()
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]  # a word that a text repeats counts once
    posting_starts = np.searchsorted(pairs, np.arange(len(known) + 1, dtype=np.int64) << _WORD_BITS)
    postings = (pairs & ((1 << _WORD_BITS) - 1)).astype(np.int32)
    pairs >>= _WORD_BITS
    pairs |= postings.astype(np.int64) << _WORD_BITS
    pairs.sort()
    order = np.argsort(postings[posting_starts[:-1]], kind="stable").astype(np.int32)
    word_ranks = np.empty(len(known), np.int32)
    word_ranks[order] = np.arange(len(known), dtype=np.int32)
    best = build_range_max(word_ranks, order)
    return {
        "word_bytes": table.blob, "word_offsets": table.offsets,
        "word_ranks": best.ranks, "words_by_rank": best.positions, "word_minima": best.minima,
        "posting_starts": posting_starts.astype(np.int64), "postings": postings,
    } | _held(pairs, len(texts))  # fmt: skip


def _held(pairs: npt.NDArray[np.int64], count: int) -> dict[str, Array]:
    """The words of each of `count` texts, from the sorted pairs (rank, word): eight beside each other, and the rest."""
    held = np.full((count, HELD), -1, np.int32)
    starts = np.searchsorted(pairs, np.arange(count + 1, dtype=np.int64) << _WORD_BITS)
    lengths = np.diff(starts)
    for place in range(HELD):
        there = np.flatnonzero(lengths > place)
        held[there, place] = pairs[starts[there] + place] & ((1 << _WORD_BITS) - 1)
    long = np.flatnonzero(lengths > HELD)
    held[long, -1] = -2 - np.arange(len(long), dtype=np.int32)
    more = [
        pairs[start:end] & ((1 << _WORD_BITS) - 1) for start, end in zip(starts[long], starts[long + 1], strict=True)
    ]
    return {
        "held_words": held,
        "more_starts": np.append(0, lengths[long].cumsum()).astype(np.int64),
        "more_words": np.concatenate([np.zeros(0, np.int64), *more]).astype(np.int32),
    }


def _split(texts: pl.Series) -> Iterator[tuple[pl.Series, npt.NDArray[np.int64]]]:
    """The words of a chunk of the texts at a time, and how many each text of the chunk has."""
    for start in range(0, len(texts), _CHUNK):
        lists = texts.slice(start, _CHUNK).str.split(" ").list.eval(pl.element().filter(pl.element() != ""))
        yield lists.explode(empty_as_null=False), lists.list.len().to_numpy().astype(np.int64)
