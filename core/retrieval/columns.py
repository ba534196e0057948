"""What search filters, sorts and counts by: one array per field, beside the rows of the index."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from core.domain import FacetRange, Facets, FacetValue, Product, SearchFilters

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

_FACET_VALUES = 20
_ATTRIBUTES = 12  # facets of attributes, at most
_ATTRIBUTE_SHARE = 0.2  # of the matched products that must have an attribute for it to be a facet
_RATING_STEPS = (4.0, 3.0, 2.0, 1.0)
_PRICE_RANGES = 5
UNKNOWN_STOCK = -1
MARGIN_ATTRIBUTE = "margin"  # what the shop earns: it ranks, and is nobody else's business
ATTRIBUTE = "attributes."  # before the name of an attribute, where fields are named


@dataclass(frozen=True)
class Coded:
    """A text field as codes `(P,)` into `values`; −1 where a product has none."""

    codes: IntArray
    values: tuple[str, ...]

    def codes_of(self, value: str) -> Sequence[int]:
        """The codes of `value` however its letters are cased; none for a value that no product has."""
        return self._by_folded.get(value.casefold(), ())

    @cached_property
    def _by_folded(self) -> Mapping[str, Sequence[int]]:
        codes: dict[str, list[int]] = {}
        for code, value in enumerate(self.values):
            codes.setdefault(value.casefold(), []).append(code)
        return codes

    def followed_by(self, values: Sequence[str | None]) -> "Coded":
        """The same with rows of `values` behind; values that are new get the next codes."""
        known = {value: code for code, value in enumerate(self.values)}
        codes = [known.setdefault(value, len(known)) if value else -1 for value in values]
        return Coded(np.concatenate([self.codes, np.array(codes, np.int32)]), tuple(known))


@dataclass(frozen=True, slots=True)
class ProductColumns:
    """P rows. Unknown: NaN price or rating, −1 `in_stock` (else 1 or 0), 0 `created_at` (else epoch seconds).

    `rating_count` is 0 where it is not known.
    """

    price: FloatArray
    rating: FloatArray
    rating_count: FloatArray
    in_stock: npt.NDArray[np.int8]
    created_at: npt.NDArray[np.int64]
    category: Coded
    brand: Coded
    attributes: Mapping[str, Coded]

    def __len__(self) -> int:
        return len(self.price)

    def masks(self, filters: SearchFilters) -> dict[str, BoolArray]:
        """One mask `(P,)` for each field that is filtered. An unknown value never passes a filter."""
        masks: dict[str, BoolArray] = {}
        if filters.category:
            masks["category"] = _any_of(self.category, filters.category)
        if filters.brand:
            masks["brand"] = _any_of(self.brand, filters.brand)
        if filters.price_min is not None or filters.price_max is not None:
            low = -np.inf if filters.price_min is None else filters.price_min
            high = np.inf if filters.price_max is None else filters.price_max
            masks["price"] = (self.price >= low) & (self.price <= high)
        if filters.rating_min is not None:
            masks["rating"] = self.rating >= filters.rating_min
        if filters.in_stock is not None:
            masks["in_stock"] = self.in_stock == int(filters.in_stock)
        for name, values in filters.attributes.items():
            coded = None if name == MARGIN_ATTRIBUTE else self.attributes.get(name)
            masks[ATTRIBUTE + name] = _any_of(coded, values) if coded else np.zeros(len(self), np.bool_)
        return masks

    def field(self, name: str) -> Coded | None:
        """The column `category`, `brand` or `attributes.NAME`; None where the catalogue has none of that name."""
        if name.startswith(ATTRIBUTE):
            return self.attributes.get(name.removeprefix(ATTRIBUTE))
        return {"category": self.category, "brand": self.brand}.get(name)

    def counted_categories(self, rows: IntArray) -> tuple[FacetValue, ...]:
        """The shop's categories of `rows`, the most frequent first."""
        return _value_counts(self.category, rows)

    def facets(self, matched: IntArray, masks: Mapping[str, BoolArray]) -> Facets:
        """Counts over the rows `matched`; each field's under all *other* filters, so that alternatives stay visible."""

        def under_others(field: str) -> IntArray:
            rows = matched
            for name, mask in masks.items():
                if name != field:
                    rows = rows[mask[rows]]
            return rows

        return Facets(
            category=_value_counts(self.category, under_others("category")),
            brand=_value_counts(self.brand, under_others("brand")),
            price=_price_ranges(self.price[under_others("price")]),
            rating=_rating_ranges(self.rating[under_others("rating")]),
            in_stock=int(np.count_nonzero(self.in_stock[under_others("in_stock")] == 1)),
            attributes=self._attribute_facets(matched, under_others),
        )

    def _attribute_facets(
        self, matched: IntArray, under_others: Callable[[str], IntArray]
    ) -> Mapping[str, tuple[FacetValue, ...]]:
        """Of the attributes that most of the matched products have, if they tell these apart."""
        found: list[tuple[int, str, tuple[FacetValue, ...]]] = []
        for name, coded in self.attributes.items():
            if name == MARGIN_ATTRIBUTE:
                continue
            having = int(np.count_nonzero(coded.codes[matched] >= 0))
            if not having or having < _ATTRIBUTE_SHARE * len(matched):
                continue
            counts = _value_counts(coded, under_others(ATTRIBUTE + name))
            if len(counts) > 1 and counts[0].count > 1:  # else each product has its own, or all the same
                found.append((having, name, counts))
        found.sort(key=lambda one: (-one[0], one[1]))
        return {name: counts for _, name, counts in found[:_ATTRIBUTES]}

    def with_products(self, products: Sequence[Product]) -> "ProductColumns":
        """The same with rows for `products` behind."""
        added = build_columns(products)
        names = sorted({*self.attributes, *added.attributes})
        nothing = Coded(np.full(len(self), -1, np.int32), ())
        return ProductColumns(
            price=np.concatenate([self.price, added.price]),
            rating=np.concatenate([self.rating, added.rating]),
            rating_count=np.concatenate([self.rating_count, added.rating_count]),
            in_stock=np.concatenate([self.in_stock, added.in_stock]),
            created_at=np.concatenate([self.created_at, added.created_at]),
            category=self.category.followed_by([product.category for product in products]),
            brand=self.brand.followed_by([product.brand for product in products]),
            attributes={
                name: self.attributes.get(name, nothing).followed_by([one.attributes.get(name) for one in products])
                for name in names
            },
        )


