"""The products of a profile: how strongly a shopper is drawn to each in the long run, and when it is bought again.

How many are remembered decides how well repeat purchases are ranked: with 88 products of each household of a grocer,
own purchases beside popularity have an MRR of .451, with 320 .481, with all .486 (training/LOG.md). So there are two
tables. The strongest `head` products have nine bytes each: strength, time, purchases and the usual gap between them.
What is weaker has four in the `tail`: 24 bits of the key and the strength in half octaves. A product moves up when it
becomes strong enough, and down when others do. What is done in these days is in a table of its own
(`Profile.latest`).

A strength is kept as of its time, which is that of the last purchase, or of the last event where there was none: what
is only looked at again moves the strength, not the time. Times are in units of six hours, strengths in steps of 5 %,
gaps of 4 %; each is rounded after every event, so that a table that was written goes on as one that was not.
"""

import math
from array import array
from typing import Self

import numpy as np

from core.personalization.decayed import HALF_LIVES, SEASON, FloatArray, little_endian, read_little_endian
from core.personalization.keys import KeyArray
from core.personalization.tail import TAIL_BYTES, Tail

HEAD_BYTES = 9
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
    """At most `head` and `tail` products. Times are Unix seconds, never before an earlier one's.

    The arrays that methods give are of the head; `tail` speaks for itself.
    """

    __slots__ = ("_at", "_codes", "_gaps", "_purchases", "head", "keys", "tail")

    def __init__(self, head: int, tail: int) -> None:
        self.head, self.tail = head, Tail(tail)
        self.keys = array("I")
        self._at = array("H")  # ticks since the epoch
        self._codes = array("B")  # of strengths
        self._purchases = array("B")
        self._gaps = array("B")  # code of the mean gap; 0: not known

    def __len__(self) -> int:
        return len(self.keys) + len(self.tail)

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
        """`(N,)` mean seconds between two purchases; 0 where it was not bought twice."""
        codes = np.array(self._gaps, np.float32)
        return np.where(codes > 0, _SHORTEST_GAP * np.exp2((codes - 1) / _STEPS), 0).astype(np.float32)

    def key_array(self) -> KeyArray:
        """`(N,)`, to be read at once: the table must not change while it is held."""
        return np.frombuffer(self.keys, np.uint32)

    def to_bytes(self) -> bytes:
        """`HEAD_BYTES` for each product of the head, then `TAIL_BYTES` for each of the tail."""
        columns = (self.keys, self._at, self._codes, self._purchases, self._gaps)
        return b"".join(map(little_endian, columns)) + self.tail.to_bytes()

    @classmethod
    def from_bytes(cls, raw: memoryview, size: int, head: int, tail: int) -> Self:
        """The inverse of `to_bytes`, for `size` products of the head."""
        table = cls(head, tail)
        table.keys = read_little_endian("I", raw[: 4 * size])
        table._at = read_little_endian("H", raw[4 * size : 6 * size])
        table._codes = read_little_endian("B", raw[6 * size : 7 * size])
        table._purchases = read_little_endian("B", raw[7 * size : 8 * size])
        table._gaps = read_little_endian("B", raw[8 * size : HEAD_BYTES * size])
        table.tail = Tail.from_bytes(raw[HEAD_BYTES * size :], tail)
        return table

    def _enter(self, key: int, weight: float, at: int, bought: bool) -> None:
        """A product that is not in the head: into it, if it is stronger than the weakest there, else into the tail."""
        before = self.tail.take(key, at)
        weight += before
        if len(self.keys) < self.head:
            for column in (self.keys, self._at, self._codes, self._purchases, self._gaps):
                column.append(0)
            place = len(self.keys) - 1
        else:
            strengths = self.strengths(at)
            place = int(np.argmin(np.abs(strengths)))
            weakest = float(strengths[place])
            if abs(weight) < abs(weakest):
                self.tail.put(key, weight, at)
                return
            self.tail.put(self.keys[place], weakest, at)
        self.keys[place] = key
        self._purchases[place], self._gaps[place] = int(bought) + int(before > 0), 0
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


def products_bytes(head: int, tail: int) -> int:
    """Of a table with so many products."""
    return HEAD_BYTES * head + TAIL_BYTES * tail


def _code(strength: float) -> int:
    """The code of the nearest strength there is."""
    if strength >= _STRENGTHS[1]:
        return min(1 + round(14 * (math.log2(strength) + 5)), _NEGATIVE - 1)
    if strength <= _STRENGTHS[_NEGATIVE]:
        return min(_NEGATIVE + round(4 * (math.log2(-strength) + 3)), 255)
    return 0


def _tick(at: int) -> int:
    return min(max(0, (at - EPOCH) // TICK), _LAST_TICK)
