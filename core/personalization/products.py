"""The products of a profile: how strongly a shopper is drawn to each, and how often it is bought again."""

from array import array
from typing import Self

import numpy as np

from core.personalization.decayed import (
    ENTRY_BYTES,
    DecayedTable,
    FloatArray,
    little_endian,
    read_little_endian,
)

PRODUCT_BYTES = ENTRY_BYTES + 8
_GAP_SHARE = 0.3  # that the newest gap has in the mean one
_MOST = 65_535
_HOUR = 3_600


class ProductTable:
    """A `DecayedTable` with the purchases of each thing: how many, when the last one, and the mean gap in hours.

    A gap below an hour is the same purchase.
    """

    __slots__ = ("_bought_at", "_gaps", "_purchases", "drawn")

    def __init__(self, capacity: int) -> None:
        self.drawn = DecayedTable(capacity)
        self._bought_at = array("I")  # 0: never
        self._gaps = array("H")  # hours; 0: not known
        self._purchases = array("H")

    def __len__(self) -> int:
        return len(self.drawn)

    def add(self, key: int, weight: float, at: int, *, bought: bool = False) -> None:
        """Something of this weight happened to a product, a purchase or not."""
        known = key in self.drawn.keys
        place = self.drawn.add(key, weight, at)
        if place == len(self._purchases):
            self._bought_at.append(0)
            self._gaps.append(0)
            self._purchases.append(0)
        elif not known:
            self._bought_at[place] = self._gaps[place] = self._purchases[place] = 0
        if bought:
            self._buy(place, at)

    def purchases(self) -> FloatArray:
        """`(N,)` how often each was bought."""
        return np.array(self._purchases, np.float32)

    def since_bought(self, now: float) -> FloatArray:
        """`(N,)` seconds since the last purchase; infinite where there was none."""
        at = np.array(self._bought_at, np.float64)
        since: FloatArray = np.where(at > 0, np.maximum(now - at, 0), np.inf).astype(np.float32)
        return since

    def gaps(self) -> FloatArray:
        """`(N,)` mean seconds between two purchases; NaN where it was not bought twice."""
        hours = np.array(self._gaps, np.float32)
        return np.where(hours > 0, hours * np.float32(_HOUR), np.float32(np.nan))

    def to_bytes(self) -> bytes:
        """`PRODUCT_BYTES` for each product."""
        bought = (little_endian(one) for one in (self._bought_at, self._gaps, self._purchases))
        return self.drawn.to_bytes() + b"".join(bought)

    @classmethod
    def from_bytes(cls, raw: memoryview, capacity: int) -> Self:
        """The inverse of `to_bytes`."""
        table, size = cls(capacity), len(raw) // PRODUCT_BYTES
        table.drawn = DecayedTable.from_bytes(raw[: ENTRY_BYTES * size], capacity)
        rest = raw[ENTRY_BYTES * size :]
        table._bought_at = read_little_endian("I", rest[: 4 * size])
        table._gaps = read_little_endian("H", rest[4 * size : 6 * size])
        table._purchases = read_little_endian("H", rest[6 * size : 8 * size])
        return table

    def _buy(self, place: int, at: int) -> None:
        before = self._bought_at[place]
        hours = (at - before) / _HOUR
        if before and hours < 1:
            return
        if before:
            mean = self._gaps[place]
            gap = hours if not mean else (1 - _GAP_SHARE) * mean + _GAP_SHARE * hours
            self._gaps[place] = min(max(1, round(gap)), _MOST)
        self._bought_at[place] = at
        self._purchases[place] = min(self._purchases[place] + 1, _MOST)
