"""Fielded BM25 over an inverted index of one or two segments.

A segment is three arrays: `postings[indptr[t]:indptr[t+1]]` are the products that hold term t, ascending, and `impacts`
run beside them: the term's BM25 contribution is computed once, when the segment is built (Robertson & Zaragoza 2009,
with a field's weight inside the term frequency as in BM25F). Behind the segment of a published version may stand one
of the products that changed since; rows that were replaced or deleted are no longer alive.

A query is a sequence of `Asked`: a term that must be held, or one of its other forms (synonyms, whole model numbers).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.text.terms import terms_of_normalized
from core.text.units import unit_named
from core.text.vocabulary import prefix_range

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

_NONE = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class Asked:
    """What one part of a query asks for: one of `forms`, each a tuple of terms that must all be held.

    The first form is what was typed; `weights` beside them, in (0, 1], say how much of its BM25 a form is worth.
    """

    forms: tuple[tuple[str, ...], ...]
    weights: tuple[float, ...] = (1.0,)

    @property
    def terms(self) -> tuple[str, ...]:
        return self.forms[0]


def plain(terms: Sequence[str]) -> tuple[Asked, ...]:
    """Each distinct term for itself, without other forms."""
    return tuple(Asked(((term,),)) for term in dict.fromkeys(terms))


@dataclass(frozen=True, slots=True)
class Segment:
    """T sorted terms; `indptr` `(T+1,)`, `postings` and `impacts` `(N,)`; row numbers 0..size−1."""

    vocabulary: Sequence[str]
    indptr: npt.NDArray[np.int64]
    postings: IntArray
    impacts: FloatArray
    size: int
    ids: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", {term: index for index, term in enumerate(self.vocabulary)})

    def held(self, term: str) -> tuple[IntArray, FloatArray] | None:
        """Rows that hold `term` with its impacts."""
        index = self.ids.get(term)
        if index is None:
            return None
        low, high = self.indptr[index], self.indptr[index + 1]
        return self.postings[low:high], self.impacts[low:high]

    def count(self, term: str) -> int:
        index = self.ids.get(term)
        return 0 if index is None else int(self.indptr[index + 1] - self.indptr[index])

    def counts(self, terms: Sequence[str]) -> npt.NDArray[np.int64]:
        """`count` of each, `(len(terms),)`."""
        at = np.fromiter((self.ids.get(term, -1) for term in terms), np.int64, len(terms))
        known = at >= 0
        counts = np.zeros(len(terms), np.int64)
        counts[known] = self.indptr[at[known] + 1] - self.indptr[at[known]]
        return counts


@dataclass(frozen=True)
class LexicalIndex:
    """`base` rows come first, those of `live` behind them; `alive` `(size,)` is None where all rows are.

    Weights of terms (idf) are those of the base, or of the live segment for terms that only it knows: what changes in
    an hour does not move the scores of everything else. `compounds`: joined word → its two parts, where titles write
    both.
    """

    base: Segment
    live: Segment | None = None
    alive: BoolArray | None = None
    compounds: dict[str, tuple[str, str]] = field(default_factory=dict)
    mean_length: float = 1.0  # sum of the weights of a product's terms, on average

    @property
    def size(self) -> int:
        return self.base.size + (self.live.size if self.live else 0)

    def __contains__(self, term: str) -> bool:
        return term in self.base.ids or (self.live is not None and term in self.live.ids)

    def knows(self, word: str) -> bool:
        """Whether products hold every term of the normalised `word`, by itself or as a unit after a number."""
        readings = (word, unit_named(word))
        return any(reading and all(term in self for term in terms_of_normalized(reading)) for reading in readings)

    def idf(self, term: str) -> float:
        """ln(1 + (N − n + ½) / (n + ½)); a term that no product holds is the rarest possible."""
        count, size = self.base.count(term), self.base.size
        if not count:
            count, size = (self.live.count(term) if self.live else 0), max(self.size, 1)
        return math.log(1 + (size - count + 0.5) / (count + 0.5))

    def idfs(self, terms: Sequence[str]) -> FloatArray:
        """`idf` of each of many, `(len(terms),)`."""
        counts, size = self.base.counts(terms), np.full(len(terms), self.base.size)
        fresh = counts == 0
        if self.live is not None and fresh.any():
            counts[fresh] = self.live.counts([terms[at] for at in np.flatnonzero(fresh).tolist()])
        size[fresh] = max(self.size, 1)
        found: FloatArray = np.log(1 + (size - counts + 0.5) / (counts + 0.5)).astype(np.float32)
        return found

    def document_frequency(self, term: str) -> int:
        """Rows that hold `term`, those included that are no longer alive."""
        return self.base.count(term) + (self.live.count(term) if self.live else 0)

    def completed(self, beginning: str, limit: int) -> list[str]:
        """At most `limit` terms of the published products that begin with `beginning`, in order."""
        low, high = prefix_range(self.base.vocabulary, beginning)
        return list(self.base.vocabulary[low : min(high, low + limit)])

    def holds_any(self, part: Asked) -> bool:
        """Whether some form of `part` has only terms that products hold."""
        return any(all(term in self for term in form) for form in part.forms)

    def score(self, asked: Sequence[Asked]) -> tuple[FloatArray, FloatArray]:
        """BM25 `(size,)` and coverage `(size,)`: the share of the query's idf that a product holds, in [0, 1].

        Terms outside the index count as the rarest possible: what is not found lowers the coverage of all. Rows that
        are not alive have none.
        """
        scores = np.zeros(self.size, np.float32)
        coverage = np.zeros(self.size, np.float32)
        total = 0.0
        for one in asked:
            idf = sum(self.idf(term) for term in one.terms)
            total += idf
            for rows, impacts in self._impacts(one):
                scores[rows] += impacts
                coverage[rows] += idf
        if self.alive is not None:
            scores *= self.alive
            coverage *= self.alive
        return scores, coverage / np.float32(max(total, 1e-9))

    def matching_all(self, asked: Sequence[Asked]) -> IntArray:
        """Alive rows that hold every one of `asked`, ascending; none for an empty query."""
        if not asked:
            return _NONE
        lists = sorted((self._rows(one) for one in asked), key=len)
        found = lists[0]
        for rows in lists[1:]:
            found = _common(found, rows)
        return found if self.alive is None else found[self.alive[found]]

    def best_score(self, asked: Sequence[Asked]) -> float:
        """The BM25 that a product would have that holds each of `asked` as well as any does."""
        total = 0.0
        for one in asked:
            best = 0.0
            for term in one.terms:
                held = self.base.held(term) or (self.live.held(term) if self.live else None)
                best += float(held[1].max(initial=0)) if held else self.idf(term)
            total += best
        return total

    def _rows(self, one: Asked) -> IntArray:
        """Rows that hold one of its forms, ascending."""
        found = [self._holding(form) for form in one.forms]
        return found[0] if len(found) == 1 else np.unique(np.concatenate(found)).astype(np.int32)

    def _holding(self, form: tuple[str, ...]) -> IntArray:
        """Rows that hold every term of `form`, ascending."""
        found: IntArray | None = None
        for term in form:
            parts = [rows for rows, _ in self._held(term)]
            rows = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else _NONE
            found = rows if found is None else _common(found, rows)
        return _NONE if found is None else found

    def _held(self, term: str) -> list[tuple[IntArray, FloatArray]]:
        """Rows and impacts of `term` in each segment that knows it, the rows as those of the whole index."""
        parts = []
        if (held := self.base.held(term)) is not None:
            parts.append(held)
        if self.live is not None and (held := self.live.held(term)) is not None:
            parts.append((held[0] + np.int32(self.base.size), held[1]))
        return parts

    def _impacts(self, one: Asked) -> list[tuple[IntArray, FloatArray]]:
        """Rows that hold one of its forms with what the best of these is worth; no row twice."""
        if len(one.forms) == 1 and len(one.terms) == 1:
            return self._held(one.terms[0])
        best = np.zeros(self.size, np.float32)
        for form, weight in zip(one.forms, one.weights, strict=True):
            rows = self._holding(form)
            worth = np.zeros(self.size, np.float32)
            for term in form:
                for held, impacts in self._held(term):
                    worth[held] += impacts
            best[rows] = np.maximum(best[rows], weight * worth[rows])
        rows = np.flatnonzero(best).astype(np.int32)
        return [(rows, best[rows])]


def _common(first: IntArray, second: IntArray) -> IntArray:
    """What both ascending arrays hold; quick where `first` is the shorter one."""
    if not len(first) or not len(second):
        return _NONE
    if len(first) > len(second):
        first, second = second, first
    at = np.searchsorted(second, first)
    at[at == len(second)] = len(second) - 1
    common: IntArray = first[second[at] == first]
    return common
