"""Known words near a typed one, and how likely a hand made the one of the other.

Found by signature: of every word it is kept, as bits, which letters it has and which of them twice. An edit changes at
most two of these bits, so nearly all words are ruled out by one XOR over an array; optimal string alignment (a swap of
neighbours is one edit) settles the rest. A tree or a table of deletions finds no more and takes far more
memory. What remains is weighed letter by letter: doubled, swapped, neighbouring and like-sounding letters cost less.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

_LETTERS = 31  # bits for letters that occur, as many for letters that occur twice; others than a–z share some
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_VOWELS = frozenset("aeiouy")
_SOUNDS = ("ckq", "sz", "fv", "sc", "iy", "gj", "dt", "bp", "mn", "uw", "ae", "ei", "ou", "ao", "ie")

_PLAIN, _SWAP, _DOUBLED, _VOWEL, _LIKE, _SILENT = 1.0, 0.6, 0.4, 0.7, 0.7, 0.6
_FIRST = 0.5  # more, where the first letter is another and not just missing


@dataclass(frozen=True, slots=True)
class Near:
    """A known word; `cost` of the edits between, 1.0 for a plain one."""

    text: str
    cost: float


class NearWords:
    """Built from the known words, once. Thread-safe."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = sorted(
            (word for word in words if word.isalpha() and len(word) > 2), key=lambda one: (len(one), one)
        )
        self._signatures = np.fromiter(map(_signature, self._words), np.uint64, len(self._words))
        lengths = np.fromiter(map(len, self._words), np.int32, len(self._words))
        self._starts = np.searchsorted(lengths, np.arange(int(lengths.max(initial=0)) + 2))

    def find(self, typed: str, most: int = 3) -> list[Near]:
        """Known words within the edits that its length allows, at most `most`, cheapest first, without `typed` itself.

        Words that are two edits farther than the nearest are left out: they are never meant.
        """
        edits = min(allowed_edits(typed), most)
        if not edits:
            return []
        low, high = self._start(len(typed) - edits), self._start(len(typed) + edits + 1)
        differing = np.bitwise_count(self._signatures[low:high] ^ np.uint64(_signature(typed)))
        likely = [self._words[at] for at in (np.flatnonzero(differing <= 2 * edits) + low).tolist()]
        matches = process.extract(typed, likely, scorer=OSA.distance, score_cutoff=edits, limit=None)
        found = [(word, distance) for word, distance, _ in matches if distance]
        nearest = min((distance for _, distance in found), default=0)
        near = [Near(word, edit_cost(typed, word)) for word, distance in found if distance <= nearest + 1]
        return sorted(near, key=lambda one: (one.cost, one.text))

    def _start(self, length: int) -> int:
        return int(self._starts[min(max(length, 0), len(self._starts) - 1)])


def allowed_edits(word: str) -> int:
    """How many edits a word of this length may be away; none where it holds a digit: that is a model or a size."""
    if len(word) <= 2 or not word.isalpha():
        return 0
    return 1 if len(word) <= 4 else 2 if len(word) <= 8 else 3


def edit_cost(typed: str, meant: str) -> float:
    """What the cheapest edits cost that make `typed` of `meant`, in plain edits; 0 for equal words."""
    left_out = [_left_out(meant, at) for at in range(len(meant))]
    before: list[float] = []
    above = [0.0, *accumulate(left_out)]
    for row, letter in enumerate(typed, 1):
        added = _added(typed, row - 1)
        line = [above[0] + added]
        for column, other in enumerate(meant, 1):
            same = above[column - 1] + (0.0 if letter == other else _replaced(letter, other))
            best = min(same, line[-1] + left_out[column - 1], above[column] + added)
            if row > 1 and column > 1 and letter == meant[column - 2] and typed[row - 2] == other and letter != other:
                best = min(best, before[column - 2] + _SWAP)
            line.append(best)
        before, above = above, line
    is_another = typed[:1] != meant[:1] and typed != meant[1:]  # who selects a word to copy it misses the first letter
    return above[-1] + (_FIRST if is_another else 0.0)


def _left_out(meant: str, at: int) -> float:
    """The letter that was to come was not typed."""
    letter = meant[at]
    if at and meant[at - 1] == letter:
        return _DOUBLED
    return (
        _SILENT
        if letter == "h" or (letter == "e" and at == len(meant) - 1)
        else _VOWEL
        if letter in _VOWELS
        else _PLAIN
    )


def _added(typed: str, at: int) -> float:
    """A letter was typed that was not to come."""
    letter = typed[at]
    if at and typed[at - 1] == letter:
        return _DOUBLED
    near = (at and letter in _BESIDE.get(typed[at - 1], "")) or (
        at + 1 < len(typed) and letter in _BESIDE.get(typed[at + 1], "")
    )
    return _LIKE if near or letter in _VOWELS else _PLAIN


@lru_cache(maxsize=4096)
def _replaced(typed: str, meant: str) -> float:
    if typed in _BESIDE.get(meant, "") or typed in _ALIKE.get(meant, ""):
        return _LIKE
    return _VOWEL if typed in _VOWELS and meant in _VOWELS else _PLAIN


def _signature(word: str) -> int:
    once = twice = 0
    for character in word:
        bit = 1 << (ord(character) % _LETTERS)
        twice |= once & bit
        once |= bit
    return once | twice << _LETTERS


def _beside() -> dict[str, str]:
    """Each letter with those whose keys touch its own (QWERTY)."""
    places = {letter: (x + 0.5 * y, y) for y, row in enumerate(_ROWS) for x, letter in enumerate(row)}
    return {
        letter: "".join(
            other for other, (u, v) in places.items() if other != letter and abs(x - u) <= 1 and abs(y - v) <= 1
        )
        for letter, (x, y) in places.items()
    }


_BESIDE = _beside()
_ALIKE = {
    letter: "".join(sorted({one for group in _SOUNDS if letter in group for one in group} - {letter}))
    for letter in set("".join(_SOUNDS))
}
