"""Fielded BM25 over an inverted index in three arrays.

`postings[indptr[t]:indptr[t+1]]` are the products that hold term t, ascending, and `impacts` run beside them: the
term's BM25 contribution is computed once, when the index is built (Robertson & Zaragoza 2009, with a field's weight
inside the term frequency as in BM25F).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import regex as re

from core.domain import Product
from core.text.normalize import normalize
from core.text.terms import terms, terms_of_normalized
from core.text.units import unit_named

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

_PLAIN = re.compile(r"[\p{L}\p{M}]+")  # words that may be part of a compound, or one
_K1 = 1.2
_B = 0.6
FIELD_WEIGHTS: Mapping[str, float] = {
    "title": 1.0,
    "brand": 0.8,
    "category": 0.6,
    "attributes": 0.4,
    "description": 0.25,
}


class LexicalIndex:
    """Terms sorted; `indptr` `(T+1,)`, `postings` and `impacts` `(N,)`; documents are row numbers 0..size−1."""

    def __init__(
        self,
        vocabulary: Sequence[str],
        indptr: npt.NDArray[np.int64],
        postings: IntArray,
        impacts: FloatArray,
        size: int,
    ) -> None:
        self.vocabulary, self.indptr, self.postings, self.impacts, self.size = (
            vocabulary,
            indptr,
            postings,
            impacts,
            size,
        )
        self._ids = {term: index for index, term in enumerate(vocabulary)}
        counts = np.diff(indptr)
        self.idf = np.log(1 + (size - counts + 0.5) / (counts + 0.5)).astype(np.float32)

    def __contains__(self, term: str) -> bool:
        return term in self._ids

    def knows(self, word: str) -> bool:
        """Whether products hold every term of the normalised `word`, by itself or as a unit after a number."""
        readings = (word, unit_named(word))
        return any(reading and all(term in self for term in terms_of_normalized(reading)) for reading in readings)

    def score(self, query_terms: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """BM25 `(size,)` and coverage `(size,)`: the share of the query's idf that a product holds, in [0, 1].

        Terms outside the index count as the rarest possible: what is not found lowers the coverage of all.
        """
        scores = np.zeros(self.size, np.float32)
        coverage = np.zeros(self.size, np.float32)
        total = 0.0
        for term in dict.fromkeys(query_terms):
            index = self._ids.get(term)
            if index is None:
                total += float(np.log(1 + (self.size + 0.5) / 0.5))
                continue
            low, high = self.indptr[index], self.indptr[index + 1]
            rows = self.postings[low:high]
            scores[rows] += self.impacts[low:high]
            coverage[rows] += self.idf[index]
            total += float(self.idf[index])
        return scores, coverage / max(total, 1e-9)

    def matching_all(self, query_terms: Sequence[str]) -> IntArray:
        """Rows that hold every one of the terms, ascending; none for no terms or an unknown one."""
        lists = []
        for term in dict.fromkeys(query_terms):
            index = self._ids.get(term)
            if index is None:
                return np.zeros(0, np.int32)
            lists.append(self.postings[self.indptr[index] : self.indptr[index + 1]])
        lists.sort(key=len)
        if not lists:
            return np.zeros(0, np.int32)
        found = lists[0]
        for rows in lists[1:]:
            at = np.searchsorted(rows, found)
            at[at == len(rows)] = len(rows) - 1
            found = found[rows[at] == found]
            if not len(found):
                break
        return found

    def document_frequency(self, term: str) -> int:
        index = self._ids.get(term)
        return 0 if index is None else int(self.indptr[index + 1] - self.indptr[index])


def build_lexical(products: Sequence[Product]) -> LexicalIndex:
    """The index of `products`, document i being `products[i]`."""
    frequencies = [_weighted_terms(product) for product in products]
    _add_compounds(products, frequencies)
    lengths = np.array([sum(counts.values()) for counts in frequencies], np.float32)
    mean = float(lengths.mean()) if len(lengths) else 1.0
    vocabulary = sorted({term for counts in frequencies for term in counts})
    ids = {term: index for index, term in enumerate(vocabulary)}
    rows: list[list[int]] = [[] for _ in vocabulary]
    weights: list[list[float]] = [[] for _ in vocabulary]
    for row, counts in enumerate(frequencies):
        for term, frequency in counts.items():
            rows[ids[term]].append(row)
            weights[ids[term]].append(frequency)
    indptr = np.concatenate([[0], np.cumsum([len(listed) for listed in rows])]).astype(np.int64)
    postings = np.array([row for listed in rows for row in listed], np.int32)
    tf = np.array([weight for listed in weights for weight in listed], np.float32)
    index = LexicalIndex(vocabulary, indptr, postings, tf, len(products))
    idf = np.repeat(index.idf, np.diff(indptr))
    norm = _K1 * (1 - _B + _B * lengths[postings] / mean) if len(postings) else tf
    index.impacts = (idf * tf * (_K1 + 1) / (tf + norm)).astype(np.float32)
    return index


def _weighted_terms(product: Product) -> Counter[str]:
    """One weight for each term: that of the most important field it stands in."""
    counts: Counter[str] = Counter()
    fields = {
        "title": product.title,
        "brand": product.brand or "",
        "category": product.category or "",
        "attributes": " ".join(product.attributes.values()),
        "description": product.description or "",
    }
    for field, text in fields.items():
        weight = FIELD_WEIGHTS[field]
        for term in set(terms(text)):
            if term not in counts:
                counts[term] = weight  # type: ignore[assignment]  # Counter is typed for whole numbers only
    return counts


def _add_compounds(products: Sequence[Product], frequencies: Sequence[Counter[str]]) -> None:
    """To products whose title has two words in a row that another title has as one, that one; and the other way round.

    Either way with what the written form weighs. Only words that titles hold count: `be low` is no `below`.
    """
    titles = [_PLAIN.findall(normalize(product.title)) for product in products]
    known = {word for title in titles for word in title}
    parts = {
        first + second: (first, second)
        for title in titles
        for first, second in pairwise(title)
        if first + second in known
    }
    for title, counts in zip(titles, frequencies, strict=True):
        pairs = [pair for pair in pairwise(title) if parts.get("".join(pair)) == pair]
        added = [("".join(pair), pair) for pair in pairs] + [
            (part, (word,)) for word in title if word in parts for part in parts[word]
        ]
        for word, written in added:
            weight = min(counts[term] for form in written for term in terms_of_normalized(form))
            for term in terms_of_normalized(word):
                counts.setdefault(term, weight)
