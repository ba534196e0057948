"""Traffic in the measures of drift: of the training log for the reference, of what is live for the window.

Both sides go through the same functions here, so that what is compared differs in the traffic alone.
"""

import math
import random
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from core.domain import SuggestQuery, WeightedQuery
from core.drift.calibration import forecasts
from core.drift.compare import Choices, DriftMeasure, Observed, Window, compare
from core.drift.measures import (
    CATEGORY,
    FIRST_LETTERS,
    LINES,
    LINES_LABELS,
    PREFIX_LENGTH,
    PRODUCTS,
    PRODUCTS_LABELS,
    SCORE,
    SCORE_LABELS,
    SOURCE,
    TOP_CATEGORIES,
    WORDS,
    WORDS_LABELS,
    first_letters,
    lines_bin,
    products_bin,
    score_bin,
    words_bin,
)
from core.drift.reference import Histogram, Likelihood, Reference, binned, headed, likelihood_of
from core.language_model.corpus import is_held_out
from core.language_model.likelihood import QueryLikelihood
from core.services.bundle import Bundle
from core.services.suggest import SuggestService
from core.text.normalize import normalize

FloatArray = npt.NDArray[np.float32]
Kept = TypeVar("Kept", float, str)

SAMPLE = 500  # queries that are completed for the reference, drawn by how often they were made
_HELD_OUT_AT_MOST = 1_000  # texts whose likelihood makes the reference: a few seconds
_TEXTS_KEPT = 20_000  # whose category and likelihood is remembered
_NEW_LIKELIHOODS = 100  # texts in one look, a few milliseconds each: the others have their turn at the next look
_NO_LINES = "none"  # source of an empty list


@dataclass(frozen=True, slots=True)
class Search:
    """A completed search; `text` normalised. `shopper`: who cannot be told from whom."""

    text: str
    shopper: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A list after `PREFIX_LENGTH` characters: `(text, source, score)` of each line."""

    session: str
    lines: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A list of which the line at `place` (0-based) was chosen: the scores of its lines."""

    scores: Sequence[float]
    place: int


def build_reference(bundle: Bundle, queries: Sequence[WeightedQuery], seed: int, sample: int = SAMPLE) -> Reference:
    """What today's traffic will be compared with: the log that `bundle` was trained on, and its own lists for it."""
    if not queries:
        return Reference()
    traffic = DriftTraffic(bundle)
    weights = {query.text: query.weight for query in queries}
    total = sum(weights.values())
    generator = random.Random(seed)
    drawn = Counter(generator.choices(list(weights), list(weights.values()), k=sample))
    service = SuggestService(bundle)
    shown: Counter[Shown] = Counter()
    lists: dict[str, Shown] = {}
    for text, count in drawn.items():
        prefix = text[:PREFIX_LENGTH]
        if len(prefix) == PREFIX_LENGTH and not prefix.endswith(" "):
            if prefix not in lists:
                found = service.suggest(SuggestQuery(prefix), math.inf).suggestions
                lists[prefix] = Shown("", tuple((one.text, one.source.value, one.score) for one in found))
            shown[lists[prefix]] += count
    drawn_lists = list(shown.elements())
    of_texts, of_lists = traffic.of_texts(list(weights)), traffic.of_lists(drawn_lists)
    seen = {name: _weighed(values, list(weights.values())) for name, values in of_texts.items()}
    seen |= {name: _weighed(values, [1.0] * len(values)) for name, values in of_lists.items()}
    held_out = [text for text in weights if is_held_out(text)]
    if len(held_out) > _HELD_OUT_AT_MOST:
        held_out = generator.sample(held_out, _HELD_OUT_AT_MOST)
    likelihood = traffic.likelihood({text: weights[text] for text in held_out}, len(held_out))
    histograms = {
        FIRST_LETTERS: headed(seen[FIRST_LETTERS], total),
        CATEGORY: headed(seen[CATEGORY], total, TOP_CATEGORIES),
        WORDS: binned(seen[WORDS], WORDS_LABELS, total),
    }
    if shown:
        histograms |= {name: _of_lists(name, seen[name], len(drawn_lists)) for name in (SCORE, SOURCE, LINES, PRODUCTS)}
    return Reference(histograms, likelihood)


