"""Likelihood of whole queries: the numbers of the torch model under the evaluation's mixture."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from core.language_model.likelihood import QueryLikelihood
from core.language_model.spelling import SpellingModel
from tests.core.language_model.models import CATEGORIES, decoder_of, small_model, small_vocabulary
from training.evaluation.mixture import CategoryMixture
from training.evaluation.scored_models import GruMnScored
from training.evaluation.scoring import TestQuery, score

VOCABULARY = small_vocabulary()
QUERIES = [("red", "shoes"), ("drill",), ("wood", "saw", "red", "lamp"), ("dresser", "wood"), ("red", "unheard")]


def predict(words: Sequence[str]) -> np.ndarray:
    """Some category for every beginning, by its letters."""
    weights = 1.0 + np.arange(CATEGORIES) * (sum(map(len, words)) % 4)
    return np.asarray(weights / weights.sum(), np.float32)


@pytest.mark.parametrize("mixed", [1, 2, 3])
def test_as_the_evaluation_scores_it(mixed: int) -> None:
    model = small_model()
    mixture = CategoryMixture(predict, QUERIES, count=mixed, evidence=0.0)
    spelling = SpellingModel({"unheard": 1.0})
    scored = score(GruMnScored(model, VOCABULARY), [TestQuery(words, 0) for words in QUERIES], spelling, mixture)
    likelihood = QueryLikelihood(decoder_of(model), VOCABULARY, predict, mixed)
    ours = [likelihood.log_likelihood(words) for words in QUERIES]
    assert [len(one) for one in ours] == [len(words) + 1 for words in QUERIES]
    np.testing.assert_allclose([one.sum() for one in ours], scored.log_likelihood, atol=1e-4)


def test_all_beginnings_share_one_unit_of_probability() -> None:
    likelihood = QueryLikelihood(decoder_of(small_model()), VOCABULARY, predict)
    nothing = math.exp(likelihood.log_likelihood([])[0])
    first = [math.exp(likelihood.log_likelihood([word])[0]) for word in (*VOCABULARY.words, "unheard")]
    assert nothing + sum(first) == pytest.approx(1, abs=1e-5)


def test_rare_words_are_spelt_out() -> None:
    likelihood = QueryLikelihood(decoder_of(small_model()), VOCABULARY, predict)
    red, rare = likelihood.log_likelihood(["red"]).sum(), likelihood.log_likelihood(["unheard"]).sum()
    assert likelihood.spelt_out(["red"]) == pytest.approx(red)
    assert likelihood.spelt_out(["dresser"]) == pytest.approx(rare + math.log(3 / 4))
    assert likelihood.spelt_out(["unheard"]) == pytest.approx(rare - 8 * math.log(27))
