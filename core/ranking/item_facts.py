"""Products by what profiles know: the keys of their names, and the fifth of their category that a price lies in.

One place says it for both sides: the facts that are stored with an event, and the candidates that are ranked by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from core.domain import EventFacts
from core.personalization.candidates import Items
from core.personalization.keys import NO_KEY, KeyArray, Space, key_of, keys_of
from core.retrieval.columns import Coded, IntArray, ProductColumns
from core.retrieval.products import ProductIndex

FloatArray = npt.NDArray[np.float32]

PRICE_LEVELS = 5
UNKNOWN_LEVEL = -1
_FEWEST_PRICES = 10  # of a category, for levels of its own
_ATTRIBUTES = 6  # the fullest of those that tell products apart
_ATTRIBUTE_SHARE = 0.05  # of the products that must have it
_ATTRIBUTE_VALUES = 500  # more are names or numbers, not tastes
_LONGEST_VALUE = 40  # characters, on average


@dataclass(frozen=True)
class ItemFacts:
    """Built once for a published index; rows may be of one with live changes behind it.

    `product` `(P,)`; `brands`, `categories` and `kinds` have the keys of their values; `thresholds` `(K + 1, 4)` are
    the prices between the levels of each category, the last row of all of them.
    """

    product: KeyArray
    brands: KeyArray
    categories: KeyArray
    kinds: KeyArray
    kind_names: tuple[str, ...]
    attributes: tuple[tuple[str, KeyArray], ...]
    thresholds: FloatArray

    @classmethod
    def of(cls, index: ProductIndex, kind_names: Sequence[str]) -> "ItemFacts":
        """`kind_names`: of the pseudo-categories that `index.categories` numbers."""
        columns = index.columns
        return cls(
            product=keys_of(Space.PRODUCT, index.ids),
            brands=_value_keys(Space.BRAND, columns.brand),
            categories=_value_keys(Space.CATEGORY, columns.category),
            kinds=np.append(keys_of(Space.KIND, kind_names), np.uint32(NO_KEY)),
            kind_names=tuple(kind_names),
            attributes=tuple((name, _attribute_keys(name, columns.attributes[name])) for name in _telling(columns)),
            thresholds=_thresholds(columns),
        )

    def items(self, index: ProductIndex, rows: IntArray) -> Items:
        """The products of `rows` `(R,)` of `index`."""
        columns, published = index.columns, len(self.product)
        product = np.zeros(len(rows), np.uint32)
        old = rows < published
        product[old] = self.product[rows[old]]
        if not old.all():
            product[~old] = keys_of(Space.PRODUCT, [index.ids[row] for row in rows[~old].tolist()])
        attributes = [
            _coded(columns.attributes[name], keys, rows, Space.ATTRIBUTE, name) for name, keys in self.attributes
        ]
        return Items(
            product=product,
            brand=_coded(columns.brand, self.brands, rows, Space.BRAND),
            category=_coded(columns.category, self.categories, rows, Space.CATEGORY),
            kind=self.kinds[index.categories[rows]],
            attributes=np.stack(attributes, 1) if attributes else np.zeros((len(rows), 0), np.uint32),
            price_level=self.price_levels(columns, rows),
        )

    def rows_of(self, index: ProductIndex, keys: Sequence[int]) -> list[int | None]:
        """The row of each product key; None for one that `index` does not hold (any more)."""
        if not len(self.product):
            return [None] * len(keys)
        wanted = np.array(keys, np.uint32)
        at = np.minimum(np.searchsorted(self.product, wanted, sorter=self._order), len(self.product) - 1)
        live = {key_of(Space.PRODUCT, one): one for one in index.overlay.live}
        rows: list[int | None] = []
        for key, place in zip(keys, self._order[at].tolist(), strict=True):
            if key in live:
                rows.append(index.row_of(live[key]))
            else:
                rows.append(index.row_of(index.ids[place]) if int(self.product[place]) == key else None)
        return rows

    @cached_property
    def _order(self) -> npt.NDArray[np.intp]:
        return np.argsort(self.product)

    def price_levels(self, columns: ProductColumns, rows: IntArray) -> npt.NDArray[np.int8]:
        """`(R,)` from 0, the cheapest fifth of the category, to 4; −1 where the price is not known."""
        price, category = columns.price[rows], columns.category.codes[rows]
        known = np.where((category >= 0) & (category < len(self.thresholds) - 1), category, -1)
        level = (price[:, None] > self.thresholds[known]).sum(1)
        return np.where(np.isnan(price), UNKNOWN_LEVEL, level).astype(np.int8)

    def _price_level(self, columns: ProductColumns, row: int) -> int:
        """As `price_levels`, of one row: each event of a product asks for one."""
        price, category = columns.price[row], int(columns.category.codes[row])
        if np.isnan(price):
            return UNKNOWN_LEVEL
        known = category if 0 <= category < len(self.thresholds) - 1 else -1
        return int(np.count_nonzero(price > self.thresholds[known]))

    def facts(self, index: ProductIndex, product_id: str, skipped: Sequence[str] = ()) -> EventFacts:
        """What is known of a product now; nothing but `skipped` of one that the catalogue does not hold."""
        row = index.row_of(product_id)
        if row is None:
            return EventFacts(skipped=tuple(skipped))
        columns, kind = index.columns, int(index.categories[row])
        level = self._price_level(columns, row)
        values = ((name, _value(columns.attributes[name], row)) for name, _ in self.attributes)
        return EventFacts(
            category=_value(columns.category, row),
            kind=self.kind_names[kind] if kind >= 0 else None,
            brand=_value(columns.brand, row),
            price_level=None if level == UNKNOWN_LEVEL else level,
            attributes=tuple(f"{name}={value}" for name, value in values if value),
            skipped=tuple(skipped),
        )


def _value(coded: Coded, row: int) -> str | None:
    code = int(coded.codes[row])
    return coded.values[code] if code >= 0 else None


def _value_keys(space: Space, coded: Coded) -> KeyArray:
    """Keys by code; the last one stands for −1."""
    return np.append(keys_of(space, coded.values), np.uint32(NO_KEY))


def _attribute_keys(name: str, coded: Coded) -> KeyArray:
    return np.append(keys_of(Space.ATTRIBUTE, [f"{name}={value}" for value in coded.values]), np.uint32(NO_KEY))


def _coded(coded: Coded, keys: KeyArray, rows: IntArray, space: Space, name: str | None = None) -> KeyArray:
    """`(R,)`. Values that came after the index was published have codes behind `keys`."""
    codes = coded.codes[rows]
    late = codes >= len(keys) - 1
    found = keys[np.where(late, -1, codes)]
    for at in np.flatnonzero(late).tolist():
        value = coded.values[codes[at]]
        found[at] = key_of(space, value if name is None else f"{name}={value}")
    return found


def _telling(columns: ProductColumns) -> list[str]:
    """The attributes that say something of a taste, the fullest first."""
    shares = {}
    for name, coded in columns.attributes.items():
        lengths = sum(map(len, coded.values)) / max(1, len(coded.values))
        if 1 < len(coded.values) <= _ATTRIBUTE_VALUES and lengths <= _LONGEST_VALUE:
            shares[name] = float((coded.codes >= 0).mean())
    return sorted((one for one in shares if shares[one] >= _ATTRIBUTE_SHARE), key=lambda one: (-shares[one], one))[
        :_ATTRIBUTES
    ]


def _thresholds(columns: ProductColumns) -> FloatArray:
    fifths = np.arange(1, PRICE_LEVELS) / PRICE_LEVELS
    known = ~np.isnan(columns.price)
    prices, codes = columns.price[known], columns.category.codes[known]
    overall = np.quantile(prices, fifths) if len(prices) else np.zeros(PRICE_LEVELS - 1)
    table = np.tile(overall, (len(columns.category.values) + 1, 1)).astype(np.float32)
    order = np.argsort(codes, kind="stable")
    codes, prices = codes[order], prices[order]
    for code in range(len(columns.category.values)):
        own = prices[np.searchsorted(codes, code) : np.searchsorted(codes, code, "right")]
        if len(own) >= _FEWEST_PRICES:
            table[code] = np.quantile(own, fifths)
    return table
