"""Who shops: 14 personas and 5 behaviours, read from the tables beside this module.

A persona is what somebody wants and how they type; a behaviour is what they do with what they find, as a Markov chain
over the actions of a visit. Every shopper has one persona and, visit by visit, one of its behaviours.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.domain import Action
from data_generation.tables import TABLES

CHAIN = (Action.VIEW, Action.REVIEW_VIEW, Action.WISHLIST, Action.ADD_TO_CART, Action.PURCHASE)
"""What can follow a click, in the order of a behaviour's transition table."""


@dataclass(frozen=True, slots=True)
class Persona:
    """One kind of shopper. Shares are in [0, 1]; tables of weights need not sum to 1."""

    name: str
    share: float  # of all shoppers
    departments: dict[str, float]  # what is wanted, by department
    later: dict[str, float]  # what comes instead over the weeks of a window: the drift
    own: float  # share of the needs that come from `departments`; the others are those of anybody
    brands: tuple[str, ...]  # favourites; a shopper has further ones of their own
    brand_loyalty: float  # how much brands weigh in a choice, in units of its noise
    price: float  # the wanted place among the prices of a kind of product: 0 the cheapest, 1 the dearest
    price_sensitivity: float  # how much the distance from that place weighs
    vocabulary: tuple[str, ...]  # patterns with {query}, for what is sold in the persona's departments
    vocabulary_share: float  # of searches that use one
    wordiness: float  # log odds of each further word of a query, 0 is usual
    length: float  # log odds of each further character, 0 is usual
    patience: float  # log odds, added to the behaviour's: a visit goes on with another search
    typo_share: float  # of searches
    devices: Mapping[str, float]
    hours: tuple[float, ...]  # 24 weights, midnight first
    weekend: float  # weight of a Saturday or Sunday beside another day
    behaviors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Behavior:
    """A small stochastic process: how a visit goes on. Probabilities unless said otherwise."""

    name: str
    eta: float  # position bias: rank r is looked at with probability r^−eta
    click: float  # log odds of a click on what is looked at and suits neither well nor badly
    refine: float  # the search goes on with a narrower query
    another: float  # the visit goes on with another need
    suggestion: float  # a suggestion that fits and is looked at is taken
    chain: tuple[
        tuple[float, ...], ...
    ]  # (5, 5): from an action of CHAIN to the next one; what is missing to 1 ends it
    dwell_seconds: tuple[float, ...]  # (5,) medians on each action of CHAIN
    returns: float  # what was put aside is bought on a later day
    return_days: float  # median
    repeat: float  # what gets used up is bought again, where the usual shopper's probability is 1/2


def load_personas(folder: Path = TABLES) -> tuple[Persona, ...]:
    """The personas in the order of the table. Raises KeyError for a field that is missing."""
    rows = tomllib.loads((folder / "personas" / "personas.toml").read_text(encoding="utf-8"))["personas"]
    return tuple(_persona(row) for row in rows)


def load_behaviors(folder: Path = TABLES) -> tuple[Behavior, ...]:
    """The behaviours in the order of the table."""
    rows = tomllib.loads((folder / "personas" / "behaviors.toml").read_text(encoding="utf-8"))["behaviors"]
    return tuple(_behavior(row) for row in rows)


def _persona(row: Mapping[str, Any]) -> Persona:
    rest = {name: value for name, value in row.items() if name not in ("brands", "vocabulary", "peaks")}
    brands, vocabulary = tuple(row["brands"]), tuple(row["vocabulary"])
    return Persona(**rest, brands=brands, vocabulary=vocabulary, hours=_hours(row["peaks"]))


def _hours(peaks: list[tuple[float, float, float]]) -> tuple[float, ...]:
    """24 weights out of peaks `(hour, spread in hours, weight)`, round the clock, over a little of every hour."""
    weights = []
    for hour in range(24):
        near = [(min(abs(hour - at), 24 - abs(hour - at)) / spread, weight) for at, spread, weight in peaks]
        weights.append(0.05 + sum(weight * 2.0 ** -(distance**2) for distance, weight in near))
    return tuple(weights)


def _behavior(row: Mapping[str, Any]) -> Behavior:
    steps: Mapping[str, Mapping[str, float]] = row["chain"]
    dwell: Mapping[str, float] = row["dwell_seconds"]
    chain = tuple(tuple(float(steps.get(a, {}).get(b, 0.0)) for b in CHAIN) for a in CHAIN)
    rest = {name: value for name, value in row.items() if name not in ("chain", "dwell_seconds")}
    return Behavior(**rest, chain=chain, dwell_seconds=tuple(float(dwell[a]) for a in CHAIN))
