"""A bounded table of things with how strongly a shopper is drawn to each, fading at several speeds.

One strength for each half-life: at time t, s(t) = Σ wᵢ · 2^(−(t − tᵢ) / h) over what happened to the thing. It is kept
as of the thing's last event, so that an event touches one entry only. A full table gives the place of the weakest thing
to a new one.

Strengths are half-precision numbers, rounded after every event: a table that was written and read again goes on exactly
as one that was not.
"""

import math
import struct
import sys
from array import array
from typing import Self

import numpy as np
import numpy.typing as npt

from core.personalization.keys import KeyArray

FloatArray = npt.NDArray[np.float32]

HALF_LIVES = (1_800.0, 7 * 86_400.0, 84 * 86_400.0)  # seconds: this visit, these days, this season
VISIT, DAYS, SEASON = range(3)
_SPEEDS = len(HALF_LIVES)
_RATES = tuple(-math.log(2) / half_life for half_life in HALF_LIVES)
_RATE_ARRAY = np.array(_RATES, np.float64)
LARGEST = 60_000.0  # below the largest half-precision number
_HALVES = struct.Struct(f"={_SPEEDS}e")
ENTRY_BYTES = 8 + 2 * _SPEEDS


class DecayedTable:
    """At most `capacity` things. Times are Unix seconds, never before an earlier one's."""

    __slots__ = ("_at", "_halves", "capacity", "keys")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.keys = array("I")
        self._at = array("I")
        self._halves = array("H")  # bits of half-precision numbers, `_SPEEDS` a thing

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, key: int, weight: float, at: int) -> int:
        """The thing's place after something of this weight happened to it; whose place it was may have lost it."""
        try:
            place = self.keys.index(key)
        except ValueError:
            return self._enter(key, weight, at)
        age = at - self._at[place]
        known = _HALVES.unpack_from(self._halves, _HALVES.size * place)
        self._set(place, [math.exp(rate * age) * one + weight for rate, one in zip(_RATES, known, strict=True)], at)
        return place

    def strengths(self, now: float) -> FloatArray:
        """`(N, 3)` at time `now`, one column for each of `HALF_LIVES`."""
        halves = np.frombuffer(self._halves, np.float16).reshape(-1, _SPEEDS)
        ages = now - np.frombuffer(self._at, np.uint32).astype(np.float64)
        faded: FloatArray = (halves * np.exp(np.maximum(ages, 0)[:, None] * _RATE_ARRAY)).astype(np.float32)
        return faded

    def key_array(self) -> KeyArray:
        """`(N,)`, to be read at once: the table must not change while it is held."""
        return np.frombuffer(self.keys, np.uint32)

    def to_bytes(self) -> bytes:
        """`ENTRY_BYTES` for each thing, little-endian."""
        return b"".join(little_endian(one) for one in (self.keys, self._at, self._halves))

    @classmethod
    def from_bytes(cls, raw: memoryview, capacity: int) -> Self:
        """The inverse of `to_bytes`."""
        table, size = cls(capacity), len(raw) // ENTRY_BYTES
        table.keys = read_little_endian("I", raw[: 4 * size])
        table._at = read_little_endian("I", raw[4 * size : 8 * size])
        table._halves = read_little_endian("H", raw[8 * size : ENTRY_BYTES * size])
        return table

    def _enter(self, key: int, weight: float, at: int) -> int:
        if len(self.keys) < self.capacity:
            self.keys.append(key)
            self._at.append(at)
            self._halves.extend([0] * _SPEEDS)
            place = len(self.keys) - 1
        else:
            place = int(np.argmin(np.abs(self.strengths(at)[:, SEASON])))
            self.keys[place] = key
        self._set(place, [weight] * _SPEEDS, at)
        return place

    def _set(self, place: int, strengths: list[float], at: int) -> None:
        if max(strengths) > LARGEST or min(strengths) < -LARGEST:
            strengths = [min(max(one, -LARGEST), LARGEST) for one in strengths]
        _HALVES.pack_into(self._halves, _HALVES.size * place, *strengths)
        self._at[place] = at


def little_endian(values: "array[int]") -> bytes:
    """The values' bytes, the same on every machine."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def read_little_endian(typecode: str, raw: memoryview) -> "array[int]":
    """The inverse of `little_endian`."""
    values = array(typecode)
    values.frombytes(raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values