def build_columns(products: Sequence[Product]) -> ProductColumns:
    """Columns of `products`, row i being `products[i]`."""
    names = sorted({name for product in products for name in product.attributes})
    nan = float("nan")
    return ProductColumns(
        price=np.array([nan if p.price is None else p.price for p in products], np.float32),
        rating=np.array([nan if p.rating is None else p.rating for p in products], np.float32),
        rating_count=np.array([p.rating_count or 0 for p in products], np.float32),
        in_stock=np.array([UNKNOWN_STOCK if p.in_stock is None else int(p.in_stock) for p in products], np.int8),
        created_at=np.array([int(p.created_at.timestamp()) if p.created_at else 0 for p in products], np.int64),
        category=_coded([product.category for product in products]),
        brand=_coded([product.brand for product in products]),
        attributes={name: _coded([product.attributes.get(name) for product in products]) for name in names},
    )


def _coded(values: Sequence[str | None]) -> Coded:
    distinct = sorted({value for value in values if value})
    codes = {value: code for code, value in enumerate(distinct)}
    return Coded(np.array([codes[value] if value else -1 for value in values], np.int32), tuple(distinct))


def _any_of(coded: Coded, values: Sequence[str]) -> BoolArray:
    table = np.zeros(len(coded.values) + 1, np.bool_)  # the last one stands for −1: no value passes
    table[[code for value in values for code in coded.codes_of(value)]] = True
    return table[coded.codes]


def _value_counts(coded: Coded, rows: IntArray) -> tuple[FacetValue, ...]:
    codes = coded.codes[rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(coded.values))
    held = np.flatnonzero(counts)
    if len(held) > _FACET_VALUES:  # those that may be among the first, ties included
        held = held[counts[held] >= np.partition(counts[held], len(held) - _FACET_VALUES)[len(held) - _FACET_VALUES]]
    listed = sorted((-int(counts[code]), coded.values[code]) for code in held)
    return tuple(FacetValue(value, -count) for count, value in listed[:_FACET_VALUES])


def _price_ranges(prices: FloatArray) -> tuple[FacetRange, ...]:
    """Up to five ranges of like counts with round limits; half-open, the last one open."""
    known = prices[~np.isnan(prices)]
    if not len(known):
        return ()
    limits = sorted(
        {_round_limit(float(np.quantile(known, share))) for share in np.arange(1, _PRICE_RANGES) / _PRICE_RANGES}
    )
    ranges: list[FacetRange] = []
    low = 0.0
    for high in [*(limit for limit in limits if known.min() < limit <= known.max()), None]:
        count = int(((known >= low) & (known < (np.inf if high is None else high))).sum())
        if count:  # an empty range joins the next one
            ranges.append(FacetRange(low, high, count))
            low = high or low
    return tuple(ranges)


def _round_limit(value: float) -> float:
    """`value` at one significant digit and a half: 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10 × 10ⁿ."""
    if value <= 0:
        return 0.0
    scale = 10.0 ** np.floor(np.log10(value))
    return float(min((1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10), key=lambda step: abs(step - value / scale)) * scale)


def _rating_ranges(ratings: FloatArray) -> tuple[FacetRange, ...]:
    """ "4 and up", "3 and up", …: cumulative, as shoppers filter."""
    known = ratings[~np.isnan(ratings)]
    ranges = (FacetRange(step, None, int((known >= step).sum())) for step in _RATING_STEPS)
    return tuple(entry for entry in ranges if entry.count)
