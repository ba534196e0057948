"""What a shopper was drawn to once: many products in four bytes each, by 24 bits of their keys.

A strength is a level: log₂ of what it will have been worth at a fixed time, s · 2^(t / h), in half octaves. Strengths
that fade alike keep their order, so a level needs no time beside it; it is kept modulo 128 octaves, and read as the one
that is nearest to now. Among some hundred products of a tail and two hundred of a list, two that are not the same meet
in one list of two hundred.
"""

import math
from array import array
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from core.personalization.decayed import HALF_LIVES, SEASON, FloatArray, little_endian, read_little_endian
from core.personalization.keys import KeyArray

TAIL_BYTES = 4
KEY_BITS = 24
_KEY_MASK = (1 << KEY_BITS) - 1
_WEAKEST = 1 / 64  # what is weaker is forgotten
_STRONGEST_OCTAVE = 13  # no strength comes near 2 to this
_WHOLE = 256  # levels, two to an octave


class Tail:
    """At most `capacity` products; the weakest goes first."""

    __slots__ = ("_entries", "capacity")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._entries = array("I")  # key << 8 | level

    def __len__(self) -> int:
        return len(self._entries)

    def take(self, key: int, at: int) -> float:
        """The strength of a product at this time, 0 for one that is not there. It is not there any more."""
        if not self._entries:  # of most shoppers
            return 0.0
        entries = np.frombuffer(self._entries, np.uint32)
        found = np.flatnonzero(entries >> 8 == key & _KEY_MASK)
        if not len(found):
            return 0.0
        place = int(found[0])
        strength = float(_strengths(entries[place : place + 1] & 0xFF, at)[0])
        del entries, found
        self._entries[place] = self._entries[-1]
        self._entries.pop()
        return strength

    def put(self, key: int, strength: float, at: int) -> None:
        """A product that is not there, with its strength at this time; one that is hardly drawn to is left out."""
        if strength < _WEAKEST:
            return
        entry = (key & _KEY_MASK) << 8 | _level(strength, at)
        if len(self._entries) < self.capacity:
            self._entries.append(entry)
            return
        strengths = self.strengths(at)
        place = int(np.argmin(strengths))
        if strengths[place] < strength:
            self._entries[place] = entry

    def strengths(self, now: float) -> FloatArray:
        """`(M,)`, of the season."""
        return _strengths(np.array(self._entries, np.uint32) & 0xFF, now)

    def key_array(self) -> KeyArray:
        """`(M,)`: the low `KEY_BITS` of the keys."""
        return np.asarray(np.array(self._entries, np.uint32) >> 8, np.uint32)

    def to_bytes(self) -> bytes:
        return little_endian(self._entries)

    @classmethod
    def from_bytes(cls, raw: memoryview, capacity: int) -> Self:
        tail = cls(capacity)
        tail._entries = read_little_endian("I", raw)
        return tail


def _level(strength: float, at: float) -> int:
    return round(2 * (math.log2(strength) + at / HALF_LIVES[SEASON])) % _WHOLE


def _strengths(levels: npt.NDArray[Any], now: float) -> FloatArray:
    """Of levels `(M,)`, each the largest that it can be, since nothing is stronger than 2^`_STRONGEST_OCTAVE`."""
    top = math.floor(2 * (now / HALF_LIVES[SEASON] + _STRONGEST_OCTAVE))
    below = np.mod(top - levels.astype(np.int64), _WHOLE)
    octaves = (top - below) / 2 - now / HALF_LIVES[SEASON]
    return np.exp2(octaves).astype(np.float32)
