"""How probable whole queries are under a language model whose category is not known but predicted from what is typed.

    p(next | words) = Σ_c p(c | words) p(next | words, c)

over the `CATEGORIES_MIXED` likeliest categories; before the first word over all of them, which costs nothing since it
is the same for every query. The end tokens of all categories are one event, and a word outside the vocabulary is the
rare token, as in `training.evaluation.scoring`, which gives the same numbers (tested). The n-gram counts that correct
the model while it generates have no part in it.

A model that knows few of the words would call everything rare, and be sure of it: `spelt_out` adds what the rare words
themselves cost, their share of the rare ones that were seen in training, or else letter by letter.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from core.language_model.decoder import Decoder, DecoderState
from core.text.vocabulary import Vocabulary

FloatArray = npt.NDArray[np.floating]

CATEGORIES_MIXED = 8
_LETTER = math.log(27)  # nats of a letter, or the end, of a word that nobody has seen: all are equally likely


class QueryLikelihood:
    """Bound to one decoder and one predictor. Thread-safe: holds nothing that changes."""

    def __init__(
        self,
        decoder: Decoder,
        vocabulary: Vocabulary,
        predict: Callable[[Sequence[str]], FloatArray],
        mixed: int = CATEGORIES_MIXED,
    ) -> None:
        """`predict(words)` → p(category | words) `(K,)`; `mixed`: how many categories are asked after a word."""
        self._decoder, self._vocabulary, self._predict, self._mixed = decoder, vocabulary, predict, mixed
        every = np.arange(vocabulary.categories)
        total = sum(vocabulary.rare_counts)
        shares = zip(vocabulary.rare_words, vocabulary.rare_counts, strict=True)
        self._rare = {word: math.log(count / total) for word, count in shares if count > 0}
        self._start = np.asarray(predict(()), np.float64) @ self._chances(self._begun(every))

    def log_likelihood(self, words: Sequence[str]) -> npt.NDArray[np.float64]:
        """Natural log p of each of the T words and of the end, `(T + 1,)`."""
        vocabulary = self._vocabulary
        tokens, end = vocabulary.encode(words), vocabulary.rare_id + 1
        chances = [self._start[[*tokens, end][0]]]
        if tokens:
            weights = [np.asarray(self._predict(words[: t + 1]), np.float64) for t in range(len(tokens))]
            likeliest = [np.argsort(-row, kind="stable")[: self._mixed] for row in weights]
            categories = np.unique(np.concatenate(likeliest))  # (U,)
            state = self._begun(categories)
            for t, token in enumerate(tokens):
                state = self._decoder.advance(state, np.full(len(categories), token, np.int64))
                right = [*tokens, end][t + 1]
                given = self._chances(state)[:, right]  # (U,)
                used = np.isin(categories, likeliest[t])
                share = weights[t][categories[used]]
                chances.append(share @ given[used] / share.sum())
        logs: npt.NDArray[np.float64] = np.log(np.maximum(np.array(chances, np.float64), 1e-30))
        return logs

    def spelt_out(self, words: Sequence[str]) -> float:
        """`log_likelihood` summed, and the cost of the words that it calls rare; in nats, at most 0."""
        rare = [word for word in words if self._vocabulary.id_of(word) == self._vocabulary.rare_id]
        spelling = sum(self._rare.get(word, -_LETTER * (len(word) + 1)) for word in rare)
        return float(self.log_likelihood(words).sum()) + spelling

    def _begun(self, categories: npt.NDArray[np.int64]) -> DecoderState:
        return self._decoder.start(categories, self._vocabulary.bos_id(0) + categories)

    def _chances(self, state: DecoderState) -> npt.NDArray[np.float64]:
        """`(N, C)`: the words, the rare token, and one END."""
        shares = np.exp(self._decoder.log_probs(state).astype(np.float64))
        words = self._vocabulary.rare_id + 1
        return np.concatenate([shares[:, :words], shares[:, words:].sum(1, keepdims=True)], 1)
