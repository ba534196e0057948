"""What a shopper would rather see, as a number for each product: a feature of ranking, never a filter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from core.domain import UnderstoodPart
from core.retrieval.columns import FloatArray, IntArray, ProductColumns
from core.text.query_wishes import Wish

_NO_SHARES: Mapping[int, float] = MappingProxyType({})
_FAR = {"price": 0.5, "rating": 0.125}  # of what was named: what is as far away fulfils nothing
_POOR, _EXCELLENT = 3.0, 5.0  # between these stars a rating counts from nothing to all


@dataclass(frozen=True, slots=True)
class Preference:
    """Values of one column, a wish about prices or ratings, or a range of them."""

    part: UnderstoodPart
    column: str  # `price`, `rating`, `category`, `brand` or `attributes.NAME`
    shares: Mapping[int, float] = field(default_factory=lambda: _NO_SHARES)  # codes of the column → in [0, 1]
    wish: Wish | None = None
    within: tuple[float | None, float | None] | None = None  # prices or ratings that were likely named, inclusive

    @property
    def weight(self) -> float:
        """In preferences: what was named stands for itself, while other words have been searched for, too."""
        return 1.0 if self.within is None else 3.0

    def share(self, columns: ProductColumns, rows: IntArray) -> FloatArray:
        """How far each of `rows` fulfils it, `(R,)` in [0, 1]; what is not known of a product fulfils nothing.

        `columns` are those that the reader was built from, or these with further rows and values behind them. Low and
        high prices are relative to the known ones among `rows`.
        """
        if self.wish is Wish.WELL_RATED:
            excellence = (np.nan_to_num(columns.rating[rows], nan=_POOR) - _POOR) / (_EXCELLENT - _POOR)
            return np.asarray(np.clip(excellence, 0, 1), np.float32)
        if self.within is not None:
            values = columns.price if self.column == "price" else columns.rating
            return _range_share(values[rows], *self.within, _FAR[self.column])
        if self.wish is not None:
            return _price_share(columns.price[rows], low=self.wish is Wish.LOW_PRICE)
        coded = columns.field(self.column)
        if coded is None:
            return np.zeros(len(rows), np.float32)
        table = np.zeros(len(coded.values) + 1, np.float32)  # the last one stands for −1: no value
        for code, share in self.shares.items():
            if code < len(coded.values):
                table[code] = share
        return table[coded.codes[rows]]


def _range_share(values: FloatArray, low: float | None, high: float | None, far: float) -> FloatArray:
    """1 within, less outside, 0 where as far away as `far` of the nearer end, or not known."""
    nearest = np.clip(values, low, high)
    share = np.clip(1 - np.abs(values - nearest) / (far * nearest), 0, 1)
    return np.asarray(np.nan_to_num(share, nan=0.0), np.float32)


def _price_share(prices: FloatArray, *, low: bool) -> FloatArray:
    """The place of each price among the known ones, ties sharing theirs: 1 for the lowest (or the highest)."""
    share = np.zeros(len(prices), np.float32)
    known = ~np.isnan(prices)
    ordered = np.sort(prices[known])
    if not len(ordered):
        return share
    place = (np.searchsorted(ordered, prices[known], "left") + np.searchsorted(ordered, prices[known], "right") - 1) / 2
    height = place / (len(ordered) - 1) if len(ordered) > 1 else np.ones(1)
    share[known] = 1 - height if low and len(ordered) > 1 else height
    return share
