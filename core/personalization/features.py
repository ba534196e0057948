"""What is known of R products of one list for one shopper: one function, for training and for serving.

All are shares, logarithms or ranks within the list, so that a model that was taught in one shop is sound in another.
A strength of `UNIT` is about what a click leaves: below it little is known.

Within the list: what a shopper bought of the *same* kind says most, and a list is mostly of one kind.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from core.domain import ACTION_WEIGHTS, Action
from core.personalization.candidates import Items
from core.personalization.crowd import Seen
from core.personalization.decayed import DAYS, HALF_LIVES, SEASON, VISIT, DecayedTable
from core.personalization.keys import NO_KEY, KeyArray
from core.personalization.profile import Profile, day_part, habit_keys
from core.personalization.tail import KEY_BITS

FloatArray = npt.NDArray[np.float32]

UNIT = 3.0
_UNITS = np.array([UNIT / 3, UNIT, UNIT], np.float32)  # a visit is short
_DAY = 86_400.0
_LONG_AGO = 999.0  # days
_SEASON_DAYS = HALF_LIVES[SEASON] / _DAY
_PURCHASE = ACTION_WEIGHTS[Action.PURCHASE]
RARE = 0.02  # of the even share: below it popularity says no less
_COHORT_PRIOR = 8.0  # strengths of everybody's popularity that a cohort starts with, in clicks

FEATURES = (
    "own_season", "own_days", "own_visit", "against", "purchases", "purchase_share", "own_rank", "age", "age_relative",
    "latest", "due", "gap",
    "list_size", "list_strength", "list_purchases", "list_variety", "list_known", "list_top", "list_age",
    "list_taken_up", "brand_in_list", "attributes_in_list", "brand", "category", "kind", "visit_kind", "attributes",
    "price_level", "price_level_distance", "price", "price_distance",
    "popularity", "popularity_days", "first", "first_days", "popularity_place", "popularity_rank", "trend",
    "cohort", "cohort_known", "goes_with", "goes_with_rank", "habit",
)  # fmt: skip
LAYOUT = float(crc32(" ".join(FEATURES).encode()) % 1_000_000)  # stands before logged values: which features they are
PLACE: Mapping[str, int] = {name: at for at, name in enumerate(FEATURES)}


class Own(NamedTuple):
    """A shopper's own dealings with R products; zeros where there were none."""

    strengths: FloatArray  # (R, 3)
    known: npt.NDArray[np.bool_]
    purchases: FloatArray
    age: FloatArray  # days since the last event
    since_bought: FloatArray  # days
    gap: FloatArray  # days between purchases; 0 where not known


