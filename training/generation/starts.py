"""Start tokens of offline generation: unigrams and bigrams of queries and of cleaned titles, each with its category."""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from core.language_model.corpus import Line
from core.text.titles import JOINERS
from core.text.units import ABBREVIATIONS
from core.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Start:
    """One or two words that a generated query begins with; `weight` is how often the category's lines hold them."""

    tokens: tuple[int, ...]
    weight: float


def starts_by_category(
    lines: Iterable[Line], vocabulary: Vocabulary, *, at_most: int, min_weight: float = 2.0
) -> dict[int, list[Start]]:
    """The `at_most` heaviest starts of all categories together, grouped by category, heaviest first.

    Rare words begin nothing, since the models know nothing about them; nor does a joiner or the abbreviation of a unit,
    and no start ends in a joiner. A number may: it begins one in seven queries of `home_depot`.
    """
    counts: Counter[tuple[int, tuple[int, ...]]] = Counter()
    for line in lines:
        tokens = line.tokens
        for token in tokens:
            counts[line.category, (token,)] += line.weight  # type: ignore[assignment]  # typed for whole numbers
        for pair in itertools.pairwise(tokens):
            counts[line.category, pair] += line.weight  # type: ignore[assignment]
    begins = [*map(may_begin, vocabulary.words), False]  # the last one is the rare token
    ranked = sorted(
        (
            (category, Start(tokens, weight))
            for (category, tokens), weight in counts.items()
            if weight >= min_weight and begins[tokens[0]] and _may_end(tokens[-1], vocabulary)
        ),
        key=lambda item: (-item[1].weight, item[0], item[1].tokens),
    )
    grouped: dict[int, list[Start]] = {}
    for category, start in ranked[:at_most]:
        grouped.setdefault(category, []).append(start)
    return dict(sorted(grouped.items()))


def may_begin(word: str) -> bool:
    """Whether a query may begin with `word`: no joiner and no abbreviated unit."""
    return word not in JOINERS and word not in ABBREVIATIONS


def _may_end(token: int, vocabulary: Vocabulary) -> bool:
    return token != vocabulary.rare_id and vocabulary.words[token] not in JOINERS
