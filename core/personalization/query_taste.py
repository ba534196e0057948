"""How well suggestions suit a shopper: the four components for texts instead of products.

A text speaks by its words (as terms, and as brands), and by its pseudo-category:

- personal: how strongly the shopper is drawn to them in the long run;
- contextual: the same in this visit, or before it has said anything, in these days;
- collaborative: how much shoppers of the same cohorts are drawn to its pseudo-category, beside the others listed;
- temporal: how much of what the shopper does with its pseudo-category falls on this part of the day.

A strength s becomes 1 − 2^(−s / S), where S is what a few clicks leave: more of the same adds less and less.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from core.personalization.decayed import DAYS, SEASON, VISIT, DecayedTable, FloatArray
from core.personalization.keys import NO_KEY, Space, key_of
from core.personalization.profile import day_part, habit_key
from core.personalization.shopper import Shopper
from core.text.terms import asked_terms

_HALF = {VISIT: 2.0, DAYS: 4.0, SEASON: 6.0}  # strengths that count a half
_SAID = 0.5  # what is left of a search after half an hour: the least that a visit must have said
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
    speed = VISIT if _strongest(profile.terms, now) >= _SAID or _strongest(profile.kinds, now) >= _SAID else DAYS
    terms, brands, by_kind, habits = (
        _by_key(table, now, speed) for table in (profile.terms, profile.brands, profile.kinds, profile.habits)
    )
    part = day_part(now)
    keys = [_kind_key(kind) if kind else NO_KEY for kind in kinds]
    visit_half, season_half = _HALF[speed], _HALF[SEASON]
    of_kind = {kind: _of_kind(kind, by_kind, habits, part, visit_half) for kind in set(keys)}
    rows = []
    for text, kind in zip(texts, keys, strict=True):
        visit, season = _said_by(text, typed_words, terms, brands)
        kind_visit, kind_season, habit = of_kind[kind]
        personal = _TERMS_SHARE * _grown(season, season_half) + (1 - _TERMS_SHARE) * kind_season
        contextual = _TERMS_SHARE * _grown(visit, visit_half) + (1 - _TERMS_SHARE) * kind_visit
        rows.append((personal, contextual, 0.0, habit))
    table = np.array(rows, np.float32).reshape(-1, 4)
    if shopper.cohorts:
        liked = np.maximum(shopper.crowd.kinds_of(shopper.cohorts, keys, now), 0)
        table[:, 2] = liked / max(float(liked.max(initial=0)), 1e-9)
    return table


def _of_kind(
    kind: int, by_kind: _Strengths, habits: _Strengths, part: int, visit_half: float
) -> tuple[float, float, float]:
    """How far its strengths go, in this visit and in the season, and what share of it falls on this part of the day."""
    visit, season = by_kind.get(kind, _NOTHING)
    habit = max(0.0, habits.get(habit_key(kind, part), _NOTHING)[1]) / season if season > 0 else 0.0
    return _grown(visit, visit_half), _grown(season, _HALF[SEASON]), min(habit, 1.0)


def _strongest(table: DecayedTable, now: float) -> float:
    """What the visit has said most of; what was only shown in it says nothing."""
    return float(table.strengths(now)[:, VISIT].max(initial=0.0))


def _by_key(table: DecayedTable, now: float, speed: int) -> _Strengths:
    """At `speed`, in this visit or in these days, and in the season."""
    strengths = table.strengths(now)[:, [speed, SEASON]].tolist()
    return {key: (visit, season) for key, (visit, season) in zip(table.keys, strengths, strict=True)}


def _said_by(text: str, typed_words: int, terms: _Strengths, brands: _Strengths) -> tuple[float, float]:
    """The mean strength of the words beyond the typed ones, in this visit and in the season; at least a brand's."""
    keys, brand_keys = _keys(text, typed_words)
    visit = season = 0.0
    for key in keys:
        if key in terms:
            found = terms[key]
            visit += found[0]
            season += found[1]
    if visit or season:
        visit, season = visit / len(keys), season / len(keys)
    for key in brand_keys:
        if key in brands:
            visit, season = max(visit, brands[key][0]), max(season, brands[key][1])
    return visit, season


@lru_cache(maxsize=10_000)
def _kind_key(kind: str) -> int:
    return key_of(Space.KIND, kind)


@lru_cache(maxsize=100_000)
def _keys(text: str, typed_words: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Keys of the terms beyond the typed words, and of what may be a brand: each word, and each two in a row."""
    words = text.split()[typed_words:]
    named = [*words, *(f"{first} {second}" for first, second in pairwise(words))]
    terms = asked_terms(" ".join(words))
    return tuple(key_of(Space.TERM, term) for term in terms), tuple(key_of(Space.BRAND, name) for name in named)


def _grown(strength: float, half: float) -> float:
    return float(1 - 2 ** (-strength / half)) if strength > 0 else 0.0
