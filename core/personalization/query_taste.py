"""How well suggestions suit a shopper: the four components for texts instead of products.

A text speaks by its words (as terms, and as brands), and by its pseudo-category:

- personal: how strongly the shopper is drawn to them in the long run;
- contextual: the same in this visit;
- collaborative: how much shoppers of the same cohorts are drawn to its pseudo-category, beside the others listed;
- temporal: how much of what the shopper does with its pseudo-category falls on this part of the day.

A strength s becomes 1 − 2^(−s / S), where S is what a few clicks leave: more of the same adds less and less.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from core.personalization.decayed import SEASON, VISIT, DecayedTable, FloatArray
from core.personalization.keys import NO_KEY, Space, key_of
from core.personalization.profile import day_part, habit_key
from core.personalization.shopper import Shopper
from core.text.terms import asked_terms

_HALF = (2.0, 6.0)  # strengths that count a half: in a visit, in a season
_TERMS_SHARE = 0.6  # of a text's say that its words have; the rest is its pseudo-category's
_Strengths = Mapping[int, tuple[float, float]]
_NOTHING = (0.0, 0.0)


def query_components(
    shopper: Shopper, texts: Sequence[str], kinds: Sequence[str | None], typed_words: int
) -> FloatArray:
    """`(N, 4)` in [0, 1] for normalised `texts` with the names of their pseudo-categories.

    The first `typed_words` words of a text are typed by everybody in this list, and say nothing.
    """
    profile, now = shopper.profile, shopper.now
    terms, brands = _by_key(profile.terms, now), _by_key(profile.brands, now)
    by_kind = _by_key(profile.kinds, now)
    keys = [key_of(Space.KIND, kind) if kind else NO_KEY for kind in kinds]
    cohort = shopper.crowd.seen(np.array(keys, np.uint32), now, shopper.cohorts).cohort
    rows = np.zeros((len(texts), 4), np.float32)
    habits = _by_key(profile.habits, now)
    part = day_part(now)
    for at, (text, kind) in enumerate(zip(texts, keys, strict=True)):
        said = _said_by(text, typed_words, terms, brands)
        drawn = by_kind.get(kind, _NOTHING)
        for column, (words, whole, half) in enumerate(zip(said[::-1], drawn[::-1], _HALF[::-1], strict=True)):
            rows[at, column] = _TERMS_SHARE * _grown(words, half) + (1 - _TERMS_SHARE) * _grown(whole, half)
        if drawn[1] > 0:
            rows[at, 3] = min(1.0, max(0.0, habits.get(habit_key(kind, part), _NOTHING)[1]) / drawn[1])
    most = float(cohort.max(initial=0))
    if most > 0:
        rows[:, 2] = np.maximum(cohort, 0) / most
    return rows


def _by_key(table: DecayedTable, now: float) -> _Strengths:
    """In this visit, and in the season."""
    strengths = table.strengths(now)[:, [VISIT, SEASON]].tolist()
    return {key: (visit, season) for key, (visit, season) in zip(table.keys, strengths, strict=True)}


def _said_by(text: str, typed_words: int, terms: _Strengths, brands: _Strengths) -> tuple[float, float]:
    """The mean strength of the words beyond the typed ones, in this visit and in the season; at least a brand's."""
    keys, brand_keys = _keys(text, typed_words)
    found = [terms.get(key, _NOTHING) for key in keys]
    visit, season = (sum(one[at] for one in found) / max(1, len(found)) for at in (0, 1))
    for key in brand_keys:
        if key in brands:
            visit, season = max(visit, brands[key][0]), max(season, brands[key][1])
    return visit, season


@lru_cache(maxsize=100_000)
def _keys(text: str, typed_words: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Keys of the terms beyond the typed words, and of what may be a brand: each word, and each two in a row."""
    words = text.split()[typed_words:]
    named = [*words, *(f"{first} {second}" for first, second in pairwise(words))]
    terms = asked_terms(" ".join(words))
    return tuple(key_of(Space.TERM, term) for term in terms), tuple(key_of(Space.BRAND, name) for name in named)


def _grown(strength: float, half: float) -> float:
    return float(1 - 2 ** (-strength / half)) if strength > 0 else 0.0
