"""A shop of a few shelves, for stories: what a shopper does, and in which order a list comes to stand for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from core.domain import ACTION_WEIGHTS, Action, Engagement, EventFacts
from core.personalization.candidates import Items
from core.personalization.crowd import Crowd
from core.personalization.decayed import FloatArray
from core.personalization.keys import Space, key_of, keys_of
from core.personalization.product_taste import product_taste
from core.personalization.profile import folded
from core.personalization.query_taste import query_components
from core.personalization.score import Formula, Taste
from core.personalization.shopper import Shopper
from tests.core.personalization.events import START


@dataclass(frozen=True)
class Thing:
    """One product: what the shop knows of it."""

    name: str
    kind: str
    brand: str = "Plain"
    level: int = 2
    color: str = "grey"

    @property
    def facts(self) -> EventFacts:
        return EventFacts(self.kind.title(), self.kind, self.brand, self.level, (f"color={self.color}",))


THINGS = {
    thing.name: thing
    for thing in (
        Thing("road shoe", "running shoes", "Swift", 3, "red"),
        Thing("trail shoe", "running shoes", "Swift", 3, "green"),
        Thing("cheap shoe", "running shoes", "Plain", 0, "grey"),
        Thing("fine shoe", "running shoes", "Lux", 4, "black"),
        Thing("iron pot", "pots", "Forge", 3, "black"),
        Thing("steel pot", "pots", "Plain", 1, "grey"),
        Thing("red pot", "pots", "Plain", 2, "red"),
        Thing("soft nappies", "nappies", "Cloud", 2, "white"),
        Thing("eco nappies", "nappies", "Leaf", 3, "white"),
        Thing("novel", "books", "Press", 1, "white"),
        Thing("cookbook", "books", "Forge", 2, "white"),
        Thing("printer", "printers", "Ink Co", 3, "black"),
        Thing("ink", "ink", "Ink Co", 1, "black"),
        Thing("other ink", "ink", "Plain", 0, "black"),
        Thing("laser", "printers", "Lux", 4, "grey"),
    )
}


@dataclass
class Story:
    """One shopper's life; `after` says how long it has gone on, from START on."""

    crowd: Crowd = field(default_factory=Crowd)
    cohorts: tuple[int, ...] = ()
    events: list[Engagement] = field(default_factory=list)

    def does(self, action: Action, name: str, after: timedelta = timedelta(), **more: object) -> None:
        known = {"item_id": name, "facts": THINGS[name].facts, "session_id": "s", **more}
        self.events.append(
            Engagement(f"e{len(self.events):04d}", action, START + after, **known)  # type: ignore[arg-type]
        )

    def searches(self, query: str, after: timedelta = timedelta()) -> None:
        self.events.append(
            Engagement(f"e{len(self.events):04d}", Action.SEARCH, START + after, session_id="s", query=query)
        )

    def shopper(self, after: timedelta, formula: Formula | None = None) -> Shopper:
        now = (START + after).timestamp()
        past = [event for event in self.events if event.occurred_at <= START + after]
        return Shopper(folded(past), self.crowd, now, self.cohorts, formula or Formula())

    def taste(self, names: Sequence[str], after: timedelta, formula: Formula | None = None) -> Taste:
        shopper = self.shopper(after, formula)
        drawn = shopper.profile.products
        near = shopper.crowd.goes_with(drawn.key_array().tolist(), drawn.strengths(shopper.now).tolist())
        price = np.array([10.0 * (1 + THINGS[name].level) for name in names], np.float32)
        return product_taste(shopper, items_of(names), price, near, None)

    def order(self, names: Sequence[str], after: timedelta, formula: Formula | None = None) -> list[str]:
        """The names as the shopper's final scores order them; equal ones keep their order."""
        final = self.taste(names, after, formula).final
        return [names[at] for at in np.argsort(-final, kind="stable")]

    def order_of_queries(self, texts: Sequence[str], kinds: Sequence[str | None], after: timedelta) -> list[str]:
        """Suggestions, of which nothing is typed yet."""
        final = Formula().final(self.query_components(texts, kinds, after))
        return [texts[at] for at in np.argsort(-final, kind="stable")]

    def query_components(self, texts: Sequence[str], kinds: Sequence[str | None], after: timedelta) -> FloatArray:
        return query_components(self.shopper(after), texts, kinds, 0)


def items_of(names: Sequence[str]) -> Items:
    things = [THINGS[name] for name in names]
    return Items(
        product=keys_of(Space.PRODUCT, names),
        brand=keys_of(Space.BRAND, [thing.brand for thing in things]),
        category=keys_of(Space.CATEGORY, [thing.kind.title() for thing in things]),
        kind=keys_of(Space.KIND, [thing.kind for thing in things]),
        attributes=keys_of(Space.ATTRIBUTE, [f"color={thing.color}" for thing in things])[:, None],
        price_level=np.array([thing.level for thing in things], np.int8),
    )


def crowd_of(
    baskets: Iterable[Sequence[str]], at: datetime = START, cohorts: Sequence[int] = (), seed: int = 0
) -> Crowd:
    """Shoppers who each bought one of these baskets."""
    crowd = Crowd()
    for number, basket in enumerate(baskets):
        buys(crowd, seed + number, basket, at, cohorts)
    return crowd


def buys(crowd: Crowd, shopper: int, basket: Sequence[str], at: datetime = START, cohorts: Sequence[int] = ()) -> None:
    for name in basket:
        weight = ACTION_WEIGHTS[Action.PURCHASE]
        crowd.add(shopper, key_of(Space.PRODUCT, name), weight, at.timestamp(), bought=True, cohorts=cohorts)
