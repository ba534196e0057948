"""What the other words of a query say about one of them: how many products hold both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.retrieval.lexical import BoolArray, LexicalIndex, plain
from core.text.terms import asked_terms

_SHARE = 0.5  # of what the words say, taken one by one: they do not speak independently
_WORDS = 3  # the rarest ones
_CLIP = 6.0  # nats that one of them may say at most
_SMOOTHING = 20.0  # products


@dataclass(frozen=True, slots=True)
class _Beside:
    """The products that hold another word: a mask `(P,)`, and how many they are."""

    holding: BoolArray
    count: int


class WordContext:
    """The products that hold each of `words`, which are known; numbers say nothing."""

    def __init__(self, index: LexicalIndex, words: Sequence[str]) -> None:
        self._index = index
        terms = {term for word in words for term in asked_terms(word) if term in index and not term[0].isdigit()}
        rarest = sorted(terms, key=lambda term: (index.document_frequency(term), term))[:_WORDS]
        self._beside = [self._products(term) for term in rarest]

    def fit(self, terms: Sequence[str]) -> float:
        """½ Σ log (p(terms | word) / p(terms)) in nats: above 0 where the words make these terms likelier."""
        if not self._beside:
            return 0.0
        rows = self._index.matching_all(plain(terms))
        share = (len(rows) + 0.1) / max(self._index.size, 1)
        total = 0.0
        for other in self._beside:
            both = int(np.count_nonzero(other.holding[rows]))
            given = (both + _SMOOTHING * share) / (other.count + _SMOOTHING)
            total += max(-_CLIP, min(_CLIP, math.log(given / share)))
        return _SHARE * total

    def _products(self, term: str) -> _Beside:
        rows = self._index.matching_all(plain((term,)))
        holding = np.zeros(self._index.size, np.bool_)
        holding[rows] = True
        return _Beside(holding, len(rows))
