"""Judged searches → what a ranker learns from: the features of each query's candidates, as serving would see them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.ranking.candidates import Question, candidates, question, shortlist
from core.ranking.features import features
from core.retrieval.adapter import Adapter
from core.retrieval.dense import build_dense
from core.retrieval.products import ProductIndex
from core.services.spelling import SearchSpeller
from core.text.normalize import normalize
from core.text.terms import asked_terms, terms_of_normalized

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as search reads it, with the encoder's vector `(D,)`."""

    text: str
    question: Question
    vector: FloatArray


@dataclass(frozen=True, slots=True)
class Sample:
    """One query: R candidates with `features` `(R, F)`; `grades` `(R,)`, 0 where not judged; `found` `(R,)`: whether
    retrieval offers them — judged products that it does not are there too, to be ordered among each other."""

    rows: IntArray
    features: FloatArray
    grades: FloatArray
    found: npt.NDArray[np.bool_]


def read_queries(
    index: ProductIndex,
    known_words: Mapping[str, float],
    texts: Sequence[str],
    encode: Callable[[Sequence[str]], FloatArray],
) -> list[Asked]:
    """`texts` as search reads them: spelled, in parts, encoded. A text without any word is asked as it is."""
    speller = SearchSpeller(index.lexical, known_words)
    spelled = [speller.spell(normalize(text)).text for text in texts]
    vectors = encode(spelled)
    asked = []
    for text, vector in zip(spelled, vectors, strict=True):
        every = terms_of_normalized(text) or [text]
        asked.append(Asked(text, question(index, asked_terms(text) or every, every), vector))
    return asked


def adapted(
    index: ProductIndex, titles: FloatArray, title_terms: Sequence[Sequence[str]], adapter: Adapter
) -> ProductIndex:
    """`index` with the vectors of its titles after `adapter`; `titles` `(P, D)` are the encoder's own."""
    return replace(index, adapter=adapter, dense=build_dense(adapter.titles(titles, title_terms)))


def sample(index: ProductIndex, asked: Asked, judged: Sequence[tuple[int, float]] = ()) -> Sample:
    """The candidates of a query, and its judged products."""
    vector = index.query_vector(asked.vector, asked.question.terms)
    matches = index.match(asked.question.asked, vector)
    listed = shortlist(index, matches, vector)
    grade_of = dict(judged)
    rows = np.union1d(listed, np.array(list(grade_of), np.int32)).astype(np.int32)
    lexical, coverage = index.lexical.score(asked.question.asked)
    found = candidates(index, asked.question, vector, rows, lexical[rows], coverage[rows])
    grades = np.array([grade_of.get(int(row), 0.0) for row in rows], np.float32)
    return Sample(rows, features(found), grades, np.isin(rows, listed))
