"""What a ranker knows of a product as an answer to a query: one function for training and for serving.

All features are shares, cosines or logarithms of counts, so that what one shop's judgments teach does not depend on the
size of its catalogue or the length of its titles. Some compare a product with the best candidates of the same query:
what these have in common (their place in meaning, category, kind, brand) tells what was asked for.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.retrieval.lexical import Asked
from core.retrieval.title_terms import NO_TERM, WIDTH, TitleTerms, term_number

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

Known = dict[str, npt.NDArray[Any] | float]
"""Features by name, `(R,)` each or one number for all."""

FEATURES = (
    # words
    "lexical",  # BM25 over the best of the query's candidates
    "lexical_ideal",  # BM25 over that of a product that held every part as well as any does
    "coverage",  # share of the query's idf that any field holds
    "title_coverage",  # the same of the title
    "title_parts",  # share of the parts that the title holds
    "missing",  # parts that it does not hold
    "missing_weight",  # idf of the weightiest of these, over the weightiest part's
    "title_share",  # share of the title's idf that was asked for
    "title_terms_asked",  # share of its terms
    "first_place",  # of the first asked term, over the title's length
    "last_place",
    "begins",  # 1: holds the first part of the query
    "kind_held",  # 1: holds the part that names what is sought
    "kind_place",  # where
    "kind_is_head",  # 1: it is what the title names
    "head_asked",  # 1: the title names a part of the query
    "in_a_row",  # share of neighbouring parts that stand in a row, by idf; −1 for a single part
    "nearby",  # the same within three terms, in any order
    "numbers",  # share of the query's numbers that the title holds; −1 without any
    "other_numbers",  # share of the title's terms that are numbers nobody asked for
    # meaning
    "cosine",
    "cosine_behind",  # behind the best of the candidates
    "fused",  # lexical and cosine
    "formula",  # these and what the title holds: what ranks where nothing was judged
    # the candidates
    "like_the_best",  # cosine to the middle of the best candidates
    "like_the_best_behind",
    "category",  # weight of the best candidates that share its pseudo-category
    "head",  # … the term that its title names
    "brand",  # … the first term of the title
    "series",  # … its first two terms
    # the title and the query
    "title_length",
    "parts",
    "query_numbers",
    "unknown_parts",  # share that no product holds
    "query_idf",  # mean idf over the greatest possible
    "best_lexical",
    "best_cosine",
    "holding_all",  # ln(1 + candidates whose title holds every part)
)
LEXICAL_SHARE = 0.6
_OF_THE_TITLE = {"title_coverage": 0.3, "in_a_row": 0.15, "numbers": 0.2, "kind_held": 0.05}  # beside 1 for `fused`
_BEST = 12  # candidates whose middle is looked at
_BEST_KINDS = 30  # and whose categories, heads and brands
_SHARPNESS = 8.0  # how much more a better candidate weighs
_NEARBY = 3  # terms


@dataclass(frozen=True, slots=True)
class Candidates:
    """R candidates of a query in parts: what retrieval says of each, row by row.

    `idf` `(T,)` of the parts and `known` `(T,)`: whether any product holds them; `kind`: the part that names what is
    sought; `ideal`: BM25 of a product that holds every part as well as any does; `rarest`: the greatest idf there is.
    """

    asked: tuple[Asked, ...]
    idf: FloatArray
    known: BoolArray
    kind: int
    ideal: float
    rarest: float
    lexical: FloatArray  # BM25 (R,)
    coverage: FloatArray  # (R,)
    cosine: FloatArray  # (R,)
    vectors: FloatArray  # (R, D)
    titles: TitleTerms  # R
    categories: IntArray  # (R,), −1: not known


def fused(lexical: FloatArray, cosine: FloatArray) -> FloatArray:
    """A weighted sum of BM25 and cosine, each over the best of the candidates: in [0, 1].

    On judged data this is above either of them, while reciprocal rank fusion is below BM25 alone.
    """
    meaning = np.maximum(cosine, 0)
    scaled = meaning / np.float32(max(float(meaning.max(initial=0)), 1e-6))
    share = np.float32(LEXICAL_SHARE)
    words = lexical / np.float32(max(float(lexical.max(initial=0)), 1e-6))
    return (share * words + (1 - share) * scaled).astype(np.float32)


def _formula(known: Known) -> FloatArray:
    """`(R,)` in [0, 1]: a title that holds the words themselves, in a row, the very numbers and the kind is worth more.

    The weights are those that one shop's judgments give, rounded; results hardly depend on them.
    """
    score = np.asarray(known["fused"], np.float32)
    for name, weight in _OF_THE_TITLE.items():
        score = score + np.float32(weight) * np.maximum(known[name], 0)
    return (score / np.float32(1 + sum(_OF_THE_TITLE.values()))).astype(np.float32)


def features(found: Candidates) -> FloatArray:
    """`(R, F)` in the order of `FEATURES`; finite."""
    if not len(found.lexical):
        return np.zeros((0, len(FEATURES)), np.float32)
    known: Known = {}
    _of_words(found, known)
    known["cosine"] = found.cosine
    known["cosine_behind"] = found.cosine - found.cosine.max(initial=-1)
    known["best_cosine"] = float(found.cosine.max(initial=-1))
    known["fused"] = fused(found.lexical, found.cosine)
    known["formula"] = score = _formula(known)
    _of_the_best(found, score, known)
    table = np.empty((len(found.lexical), len(FEATURES)), np.float32)
    for at, name in enumerate(FEATURES):
        table[:, at] = known[name]
    return table


def _of_words(found: Candidates, known: Known) -> None:
    titles, idf, size = found.titles.terms, found.idf, len(found.asked)
    length = np.maximum((titles != NO_TERM).sum(1), 1).astype(np.float32)
    hits, held = _hits(titles, found.asked)
    total, heaviest = max(float(idf.sum()), 1e-6), max(float(idf.max(initial=0)), 1e-6)
    best = float(found.lexical.max(initial=0))
    hit = np.asarray(hits.any(0))
    any_hit = np.asarray(hit.any(1))
    places = np.where(held, hits.argmax(2).T, WIDTH).astype(np.float32)  # (R, T): first place of each part
    kind = np.where(held[:, found.kind], places[:, found.kind] / length, -1)
    number = np.array([one.terms[0][0].isdigit() for one in found.asked])
    other = (titles & 1).astype(np.bool_) & ~hit
    in_a_row, nearby = _neighbours(hits, held, places, idf)
    heads = found.titles.heads
    typed = np.array([term_number(term) for one in found.asked for term in one.terms], np.int32)
    known |= {
        "lexical": found.lexical / max(best, 1e-6),
        "lexical_ideal": found.lexical / max(found.ideal, 1e-6),
        "best_lexical": best / max(found.ideal, 1e-6),
        "coverage": found.coverage,
        "title_coverage": held @ idf / total,
        "title_parts": held.mean(1),
        "missing": size - held.sum(1),
        "missing_weight": (~held * idf).max(1) / heaviest,
        "title_share": np.minimum(held @ idf / np.maximum(found.titles.weights, 1e-6), 1),
        "title_terms_asked": hit.sum(1) / length,
        "first_place": np.where(any_hit, hit.argmax(1) / length, 1.5),
        "last_place": np.where(any_hit, (WIDTH - 1 - hit[:, ::-1].argmax(1)) / length, -0.5),
        "begins": held[:, 0],
        "kind_held": held[:, found.kind],
        "kind_place": kind,
        "kind_is_head": heads == term_number(found.asked[found.kind].terms[-1]),
        "head_asked": (heads[:, None] == typed).any(1),
        "in_a_row": in_a_row,
        "nearby": nearby,
        "numbers": held[:, number].mean(1) if number.any() else -1.0,
        "other_numbers": other.sum(1) / length,
        "title_length": np.log1p(length),
        "parts": float(size),
        "query_numbers": float(number.sum()),
        "unknown_parts": float(1 - found.known.mean()),
        "query_idf": float(idf.mean()) / max(found.rarest, 1e-6),
        "holding_all": float(np.log1p(held.all(1).sum())),
    }


def _hits(titles: IntArray, asked: tuple[Asked, ...]) -> tuple[BoolArray, BoolArray]:
    """Where a title holds a term of a part, `(T, R, WIDTH)`, and whether it holds one of its forms whole, `(R, T)`."""
    hits = np.zeros((len(asked), *titles.shape), np.bool_)
    held = np.zeros((len(titles), len(asked)), np.bool_)
    for at, one in enumerate(asked):
        for form in one.forms:
            whole = np.ones(len(titles), np.bool_)
            for term in form:
                there = titles == np.int32(term_number(term))
                hits[at] |= there
                whole &= there.any(1)
            held[:, at] |= whole
    return hits, held


def _neighbours(
    hits: BoolArray, held: BoolArray, places: FloatArray, idf: FloatArray
) -> tuple[FloatArray | float, FloatArray | float]:
    if len(hits) < 2:
        return -1.0, -1.0
    weights = idf[:-1] + idf[1:]
    weights = weights / max(float(weights.sum()), 1e-6)
    follow = (hits[:-1, :, :-1] & hits[1:, :, 1:]).any(2).T
    near = held[:, :-1] & held[:, 1:] & (np.abs(np.diff(places, axis=1)) <= _NEARBY)
    return follow @ weights, near @ weights


def _of_the_best(found: Candidates, score: FloatArray, known: Known) -> None:
    order = np.argsort(-score, kind="stable")[:_BEST_KINDS]
    weights = np.exp(_SHARPNESS * (score[order] - score[order[0]]))
    few = order[:_BEST]
    middle = (weights[:_BEST] / weights[:_BEST].sum()) @ found.vectors[few]
    cosine = found.vectors @ (middle / max(float(np.linalg.norm(middle)), 1e-6))
    known["like_the_best"] = cosine
    known["like_the_best_behind"] = cosine - cosine.max()
    weights /= weights.sum()
    terms = found.titles.terms
    pairs = terms[:, 0].astype(np.int64) << 32 | terms[:, 1].astype(np.int64)
    known["category"] = _shared(found.categories, order, weights)
    known["head"] = _shared(found.titles.heads, order, weights)
    known["brand"] = _shared(terms[:, 0], order, weights)
    known["series"] = _shared(pairs, order, weights)


def _shared(values: npt.NDArray[np.signedinteger], best: npt.NDArray[np.intp], weights: FloatArray) -> FloatArray:
    """For each of `values` the weight of the `best` that have the same one."""
    summed: FloatArray = (values[:, None] == values[best]).astype(np.float32) @ weights.astype(np.float32)
    return summed