def product_features(profile: Profile, items: Items, price: FloatArray, seen: Seen, now: float) -> FloatArray:
    """`(R, F)` for `items` with prices `(R,)` (NaN: not known), as of Unix time `now`. R ≥ 1."""
    size = len(items)
    table = np.zeros((len(FEATURES), size), np.float32)

    def put(name: str, values: npt.NDArray[Any] | float) -> None:
        table[PLACE[name]] = values

    own = own_dealings(profile, items.product, now)
    drawn = np.maximum(own.strengths, 0)
    season = drawn[:, SEASON]
    total, purchases = float(season.sum()), float(own.purchases.sum())
    put("own_season", season / (total + UNIT))
    put("own_days", drawn[:, DAYS] / (float(drawn[:, DAYS].sum()) + UNIT / 3))
    put("own_visit", drawn[:, VISIT] / (float(drawn[:, VISIT].sum()) + UNIT / 3))
    put("against", np.minimum(own.strengths[:, SEASON], 0))
    put("purchases", np.log1p(own.purchases))
    put("purchase_share", own.purchases / (purchases + 1))
    put("own_rank", np.where(season > 0, 1 / (1 + rank_of(season)), 0))
    nearest = float(own.age.min())
    put("age", np.log1p(own.age))
    put("age_relative", np.log((own.age + 3) / (nearest + 3)))
    put("latest", own.known & (own.age == nearest))
    repeated = own.gap > 0
    put("due", np.where(repeated, np.log((own.since_bought + 1) / (own.gap + 1)), -9))
    put("gap", np.where(repeated, np.log1p(own.gap), 9))

    kinds = int(own.known.sum())
    put("list_size", np.log(size))
    put("list_strength", np.log1p(total / UNIT))
    put("list_purchases", np.log1p(purchases))
    put("list_variety", kinds / (purchases + 1))
    put("list_known", kinds / size)
    put("list_top", float(season.max()) / (total + UNIT))
    put("list_age", np.log1p(nearest))
    put("list_taken_up", np.log1p(float(np.maximum(seen.first[:, 1], 0).sum())))

    put("brand_in_list", (_of_same(items.brand, season) - season) / (total - season + UNIT))
    put("attributes_in_list", _of_same_attributes(items.attributes, season) / (total - season + UNIT))
    put("brand", _affinity(profile.brands, items.brand, now)[:, SEASON])
    put("category", _affinity(profile.categories, items.category, now)[:, SEASON])
    kind = _affinity(profile.kinds, items.kind, now)
    put("kind", kind[:, SEASON])
    put("visit_kind", kind[:, VISIT])
    if items.attributes.shape[1]:
        each = _affinity(profile.attributes, items.attributes.ravel(), now)[:, SEASON]
        put("attributes", each.reshape(items.attributes.shape).mean(1))
    levels = (items.price_level + 1).astype(np.uint32)  # 0: not known, which is no key
    put("price_level", _affinity(profile.price_levels, levels, now)[:, SEASON])
    usual = _usual_level(profile.price_levels, now)
    put("price_level_distance", np.where(levels > 0, np.abs(items.price_level - usual), 0) if usual is not None else 0)
    relative = _relative_price(price)
    put("price", relative)
    put("price_distance", np.abs(relative - float(season @ relative) / (total + UNIT)))

    known = np.stack([*seen.popularity.T, *seen.first.T, seen.goes_with])
    shares = np.maximum(known, 0) / (np.maximum(known, 0).sum(1, keepdims=True) + 1e-9)
    days, of_season, first_days, first, goes_with = np.log(shares * size + RARE)
    put("popularity", of_season)
    put("popularity_days", days)
    put("first", first)
    put("first_days", first_days)
    put("goes_with", goes_with)
    place = rank_of(seen.popularity[:, 1])
    put("popularity_place", place / size)
    put("popularity_rank", 1 / (1 + place))
    put("trend", np.log((shares[0] + 0.002) / (shares[1] + 0.002)))
    cohort = np.maximum(seen.cohort, 0)
    prior = _COHORT_PRIOR * UNIT
    put("cohort", np.log((cohort + prior * shares[1]) / (float(cohort.sum()) + prior) * size + RARE))
    put("cohort_known", np.log1p(cohort / UNIT))
    put("goes_with_rank", rank_of(seen.goes_with) / size)
    put("habit", _habit(profile, items.kind, now))
    return np.ascontiguousarray(table.T)


def own_dealings(profile: Profile, products: KeyArray, now: float) -> Own:
    """What the shopper did with `products` `(R,)`.

    Of what is in the profile's tail only the strength is known: it is taken for one purchase that has faded so far.
    """
    size, head, tail = len(products), profile.products, profile.products.tail
    strengths, known = np.zeros((size, 3), np.float32), np.zeros(size, np.bool_)
    purchases, gap = np.zeros((2, size), np.float32)
    age = np.full(size, np.float32(_LONG_AGO))
    if len(tail):
        place, known = _places(tail.key_array(), products & np.uint32((1 << KEY_BITS) - 1))
        faded = tail.strengths(now)[place[known]]
        strengths[known, SEASON], purchases[known] = faded, 1
        age[known] = np.clip(_SEASON_DAYS * np.log2(_PURCHASE / np.maximum(faded, 1e-6)), 0, _LONG_AGO)
    if len(head.keys):
        place, first = _places(head.key_array(), products)
        place, known = place[first], known | first
        strengths[first, SEASON], purchases[first] = head.strengths(now)[place], head.purchases()[place]
        age[first] = np.minimum(head.ages(now)[place] / _DAY, _LONG_AGO)
        gap[first] = head.gaps()[place] / _DAY
    if len(profile.latest):
        place, late = _places(profile.latest.key_array(), products)
        strengths[late, :SEASON] = profile.latest.strengths(now)[place[late], :SEASON]
    return Own(strengths, known, purchases, age, np.where(purchases > 0, age, np.float32(_LONG_AGO)), gap)


