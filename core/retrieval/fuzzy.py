"""Which stored beginnings are one edit away from what was typed, the first letter included.

The distinct beginnings (1–32 characters) of the heaviest texts are kept as a sorted array of 64-bit polynomial hashes
(Karp & Rabin 1987), with a bit array before it that answers most questions for absent ones. The hash of every variant
of what was typed follows from the hashes of its beginnings by arithmetic on arrays, so thousands of variants cost as
much as a few; only what is there becomes a string, and is looked up in the texts: a collision ends here.

One edit (optimal string alignment): a character left out, added or replaced, or two neighbours swapped. It must lie in
the first 32 characters. Words that are two edits off are corrected elsewhere, word by word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.retrieval.text_table import TextTable

HashArray = npt.NDArray[np.uint64]
Edit = Literal["transposition", "substitution", "insertion", "deletion", "space"]
EDITS: tuple[Edit, ...] = ("transposition", "substitution", "insertion", "deletion", "space")

ARRAYS = ("hashes", "weights", "rows", "filter_bits", "alphabet")
CHARACTERS = 32
FILTER_BITS_A_HASH = 16

BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_64_BITS = (1 << 64) - 1
_3, _7 = np.uint64(3), np.uint64(7)
_PARTS = np.array([0, 3, 1, 2])  # the edits in the order in which variants are made
_POWERS = np.cumprod(np.concatenate([np.ones(1, np.uint64), np.full(CHARACTERS + 1, BASE)]), dtype=np.uint64)

# Costs are −log p(typed | meant) up to a constant, from the shares of kinds of typing errors in the literature
# (Kukich 1992; Cucerzan & Brill 2004): most are single, few are in the first letter.
_SWAPPED, _DOUBLED, _SPACE, _NEIGHBOUR, _LEFT_OUT, _ADDED, _REPLACED, _FIRST = 1.5, 1.2, 1.5, 1.8, 2.2, 2.6, 3.5, 2.0
_ROWS = ("1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbouring_keys() -> frozenset[tuple[int, int]]:
    """Pairs of code points whose keys touch on a QWERTY keyboard; each row stands half a key right of the one above."""
    keys = {key: (row, column) for row, line in enumerate(_ROWS) for column, key in enumerate(line)}
    return frozenset(
        (ord(left), ord(right))
        for left, (row, column) in keys.items()
        for right, (other_row, other) in keys.items()
        if (row == other_row and abs(column - other) == 1)
        or (other_row == row + 1 and other in (column, column - 1))
        or (other_row == row - 1 and other in (column, column + 1))
    )


_TOUCHING = np.zeros((128, 128), bool)
_TOUCHING[tuple(np.array(sorted(_neighbouring_keys())).T)] = True


@dataclass(frozen=True, slots=True)
class NearPrefix:
    """A stored beginning: `edit` turns what was typed into `text`, at a `cost` ≥ 0 in nats; what it weighs in all.

    "space": a space added or left out. `weight` is of the indexed texts that begin so.
    """

    text: str
    edit: Edit
    cost: float
    weight: float


class FuzzyPrefixes:
    """Immutable, and safe to read from many threads."""

    def __init__(self, texts: TextTable, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """`texts` that the beginnings are of, and `arrays` as named in `ARRAYS`: `hashes` `(H,)` sorted, `weights` and
        `rows` of a text beside them, `filter_bits` a power of two of bytes, `alphabet` `(A,)` of code points. KeyError
        for a missing one, ValueError where they do not fit.
        """
        self.arrays = {name: arrays[name] for name in ARRAYS}
        self._texts = texts
        self._hashes, self._weights, self._rows, self._filter, self._alphabet = map(np.asarray, self.arrays.values())
        size = len(self._filter)
        if {len(self._hashes), len(self._weights)} != {len(self._rows)} or size & (size - 1) or not size:
            raise ValueError("hashes, their weights and their filter do not fit together")
        self._filter_shift = filter_shift(size)
        self._letters = mixed(self._alphabet)

    def near(self, typed: str, limit: int = 16) -> list[NearPrefix]:
        """At most `limit` stored beginnings one edit from the normalised `typed`, by cost less the log of the weight.

        Never `typed` itself nor what begins with it: these are its completions.
        """
        if not typed or not len(self._hashes):
            return []
        code = np.frombuffer(typed.encode("utf-32-le"), np.uint32).astype(np.int64)
        hashes, swaps = self._variants(code)
        spread = hashes >> self._filter_shift
        bits = self._filter.take((spread >> _3).view(np.int64)) >> (spread & _7).astype(np.uint8)
        chosen = np.flatnonzero(bits & 1)
        sought = hashes[chosen]
        at = np.searchsorted(self._hashes, sought)
        at[at == len(self._hashes)] = 0
        held = self._hashes[at] == sought
        chosen, at = chosen[held], at[held]
        weights = self._weights[at]
        kinds, places, letters = self._edits(chosen, code, swaps)
        costs = _costs(code, kinds, places, letters)
        found: dict[str, NearPrefix] = {}
        for row in np.argsort(costs - np.log(np.maximum(weights, 1e-30)), kind="stable").tolist():
            kind, place, letter = int(kinds[row]), int(places[row]), int(letters[row])
            text = _applied(typed, kind, place, letter)
            if text in found or text.startswith(typed) or not self._is_there(text, int(self._rows[at[row]])):
                continue
            edit: Edit = "space" if kind >= 2 and letter == 32 else EDITS[kind]
            found[text] = NearPrefix(text, edit, float(costs[row]), float(weights[row]))
            if len(found) == limit:
                break
        return list(found.values())

    def _is_there(self, text: str, row: int) -> bool:
        """Whether a stored text begins with `text`; `row` is of one, unless two hashes collide."""
        return self._texts[row].startswith(text) or (len(text) > CHARACTERS and self._texts.starts_any(text))

    def _variants(self, code: npt.NDArray[np.int64]) -> tuple[HashArray, int]:
        """Hashes of the first 32 characters of every variant: swaps, deletions, then `(place, letter)` of substitutions
        and of insertions; and how many swaps there are.
        """
        n, m = min(len(code), CHARACTERS + 1), min(len(code), CHARACTERS)
        letters = mixed(code[:n])
        rolled = [0]
        for letter in letters.tolist():
            rolled.append((rolled[-1] * int(BASE) + letter) & _64_BITS)
        begun = np.array(rolled, np.uint64)  # of each beginning
        # A variant is a beginning, what the edit puts in, and typed characters again: their hash is the difference of
        # two beginnings'. `ends`: where a variant of 32 characters ends in what was typed.
        before, power = begun[:m], _POWERS[n - np.arange(n + 1)]
        rest = begun[n] - begun * power  # of the characters from each place to the n-th
        deleted = before * power[1 : m + 1] + rest[1 : m + 1]
        shifted = before * BASE
        if n > m:  # the last character was needed for deletions alone
            power = _POWERS[m - np.arange(m + 1)]
            rest = begun[m] - begun[: m + 1] * power
        replaced = (shifted * power[1 : m + 1] + rest[1 : m + 1])[:, None] + self._letters * power[1 : m + 1, None]
        swapped_pairs = letters[1:m] * BASE + letters[: m - 1]
        swapped = (shifted[: m - 1] * BASE + swapped_pairs) * power[2 : m + 1] + rest[2 : m + 1]
        if len(code) >= CHARACTERS:  # what is put in pushes the last character out
            ends = CHARACTERS - 1
            power = _POWERS[np.maximum(ends - np.arange(m + 1), 0)]
            rest = begun[ends] - begun[: m + 1] * power
        added = (shifted * power[:m] + rest[:m])[:, None] + self._letters * power[:m, None]
        return np.concatenate([swapped, deleted, replaced.ravel(), added.ravel()]), m - 1

    def _edits(
        self, variants: npt.NDArray[np.int64], code: npt.NDArray[np.int64], swaps: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Of these variants by number: the edit's number in `EDITS`, its place, the letter put in or left out."""
        m, size = swaps + 1, len(self._letters)
        bounds = np.array([swaps, swaps + m, swaps + m + m * size])
        part = np.searchsorted(bounds, variants, side="right")
        kinds = _PARTS[part]
        number = variants - np.append(0, bounds)[part]
        places = np.where(part < 2, number, number // size)
        letters = np.where(part < 2, code[np.where(part < 2, number, 0)], self._alphabet[number % size])
        return kinds, places, letters


def _applied(typed: str, kind: int, place: int, letter: int) -> str:
    if kind == 0:
        return typed[:place] + typed[place + 1] + typed[place] + typed[place + 2 :]
    if kind == 1:
        return typed[:place] + chr(letter) + typed[place + 1 :]
    if kind == 2:
        return typed[:place] + chr(letter) + typed[place:]
    return typed[:place] + typed[place + 1 :]


def _costs(
    code: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    letters: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """What each edit costs: `letters` are those put in, or for a deletion the one left out."""
    around = np.concatenate([[0], code, [0, 0]])
    before = around[places]
    here = around[places + 1]
    after = np.where(kinds == 3, around[places + 2], here)  # the neighbour right of what is put in or left out
    doubled = (kinds >= 2) & ((letters == before) | (letters == after))
    other = np.where(kinds == 1, here, before)
    touching = _touch(letters, other) | ((kinds >= 2) & _touch(letters, after))
    costs = np.choose(kinds, [_SWAPPED, _REPLACED, _LEFT_OUT, _ADDED])
    costs = np.where(touching & ((kinds == 1) | (kinds == 3)), _NEIGHBOUR, costs)
    costs = np.where(doubled, _DOUBLED, costs)
    costs = np.where((kinds >= 2) & (letters == 32), _SPACE, costs)
    return np.where(places == 0, costs + _FIRST, costs)


def _touch(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    known = (left < 128) & (right < 128)
    return known & _TOUCHING[np.where(known, left, 0), np.where(known, right, 0)]


def mixed(code: npt.NDArray[Any]) -> HashArray:
    """Code points spread over 64 bits (the finaliser of SplitMix64), so that near letters have far numbers."""
    spread = (code.astype(np.uint64) + np.uint64(1)) * BASE
    spread = (spread ^ (spread >> np.uint64(30))) * _MIX[0]
    spread = (spread ^ (spread >> np.uint64(27))) * _MIX[1]
    hashes: HashArray = spread ^ (spread >> np.uint64(31))
    return hashes


def filter_shift(size: int) -> np.uint64:
    """By how much a hash is shifted to be a bit's number in a filter of `size` bytes: its highest bits are the best."""
    return np.uint64(64 - (size.bit_length() - 1) - 3)
