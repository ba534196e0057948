"""n-gram baselines: hand-computed counts, distributions that sum to 1, weights that help."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.language_model.corpus import Line
from core.text.vocabulary import Vocabulary
from training.baselines.kneser_ney import KneserNey
from training.baselines.ngram_counts import count_ngrams, entries
from training.baselines.ngram_models import Family, NgramModel, fit_weights
from training.baselines.stupid_backoff import BACK_OFF, StupidBackoff

A, B, RARE, END = 0, 1, 2, 3
VOCABULARY = Vocabulary(("a", "b"), (2.0, 1.0), 2, ("c",), (1.0,))
TOY = [Line((A, B), 0), Line((A,), 0), Line((A, B), 1)]

lines = st.lists(
    st.builds(
        Line,
        st.lists(st.integers(0, RARE), min_size=1, max_size=6).map(tuple),
        st.integers(0, 1),
        st.sampled_from([0.4, 1.0, 1.7, 3.0]),
    ),
    min_size=1,
    max_size=25,
)
histories = st.lists(st.integers(0, RARE), max_size=5)


def test_counts_by_hand() -> None:
    tables = count_ngrams(TOY, END, 2)
    assert dict(zip(tables[0][()].classes.tolist(), tables[0][()].counts, strict=True)) == {A: 3, B: 2, END: 3}
    assert dict(zip(tables[1][(A,)].classes.tolist(), tables[1][(A,)].counts, strict=True)) == {B: 2, END: 1}
    assert entries(tables) == 3 + (1 + 2 + 1)


def test_stupid_backoff_by_hand() -> None:
    model = StupidBackoff(TOY, 4, END, order=3)
    scores = model.scores([A])  # history (begin, a): b twice, the end once
    assert scores[B] == pytest.approx(2 / 3)
    assert scores[END] == pytest.approx(1 / 3)
    assert scores[A] == pytest.approx(BACK_OFF**2 * 3 / 8)  # not seen after (begin, a) nor after a
    assert model.scores([RARE])[A] == pytest.approx(BACK_OFF**2 * 3 / 8)  # nothing was seen after the rare word


def test_kneser_ney_by_hand() -> None:
    """Bigrams of the toy corpus; too few counts of counts, so the discounts are .5, .75 and .9.

    Below, words count by what stands before them: a after the begin mark, b after a, the end after a and after b.
    """
    model = KneserNey(TOY, 4, END, order=2)
    lower = np.array([0.5, 0.5, 0.0, 2 - 0.75]) / 4 + (0.5 + 0.5 + 0.75) / 4 / 4
    expected = np.array([0.0, 2 - 0.75, 0.0, 1 - 0.5]) / 3 + (0.75 + 0.5) / 3 * lower
    np.testing.assert_allclose(model.distribution([A]), expected, rtol=1e-12)


@given(lines, histories, st.integers(2, 4))
@settings(max_examples=80, deadline=None)
def test_kneser_ney_sums_to_one(corpus: list[Line], history: list[int], order: int) -> None:
    distribution = KneserNey(corpus, 4, END, order).distribution(history)
    assert distribution.sum() == pytest.approx(1.0)
    assert (distribution > 0).all()


@given(lines, lines, lines, histories, st.booleans())
@settings(max_examples=40, deadline=None)
def test_interpolated_models_sum_to_one(
    queries: list[Line], titles: list[Line], held_out: list[Line], history: list[int], category: bool
) -> None:
    model = NgramModel("kneser_ney", VOCABULARY, [queries, titles], held_out, uses_category=category)
    for distribution in model.stepwise(history, 1):
        assert distribution.sum() == pytest.approx(1.0)
    assert all(weights.sum() == pytest.approx(1.0) for weights in model.weights)


@pytest.mark.parametrize("family", ["kneser_ney", "stupid_backoff"])
def test_the_category_is_used_where_it_should_be(family: Family) -> None:
    corpus = [Line((A,), 0)] * 9 + [Line((B,), 1)] * 9
    for uses_category in (True, False):
        model = NgramModel(family, VOCABULARY, [corpus], corpus[8:10], uses_category=uses_category)
        first, second = model.probabilities(np.zeros((2, 0), np.int64), np.array([0, 1]))[:, 0]
        assert (first[A] > 0.8 and second[B] > 0.8) if uses_category else np.array_equal(first, second)


def test_weights_go_to_the_better_component() -> None:
    good, bad = (KneserNey([Line((word,), 0)] * 5, 4, END, 2) for word in (A, B))
    components = [lambda words, category: good.distribution(words), lambda words, category: bad.distribution(words)]
    weights = fit_weights(components, [Line((A,), 0)] * 3, END)
    assert weights[0] > 0.9
    np.testing.assert_allclose(fit_weights(components, [], END), 0.5)