def rank_of(values: FloatArray) -> FloatArray:
    """0 for the largest; ties keep their order."""
    ranks = np.empty(len(values), np.float32)
    ranks[np.argsort(-values, kind="stable")] = np.arange(len(values), dtype=np.float32)
    return ranks


def _places(keys: KeyArray, wanted: KeyArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Where each of `wanted` stands in `keys` (N ≥ 1), and whether it is there."""
    order = np.argsort(keys)
    found = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    return found, keys[found] == wanted


def _affinity(table: DecayedTable, wanted: KeyArray, now: float) -> FloatArray:
    """`(R, 3)` in [0, 1): how strongly the shopper is drawn to each beside the strongest; 0 for what has no name."""
    if not len(table):
        return np.zeros((len(wanted), 3), np.float32)
    strengths = np.maximum(table.strengths(now), 0)
    matches = (wanted[:, None] == table.key_array()).astype(np.float32)  # tables are small: faster than looking up
    return np.asarray(matches @ (strengths / (strengths.max(0) + _UNITS)), np.float32)


def _of_same(keys: KeyArray, values: FloatArray) -> FloatArray:
    """The sum of `values` over the products of the list with the same key; 0 for those without one."""
    _, group = np.unique(keys, return_inverse=True)
    sums = np.bincount(group, values)[group]
    return np.where(keys == NO_KEY, values, sums).astype(np.float32)


def _of_same_attributes(keys: KeyArray, values: FloatArray) -> FloatArray:
    """`_of_same` less a product's own, the mean over its attributes `(R, A)`."""
    if not keys.shape[1]:
        return np.zeros(len(values), np.float32)
    each = np.repeat(values, keys.shape[1])
    others = (_of_same(keys.ravel(), each) - each).reshape(keys.shape)
    return np.asarray(others.mean(1), np.float32)


def _usual_level(table: DecayedTable, now: float) -> float | None:
    """The mean price level of what the shopper is drawn to; None where nothing is known."""
    strengths = np.maximum(table.strengths(now)[:, SEASON], 0)
    total = float(strengths.sum())
    if total < UNIT:
        return None
    return float(strengths @ (table.key_array().astype(np.float32) - 1)) / total


def _relative_price(price: FloatArray) -> FloatArray:
    """Log of each price over the list's median; 0 where it is not known."""
    sold = price > 0
    known = np.sort(price[sold])
    if not len(known):
        return np.zeros(len(price), np.float32)
    relative = np.zeros(len(price), np.float32)
    relative[sold] = np.log(price[sold] / known[len(known) // 2])
    return np.clip(relative, -2, 2)


def _habit(profile: Profile, kinds: KeyArray, now: float) -> FloatArray:
    """How much more of what is done with a kind falls on this part of the day than if all were alike; a logarithm.

    0 for a kind that the profile does not hold.
    """
    table = profile.habits
    if not len(table) or not len(profile.kinds):
        return np.zeros(len(kinds), np.float32)
    known = profile.kinds.key_array()
    strengths = np.maximum(table.strengths(now)[:, SEASON], 0)
    matches = habit_keys(known)[:, :, None] == table.key_array()  # (N, DAY_PARTS, habits)
    parts = matches @ strengths
    values = np.log((parts[:, day_part(now)] + UNIT) / (parts.mean(1) + UNIT))
    return np.asarray((kinds[:, None] == known).astype(np.float32) @ values, np.float32)
