"""The predicted protocol: the category is inferred from the words typed so far, and from nothing else.

After t words the model's distribution is Σ_c p(c | typed) p(w | typed, c) over the M likeliest categories. Two sources
know something about c: the predictor that serving uses (naive Bayes over words), and the language model itself, since
the probability that it gave the typed words under c is evidence by Bayes' rule, p(c | typed) ∝ p(c) Π p(w_s | w_<s, c).
They look at the same words, so their evidence is not added up but weighed:

    log p(c | typed) = (1 − a) log p_predictor(c | typed) + a (log p(c) + Σ_s log p(w_s | w_<s, c)) + const

with a = 0 for the predictor alone and a = 1 for Bayes' rule alone. Before the first word there is one distribution for
all queries, so there all categories are mixed by their prior, which costs nothing.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # scoring imports this module
    from training.evaluation.scoring import ScoredModel

CATEGORIES_MIXED = 8  # M: beyond, held-out queries gain little and every word costs more rows
EVIDENCE = 0.25  # a: the best of 0, ¼, ½, ¾, 1 on home_depot's held-out training queries, at every M tried

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]


class CategoryMixture:
    """What was typed of each query, as weights of categories; the same for every model that is scored."""

    def __init__(
        self,
        predict: Callable[[Sequence[str]], FloatArray],
        queries: Sequence[Sequence[str]],
        *,
        count: int,
        evidence: float,
    ) -> None:
        """`predict(words)` → p(category | words) `(K,)`; `count` is M, `evidence` is a, both fixed beforehand."""
        if count < 1 or not 0 <= evidence <= 1:
            raise ValueError("count must be at least 1 and evidence in [0, 1]")
        self.count, self.evidence = count, evidence
        self.prior = np.asarray(predict(()), np.float64)
        # After one word, two, …; (T, K) each. What all words together say is needed to predict the end.
        self.typed = [
            np.stack([np.asarray(predict(words[: length + 1]), np.float64) for length in range(len(words))])
            for words in queries
        ]

    def bound_to(self, model: "ScoredModel") -> "BoundMixture":
        return BoundMixture(self, model)


class BoundMixture:
    """One model under a mixture."""

    def __init__(self, mixture: CategoryMixture, model: "ScoredModel") -> None:
        self._mixture, self._model = mixture, model
        everything = np.arange(model.categories)
        first = model.probabilities(np.zeros((model.categories, 0), np.int64), everything)[:, 0]  # (K, C)
        self._start = mixture.prior @ first
        self.rows = 2 * mixture.count  # roughly how many categories a query needs over all its positions

    def __call__(self, tokens: IntArray, queries: IntArray) -> FloatArray:
        """`(B, T + 1, C)` for words `tokens` `(B, T)` of the queries with these indices."""
        length = tokens.shape[1]
        typed = [self._mixture.typed[index] for index in queries]
        chosen = [self._candidates(weights) for weights in typed]
        rows = np.concatenate([np.full(len(categories), row) for row, (categories, _) in enumerate(chosen)])
        all_categories = np.concatenate([categories for categories, _ in chosen])
        given = self._model.probabilities(tokens[rows], all_categories)  # (R, T + 1, C)
        result = np.empty((len(tokens), length + 1, given.shape[2]), np.float32)
        result[:, 0] = self._start
        done = 0
        for row, (categories, allowed) in enumerate(chosen):
            part = given[done : done + len(categories)]  # (U, T + 1, C)
            done += len(categories)
            weights = self._weights(part, tokens[row], typed[row][:, categories], categories, allowed)
            for position in range(1, length + 1):
                used = allowed[position - 1]
                result[row, position] = weights[position - 1, used] @ part[used, position]
        return result

    def _candidates(self, typed: FloatArray) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """The categories among the M likeliest anywhere `(U,)`, and after which word each is one of them `(T, U)`."""
        order = np.argsort(-typed, axis=1, kind="stable")[:, : self._mixture.count]
        categories = np.unique(order)
        return categories, (categories[None, :, None] == order[:, None, :]).any(2)

    def _weights(
        self,
        given: FloatArray,
        tokens: IntArray,
        predicted: FloatArray,
        categories: IntArray,
        allowed: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.float32]:
        """p(c | typed) `(T, U)` after each word, 0 where not allowed."""
        share = self._mixture.evidence
        score = (1 - share) * np.log(np.maximum(predicted, 1e-30))
        if share:
            read = given[:, np.arange(len(tokens)), tokens].T.astype(np.float64)  # (T, U): p(word | before, c)
            score = score + share * (np.log(self._mixture.prior[categories]) + np.log(read).cumsum(0))
        score = np.where(allowed, score, -np.inf)
        weights = np.exp(score - score.max(1, keepdims=True))
        shares: npt.NDArray[np.float32] = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
        return shares
