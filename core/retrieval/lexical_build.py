"""From products to the segments of a lexical index."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import regex as re

from core.domain import Product
from core.retrieval.lexical import LexicalIndex, Segment
from core.text.normalize import normalize
from core.text.terms import terms, terms_of_normalized

_PLAIN = re.compile(r"[\p{L}\p{M}]+")  # words that may be part of a compound, or one
_K1 = 1.2
_B = 0.4  # titles are short: a longer one is not diluted, it says more; see LOG.md
FIELD_WEIGHTS: Mapping[str, float] = {
    "title": 1.0,
    "brand": 0.8,
    "category": 0.6,
    "id": 0.6,
    "attributes": 0.4,
    "description": 0.25,
}
_SHORTEST_ID = 4  # characters: a product number of fewer is a number like any other

Weighted = Mapping[str, float]
"""The terms of one product, each with the weight of the most important field it stands in."""

Compounds = dict[str, tuple[str, str]]


def build_lexical(products: Sequence[Product]) -> LexicalIndex:
    """The index of `products`, row i being `products[i]`."""
    titles = [_PLAIN.findall(normalize(product.title)) for product in products]
    compounds = _compounds(titles)
    weighted = [weighted_terms(product, compounds) for product in products]
    base = _segment(weighted)
    index = LexicalIndex(base, compounds=compounds)
    length = float(np.mean([sum(one.values()) for one in weighted])) if weighted else 1.0
    return LexicalIndex(_with_impacts(base, index, weighted, length), compounds=compounds, mean_length=length)


def live_segment(weighted: Sequence[Weighted], index: LexicalIndex) -> Segment:
    """A segment of changed products, row i being `weighted[i]`, that scores as the base of `index` does."""
    counted = _segment(weighted)
    return _with_impacts(counted, LexicalIndex(index.base, live=counted), weighted, index.mean_length)


def weighted_terms(product: Product, compounds: Compounds) -> Weighted:
    """One weight for each term: that of the most important field it stands in.

    A title with two words in a row that another title has as one counts as holding that one; and the other way round.
    """
    fields = {
        "title": product.title,
        "brand": product.brand or "",
        "category": product.category or "",
        "id": product.product_id if len(product.product_id) >= _SHORTEST_ID else "",
        "attributes": " ".join(product.attributes.values()),
        "description": product.description or "",
    }
    weights: dict[str, float] = {}
    for name, text in fields.items():
        for term in set(terms(text)) if text else ():
            weights.setdefault(term, FIELD_WEIGHTS[name])
    if compounds:
        _add_compounds(_PLAIN.findall(normalize(product.title)), compounds, weights)
    return weights


def _compounds(titles: Sequence[Sequence[str]]) -> Compounds:
    """Only words that titles hold count: `be low` is no `below`."""
    known = {word for title in titles for word in title}
    return {
        first + second: (first, second)
        for title in titles
        for first, second in pairwise(title)
        if first + second in known
    }


def _add_compounds(title: Sequence[str], compounds: Compounds, weights: dict[str, float]) -> None:
    """Either way with what the written form weighs."""
    pairs = [pair for pair in pairwise(title) if compounds.get("".join(pair)) == pair]
    added = [("".join(pair), pair) for pair in pairs] + [
        (part, (word,)) for word in title if word in compounds for part in compounds[word]
    ]
    for word, written in added:
        parts = [term for form in written for term in terms_of_normalized(form)]
        weight = min(weights.get(term, FIELD_WEIGHTS["title"]) for term in parts)
        for term in terms_of_normalized(word):
            weights.setdefault(term, weight)


def _segment(weighted: Sequence[Weighted]) -> Segment:
    """Postings with the terms' weights in the place of impacts."""
    counts = Counter(term for one in weighted for term in one)
    vocabulary = sorted(counts)
    number = {term: index for index, term in enumerate(vocabulary)}
    size = sum(counts.values())
    terms_at = np.fromiter((number[term] for one in weighted for term in one), np.int32, size)
    rows = np.repeat(np.arange(len(weighted), dtype=np.int32), [len(one) for one in weighted])
    weights = np.fromiter((weight for one in weighted for weight in one.values()), np.float32, size)
    order = np.argsort(terms_at, kind="stable")  # rows stay ascending within a term
    indptr = np.concatenate([[0], np.cumsum(np.bincount(terms_at, minlength=len(vocabulary)))]).astype(np.int64)
    return Segment(vocabulary, indptr, rows[order], weights[order], len(weighted))


def _with_impacts(counted: Segment, index: LexicalIndex, weighted: Sequence[Weighted], mean_length: float) -> Segment:
    """`counted` with BM25 impacts; `index` says what a term weighs."""
    lengths = np.array([sum(one.values()) for one in weighted], np.float32)
    frequency = counted.impacts
    idf = index.idfs(counted.vocabulary)
    norm = _K1 * (1 - _B + _B * lengths[counted.postings] / np.float32(max(mean_length, 1e-9)))
    impacts = np.repeat(idf, np.diff(counted.indptr)) * frequency * (_K1 + 1) / (frequency + norm)
    return Segment(counted.vocabulary, counted.indptr, counted.postings, impacts.astype(np.float32), counted.size)
