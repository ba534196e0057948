"""Singular forms of product words, decided by what the shop itself writes.

`inflect` proposes a singular; it is taken where the shop uses that word too, so that `gas`, `canvas`, `adidas` and
`chassis` keep their s. Words that name another thing in the singular, or have none, stay: `glasses`, `pliers`.
"""

from collections.abc import Mapping
from functools import lru_cache

_PLURAL_ONLY = """
    binoculars blinds boxers briefs clippers earphones glasses goggles headphones jeans leggings overalls pajamas pants
    plus pliers pyjamas scissors shears shorts sunglasses tights tongs trousers tweezers underpants
    yes news series species grass gas lens
"""
PLURAL_ONLY = frozenset(_PLURAL_ONLY.split())
_SHORTEST = 4  # `gas`, `bus`, `as`
_ENOUGH = 0.02  # the singular must be seen this often, relative to the plural


class Singulars:
    """Built from the shop's words with their counts and from words that stay as they are (brands)."""

    def __init__(self, counts: Mapping[str, float], protected: frozenset[str] = frozenset()) -> None:
        self._counts = counts
        self._kept = PLURAL_ONLY | protected
        import inflect  # here: reading it takes 1.6 s, and who serves needs only the list above

        self._inflect = inflect.engine()
        self.of = lru_cache(maxsize=100_000)(self._of)

    def _of(self, word: str) -> str:
        """The singular of the normalised `word`, or the word itself."""
        if len(word) < _SHORTEST or not word.isalpha() or word in self._kept or not word.endswith("s"):
            return word
        singular = self._inflect.singular_noun(word)
        if not isinstance(singular, str) or not singular:
            return word
        return singular if self._counts.get(singular, 0) > _ENOUGH * self._counts.get(word, 0) else word
