"""From a query's terms to the candidates that a ranker orders, the same way in training and in serving."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.ranking.features import Candidates, fused
from core.retrieval.lexical import Asked
from core.retrieval.products import Matches, ProductIndex
from core.retrieval.title_terms import BREAKS
from core.text.terms import terms

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

LEXICAL_CANDIDATES = 200  # best by BM25 that are looked at, beside all that are near in meaning
RANKED = 150  # of these the best by BM25 and cosine, fused: ranked by all features
_WEARERS = frozenset(terms("men women man woman mens womens boys girls kids unisex baby ladies gents"))  # for whom


@dataclass(frozen=True, slots=True)
class Question:
    """A query in parts, with what the index says of them, `(T,)` each; T ≥ 1."""

    terms: tuple[str, ...]
    asked: tuple[Asked, ...]
    idf: FloatArray
    known: npt.NDArray[np.bool_]
    kind: int  # the part that names what is sought: the last word before `with`, `for`, `in`, no number and no wearer


def question(index: ProductIndex, asked_terms: Sequence[str], all_terms: Sequence[str]) -> Question:
    """The parts of `asked_terms`, at least one; `all_terms` are those and the words that join them, in order."""
    asked = index.asked(asked_terms)
    idf = np.array([sum(index.lexical.idf(term) for term in one.terms) for one in asked], np.float32)
    known = np.array([index.lexical.holds_any(one) for one in asked])
    return Question(tuple(asked_terms), asked, idf, known, _kind(asked, all_terms))


def shortlist(index: ProductIndex, matches: Matches, vector: FloatArray) -> IntArray:
    """The rows among `matches` that are ranked by all features, ascending; `vector` is the query's in `index.dense`."""
    rows = matches.rows
    if len(rows) > LEXICAL_CANDIDATES:
        best = np.argpartition(-matches.lexical, LEXICAL_CANDIDATES)[:LEXICAL_CANDIDATES]
        rows = rows[best[matches.lexical[best] > 0]]
    rows = np.union1d(rows, matches.near).astype(np.int32)
    if len(rows) > RANKED:
        lexical = matches.lexical[np.searchsorted(matches.rows, rows)]
        score = fused(lexical, index.dense.similarities(vector, rows))
        rows = np.sort(rows[np.argpartition(-score, RANKED)[:RANKED]])
    return rows


def candidates(
    index: ProductIndex,
    question: Question,
    vector: FloatArray,
    rows: IntArray,
    lexical: FloatArray,
    coverage: FloatArray,
) -> Candidates:
    """What retrieval says of `rows` `(R,)`: BM25 and coverage are given, `vector` is the query's in `index.dense`."""
    vectors = index.dense.vectors(rows)
    return Candidates(
        asked=question.asked,
        idf=question.idf,
        known=question.known,
        kind=question.kind,
        ideal=index.lexical.best_score(question.asked),
        rarest=float(np.log(1 + (index.lexical.base.size + 0.5) / 0.5)),
        lexical=lexical,
        coverage=coverage,
        cosine=vectors @ vector,
        vectors=vectors,
        titles=index.title_terms(rows),
        categories=index.categories[rows],
    )


def _kind(asked: Sequence[Asked], all_terms: Sequence[str]) -> int:
    named: set[str] = set()
    for at, term in enumerate(all_terms):
        if term in BREAKS and at:
            break
        named.add(term)
    before = [at for at, one in enumerate(asked) if named.issuperset(one.terms)]
    words = [at for at in before if not asked[at].terms[0][0].isdigit() and asked[at].terms[0] not in _WEARERS]
    return (words or before or [len(asked) - 1])[-1]
