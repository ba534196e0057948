"""The scorer against computation by hand, the mixture against Bayes' rule, and the intervals."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from core.language_model.spelling import SpellingModel
from core.text.vocabulary import Vocabulary
from training.evaluation.language_model_report import paired_difference
from training.evaluation.mixture import CategoryMixture
from training.evaluation.scoring import TestQuery, score

VOCABULARY = Vocabulary(("lamp", "red"), (4.0, 2.0), 2, ("xenon",), (1.0,))
LAMP, RED, RARE, END = 0, 1, 2, 3


class Table:
    """A model that is a table: p(class | category, last word), small enough to compute by hand."""

    vocabulary = VOCABULARY
    parameters, categories, uses_category, normalized = 24, 2, True, True

    START = np.array([[0.5, 0.2, 0.2, 0.1], [0.1, 0.6, 0.2, 0.1]])  # by category
    NEXT = np.array(
        [[[0.1, 0.1, 0.1, 0.7], [0.6, 0.1, 0.1, 0.2], [0.3, 0.3, 0.1, 0.3]],
         [[0.2, 0.2, 0.2, 0.4], [0.1, 0.1, 0.1, 0.7], [0.3, 0.3, 0.1, 0.3]]]
    )  # by category and last word  # fmt: skip

    def probabilities(self, tokens: npt.NDArray[np.int64], category: npt.NDArray[np.int64]) -> npt.NDArray[np.floating]:
        return np.stack([np.stack(list(self.stepwise(row, c))) for row, c in zip(tokens, category, strict=True)])

    def stepwise(self, tokens: Sequence[int], category: int) -> Iterator[npt.NDArray[np.floating]]:
        yield self.START[category]
        for token in tokens:
            yield self.NEXT[category, token]


QUERIES = [TestQuery(("red", "lamp"), 0), TestQuery(("red", "zeppelin"), 1)]
SPELLING = SpellingModel.of(VOCABULARY)


def test_oracle_scores_by_hand() -> None:
    scores = score(Table(), QUERIES, SPELLING)
    assert scores.tokens.tolist() == [3, 3]
    assert scores.characters.tolist() == [9, 13]
    np.testing.assert_allclose(scores.log_likelihood, np.log([0.2 * 0.6 * 0.7, 0.6 * 0.1 * 0.3]))
    np.testing.assert_allclose(scores.spelling, [0.0, SPELLING.log_prob("zeppelin")])
    # Without the rare token: red second, lamp first, the end first; red first, never, and the end third by id.
    assert scores.hits[:, 0].tolist() == [2, 1]
    assert scores.hits[:, 1].tolist() == [3, 2]
    assert scores.word_hits.tolist() == [1, 1]
    metrics = scores.metrics()
    bits = -(math.log2(0.2 * 0.6 * 0.7 * 0.6 * 0.1 * 0.3) + SPELLING.log_prob("zeppelin") / math.log(2))
    assert metrics["bits per character"] == pytest.approx(bits / 22)
    assert metrics["top-1"] == pytest.approx(3 / 6)
    assert metrics["top-1 of words"] == pytest.approx(2 / 4)
    assert metrics["perplexity"] == pytest.approx((0.2 * 0.6 * 0.7 * 0.6 * 0.1 * 0.3) ** (-1 / 6))


def predict(words: Sequence[str]) -> npt.NDArray[np.floating]:
    return np.array([0.7, 0.3]) if not words else np.array([0.9, 0.1]) if "lamp" in words else np.array([0.4, 0.6])


@pytest.mark.parametrize("evidence", [0.0, 0.25, 1.0])
def test_predicted_scores_by_hand(evidence: float) -> None:
    mixture = CategoryMixture(predict, [query.words for query in QUERIES], count=2, evidence=evidence)
    prior, table = np.array([0.7, 0.3]), Table()

    def weights(predicted: Sequence[float], likelihood: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        mixed = np.array(predicted) ** (1 - evidence) * (prior * likelihood) ** evidence
        shares: npt.NDArray[np.float64] = mixed / mixed.sum()
        return shares

    after_red = weights([0.4, 0.6], table.START[:, RED])
    after_both = weights([0.9, 0.1], table.START[:, RED] * table.NEXT[:, RED, LAMP])
    chances = [
        prior @ table.START[:, RED],
        after_red @ table.NEXT[:, RED, LAMP],
        after_both @ table.NEXT[:, LAMP, END],
    ]
    scores = score(table, QUERIES, SPELLING, mixture)
    assert scores.log_likelihood[0] == pytest.approx(np.log(chances).sum(), abs=1e-6)


def test_bayes_mixture_is_the_mixture_over_whole_queries() -> None:
    """With all categories and their evidence alone, Σ_c p(c) p(query | c): the chain rule of one mixed distribution."""
    mixture = CategoryMixture(predict, [query.words for query in QUERIES], count=2, evidence=1.0)
    mixed = score(Table(), QUERIES, SPELLING, mixture)
    for index, query in enumerate(QUERIES):
        under = [score(Table(), [TestQuery(query.words, c)], SPELLING).log_likelihood[0] for c in (0, 1)]
        expected = 0.7 * math.exp(under[0]) + 0.3 * math.exp(under[1])
        assert mixed.log_likelihood[index] == pytest.approx(math.log(expected), abs=1e-6)


def test_one_category_is_the_likeliest_of_what_was_typed() -> None:
    mixture = CategoryMixture(predict, [query.words for query in QUERIES], count=1, evidence=0.0)
    scores = score(Table(), QUERIES[:1], SPELLING, mixture)
    table = Table()
    chances = [0.7 * 0.2 + 0.3 * 0.6, table.NEXT[1, RED, LAMP], table.NEXT[0, LAMP, END]]
    assert scores.log_likelihood[0] == pytest.approx(np.log(chances).sum(), abs=1e-6)


def test_the_mixture_looks_at_typed_words_only() -> None:
    """The same first word gives the same distribution for the second, whatever the query goes on with."""
    mixture = CategoryMixture(predict, [("red", "lamp"), ("red", "red")], count=2, evidence=0.25)
    bound = mixture.bound_to(Table())
    given = bound(np.array([[RED, LAMP], [RED, RED]]), np.array([0, 1]))
    np.testing.assert_allclose(given[0, :2], given[1, :2])
    assert not np.allclose(given[0, 2], given[1, 2])


def test_paired_differences() -> None:
    generator = np.random.default_rng(3)
    noise, size = generator.normal(size=400), np.full(400, 4.0)
    base = generator.normal(size=400) * 10
    better = paired_difference(base + 0.4 + noise * 0.1, base, size)
    assert better.value == pytest.approx(0.1, abs=0.01)
    assert better.low < better.value < better.high
    assert better.excludes_zero
    assert not paired_difference(base + noise - noise.mean(), base, size).excludes_zero
    assert paired_difference(base, base + 1, size, seed=5) == paired_difference(base, base + 1, size, seed=5)
