"""Candidates of a product search: lexical and dense, fused.

Score: a weighted sum of BM25 and cosine, each scaled to [0, 1] within the query's candidates. On judged data this is
above either of them, while reciprocal rank fusion is below BM25 alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.retrieval.columns import ProductColumns
from core.retrieval.lexical import LexicalIndex
from core.text.embedding import FloatArray

IntArray = npt.NDArray[np.int32]

LEXICAL_SHARE = 0.6
ENOUGH = 24  # products that hold every term: a page of them, and no other is needed
COVERAGE_FLOOR = 0.4  # otherwise a product that holds this share of the query's idf is a result
SIMILARITY_FLOOR = 0.5  # and so is one whose title is this near in meaning
_DENSE_AT_MOST = 200
_NEAREST = 20
_UNRELATED = 0.35  # below this cosine a title has nothing to do with a query


@dataclass(frozen=True, slots=True)
class Matches:
    """The result set: `rows` by falling `scores` in [0, 1], with what made them."""

    rows: IntArray
    scores: FloatArray
    lexical: FloatArray  # BM25 over the best BM25 of the query
    dense: FloatArray  # cosine, 0 where negative
    holding_all: int  # products that hold every term


@dataclass(frozen=True, slots=True)
class ProductIndex:
    """P products: `ids`, inverted index, unit `vectors` `(P, D)` and columns, row by row."""

    ids: tuple[str, ...]
    lexical: LexicalIndex
    vectors: FloatArray
    columns: ProductColumns

    def count_matching(self, terms: Sequence[str]) -> int:
        """How many products hold all `terms`."""
        return len(self.lexical.matching_all(terms))

    def best_holding_all(self, terms: Sequence[str], limit: int) -> tuple[str, ...]:
        """Ids of the best products by BM25 that hold all `terms`; needs no vector."""
        rows = self.lexical.matching_all(terms)
        scores = self.lexical.score(terms)[0][rows]
        return tuple(self.ids[int(rows[at])] for at in np.lexsort((rows, -scores))[:limit])

    def match(self, terms: Sequence[str], vector: FloatArray) -> Matches:
        """The result set for a query's terms and its unit vector `(D,)`.

        A product belongs to it when it holds all terms of the query (where few do: a good part of them by idf), or is
        among the nearest in meaning above a similarity floor; where no product does, it is the few nearest there are.
        """
        scores, coverage = self.lexical.score(terms)
        similarity = np.maximum(self.vectors @ vector, 0)
        near = np.flatnonzero(similarity >= SIMILARITY_FLOOR)
        if len(near) > _DENSE_AT_MOST:
            near = near[_largest(similarity[near], _DENSE_AT_MOST)]
        holding = coverage > 1 - 1e-5
        holding_all = int(holding.sum())
        chosen = holding if holding_all >= ENOUGH else coverage >= COVERAGE_FLOOR
        chosen[near] = True
        if not chosen.any():  # nothing is near enough: the nearest there are, if they have anything to do with it
            chosen[_largest(scores, _NEAREST)] = True
            chosen[_largest(np.where(similarity >= _UNRELATED, similarity, 0), _NEAREST)] = True
        rows = np.flatnonzero(chosen).astype(np.int32)
        lexical = scores[rows] / max(float(scores.max(initial=0)), 1e-9)
        dense = similarity[rows].astype(np.float32)
        scaled = dense / max(float(dense.max(initial=0)), 1e-9)
        fused = (LEXICAL_SHARE * lexical + (1 - LEXICAL_SHARE) * scaled).astype(np.float32)
        order = np.lexsort((rows, -fused))
        return Matches(rows[order], fused[order], lexical[order], dense[order], holding_all)


def _largest(values: FloatArray, count: int) -> npt.NDArray[np.intp]:
    """Positions of the `count` largest positive values, in no order."""
    best = np.argpartition(-values, min(count, len(values)) - 1)[:count]
    return best[values[best] > 0]