def _of_lists(name: str, seen: Mapping[str, float], size: float) -> Histogram:
    fixed = {SCORE: SCORE_LABELS, LINES: LINES_LABELS, PRODUCTS: PRODUCTS_LABELS}.get(name)
    return binned(seen, fixed, size) if fixed else headed(seen, size)


class DriftTraffic:
    """One version's view of traffic. Remembers texts; for one thread at a time."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._category: dict[str, str] = {}
        self._likelihoods: dict[str, float] = {}

    @cached_property
    def _model(self) -> QueryLikelihood | None:
        model = self._bundle.query_model
        return None if model is None else QueryLikelihood(model.decoder, self._bundle.vocabulary, self._predict)

    def compare(
        self, searches: Sequence[Search], lists: Sequence[Shown], choices: Sequence[Chosen]
    ) -> list[DriftMeasure]:
        """Today's traffic against the version's reference."""
        return compare(self._bundle.drift, self.window(searches, lists, choices))

    def window(self, searches: Sequence[Search], lists: Sequence[Shown], choices: Sequence[Chosen]) -> Window:
        """Live traffic, the newest of each kind, in the measures that the reference has."""
        whose = _numbers(search.shopper for search in searches)
        texts = self.of_texts([search.text for search in searches])
        observed = {name: Observed(values, whose) for name, values in texts.items()}
        whose = _numbers(one.session for one in lists)
        observed |= {name: Observed(values, whose) for name, values in self.of_lists(lists).items()}
        held_out = Counter(search.text for search in searches if is_held_out(search.text))
        return Window(observed, self.likelihood(held_out, _NEW_LIKELIHOODS), _choices(choices))

    def of_texts(self, texts: Sequence[str]) -> dict[str, list[str]]:
        """The values of completed queries, by measure."""
        return {
            FIRST_LETTERS: [first_letters(text) for text in texts],
            CATEGORY: [self._category_of(text) for text in texts],
            WORDS: [words_bin(text) for text in texts],
        }

    def of_lists(self, lists: Sequence[Shown]) -> dict[str, list[str]]:
        """The values of lists, most of them their first lines', by measure."""
        heads = [one.lines[0] if one.lines else None for one in lists]
        found = {head[0]: self._bundle.count_products(normalize(head[0])) for head in set(heads) if head}
        return {
            SCORE: [score_bin(head[2] if head else 0.0) for head in heads],
            SOURCE: [head[1] if head else _NO_LINES for head in heads],
            LINES: [lines_bin(len(one.lines)) for one in lists],
            PRODUCTS: [products_bin(found[head[0]] if head else 0) for head in heads],
        }

    def likelihood(self, texts: Mapping[str, float], new: int) -> Likelihood | None:
        """Of texts with how often each was completed; at most `new` are computed, the others are known or left out."""
        if self._model is None:
            return None
        for text in texts:
            if text not in self._likelihoods and new > 0:
                words = text.split()
                _keep(self._likelihoods, text, self._model.spelt_out(words) / (len(words) + 1))
                new -= 1
        known = [text for text in texts if text in self._likelihoods]
        if not known:
            return None
        return likelihood_of([self._likelihoods[text] for text in known], [texts[text] for text in known])

    def _category_of(self, text: str) -> str:
        if text not in self._category:
            likeliest = int(self._predict(text.split()).argmax())
            _keep(self._category, text, self._bundle.category_names[likeliest])
        return self._category[text]

    def _predict(self, words: Sequence[str]) -> FloatArray:
        return self._bundle.predictor.predict(words)


def _keep(kept: dict[str, Kept], text: str, value: Kept) -> None:
    """The oldest go first."""
    kept[text] = value
    if len(kept) > _TEXTS_KEPT:
        del kept[next(iter(kept))]


def _numbers(whose: Iterable[str]) -> npt.NDArray[np.int64]:
    """The same for the same, in every process; bits that look random."""
    return np.fromiter((zlib.crc32(one.encode()) for one in whose), np.int64)


def _weighed(values: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    total: dict[str, float] = {}
    for value, weight in zip(values, weights, strict=True):
        total[value] = total.get(value, 0.0) + weight
    return total


def _choices(chosen: Sequence[Chosen]) -> Choices:
    forecast: list[float] = []
    happened: list[int] = []
    for one in chosen:
        forecast += forecasts(one.scores)
        happened += [int(place == one.place) for place in range(len(one.scores))]
    return Choices(forecast, happened, len(chosen))
