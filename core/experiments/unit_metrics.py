"""The metrics that experiments are judged by: one value for each unit, from what it did after its first exposure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a unit's value is: 0 or 1, any number, or one of two sums whose ratio counts."""

    PROPORTION = "proportion"
    MEAN = "mean"
    RATIO = "ratio"


class Better(StrEnum):
    """Which way a metric should move."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class UnitMetric:
    """`numerator` and `denominator` name counts of a unit (`Counted`); a proportion asks whether there is any."""

    kind: Kind
    numerator: str
    definition: str
    denominator: str | None = None
    better: Better = Better.HIGHER


@dataclass(frozen=True, slots=True)
class Counted:
    """What one unit did after its first exposure."""

    clicks: float = 0.0
    carts: float = 0.0
    purchases: float = 0.0
    revenue: float = 0.0
    engagement: float = 0.0
    choices: float = 0.0  # of suggestions
    reciprocal_ranks: float = 0.0  # summed over those whose rank is known
    ranked_choices: float = 0.0
    keystrokes: float = 0.0  # lists of suggestions for a prefix
    searches: float = 0.0  # those that found nothing included
    followed_searches: float = 0.0  # those that a click can be tied to, or that showed nothing to click
    clicked_searches: float = 0.0
    empty_searches: float = 0.0


METRICS: Mapping[str, UnitMetric] = {
    "click_rate": UnitMetric(Kind.PROPORTION, "clicks", "units that clicked a product"),
    "cart_rate": UnitMetric(Kind.PROPORTION, "carts", "units that put a product into the cart"),
    "conversion": UnitMetric(Kind.PROPORTION, "purchases", "units that bought"),
    "search_ctr": UnitMetric(
        Kind.RATIO,
        "clicked_searches",
        "searches with a click on a product of their list, of those that can be followed and those that showed nothing",
        "followed_searches",
    ),
    "zero_result_rate": UnitMetric(
        Kind.RATIO, "empty_searches", "searches that showed nothing, of all searches", "searches", Better.LOWER
    ),
    "suggestion_ctr": UnitMetric(
        Kind.RATIO,
        "choices",
        "suggestions chosen, of all lists shown for a prefix: one for each keystroke",
        "keystrokes",
    ),
    "suggestion_mrr": UnitMetric(
        Kind.RATIO, "reciprocal_ranks", "mean of 1 / rank of the suggestions that were chosen", "ranked_choices"
    ),
    "keystrokes_per_search": UnitMetric(
        Kind.RATIO, "keystrokes", "lists shown for a prefix, for each search", "searches", Better.LOWER
    ),
    "clicks": UnitMetric(Kind.MEAN, "clicks", "clicks on products of a unit"),
    "purchases": UnitMetric(Kind.MEAN, "purchases", "purchase events of a unit"),
    "revenue": UnitMetric(
        Kind.MEAN, "revenue", "price times quantity of what a unit bought, the highest percent cut off (winsorised)"
    ),
    "engagement": UnitMetric(Kind.MEAN, "engagement", "summed weights of a unit's events, those of POST /engagement"),
}
