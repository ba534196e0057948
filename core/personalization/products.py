"""The products of a profile: how strongly a shopper is drawn to each in the long run, and when it is bought again.

Nine bytes a product, since how many are remembered decides how well repeat purchases are ranked: with 88 products of
each household of a grocer, own purchases beside popularity have an MRR of .451, with 320 .481, with all .486
(training/LOG.md). What a shopper does in these days is in a table of its own (`Profile.latest`).

A strength is kept as of its time, which is that of the last purchase, or of the last event where there was none: what
is only looked at again moves the strength, not the time. Times are in units of six hours, strengths in steps of 5 %,
gaps of 4 %; each is rounded after every event, so that a table that was written goes on as one that was not.
"""

import math
from array import array
from typing import Self

import numpy as np

from core.personalization.decayed import (
    HALF_LIVES,
    SEASON,
    FloatArray,
    little_endian,
    read_little_endian,
)
from core.personalization.keys import KeyArray

PRODUCT_BYTES = 9
EPOCH = 946_684_800  # 1 January 2000; earlier times count as this one
TICK = 21_600  # seconds
_GAP_SHARE = 0.3  # that the newest gap has in the mean one
_STEPS = 18.0  # of a gap, to each doubling
_SHORTEST_GAP = 6 * 3_600.0  # seconds: what comes sooner is the same purchase
_NEGATIVE = 224  # codes of strengths from here on are negative ones
_STRENGTHS = np.concatenate(  # by code: none, then 14 to each doubling from 1/32; negative ones 4 to each from 1/8
    [[0.0], np.exp2(np.arange(_NEGATIVE - 1) / 14 - 5), -np.exp2(np.arange(256 - _NEGATIVE) / 4 - 3)]
)
_LAST_TICK = 65_535


class ProductTable:
    """At most `capacity` products; a new one takes the place of the weakest. Times are Unix seconds, never before an
    earlier one's."""

    __slots__ = ("_at", "_codes", "_gaps", "_purchases", "capacity", "keys")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.keys = array("I")
        self._at = array("H")  # ticks since the epoch
        self._codes = array("B")  # of strengths
        self._purchases = array("B")
        self._gaps = array("B")  # code of the mean gap; 0: not known

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, key: int, weight: float, at: int, *, bought: bool = False) -> None:
        """Something of this weight happened to a product, a purchase or not."""
        try:
            place = self.keys.index(key)
        except ValueError:
            self._enter(key, weight, at, bought)
            return
        tick = _tick(at)
        age = (tick - self._at[place]) * TICK
        strength = self._strength(place)
        if bought or not self._purchases[place]:
            if bought and self._purchases[place]:
                self._note_gap(place, age)
            self._set(place, strength * 2.0 ** (-age / HALF_LIVES[SEASON]) + weight, tick)
        else:
            self._set(place, strength + weight * 2.0 ** (age / HALF_LIVES[SEASON]), self._at[place])
        if bought:
            self._purchases[place] = min(self._purchases[place] + 1, 255)

    def strengths(self, now: float) -> FloatArray:
        """`(N,)`, of the season."""
        known = _STRENGTHS[np.frombuffer(self._codes, np.uint8)]
        faded: FloatArray = (known * np.exp2(-self.ages(now) / HALF_LIVES[SEASON])).astype(np.float32)
        return faded

    def ages(self, now: float) -> FloatArray:
        """`(N,)` seconds since the last purchase of each, or since its last event where it was not bought."""
        at = EPOCH + TICK * np.frombuffer(self._at, np.uint16).astype(np.float64)
        return np.asarray(np.maximum(now - at, 0), np.float32)

    def purchases(self) -> FloatArray:
        """`(N,)` how often each was bought, up to 255."""
        return np.array(self._purchases, np.float32)

    def gaps(self) -> FloatArray:
        """`(N,)` mean seconds between two purchases; NaN where it was not bought twice."""
        codes = np.array(self._gaps, np.float32)
        return np.where(codes > 0, _SHORTEST_GAP * np.exp2((codes - 1) / _STEPS), np.nan).astype(np.float32)

    def key_array(self) -> KeyArray:
        """`(N,)`."""
        return np.array(self.keys, np.uint32)

    def to_bytes(self) -> bytes:
        """`PRODUCT_BYTES` for each product."""
        return b"".join(little_endian(one) for one in (self.keys, self._at, self._codes, self._purchases, self._gaps))

    @classmethod
    def from_bytes(cls, raw: memoryview, capacity: int) -> Self:
        """The inverse of `to_bytes`."""
        table, size = cls(capacity), len(raw) // PRODUCT_BYTES
        table.keys = read_little_endian("I", raw[: 4 * size])
        table._at = read_little_endian("H", raw[4 * size : 6 * size])
        table._codes = read_little_endian("B", raw[6 * size : 7 * size])
        table._purchases = read_little_endian("B", raw[7 * size : 8 * size])
        table._gaps = read_little_endian("B", raw[8 * size : 9 * size])
        return table

    def _enter(self, key: int, weight: float, at: int, bought: bool) -> None:
        if len(self.keys) < self.capacity:
            for column in (self.keys, self._at, self._codes, self._purchases, self._gaps):
                column.append(0)
            place = len(self.keys) - 1
        else:
            place = int(np.argmin(np.abs(self.strengths(at))))
        self.keys[place] = key
        self._purchases[place], self._gaps[place] = int(bought), 0
        self._set(place, weight, _tick(at))

    def _note_gap(self, place: int, seconds: float) -> None:
        if seconds < _SHORTEST_GAP:
            return
        code, newest = self._gaps[place], math.log2(seconds / _SHORTEST_GAP)
        mean = newest if not code else (1 - _GAP_SHARE) * (code - 1) / _STEPS + _GAP_SHARE * newest
        self._gaps[place] = min(1 + round(_STEPS * mean), 255)

    def _strength(self, place: int) -> float:
        return float(_STRENGTHS[self._codes[place]])

    def _set(self, place: int, strength: float, tick: int) -> None:
        self._codes[place] = _code(strength)
        self._at[place] = tick


def _code(strength: float) -> int:
    """The code of the nearest strength there is."""
    if strength >= _STRENGTHS[1]:
        return min(1 + round(14 * (math.log2(strength) + 5)), _NEGATIVE - 1)
    if strength <= _STRENGTHS[_NEGATIVE]:
        return min(_NEGATIVE + round(4 * (math.log2(-strength) + 3)), 255)
    return 0


def _tick(at: int) -> int:
    return min(max(0, (at - EPOCH) // TICK), _LAST_TICK)
