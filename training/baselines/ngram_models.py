"""The n-gram baselines over a shop's lines: queries and titles interpolated, with or without category.

Queries and titles are counted apart and interpolated, since a title says less about a query than a query does; a model
with category adds, for each side, counts of the lines of that category alone. The weights are fitted to held-out
queries by expectation maximisation (Jelinek & Mercer 1980). Within a category only pairs of words are counted: its
share of a small log has few longer ones twice.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from core.language_model.corpus import Line
from core.text.vocabulary import Vocabulary
from training.baselines.kneser_ney import KneserNey
from training.baselines.ngram_counts import FloatArray, classes, end_class
from training.baselines.stupid_backoff import StupidBackoff

Family = Literal["kneser_ney", "stupid_backoff"]
Component = Callable[[tuple[int, ...], int], FloatArray]
"""`component(words typed, category)`: a distribution (or scores) over the classes, `(C,)`."""

_ORDER, _CATEGORY_ORDER = 4, 2
_ROUNDS = 30  # of expectation maximisation


class NgramModel:
    """Interpolated n-gram model; `probabilities` and `stepwise` as `training.evaluation.scoring` asks for."""

    def __init__(
        self,
        family: Family,
        vocabulary: Vocabulary,
        sides: Sequence[Sequence[Line]],
        held_out: Sequence[Line],
        *,
        uses_category: bool,
    ) -> None:
        """`sides` are the corpora that are counted apart, each with lines; `held_out` fits their weights."""
        self.vocabulary, self.uses_category = vocabulary, uses_category
        self.normalized = family == "kneser_ney"
        self.categories = vocabulary.categories if uses_category else 1
        self.parameters = 0
        self._size, self._end = classes(vocabulary), end_class(vocabulary)
        make = self._kneser_ney if family == "kneser_ney" else self._stupid_backoff
        components = [make(lines, _ORDER, None) for lines in sides]
        self.weights = [fit_weights(components, held_out, self._end)]
        mixed = _cached(interpolated(components, self.weights[0]))
        if uses_category:
            within = [self._within_category(make, lines, mixed) for lines in sides]
            self.weights.append(fit_weights([mixed, *within], held_out, self._end))
            mixed = interpolated([mixed, *within], self.weights[1])
        self.parameters += sum(len(weights) - 1 for weights in self.weights)
        self._model = mixed

    def probabilities(self, tokens: np.ndarray, category: np.ndarray) -> np.ndarray:
        """`(B, T + 1, C)` for words `tokens` `(B, T)`: after none of them, after the first, …"""
        result = np.empty((len(tokens), tokens.shape[1] + 1, self._size), np.float32)
        for row, (words, its_category) in enumerate(zip(tokens.tolist(), category.tolist(), strict=True)):
            for position, distribution in enumerate(self.stepwise(words, its_category)):
                result[row, position] = distribution
        return result

    def stepwise(self, tokens: Sequence[int], category: int) -> Iterator[np.ndarray]:
        """The same for one row, one distribution after the other."""
        for length in range(len(tokens) + 1):
            yield self._model(tuple(tokens[:length]), category)

    def _kneser_ney(self, lines: Sequence[Line], order: int, base: Component | None) -> Component:
        model = KneserNey(lines, self._size, self._end, order)
        self.parameters += model.parameters
        return lambda words, category: model.distribution(words, base(words, category) if base else None)

    def _stupid_backoff(self, lines: Sequence[Line], order: int, base: Component | None) -> Component:
        model = StupidBackoff(lines, self._size, self._end, order)
        self.parameters += model.parameters
        return lambda words, category: model.scores(words)

    def _within_category(
        self,
        make: Callable[[Sequence[Line], int, Component | None], Component],
        lines: Sequence[Line],
        general: Component,
    ) -> Component:
        """Each category's own counts, over the general model where it can stand below; that alone without lines."""
        by_category: dict[int, list[Line]] = defaultdict(list)
        for line in lines:
            by_category[line.category].append(line)
        models = {category: make(part, _CATEGORY_ORDER, general) for category, part in by_category.items()}
        return lambda words, category: models.get(category, general)(words, category)


def interpolated(components: Sequence[Component], weights: FloatArray) -> Component:
    """Σᵢ weightᵢ componentᵢ."""

    def mixture(words: tuple[int, ...], category: int) -> FloatArray:
        parts = (weight * part(words, category) for weight, part in zip(weights, components, strict=True))
        return np.sum(np.stack(list(parts)), 0)  # type: ignore[no-any-return]

    return mixture


def fit_weights(components: Sequence[Component], held_out: Sequence[Line], end: int) -> FloatArray:
    """Weights `(N,)`, summing to 1, under which `held_out` is likeliest; equal ones without any lines."""
    weights = np.full(len(components), 1.0 / len(components))
    given = []
    for line in held_out:
        for position, token in enumerate((*line.tokens, end)):
            words = line.tokens[:position]
            given.append([component(words, line.category)[token] for component in components])
    if not given:
        return weights
    likelihood = np.array(given)  # (tokens, N)
    for _ in range(_ROUNDS if len(components) > 1 else 0):
        share = likelihood * weights
        weights = (share / share.sum(1, keepdims=True)).mean(0)
    return weights


def _cached(component: Component) -> Component:
    """The general model is asked for the same words under several categories in a row; its answer holds for all."""

    @lru_cache(maxsize=16)
    def known(words: tuple[int, ...]) -> FloatArray:
        return component(words, 0)

    return lambda words, category: known(words)
