"""Confident spelling correction of a search log before it is learnt from (CADENCE §4.1.1).

symspellpy finds the words within two edits. Its English dictionary is extended by the words of the shop's catalogue,
which are never corrected themselves, so brands survive. What shoppers are shown is corrected elsewhere
(`core.text.correct`), with more courage: there the typed reading stays on offer.
"""

from collections.abc import Mapping
from functools import lru_cache

from symspellpy import SymSpell, Verbosity

from core.text.english import english_words

_SHORTEST = 4
_TWO_EDITS_FROM = 7  # letters
_MARGIN = 5.0  # times the count of the next best word, at the same distance


class LogSpelling:
    """Built from the words of the catalogue with their counts."""

    def __init__(self, catalogue: Mapping[str, float], protected: frozenset[str] = frozenset()) -> None:
        self._catalogue = {word: count for word, count in catalogue.items() if word.isalpha() and len(word) > 2}
        self._protected = protected
        self._known = SymSpell(max_dictionary_edit_distance=2, prefix_length=7)
        for word, count in self._catalogue.items():
            self._known.create_dictionary_entry(word, max(1, round(count)))
        self._english = english_words()
        self.correct_word = lru_cache(maxsize=100_000)(self._correct_word)

    def correct(self, text: str) -> str:
        """The normalised `text` with every word corrected of which that is certain enough."""
        return " ".join(self.correct_word(word) for word in text.split())

    def _correct_word(self, word: str) -> str:
        """The catalogue's word for `word`: unknown to catalogue and English, and one clear candidate near it."""
        if len(word) < _SHORTEST or not word.isalpha() or word in self._catalogue or word in self._protected:
            return word
        if word in self._english:
            return word
        edits = 2 if len(word) >= _TWO_EDITS_FROM else 1
        found = self._known.lookup(word, Verbosity.CLOSEST, max_edit_distance=edits)
        if not found or found[0].term[0] != word[0]:  # a typist's first letter is seldom wrong
            return word
        if len(found) > 1 and found[0].count < _MARGIN * found[1].count:
            return word
        return str(found[0].term)
