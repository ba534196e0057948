"""Queries for a catalogue that has no log: what titles end with, with more and more of what stands before it.

`LG Refrigerator 26 cu. ft. French Door, Stainless` is a *refrigerator*, an *lg refrigerator*, …; the head of a title,
its last words and its brand are found as for the names of pseudo-categories (`core.categories.naming`). A phrase counts
the more, the more titles share it: what many products are called is what people ask for. Where no brand is given, a
word that opens several titles, and is hardly anywhere else in them, is taken for one.
"""

import html
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

from core.categories.naming import head_of, segments_of
from core.domain import Product
from core.importing.values import NOTHING_WORDS
from core.text.normalize import normalize
from core.text.title_cleaning import opening_words
from core.text.units import UNITS

_LONGEST = 5  # words
_END_WEIGHTS = (2.0, 4.0, 2.5, 1.2, 0.6)  # by words: most searches have two or three
_RUN_WEIGHT = 0.25  # what does not end a head is seldom a thing
_FEWEST_LETTERS = 3  # of a query: fewer are a size or half a word
_LONGEST_WORD, _LONGEST_QUERY = 25, 60  # characters: nobody types more
_SHARED = 3  # titles that must have a noun in common to be a kind
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_UNITS = {word for form, others in UNITS.items() for word in (form, *others.split())} | {"l", "m", "g", "w", "v"}
Phrase = tuple[str, ...]


class TitleQueries:
    """Knows a whole catalogue, so that each of its products can be asked for."""

    def __init__(self, products: Sequence[Product]) -> None:
        self._ends: Counter[Phrase] = Counter()
        self._runs: Counter[Phrase] = Counter()
        self._head = cache(_head)  # a title is asked for several times
        for product in products:
            head = self._head(product.title)
            self._ends.update(_ends(head))
            self._runs.update(set(_runs(head)))
        self._makers = opening_words([head] for product in products if (head := self._head(product.title)))

    def kind(self, product: Product) -> str:
        """What the product is: the longest end of its head that other titles have too, of at most two words."""
        shared = [end for end in _ends(self._head(product.title)) if len(end) <= 2 and self._ends[end] >= _SHARED]
        return " ".join(shared[-1]) if shared else "other"

    def offers(self, product: Product) -> list[tuple[str, float]]:
        """Queries that find the product, with weights; each is made of words of its title or its brand."""
        head, brand = self._head(product.title), self.maker(product)
        offers: dict[str, float] = {}
        for end in _ends(head):
            text = " ".join(end)
            if len(end) > 1 or len(head) == 1 or self._ends[end] >= _SHARED:
                offers[text] = _END_WEIGHTS[len(end) - 1] * math.log1p(self._ends[end])
            if brand and brand not in text.split():
                offers[f"{brand} {text}"] = 1.5 / len(end)
        for run in _runs(head):
            if self._runs[run] >= _SHARED:
                offers.setdefault(" ".join(run), _RUN_WEIGHT * math.log1p(self._runs[run]))
        if brand:
            offers.setdefault(brand, 0.6)
        typed = [(text, weight) for text, weight in offers.items() if _typeable(text)]
        return typed or [(word, 1.0) for word in dict.fromkeys(head) if _typeable(word)]

    def maker(self, product: Product) -> str:
        """The brand, normalised; empty where none is given and the title opens with no maker's name."""
        if product.brand:
            return normalize(product.brand)
        head = self._head(product.title)
        return head[0] if head and head[0] in self._makers else ""


def _typeable(text: str) -> bool:
    # Scripts without spaces write a whole title as one word.
    short = len(text) <= _LONGEST_QUERY and all(len(word) <= _LONGEST_WORD for word in text.split() if word.isascii())
    return short and sum(map(str.isalpha, text)) >= _FEWEST_LETTERS and text not in NOTHING_WORDS


def _head(title: str) -> Phrase:
    segments = segments_of(_TAG.sub(" ", html.unescape(title)))
    head = head_of(segments[0]) if segments else ()
    while len(head) > 2 and head[-1] in _UNITS and head[-2][0].isdigit():  # a size
        head = head_of(head[:-2])
    return head


def _ends(head: Phrase) -> Iterator[Phrase]:
    """The last word, the last two …"""
    return (head[-length:] for length in range(1, min(_LONGEST, len(head)) + 1))


def _runs(head: Phrase) -> Iterator[Phrase]:
    """Two and three words in a row that do not end the head."""
    return (head[at : at + n] for n in (2, 3) for at in range(len(head) - n) if head[at + n - 1][0].isalpha())
