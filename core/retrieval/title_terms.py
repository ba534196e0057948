"""The terms of titles in their order: what ranking compares with a query, product by product.

Terms are 32-bit numbers (CRC-32, its lowest bit telling numbers from words), the same in every version and for products
that are not in it yet; two terms of one title and query share a number once in two thousand million.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
import numpy.typing as npt

from core.text.terms import terms

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float32]

WIDTH = 24  # terms of a title that are kept; what stands behind them is found, but not seen by ranking
NO_TERM = 0
BREAKS = frozenset(["with", "in", "for", "and", "of"])  # a title names what it is before the first of these


@lru_cache(maxsize=200_000)
def term_number(term: str) -> int:
    """The number of `term`, never `NO_TERM`; odd for a term that begins with a digit."""
    number = crc32(term.encode()) & 0x7FFFFFFE
    return (number or 2) | term[0].isdigit()


@dataclass(frozen=True, slots=True)
class TitleTerms:
    """P titles: `terms` `(P, WIDTH)` of term numbers, `NO_TERM` behind the last; `heads` `(P,)`; `weights` `(P,)`.

    The head is the last term of the part of a title that names the product. `weights`: sum of the terms' idf.
    """

    terms: IntArray
    heads: IntArray
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.terms)

    def at(self, rows: IntArray) -> "TitleTerms":
        return TitleTerms(self.terms[rows], self.heads[rows], self.weights[rows])


def build_title_terms(titles: Sequence[str], idf: Mapping[str, float]) -> TitleTerms:
    """Row i is `titles[i]`. A term that `idf` does not hold weighs nothing."""
    numbers = np.full((len(titles), WIDTH), NO_TERM, np.int32)
    heads = np.full(len(titles), NO_TERM, np.int32)
    weights = np.zeros(len(titles), np.float32)
    for row, title in enumerate(titles):
        listed = terms(title)[:WIDTH]
        if not listed:
            continue
        numbers[row, : len(listed)] = [term_number(term) for term in listed]
        ends = (at for at, term in enumerate(listed) if at > 1 and term in BREAKS)
        heads[row] = term_number(listed[next(ends, len(listed)) - 1])
        weights[row] = sum(idf.get(term, 0.0) for term in listed)
    return TitleTerms(numbers, heads, weights)


def stacked(parts: Sequence[TitleTerms]) -> TitleTerms:
    """The titles of all `parts`, one after the other."""
    if not parts:
        return build_title_terms([], {})
    terms, heads, weights = ([getattr(one, name) for one in parts] for name in ("terms", "heads", "weights"))
    return TitleTerms(np.concatenate(terms), np.concatenate(heads), np.concatenate(weights))


def joined(first: TitleTerms, second: TitleTerms, rows: IntArray) -> TitleTerms:
    """The titles `rows`, those of `second` being numbered behind those of `first`."""
    fresh = rows >= len(first)
    if not fresh.any():
        return first.at(rows)
    found = TitleTerms(
        np.empty((len(rows), WIDTH), np.int32), np.empty(len(rows), np.int32), np.empty(len(rows), np.float32)
    )
    for part, chosen, offset in ((first, ~fresh, 0), (second, fresh, len(first))):
        taken = part.at(rows[chosen] - np.int32(offset))
        found.terms[chosen], found.heads[chosen], found.weights[chosen] = taken.terms, taken.heads, taken.weights
    return found
